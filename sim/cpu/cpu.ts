/** The processor: its registers, its run loop and what ends a run. */

import { Cluster, type ClusterMember } from './cluster.js';
import type { CodeUser } from './code-maker.js';
import { FPCR_ROUNDING } from './float/format.js';
import { FloatUnit } from './float/unit.js';
import { ALONE, type KeyedContext } from './language/context.js';
import { type AccessFailure, MemoryAccess } from './memory/memory-access.js';
import { AccessWatches } from './memory/access-watches.js';
import { Banks } from './memory/banks.js';
import { Tlb } from './memory/tlb.js';
import type { Core } from './state/core.js';
import type { AccessKind, Fault, ResolvedPage } from './state/fault.js';
import {
  EXACT_END,
  FETCH_BANK_BYTES,
  FETCHES,
  JUMP_BANK_BYTES,
  JUMP_CACHE,
  statusOf,
  type DirectRegister,
  type Status,
} from './state/layout.js';
import type { ExceptionLevel } from './state/levels.js';
import type {
  AccessWatch,
  CpuHost,
  CpuModel,
  CpuStatistics,
  InterruptInput,
  RunLimits,
  StopReason,
  TlbiScope,
} from './state/model.js';
import type { CpuObserver } from './state/observer.js';
import { RegisterBank } from './state/registers.js';
import type { SavedCpu } from './state/saved-cpu.js';
import type { Space } from './state/space.js';
import type { WriteWatcher } from './state/observer.js';
import { SystemState } from './system/state.js';
import { Translations } from './translations.js';

/**
 * Instructions between two returns from translated code, where V8 swaps in better code, and between two questions
 * whether the run is to end: some milliseconds, and a tenth of a second where code is not translated.
 */
const SLICE = 4_000_000;
/** What an instruction costs that ends translated code, in instructions that do not: it takes so much longer. */
const EVENT_COST = 1000;
/** {@link CpuOptions.hotRuns} by default. */
const HOT_RUNS = 200;
const PAGE = 4096;
/** Bytes that are known to be code, or not, together (Cluster.linesOf()). */
const LINE = 64;
/** LDXR, LDXP and their like (Arm ARM C4.1.66: o2 is 0, L is 1). */
const isLoadExclusive = (word: number): boolean => (word & 0x3fc0_0000) === 0x0840_0000;
const NO_STOPS: ReadonlySet<bigint> = new Set<bigint>();
const NO_WATCHES: readonly AccessWatch[] = [];

/**
 * A machine's processor. It lives in the memory of its bus, whose RAM must not be changed by others without
 * `invalidate()`.
 */
export const createCpu = (
  host: CpuHost,
  { hotRuns = HOT_RUNS, affinity = 0n, translations = Translations.none() }: CpuOptions = {},
): CpuModel => new Cpu(host, new Cluster(host.bus, hotRuns, translations), affinity);

/**
 * The processors of a machine, which run in turns; at most eight.
 * @param affinities of each; see {@link CpuOptions.affinity}
 */
export const createCpus = (
  host: CpuHost,
  affinities: readonly bigint[],
  { hotRuns = HOT_RUNS, translations = Translations.none() }: Omit<CpuOptions, 'affinity'> = {},
): readonly CpuModel[] => {
  const cluster = new Cluster(host.bus, hotRuns, translations);
  return affinities.map((affinity) => new Cpu(host, cluster, affinity));
};

export interface CpuOptions {
  /** How often code runs before the region that begins with it is translated; 1 to 2^31 - 1. */
  readonly hotRuns?: number;
  /**
   * Which processor of the machine it is, as MPIDR_EL1 has it: Aff0 to Aff2 in bits 23 to 0, Aff3 in bits 39 to 32; 0
   * by default.
   */
  readonly affinity?: bigint;
  /** What earlier runs translated, and what is to receive what this one does; by default nothing is kept. */
  readonly translations?: Translations;
}

class Cpu implements CpuModel, Core, CodeUser, ClusterMember {
  readonly bus;
  readonly base: number;
  readonly tlb: Tlb;
  readonly float: FloatUnit;
  readonly #registers: RegisterBank;
  readonly #system: SystemState;
  readonly #access: MemoryAccess;
  /** Instructions carried out: a number, since it changes all the time, and no run gets to 2^53. */
  #executed = 0;
  /** How many there are when a timer's output goes high. */
  #timerAt = Infinity;
  #fpcr = 0;
  #stopAt = NO_STOPS;
  /** What a debugger watches. */
  readonly #outside = new AccessWatches();
  #context: KeyedContext = {
    key: '',
    number: 0,
    strictAlignment: true,
    checkSp: false,
    fpEnabled: false,
    roundsToNearest: true,
    forbidden: [],
    bank: 0,
    unprivilegedBank: 0,
    direct: new Set(),
  };
  #contextIsOld = true;
  #observer: CpuObserver = {};
  /** Those that there were since registers changed that all of them depend on. */
  readonly #contexts = new Map<number, KeyedContext>();
  /** What the banks of the jump cache are for. */
  readonly #jumpContexts: (KeyedContext | undefined)[] = [];
  readonly #banks: Banks;
  /** Instructions until somebody is asked whether the run is to end. */
  #patience = SLICE;

  constructor(
    private readonly host: CpuHost,
    private readonly cluster: Cluster,
    readonly affinity: bigint,
  ) {
    const { bus } = host;
    const { buffer } = bus.linear;
    this.bus = bus;
    this.base = cluster.nextBase;
    this.#registers = new RegisterBank(buffer, this.base);
    this.float = new FloatUnit(buffer, this.base);
    this.tlb = new Tlb(buffer, this.base, (physPage) => cluster.linesOf(physPage));
    this.#banks = new Banks(this.tlb);
    this.#access = new MemoryAccess({
      bus,
      base: this.base,
      tlb: this.tlb,
      resolve: (virtAddr, access, unprivileged) => this.#system.resolve(virtAddr, access, unprivileged),
      isStrict: () => this.#context.strictAlignment,
      watch: {
        isWatchedPage: (virtAddr) => this.#system.debug.isWatchedPage(virtAddr),
        watchedBy: (access) => this.#system.debug.watchedBy(access),
      },
      writes: () => cluster.writes,
      observed: () => this.#observer.ram,
      outside: this.#outside,
      onWrite: (physPage, inPage, sizeBytes) => cluster.overwrite(physPage, inPage, sizeBytes),
    });
    this.flushTlb();
    this.#system = new SystemState(this, host, { affinity }, () => this);
    cluster.join(this);
    host.connect(this);
  }

  // Registers.

  getX(register: number): bigint {
    return this.#registers.getX(register);
  }

  setX(register: number, value: bigint): void {
    this.#registers.setX(register, value);
  }

  get pc(): bigint {
    return this.#registers.pc;
  }

  set pc(value: bigint) {
    this.#registers.pc = value;
  }

  get sp(): bigint {
    return this.#registers.sp;
  }

  set sp(value: bigint) {
    this.#registers.sp = value;
  }

  get nzcv(): number {
    return this.cluster.functions.runtime.nzcv(...this.#registers.flags);
  }

  set nzcv(value: number) {
    this.#registers.setFlags(value);
  }

  get fpcr(): number {
    return this.#fpcr;
  }

  set fpcr(value: number) {
    this.#fpcr = value;
    this.float.fpcr = value;
    this.#contextIsOld = true;
  }

  getV(register: number): bigint {
    return this.#registers.getV(register);
  }

  setV(register: number, value: bigint): void {
    this.#registers.setV(register, value);
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

  reset(): void {
    this.#system.reset();
    this.clearExclusive();
    this.fpcr = 0;
  }

  getSystemRegister(name: string): bigint {
    return this.#system.getSystemRegister(name);
  }

  setSystemRegister(name: string, value: bigint): void {
    this.#system.setSystemRegister(name, value);
  }

  get instructions(): bigint {
    return BigInt(this.#executed);
  }

  get statistics(): CpuStatistics {
    return this.cluster.code.statistics;
  }

  getDirect(register: DirectRegister): bigint {
    return this.#registers.getDirect(register);
  }

  setDirect(register: DirectRegister, value: bigint): void {
    this.#registers.setDirect(register, value);
  }

  clearExclusive(): void {
    this.#registers.exclusiveAddress = undefined;
  }

  setInterrupt(input: InterruptInput, level: boolean): void {
    const { inputs } = this.#system.registers;
    if (level) inputs.add(input);
    else inputs.delete(input);
    if (level) this.#registers.attention = true;
  }

  get timerDeadline(): bigint | undefined {
    return this.#system.timers.deadline;
  }

  timersChanged(): void {
    const { deadline } = this.#system.timers;
    this.#timerAt = deadline === undefined ? Infinity : this.#executed + this.host.instructionsUntil(deadline);
  }

  receiveEvent(): void {
    this.#system.receiveEvent();
  }

  receiveTlbi(scope: TlbiScope): void {
    this.#system.receiveTlbi(scope);
  }

  observe(observer: CpuObserver = {}): void {
    this.#observer = observer;
    this.#system.observer = observer;
    this.contextChanged();
  }

  wordAt(virtAddr: bigint): number | undefined {
    return virtAddr % 4n === 0n ? this.cluster.code.wordAt(this, virtAddr) : undefined;
  }

  save(): SavedCpu {
    return {
      general: this.#registers.save(),
      system: this.#system.save(),
      instructions: this.instructions,
      fpcr: this.fpcr,
      fpsr: Number(this.getDirect('FPSR')),
      nzcv: this.nzcv,
      markedPage: this.cluster.exclusives.pageOf(this.#registers),
    };
  }

  restore(saved: SavedCpu): void {
    const { general, system, instructions, markedPage } = saved;
    this.#registers.restore(general);
    this.#executed = Number(instructions);
    this.nzcv = saved.nzcv;
    this.fpcr = saved.fpcr;
    this.#system.restore(system);
    this.setDirect('FPSR', BigInt(saved.fpsr));
    this.cluster.exclusives.unwatch(this.#registers);
    if (markedPage !== undefined && general.mark !== undefined) this.#watch(markedPage, general.mark.virtAddr);
    this.flushTlb();
  }

  // Caches.

  flushTlb(virtAddr?: bigint, sizeBytes = PAGE): void {
    if (virtAddr === undefined) return this.tlb.flush();
    this.tlb.flushRange(virtAddr, sizeBytes);
    if (this.cluster.code.isCode(virtAddr, sizeBytes)) this.tlb.forgetJumps();
  }

  flushUsers(): void {
    this.#banks.forgetUsers();
  }

  spaceChanged(space: Space): void {
    this.#banks.setSpace(space);
    this.#contextIsOld = true;
  }

  levelChanged(): void {
    this.#contextIsOld = true;
  }

  breakpointsChanged(addresses: readonly bigint[]): void {
    this.cluster.code.setBreakpoints(this, addresses);
  }

  contextChanged(): void {
    this.#contexts.clear();
    this.#contextIsOld = true;
    this.flushTlb();
  }

  readonly codeChanged = (): void => {
    this.#registers.attention = true;
  };

  invalidate(): void {
    this.cluster.code.clear();
  }

  watchWrites(watcher: WriteWatcher | undefined): void {
    this.cluster.watchWrites(watcher);
  }

  receiveWrite(physAddr: number, sizeBytes: number): void {
    const { writes } = this.cluster;
    if (writes !== undefined)
      for (let page = physAddr - (physAddr % PAGE); page < physAddr + sizeBytes; page += PAGE) writes.beforeWrite(page);
    for (let at = physAddr - (physAddr % LINE); at < physAddr + sizeBytes; at += LINE) {
      const inPage = at % PAGE;
      if (this.cluster.linesOf(at - inPage) !== 0n) this.cluster.overwrite(at - inPage, inPage, LINE);
    }
  }

  codeContext(): KeyedContext {
    if (!this.#contextIsOld) return this.#context;
    const { el, spSel } = this.#system.registers;
    const bank = this.#banks.enter(el);
    const unprivilegedBank = this.#banks.unprivilegedBank(el, bank);
    const roundsToNearest = (this.#fpcr & FPCR_ROUNDING) === 0;
    const number = [el, spSel * 2 + Number(this.#system.debug.isStepEnabled), Number(roundsToNearest)].reduce(
      (sum, part) => sum * 4 + part,
      bank,
    );
    let context = this.#contexts.get(number);
    if (context === undefined) {
      context = this.#contextWith(bank, unprivilegedBank, roundsToNearest);
      this.#contexts.set(number, context);
    }
    this.#context = context;
    this.#registers.strictAlignment = context.strictAlignment;
    this.#registers.setInterpreter(context.number, this.base + FETCHES + bank * FETCH_BANK_BYTES);
    if (this.#jumpContexts[bank] !== context) this.tlb.forgetJumpsOf(bank);
    this.#jumpContexts[bank] = context;
    this.#contextIsOld = false;
    return context;
  }

  #contextWith(bank: number, unprivilegedBank: number, roundsToNearest: boolean): KeyedContext {
    const system = this.#system;
    const { el, strictAlignment, stackAlignmentChecked: checkSp, fpEnabled, forbiddenMaintenance: forbidden } = system;
    const direct = new Set([...system.directAccesses, ...(this.cluster.isShared ? [] : [ALONE])]);
    const flags = [strictAlignment, checkSp, fpEnabled, roundsToNearest].map(Number).join('');
    const key = `${el} ${bank} ${flags} ${forbidden.join()} ${[...direct].join()}`;
    const number = this.cluster.numberOf(key);
    const checks = { strictAlignment, checkSp, fpEnabled, roundsToNearest };
    return { key, number, bank, unprivilegedBank, ...checks, forbidden, direct };
  }

  resolve(virtAddr: bigint, access: AccessKind): ResolvedPage | Fault {
    return this.#system.resolve(virtAddr, access, false);
  }

  access(kind: number): number {
    return this.#access.run(kind);
  }

  /** Has the page of the program counter found, or raises the exception of fetching from it. */
  #fetch(): void {
    const { pc } = this;
    const address = this.#system.branchAddress(pc);
    if (address !== pc) {
      this.pc = address;
      return;
    }
    if (this.#isMisaligned()) return;
    const fault = this.cluster.code.fetch(this, pc);
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
    const { exclusives, code, isShared } = this.cluster;
    this.host.enter(this);
    this.#stopAt = limits.stopAt ?? NO_STOPS;
    code.setStops(this.#stopAt);
    // Pages that are watched are in no TLB.
    if (this.#outside.set(limits.watches ?? NO_WATCHES)) this.flushTlb();
    exclusives.unwatch(this.#registers);
    const reason = this.#run(limits);
    if (isShared) this.#watchMark();
    return reason;
  }

  /** Has what the last load-exclusive marked watched while other processors run. */
  #watchMark(): void {
    const address = this.#registers.exclusiveAddress;
    if (address === undefined) return;
    const resolved = this.resolve(address, 'read');
    const offset = 'faultStatus' in resolved ? undefined : this.bus.ramPage(resolved.page);
    if ('faultStatus' in resolved || offset === undefined) return this.clearExclusive();
    this.#watch(resolved.page, address);
    this.cluster.code.protect(resolved.page);
  }

  #watch(physPage: number, address: bigint): void {
    this.cluster.exclusives.watch(this.#registers, physPage, Number(address & 0xfffn), () => this.receiveEvent());
  }

  #run(limits: RunLimits): StopReason {
    const { stopOnException = false } = limits;
    this.#system.stopsOn = typeof stopOnException === 'boolean' ? () => stopOnException : stopOnException;
    const { debug } = this.#system;
    const { inputs } = this.#system.registers;
    const end = limits.maxInstructions === undefined ? Infinity : this.#executed + Number(limits.maxInstructions);
    const turnEnd = this.#executed + (limits.turn ?? Infinity);
    const passed = limits.passesFirst === true ? { pc: this.pc, executed: this.#executed } : undefined;
    this.timersChanged();
    for (;;) {
      if (this.#executed >= this.#timerAt) this.#system.updateTimers();
      // Of a step that is done and an interrupt, either may come first (Arm ARM D2.12.3); QEMU takes the step.
      if (inputs.size > 0 && debug.stepState !== 'active-pending') this.#system.takeInterrupt();
      const before = this.#executed;
      const isPassing = passed?.executed === before && passed.pc === this.pc;
      if (this.#stopAt.size > 0 && !isPassing && this.#stopAt.has(this.pc)) return { kind: 'stop-at', pc: this.pc };
      const left = end - before;
      if (left <= 0) return { kind: 'max-instructions' };
      if (before >= turnEnd) return { kind: 'turn-over' };
      this.#outside.isAsleep = isPassing;
      const wish = isPassing ? 1 : Math.min(SLICE, this.#patience);
      const most = isPassing ? 1 : Math.min(left, this.#timerAt - before, turnEnd - before);
      const status = this.#carryOn(wish, most);
      const failure = this.#handle(status);
      if (debug.isStepping) debug.endStep(this.#executed > before && failure === undefined && !this.#system.isStopping);
      const stop = failure ?? this.#system.takeStop();
      if (stop !== undefined && !(stop.kind === 'turn-over' && limits.turn === undefined)) return stop;
      this.#patience -= this.#executed - before + EVENT_COST;
      if (this.#patience > 0 && !this.#mayHaveTakenLong(status)) continue;
      this.#patience = SLICE;
      if (limits.interrupted?.() === true) return { kind: 'interrupted' };
    }
  }

  /** Making code takes up to tens of milliseconds, and so do the accesses before one that was put off. */
  #mayHaveTakenLong(status: Status): boolean {
    return status === 'new-word' || status === 'hot' || (status === 'fault' && this.#access.failure.kind === 'put-off');
  }

  /** Raises the debug exception that comes before the next instruction, or has that and what follows carried out. */
  #carryOn(wish: number, most: number): Status {
    const { debug } = this.#system;
    if (debug.isInUse) {
      const { stepState } = debug;
      if (stepState === 'active-pending') {
        this.#raise(() => this.#system.takeSoftwareStep());
        return 'next';
      }
      if (this.#isBreakpoint()) {
        this.#raise(() => this.#system.takeHardwareBreakpoint());
        return 'next';
      }
      if (stepState === 'active-not-pending') return this.#softwareStep();
    }
    return this.#observer.branch === undefined ? this.#runSlice(wish, most) : this.#step();
  }

  /** What cannot be fetched raises its own exception, which comes first (Arm ARM D1.13.2). */
  #isBreakpoint(): boolean {
    const { pc } = this;
    return this.#system.debug.breaksAt(pc) && this.cluster.code.fetch(this, pc) === undefined;
  }

  /** Carries out one instruction in the active-not-pending state. */
  #softwareStep(): Status {
    const word = this.wordAt(this.pc);
    this.#system.debug.beginStep(word !== undefined && isLoadExclusive(word) ? 'load-exclusive' : 'instruction');
    const status = this.#step();
    // A branch to itself is not stuck where an exception follows.
    return status === 'stuck' ? 'branched' : status;
  }

  /** @param wish some more are welcome @param most exactly */
  #runSlice(wish: number, most: number): Status {
    const { bank } = this.codeContext();
    const isExact = most <= wish + EXACT_END;
    const slice = isExact ? Math.max(most, 1) : wish;
    this.#registers.beginSlice(slice, isExact);
    if (this.cluster.code.hasStops) this.#registers.passStop();
    this.#registers.attention = this.#system.registers.inputs.size > 0;
    const jumps = this.base + JUMP_CACHE + bank * JUMP_BANK_BYTES;
    const status = statusOf(this.cluster.functions.runtime.run(jumps));
    this.#executed += slice - this.#registers.left;
    return status;
  }

  /** Carries out one instruction, or nothing, if the interpreter must first know more. */
  #step(): Status {
    const { pc } = this;
    const status = this.#runSlice(1, 1);
    const { pc: to } = this;
    if (status === 'slice' && to !== pc + 4n) this.#observer.branch?.({ from: pc, to, by: 'branch' });
    return status;
  }

  #handle(status: Status): StopReason | undefined {
    switch (status) {
      case 'miss':
        this.#fetch();
        return undefined;
      case 'new-word':
        this.cluster.code.addWords(this, this.pc);
        return undefined;
      case 'hot':
        this.cluster.code.install(this, this.pc);
        return undefined;
      case 'fault':
        return this.#dataFailure(this.#access.failure);
      case 'system':
        this.#systemInstruction();
        return undefined;
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
        return {
          kind: 'stuck',
          pc: this.pc,
          why: 'a branch to itself, and no interrupt can come',
          until: 'interrupt',
        };
      case 'stop':
        this.cluster.code.noteStop(this.pc);
        return undefined;
      case 'next':
      case 'slice':
      case 'attention':
      case 'branched':
      case 'passed':
        return undefined;
    }
  }

  #dataFailure(failure: AccessFailure): StopReason | undefined {
    // The instruction was counted, and is not done.
    if (failure.kind === 'fault') this.#system.takeAbort({ ...failure, kind: 'data' });
    else if (failure.kind === 'watchpoint') this.#system.takeWatchpoint(failure.virtAddr, failure.isWrite);
    else this.#executed--;
    if (failure.kind === 'stop') return { ...failure, kind: 'watchpoint', pc: this.pc };
    return failure.kind === 'device' ? this.#stepAlone() : undefined;
  }

  /** Carries out the instruction at the program counter, which accesses a device. */
  #stepAlone(): StopReason | undefined {
    this.#access.isAlone = true;
    try {
      return this.#handle(this.#step());
    } finally {
      this.#access.isAlone = false;
    }
  }

  #systemInstruction(): void {
    const { pc } = this;
    const encoding = this.cluster.code.wordAt(this, pc)!;
    const decoded = this.cluster.decode(encoding);
    if (decoded.kind !== 'row') throw new Error(`no row for 0x${encoding.toString(16)}`);
    this.#system.execute(decoded.row, decoded.fields);
  }
}
