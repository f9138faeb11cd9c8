/** The system side of the processor as one object, which the rest of the processor works with. */
import { fpTrapTarget, usualTarget } from './controls.js';
import { CPTR, HCR, SCTLR } from '../state/control-bits.js';
import type { Core } from '../state/core.js';
import { Debug } from './debug.js';
import { isCall } from './esr.js';
import {
  abortException,
  fpAccessException,
  hardwareBreakpointException,
  illegalStateException,
  packSpsr,
  pcAlignmentException,
  softwareStepException,
  spAlignmentException,
  ssOf,
  undefinedException,
  unpackSpsr,
  vectorOffset,
  watchpointException,
  type Abort,
  type Exception,
} from './exceptions.js';
import { type AccessKind, type Fault, type ResolvedPage, FaultStatus } from '../state/fault.js';
import { INTERRUPT_OFFSET, interruptTarget } from './interrupts.js';
import { LargeMappings } from './large-mappings.js';
import type { ExceptionLevel } from '../state/levels.js';
import { Mmu, type Walk } from './mmu.js';
import type { CpuHost, CpuModel, ExceptionInfo, InterruptInput, StopReason, TlbiScope } from '../state/model.js';
import type { CpuObserver } from '../state/observer.js';
import type { SavedSystem } from '../state/saved-cpu.js';
import { isUpper } from '../state/space.js';
import type { Fields } from '../language/pattern.js';
import type { CacheMaintenance, OpsRow, SystemRow } from '../language/row.js';
import { RegisterFile } from './register-file.js';
import type { Identity, RegisterRow } from './registers/row.js';
import { SystemInstructions, type SystemSide } from './instructions.js';
import { readRegister, registerNamed, writeRegister } from './registers/index.js';
import { Timers } from './timers.js';

const ERET = 0xd69f_03e0;
const ALL_MASKED = 15;
const PAGE = 4096;
/** TCR_EL1.A1: the ASID is that of TTBR1_EL1. */
const TCR_A1 = 1n << 22n;
const ASID = 0xffffn << 48n;
const NONE: ReadonlySet<string> = new Set();

/**
 * The system side of the processor: system registers, exception levels, table walks and exceptions.
 *
 * What it meets and cannot model ends the run: {@link takeStop} says so, and the state is as before the instruction.
 */
export class SystemState implements SystemSide {
  /** Whether an exception that is no call stops the run before it is taken. */
  stopsOn: (exception: ExceptionInfo) => boolean = () => false;
  /** Is told of exceptions that are taken, of returns from them, and of accesses to registers. */
  observer: CpuObserver = {};
  readonly registers: RegisterFile;
  readonly timers: Timers;
  readonly debug: Debug;
  readonly #core: Core;
  readonly #host: CpuHost;
  readonly #mmu: Mmu;
  readonly #large = new LargeMappings();
  readonly #instructions: SystemInstructions;
  /** Addresses of the upper half may be cached that are valid for one ASID only. */
  #upperNotGlobal = false;
  #pendingStop: StopReason | undefined;
  /**
   * Where the processor waits, in a WFI or WFE, which is over when an interrupt is taken; undefined while it does not.
   */
  #waitsAt: bigint | undefined;
  /** How often the program counter was set, or had to stay. */
  #pcSettings = 0;

  constructor(core: Core, host: CpuHost, identity: Identity, model: () => CpuModel) {
    this.#core = core;
    this.#host = host;
    this.registers = new RegisterFile(core, host, identity, model);
    this.debug = new Debug(this.registers);
    this.timers = new Timers({
      highestEl: host.highestEl,
      stored: this.registers.stored,
      counter: () => host.counter(),
      setOutput: (timer, level) => host.setTimer(model(), timer, level),
    });
    this.#mmu = new Mmu(host.bus, this.registers.forWalks);
    this.#instructions = new SystemInstructions(this, core, (conduit) => host.firmwareCall(conduit, model()));
  }

  /** See {@link CpuModel.reset}. */
  reset(): void {
    this.registers.reset();
    this.#waitsAt = undefined;
    this.#mmu.registersChanged();
    this.flush();
    this.#core.contextChanged();
    this.updateTimers();
    this.debug.exceptionTaken();
    this.#updateDebug();
  }

  save(): SavedSystem {
    const { event } = this.#instructions;
    return {
      ...this.registers.save(),
      ...this.debug.save(),
      event,
      waitsAt: this.#waitsAt,
      timers: this.timers.save(),
    };
  }

  /** @throws SavedCpuError */
  restore(saved: SavedSystem): void {
    this.registers.restore(saved);
    this.#instructions.event = saved.event;
    this.#waitsAt = saved.waitsAt;
    this.timers.restore(saved.timers);
    this.debug.restore(saved);
    this.#updateDebug();
    this.#mmu.registersChanged();
    this.#spaceChanged();
    this.flush();
    this.#core.contextChanged();
  }

  // State as the outside reads and sets it.

  get el(): ExceptionLevel {
    return this.registers.el;
  }

  /** D, A, I and F in bits 3 to 0. */
  get daif(): number {
    return this.registers.daif;
  }

  set daif(value: number) {
    this.registers.daif = value & ALL_MASKED;
  }

  /** See {@link CpuModel.setEl}. @throws Error for an exception level that the machine has not */
  setEl(el: ExceptionLevel): void {
    if (el > this.#host.highestEl) throw new Error(`the machine has no EL${el}`);
    this.daif = ALL_MASKED;
    this.registers.enter(el, el === 0 ? 0 : 1);
  }

  /** See {@link CpuModel.getSystemRegister}. */
  getSystemRegister(name: string): bigint {
    return readRegister(registerNamed(name), this.registers);
  }

  /** Bits that cannot be written keep their value. @throws Error for a value that asks for what is not modelled, too */
  setSystemRegister(name: string, value: bigint): void {
    const row = registerNamed(name);
    if (row.only === 'read') throw new Error(`system register ${name} can only be read`);
    const missing = row.unmodelled?.(value);
    if (missing !== undefined)
      throw new Error(`system register ${name} = 0x${value.toString(16)}: no model of ${missing}`);
    this.write(row, value);
  }

  /** Every data access must be aligned. */
  get strictAlignment(): boolean {
    return !this.#mmu.isEnabled(this.el) || this.#sctlr(SCTLR.A);
  }

  get stackAlignmentChecked(): boolean {
    return this.#sctlr(this.el === 0 ? SCTLR.SA0 : SCTLR.SA);
  }

  get fpEnabled(): boolean {
    return fpTrapTarget(this.registers.controls) === undefined;
  }

  /** Cache maintenance that would raise an exception now: {@link execute} its rows instead of their semantics. */
  get forbiddenMaintenance(): readonly CacheMaintenance[] {
    return this.#instructions.forbiddenMaintenance;
  }

  /** The accesses to system registers that code may make itself now; see {@link RegisterFile.directAccesses}. */
  get directAccesses(): ReadonlySet<string> {
    if (this.observer.register !== undefined) return NONE;
    const all = this.registers.directAccesses();
    // Where PSTATE.D decides whether the next instruction is a step, it is looked at behind each write.
    return this.debug.isStepEnabled ? new Set([...all].filter((access) => access !== 'write DAIF')) : all;
  }

  /** Carries out a system instruction, or the exception of one that is forbidden, and sets the program counter. */
  execute(row: SystemRow | OpsRow, fields: Fields): void {
    const settings = this.#pcSettings;
    this.#waitsAt = undefined;
    if (row.system !== undefined) row.system(this.#instructions, fields);
    else if ('maintenance' in row) this.#instructions.maintain(row.maintenance, fields['Rt']!);
    if (this.#pcSettings === settings) this.#core.pc = BigInt.asUintN(64, this.#core.pc + 4n);
  }

  /** See {@link CpuModel.receiveEvent}. */
  receiveEvent(): void {
    this.#instructions.receiveEvent();
  }

  /** Why the run ends, once. */
  takeStop(): StopReason | undefined {
    const stop = this.#pendingStop;
    this.#pendingStop = undefined;
    return stop;
  }

  get isStopping(): boolean {
    return this.#pendingStop !== undefined;
  }

  /** Ends the run before the instruction. */
  stop(reason: StopReason): void {
    this.#pendingStop ??= reason;
    this.#pcSettings++;
  }

  /** Ends the run at an instruction that waits. */
  stopWaiting(reason: StopReason): void {
    this.stop(reason);
    this.#waitsAt = this.#core.pc;
  }

  /** Ends the run behind the instruction. */
  stopBehind(reason: StopReason): void {
    this.#pendingStop ??= reason;
  }

  stopUnmodelled(what: string, encoding: number | undefined): void {
    this.stop({ kind: 'unmodelled', pc: this.#core.pc, encoding, what });
  }

  write(row: RegisterRow, value: bigint): void {
    const { affects } = row;
    if (affects === undefined || affects === 'timers') {
      writeRegister(row, this.registers, BigInt.asUintN(64, value));
      if (affects === 'timers') this.updateTimers();
      return;
    }
    if (affects === 'debug') {
      writeRegister(row, this.registers, BigInt.asUintN(64, value));
      this.#updateDebug();
      return;
    }
    const before = this.registers.stored(row.name);
    writeRegister(row, this.registers, BigInt.asUintN(64, value));
    if (before === this.registers.stored(row.name)) return;
    this.#mmu.registersChanged();
    this.#spaceChanged();
    if (affects === 'space') return;
    this.flush();
    if (affects === 'context') this.#core.contextChanged();
  }

  /** The tables of EL1 and EL0, or the ASID, are others: what is cached of the ones before stays valid for them. */
  #spaceChanged(): void {
    const { stored } = this.registers;
    const [lower, upper] = [stored('TTBR0_EL1'), stored('TTBR1_EL1')];
    const withAsid = (stored('TCR_EL1') & TCR_A1) === 0n ? lower : upper;
    this.#core.spaceChanged({ lower: (withAsid & ASID) | (lower & ~ASID), upper: upper & ~ASID });
  }

  #updateDebug(): void {
    const { debug } = this;
    const { breakpointAddresses, watchedRanges, isStepEnabled } = debug;
    debug.update();
    if (debug.breakpointAddresses.join() !== breakpointAddresses.join())
      this.#core.breakpointsChanged(debug.breakpointAddresses);
    // Watched pages are in no TLB, and what may write PSTATE.D is another question (directAccesses).
    if (debug.watchedRanges !== watchedRanges) this.#core.flushTlb();
    if (debug.isStepEnabled !== isStepEnabled) this.#core.levelChanged();
  }

  /** Whether an instruction is carried out on its own: a WFI does not wait (Arm ARM D1.16.2 allows that). */
  get isStepping(): boolean {
    return this.debug.isStepping;
  }

  /** Brings the outputs of the timers up to date. */
  updateTimers(): void {
    this.timers.update();
    this.#core.timersChanged();
  }

  // Where addresses lead.

  /**
   * The page of an address for an access of the current exception level.
   * @param unprivileged as EL0 would (LDTR and STTR at EL1)
   */
  resolve(virtAddr: bigint, access: AccessKind, unprivileged: boolean): ResolvedPage | Fault {
    return this.walk(virtAddr, access, unprivileged && this.el === 1 ? 0 : this.el);
  }

  /** The same for an access of any exception level. */
  walk(virtAddr: bigint, access: AccessKind, el: ExceptionLevel): Walk | Fault {
    if (this.#host.highestEl === 2 && this.#mmu.hasStage2(el)) {
      this.stopUnmodelled('stage 2 of address translation (HCR_EL2.VM, HCR_EL2.DC)', undefined);
      return { faultStatus: FaultStatus.translation };
    }
    const walk = this.#mmu.walk(virtAddr, access, el);
    if ('faultStatus' in walk) return walk;
    this.#large.add(virtAddr, walk.mappedBytes);
    if (walk.notGlobal && isUpper(virtAddr)) this.#upperNotGlobal = true;
    return walk;
  }

  /** Forgets cached walks: all, or those of the mapping of an address whose top byte does not count. */
  flush(virtAddr?: bigint): void {
    if (virtAddr !== undefined) {
      const mapping = this.#large.around(virtAddr);
      this.#core.flushTlb(mapping?.start ?? virtAddr, mapping?.sizeBytes ?? PAGE);
      return;
    }
    this.#large.clear();
    this.#upperNotGlobal = false;
    this.#core.flushTlb();
  }

  /** Forgets what is valid for one ASID only. */
  flushUsers(): void {
    if (this.#upperNotGlobal) this.flush();
    else this.#core.flushUsers();
  }

  /** See {@link CpuModel.receiveTlbi}. */
  receiveTlbi(scope: TlbiScope): void {
    if (scope === 'users') this.flushUsers();
    else this.flush(scope === 'all' ? undefined : scope);
  }

  /** Where a branch to an address goes: a tag in its top byte is replaced where TBI says so (Arm ARM D5.1.4). */
  branchAddress(target: bigint): bigint {
    if (!this.#mmu.isTopIgnored(target, this.el)) return target;
    const address = BigInt.asUintN(56, target);
    return this.el < 2 ? BigInt.asUintN(64, BigInt.asIntN(56, address)) : address;
  }

  // Exceptions.

  takeAbort(abort: Abort): void {
    const target = usualTarget(this.registers.controls);
    this.take(abortException(abort, this.el < target), target);
  }

  takeUndefined(): void {
    this.take(undefinedException);
  }

  /** The exception of a breakpoint at the program counter. */
  takeHardwareBreakpoint(): void {
    const { target } = this.debug;
    this.take(hardwareBreakpointException(this.el < target), target);
  }

  /** @param virtAddr the first byte of the access that is watched */
  takeWatchpoint(virtAddr: bigint, isWrite: boolean): void {
    const { target } = this.debug;
    this.take(watchpointException(virtAddr, isWrite, this.el < target), target);
  }

  takeSoftwareStep(): void {
    const { target, stepped } = this.debug;
    this.take(softwareStepException(stepped, this.el < target), target);
  }

  takePcAlignment(): void {
    this.take(pcAlignmentException(this.#core.pc));
  }

  takeSpAlignment(): void {
    this.take(spAlignmentException);
  }

  takeFpTrap(): void {
    const { controls } = this.registers;
    const target = fpTrapTarget(controls) ?? usualTarget(controls);
    // What EL2 takes in place of EL1 is no trap to EL2 (Arm ARM D1.14.2).
    const isForEl1 = target === 2 && !controls.bit('CPTR_EL2', CPTR.TFP);
    this.take(isForEl1 ? undefinedException : fpAccessException, target);
  }

  /** Takes an exception; the run may end before it instead. */
  take(exception: Exception, target: 1 | 2 = usualTarget(this.registers.controls)): void {
    this.#pcSettings++;
    if (this.#pendingStop !== undefined) return;
    const info = this.#describe(exception, target);
    const { esr, far } = info;
    if (!isCall(esr) && this.stopsOn(info)) {
      this.#pendingStop = { kind: 'exception', pc: this.#core.pc, exception: info };
      return;
    }
    const { store } = this.registers;
    store(`ESR_EL${target}`, esr);
    if (far !== undefined) store(`FAR_EL${target}`, far);
    this.#enter(info);
  }

  /** Takes an interrupt whose input is high, if none of them masks it. @returns whether one was taken */
  takeInterrupt(): boolean {
    const { inputs, controls, daif } = this.registers;
    for (const input of inputs) {
      const target = interruptTarget(input, controls, daif);
      if (target === undefined) continue;
      if (this.#waitsAt === this.#core.pc) this.#core.pc = BigInt.asUintN(64, this.#core.pc + 4n);
      this.#waitsAt = undefined;
      this.#enter(this.#describeInterrupt(input, target));
      return true;
    }
    return false;
  }

  #enter(info: ExceptionInfo): void {
    const { target, elr, spsr, handler } = info;
    this.observer.exception?.({ from: this.#core.pc, to: handler, by: info });
    const { store } = this.registers;
    store(`ELR_EL${target}`, elr);
    store(`SPSR_EL${target}`, spsr);
    this.registers.enter(target, 1);
    this.daif = ALL_MASKED;
    this.debug.exceptionTaken();
    this.#core.pc = handler;
  }

  #describeInterrupt(input: InterruptInput, target: 1 | 2): ExceptionInfo {
    const { pstate, stored } = this.registers;
    const offset = vectorOffset(pstate, target) + INTERRUPT_OFFSET[input];
    return {
      target,
      vector: input,
      esr: 0n,
      far: undefined,
      elr: this.#core.pc,
      spsr: packSpsr(pstate, false, this.debug.ss),
      handler: BigInt.asUintN(64, stored(`VBAR_EL${target}`) + offset),
    };
  }

  #describe({ esr, far, isCall: isDone = false, isIllegalState = false }: Exception, target: 1 | 2): ExceptionInfo {
    const { pstate, stored } = this.registers;
    const { pc } = this.#core;
    return {
      target,
      vector: 'synchronous',
      esr,
      far,
      elr: isDone ? BigInt.asUintN(64, pc + 4n) : pc,
      // What was carried out is no step to come (Arm ARM, SSAdvance()).
      spsr: packSpsr(pstate, isIllegalState, isDone ? 0 : this.debug.ss),
      handler: BigInt.asUintN(64, stored(`VBAR_EL${target}`) + vectorOffset(pstate, target)),
    };
  }

  /** ERET, behind its checks. @param el of the instruction */
  returnFrom(el: 1 | 2): void {
    const { controls, stored } = this.registers;
    const rules = {
      el,
      tge: controls.bit('HCR_EL2', HCR.TGE),
      el1Is64: !controls.hasEl2 || controls.bit('HCR_EL2', HCR.RW),
    };
    const spsr = stored(`SPSR_EL${el}`);
    const state = unpackSpsr(spsr, rules);
    if (state.kind === 'aarch32') return this.stopUnmodelled('the AArch32 state', ERET);
    const target = stored(`ELR_EL${el}`);
    const { nzcv, daif } = state.kind === 'legal' ? state.pstate : state;
    const ss = this.debug.ssAfterReturn(ssOf(spsr), state.kind === 'legal' ? state.pstate.el : el, daif);
    this.#core.nzcv = nzcv;
    this.daif = daif;
    if (state.kind === 'legal') this.registers.enter(state.pstate.el, state.pstate.spSel);
    this.debug.ss = ss;
    const from = this.#core.pc;
    this.#core.pc = this.branchAddress(target);
    this.observer.exception?.({ from, to: this.#core.pc, by: 'return' });
    this.#core.clearExclusive();
    this.#pcSettings++;
    if (state.kind === 'illegal' || state.illegalState) this.take(illegalStateException);
  }

  #sctlr(bit: number): boolean {
    return this.registers.controls.bit(this.el === 2 ? 'SCTLR_EL2' : 'SCTLR_EL1', bit);
  }
}
