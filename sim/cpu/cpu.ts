/** The processor: its registers, its run loop and what ends a run. */

import { FIRST_RAM_OFFSET } from './state/bus.js';
import { CodeMaker, MAX_REGION_INSTRUCTIONS } from './code-maker.js';
import type { KeyedContext } from './language/context.js';
import type { Core } from './state/core.js';
import { createDecoder, type Decoder } from './language/decode.js';
import { Functions } from './emit/functions.js';
import { INSTRUCTIONS } from './isa/index.js';
import {
  EXCLUSIVE_ADDRESS,
  FLAG_A,
  FLAG_B,
  FLAG_KIND,
  FLAG_KINDS,
  LEFT,
  PC,
  SP_INDEX,
  statusOf,
  STRICT,
  V,
  X,
  type Status,
} from './state/layout.js';
import { type AccessFailure, MemoryAccess } from './memory/memory-access.js';
import type { CpuHost, CpuModel, CpuStatistics, Jump, RunLimits, StopReason } from './state/model.js';
import type { InstructionRow } from './language/row.js';
import type { ExceptionLevel } from './state/levels.js';
import { SystemState } from './system/state.js';
import { Tlb } from './memory/tlb.js';

/**
 * Instructions between two returns from translated code, where V8 swaps in better code, and between two questions whether
 * the run is to end: some milliseconds, and a tenth of a second where code is not translated.
 */
const SLICE = 4_000_000;
/** What an instruction costs that ends translated code, in instructions that do not: it takes so much longer. */
const EVENT_COST = 1000;
/** The last instructions of a limit are carried out one by one: code may run over the end of a slice by a region. */
const LIMIT_MARGIN = BigInt(2 * MAX_REGION_INSTRUCTIONS);
/** DN, FZ and RMode of FPCR: rows with `fpcr` are right only where they are 0. */
const FPCR_MODES = 0x7c0_0000;
/** {@link CpuOptions.hotRuns} by default. */
const HOT_RUNS = 200;
const NO_STOPS: ReadonlySet<bigint> = new Set<bigint>();

/** The processor. It lives in the memory of its bus, whose RAM must not be changed by others without `invalidate()`. */
export const createCpu = (host: CpuHost, options: CpuOptions = {}): CpuModel => new Cpu(host, options);

export interface CpuOptions {
  /** How often predecoded code runs before the region that begins with it is translated; 1 to 2^31 - 1. */
  readonly hotRuns?: number;
  /** Which processor of the machine it is, as MPIDR_EL1 has it: Aff0 to Aff2 in bits 23 to 0, Aff3 in bits 39 to 32; 0 by default. */
  readonly affinity?: bigint;
}

class Cpu implements CpuModel, Core {
  readonly bus;
  readonly #system: SystemState;
  readonly #view: DataView;
  readonly #functions: Functions;
  readonly #tlb: Tlb;
  readonly #access: MemoryAccess;
  readonly #code: CodeMaker;
  readonly #decode: Decoder = createDecoder(INSTRUCTIONS);
  #executed = 0n;
  #fpcr = 0;
  #stopAt = NO_STOPS;
  #context: KeyedContext = {
    key: '',
    strictAlignment: true,
    checkSp: false,
    fpEnabled: false,
    unusualFpcr: false,
    forbidden: [],
  };
  #contextIsOld = true;
  /** Instructions until somebody is asked whether the run is to end. */
  #patience = SLICE;
  fpsr = 0;

  constructor(host: CpuHost, { hotRuns = HOT_RUNS, affinity = 0n }: CpuOptions) {
    const { bus } = host;
    const { linear } = bus;
    this.bus = bus;
    this.#view = new DataView(linear.buffer);
    new Uint8Array(linear.buffer).fill(0, 0, FIRST_RAM_OFFSET);
    this.#functions = new Functions(linear, (kind) => this.#access.run(kind));
    this.#code = new CodeMaker({
      bus,
      functions: this.#functions,
      decode: this.#decode,
      hotRuns,
      resolve: (virtAddr, access) => this.#system.resolve(virtAddr, access, false),
      isStop: (address) => this.#stopAt.has(address),
      hasStops: () => this.#stopAt.size > 0,
      stackPointer: () => this.sp,
    });
    this.#tlb = new Tlb(linear.buffer, (physPage) => this.#code.linesOf(physPage));
    this.#access = new MemoryAccess({
      bus,
      tlb: this.#tlb,
      resolve: (virtAddr, access, unprivileged) => this.#system.resolve(virtAddr, access, unprivileged),
      isStrict: () => this.#context.strictAlignment,
      onWrite: (physPage, inPage, sizeBytes) => {
        if (this.#code.overwrite(physPage, inPage, sizeBytes)) this.#tlb.flush();
      },
    });
    this.clearExclusive();
    this.flushTlb();
    this.#system = new SystemState(this, host, { affinity }, () => this);
    host.connect(this);
  }

  // Registers.

  getX(register: number): bigint {
    return this.#view.getBigUint64(X + 8 * register, true);
  }

  setX(register: number, value: bigint): void {
    this.#view.setBigUint64(X + 8 * register, BigInt.asUintN(64, value), true);
  }

  get pc(): bigint {
    return this.#view.getBigUint64(PC, true);
  }

  set pc(value: bigint) {
    this.#view.setBigUint64(PC, BigInt.asUintN(64, value), true);
  }

  get sp(): bigint {
    return this.getX(SP_INDEX);
  }

  set sp(value: bigint) {
    this.setX(SP_INDEX, value);
  }

  get nzcv(): number {
    const kind = this.#view.getUint32(FLAG_KIND, true);
    const a = this.#view.getBigUint64(FLAG_A, true);
    const b = this.#view.getBigUint64(FLAG_B, true);
    return this.#functions.runtime.nzcv(kind, a, b);
  }

  set nzcv(value: number) {
    this.#view.setUint32(FLAG_KIND, FLAG_KINDS.indexOf('nzcv'), true);
    this.#view.setBigUint64(FLAG_A, BigInt(value & 15), true);
  }

  get fpcr(): number {
    return this.#fpcr;
  }

  set fpcr(value: number) {
    this.#fpcr = value;
    this.contextChanged();
  }

  getV(register: number): bigint {
    const at = V + 16 * register;
    return this.#view.getBigUint64(at, true) | (this.#view.getBigUint64(at + 8, true) << 64n);
  }

  setV(register: number, value: bigint): void {
    const at = V + 16 * register;
    this.#view.setBigUint64(at, BigInt.asUintN(64, value), true);
    this.#view.setBigUint64(at + 8, BigInt.asUintN(64, value >> 64n), true);
  }

  get daif(): number {
    return this.#system.daif;
  }

  set daif(value: number) {
    this.#system.daif = value;
  }

  get el(): ExceptionLevel {
    return this.#system.el;
  }

  setEl(el: ExceptionLevel): void {
    this.#system.setEl(el);
  }

  getSystemRegister(name: string): bigint {
    return this.#system.getSystemRegister(name);
  }

  setSystemRegister(name: string, value: bigint): void {
    this.#system.setSystemRegister(name, value);
  }

  get instructions(): bigint {
    return this.#executed;
  }

  get statistics(): CpuStatistics {
    return this.#code.statistics;
  }

  clearExclusive(): void {
    this.#view.setBigUint64(EXCLUSIVE_ADDRESS, 0xffff_ffff_ffff_ffffn, true);
  }

  receiveEvent(): void {
    this.#system.receiveEvent();
  }

  receiveTlbi(virtAddr: bigint | undefined): void {
    this.#system.flush(virtAddr);
  }

  traceJumps(onJump: ((jump: Jump) => void) | undefined): void {
    this.#system.onJump = onJump;
  }

  // Caches.

  flushTlb(virtAddr?: bigint): void {
    this.#tlb.flush(virtAddr);
  }

  contextChanged(): void {
    this.#contextIsOld = true;
    this.flushTlb();
  }

  invalidate(): void {
    this.#code.clear();
    this.flushTlb();
  }

  #currentContext(): KeyedContext {
    if (!this.#contextIsOld) return this.#context;
    const {
      el,
      strictAlignment,
      stackAlignmentChecked: checkSp,
      fpEnabled,
      forbiddenMaintenance: forbidden,
    } = this.#system;
    const unusualFpcr = (this.#fpcr & FPCR_MODES) !== 0;
    const key = `${el} ${strictAlignment} ${checkSp} ${fpEnabled} ${unusualFpcr} ${forbidden.join()}`;
    this.#context = { key, strictAlignment, checkSp, fpEnabled, unusualFpcr, forbidden };
    this.#view.setInt32(STRICT, strictAlignment ? 1 : 0, true);
    this.#contextIsOld = false;
    return this.#context;
  }

  /** Has code for the program counter made, unless the run ends there, or raises the exception of fetching it. */
  #install(hot: boolean): void {
    const { pc } = this;
    if (this.#stopAt.has(pc)) return;
    const address = this.#system.branchAddress(pc);
    if (address !== pc) {
      this.pc = address;
      return;
    }
    if (this.#isMisaligned()) return;
    const fault = this.#code.install(pc, hot, this.#currentContext(), this.#tlb);
    if (fault !== undefined) this.#instructionAbort(fault.faultStatus);
  }

  #isMisaligned(): boolean {
    if (this.pc % 4n === 0n) return false;
    this.#raise(() => this.#system.takePcAlignment());
    return true;
  }

  #instructionAbort(faultStatus: number): void {
    const { pc } = this;
    this.#raise(() => this.#system.takeAbort({ kind: 'instruction', virtAddr: pc, faultStatus }));
    if (this.pc !== pc || this.#system.isStopping) return;
    this.#system.stopBehind({
      kind: 'stuck',
      pc,
      why: 'the vector of the exception that this raises cannot be fetched',
    });
  }

  /** An exception that no translated instruction counted. */
  #raise(take: () => void): void {
    this.#executed++;
    take();
  }

  // Running.

  run(limits: RunLimits = {}): StopReason {
    const stopAt = limits.stopAt ?? NO_STOPS;
    if (stopAt.size !== this.#stopAt.size || [...stopAt].some((address) => !this.#stopAt.has(address))) {
      this.#stopAt = new Set(stopAt);
      this.invalidate();
    }
    const { stopOnException = false } = limits;
    this.#system.stopsOn = typeof stopOnException === 'boolean' ? () => stopOnException : stopOnException;
    const end = limits.maxInstructions === undefined ? undefined : this.#executed + limits.maxInstructions;
    for (;;) {
      const { pc } = this;
      if (stopAt.has(pc)) return { kind: 'stop-at', pc };
      const before = this.#executed;
      const left = end === undefined ? BigInt(SLICE) + LIMIT_MARGIN : end - before;
      if (left <= 0n) return { kind: 'max-instructions' };
      const status =
        left <= LIMIT_MARGIN || this.#system.onJump !== undefined
          ? this.#step()
          : this.#runSlice(Math.min(SLICE, Number(left - LIMIT_MARGIN), this.#patience));
      const stop = this.#handle(status) ?? this.#system.takeStop();
      if (stop !== undefined) return stop;
      this.#patience -= Number(this.#executed - before) + EVENT_COST;
      if (this.#patience > 0 && !this.#mayHaveTakenLong(status)) continue;
      this.#patience = SLICE;
      if (limits.interrupted?.() === true) return { kind: 'interrupted' };
    }
  }

  /** Making code takes up to tens of milliseconds, and so do the accesses before one that was put off. */
  #mayHaveTakenLong(status: Status): boolean {
    return status === 'miss' || status === 'hot' || (status === 'fault' && this.#access.failure.kind === 'put-off');
  }

  #runSlice(slice: number): Status {
    this.#currentContext();
    this.#view.setInt32(LEFT, slice, true);
    const status = statusOf(this.#functions.runtime.run());
    this.#executed += BigInt(slice - this.#view.getInt32(LEFT, true));
    return status;
  }

  /** Carries out one instruction. */
  #step(): Status {
    const { pc } = this;
    if (this.#isMisaligned()) return 'next';
    const block = this.#code.step(pc, this.#currentContext(), this.#tlb);
    if (typeof block !== 'number') {
      this.#instructionAbort(block.faultStatus);
      return 'next';
    }
    this.#view.setInt32(LEFT, 0, true);
    const status = statusOf(this.#functions.runtime.block(block));
    this.#executed -= BigInt(this.#view.getInt32(LEFT, true));
    const { pc: to } = this;
    if (status === 'next' && to !== pc + 4n) this.#system.onJump?.({ from: pc, to, by: 'branch' });
    return status;
  }

  #handle(status: Status): StopReason | undefined {
    switch (status) {
      case 'miss':
      case 'hot':
        this.#install(status === 'hot');
        return undefined;
      case 'fault':
        this.#dataFailure(this.#access.failure);
        return undefined;
      case 'system':
        return this.#systemInstruction();
      case 'undefined':
        this.#system.takeUndefined();
        return undefined;
      case 'sp-alignment':
        this.#system.takeSpAlignment();
        return undefined;
      case 'fp-trap':
        this.#system.takeFpTrap();
        return undefined;
      case 'stuck':
        return { kind: 'stuck', pc: this.pc, why: 'a branch to itself, and no interrupt can come' };
      case 'next':
      case 'slice':
      case 'isb':
      case 'branched':
        return undefined;
    }
  }

  #dataFailure(failure: AccessFailure): void {
    // The instruction was counted, and is not done.
    if (failure.kind === 'put-off') this.#executed--;
    else this.#system.takeAbort({ ...failure, kind: 'data' });
  }

  #missingOf(row: InstructionRow): string | undefined {
    return row.fpcr === true && this.#context.unusualFpcr
      ? `${row.name} with FPCR = 0x${this.#fpcr.toString(16)}: rounding modes, flush to zero and default NaN`
      : undefined;
  }

  #systemInstruction(): StopReason | undefined {
    const { pc } = this;
    const encoding = this.#code.wordAt(pc)!;
    const decoded = this.#decode(encoding);
    if (decoded.kind !== 'row') throw new Error(`no row for 0x${encoding.toString(16)}`);
    const { row, fields } = decoded;
    const missing = 'unmodelled' in row ? row.unmodelled : this.#missingOf(row);
    if (missing !== undefined) {
      this.#executed--;
      return { kind: 'unmodelled', pc, encoding, what: missing };
    }
    if ('unmodelled' in row) throw new Error(row.name);
    this.#system.execute(row, fields);
    return undefined;
  }
}
