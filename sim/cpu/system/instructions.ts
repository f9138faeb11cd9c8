/** What system instructions do, from MRS to WFE. */
import { hasEventStream, trapTarget, usualTarget, waitTrapTarget } from './controls.js';
import { HCR, MDCR, SCTLR } from '../state/control-bits.js';
import type { Core } from '../state/core.js';
import type { AccessKind, Fault } from '../state/fault.js';
import { EC, makeEsr, trapIss, type TrappedAccess } from './esr.js';
import {
  breakpointException,
  callException,
  trappedSmcException,
  waitException,
  type Abort,
  type Exception,
} from './exceptions.js';
import type { Walk } from './mmu.js';
import type { StopReason, TlbiScope } from '../state/model.js';
import type { CpuObserver } from '../state/observer.js';
import type { CacheMaintenance, SystemCpu } from '../language/row.js';
import type { SysregEncoding } from '../state/sysreg-encoding.js';
import type { ExceptionLevel } from '../state/levels.js';
import type { RegisterFile } from './register-file.js';
import type { RegisterRow } from './registers/row.js';
import { levelOf, packEncoding } from './registers/sysreg.js';
import {
  BY_ADDRESS,
  isAbortOfWalk,
  maintenanceOperation,
  operationAt,
  parAfter,
  type SystemOperation,
} from './operations.js';
import { isReachable, readRegister, registerAt } from './registers/index.js';

/** MSR X0, ... without what {@link packEncoding} gives and Rt. */
const SYSTEM_INSTRUCTION = 0xd500_0000;
const IS_READ = 1 << 21;

const DAIF_SET = 6;

/** The system side of the processor, as its instructions reach it: a part of `SystemState`. */
export interface SystemSide {
  readonly registers: RegisterFile;
  readonly el: ExceptionLevel;
  readonly fpEnabled: boolean;
  readonly isStopping: boolean;
  readonly isStepping: boolean;
  readonly observer: CpuObserver;
  write(row: RegisterRow, value: bigint): void;
  walk(virtAddr: bigint, access: AccessKind, el: ExceptionLevel): Walk | Fault;
  receiveTlbi(scope: TlbiScope): void;
  take(exception: Exception, target?: 1 | 2): void;
  takeAbort(abort: Abort): void;
  takeUndefined(): void;
  takeFpTrap(): void;
  returnFrom(el: 1 | 2): void;
  stop(reason: StopReason): void;
  stopWaiting(reason: StopReason): void;
  stopBehind(reason: StopReason): void;
  stopUnmodelled(what: string, encoding: number | undefined): void;
}

/** What system instructions do, on the system side of the processor. */
export class SystemInstructions implements SystemCpu {
  readonly #state: SystemSide;
  readonly #core: Core;
  readonly #callFirmware: (conduit: 'hvc' | 'smc') => StopReason | undefined;
  /** What SEV, SEVL and an exception return leave for WFE (Arm ARM D1.16.1). */
  #event = false;

  /** @param callFirmware says how the run ends, or undefined to go on */
  constructor(state: SystemSide, core: Core, callFirmware: (conduit: 'hvc' | 'smc') => StopReason | undefined) {
    this.#state = state;
    this.#core = core;
    this.#callFirmware = callFirmware;
  }

  get pc(): bigint {
    return this.#core.pc;
  }

  get el(): ExceptionLevel {
    return this.#state.el;
  }

  x(register: number): bigint {
    return register === 31 ? 0n : this.#core.getX(register);
  }

  setX(register: number, value: bigint): void {
    if (register !== 31) this.#core.setX(register, value);
  }

  v(register: number): bigint {
    return this.#core.getV(register);
  }

  setV(register: number, value: bigint): void {
    this.#core.setV(register, value);
  }

  undefined(): void {
    this.#state.takeUndefined();
  }

  readSystemRegister(encoding: SysregEncoding, rt: number): void {
    const row = this.#accessible(encoding, rt, true);
    if (row === undefined) return;
    const value = readRegister(row, this.#state.registers);
    this.#state.observer.register?.({ name: row.name, kind: 'read', value });
    this.setX(rt, value);
  }

  writeSystemRegister(encoding: SysregEncoding, rt: number): void {
    const row = this.#accessible(encoding, rt, false);
    if (row === undefined) return;
    const missing = row.unmodelled?.(this.x(rt));
    if (missing !== undefined)
      this.#state.stopUnmodelled(`${missing} (${row.name})`, wordOf({ ...encoding, rt, isRead: false }));
    else this.#write(row, this.x(rt));
  }

  #write(row: RegisterRow, value: bigint): void {
    this.#state.observer.register?.({ name: row.name, kind: 'write', value });
    this.#state.write(row, value);
  }

  /** The register of an MRS or MSR, if no exception or end of the run comes of it. */
  #accessible(encoding: SysregEncoding, rt: number, isRead: boolean): RegisterRow | undefined {
    const { controls, spSel, host } = this.#state.registers;
    const access = (): TrappedAccess => ({ ...encoding, rt, isRead });
    const row = registerAt(encoding);
    const isThere = row?.ofInterruptController !== true || host.interruptRegisters !== undefined;
    const isAllocated = row !== undefined && isThere && isReachable(row, isRead, this.el, host.highestEl);
    // SP_EL0 is not reached by this name while it is the stack pointer (Arm ARM C5.2.16).
    if (!isAllocated || (row.name === 'SP_EL0' && spSel === 0)) this.undefined();
    else if (row.absent !== undefined) this.#state.stopUnmodelled(`${row.absent} (${row.name})`, wordOf(access()));
    else if (row.fp === true && !this.#state.fpEnabled) this.#state.takeFpTrap();
    else {
      const target = trapTarget(row.traps, controls, isRead);
      if (target === undefined) return row;
      this.#takeTrap(access(), target);
    }
    return undefined;
  }

  writePstate(op1: number, op2: number, imm: number): void {
    const { registers } = this.#state;
    if (op1 === 0) {
      if (this.el === 0) this.undefined();
      else {
        this.#state.observer.register?.({ name: 'SPSel', kind: 'write', value: BigInt(imm & 1) });
        registers.selectSp((imm & 1) as 0 | 1);
      }
    } else if (this.el === 0 && !registers.controls.bit('SCTLR_EL1', SCTLR.UMA)) {
      const access = { op0: 0, op1, crn: 4, crm: imm, op2, rt: 31, isRead: false };
      this.#takeTrap(access, usualTarget(registers.controls));
    } else {
      const { daif } = registers;
      registers.daif = op2 === DAIF_SET ? daif | imm : daif & ~imm;
      this.#state.observer.register?.({ name: 'DAIF', kind: 'write', value: BigInt(registers.daif) << 6n });
    }
  }

  system(encoding: SysregEncoding, rt: number, isRead: boolean): void {
    const operation = isRead ? undefined : operationAt(encoding);
    if (operation === undefined) this.undefined();
    else this.#operate(operation, rt);
  }

  /** Cache maintenance by address as far as exception levels forbid it. */
  maintain(name: CacheMaintenance, rt: number): void {
    this.#operate(maintenanceOperation(name), rt);
  }

  /** See `forbiddenMaintenance` of `SystemState`. */
  get forbiddenMaintenance(): readonly CacheMaintenance[] {
    const { controls } = this.#state.registers;
    return BY_ADDRESS.filter((name) => {
      const { encoding, traps } = maintenanceOperation(name);
      return this.el < levelOf(encoding) || trapTarget(traps, controls, false) !== undefined;
    });
  }

  #operate({ name, encoding, traps, effect, absent }: SystemOperation, rt: number): void {
    if (this.el < levelOf(encoding)) return this.undefined();
    const access = (): TrappedAccess => ({ ...encoding, rt, isRead: false });
    if (absent !== undefined) return this.#state.stopUnmodelled(`${absent} (${name})`, wordOf(access()));
    const target = trapTarget(traps, this.#state.registers.controls, false);
    if (target !== undefined) return this.#takeTrap(access(), target);
    this.#state.observer.register?.({ name, kind: 'operation', value: this.x(rt) });
    switch (effect.kind) {
      case 'none':
        return;
      case 'flush': {
        const scope = effect.what === 'address' ? addressOfTlbi(this.x(rt)) : effect.what;
        if (effect.on === 'this') return this.#state.receiveTlbi(scope);
        return this.#state.registers.host.broadcastTlbi(scope);
      }
      case 'walk': {
        const virtAddr = this.x(rt);
        const walk = this.#state.walk(virtAddr, effect.access, effect.el);
        if (this.#state.isStopping) return;
        // Of all faults, an abort of the walk itself is not for PAR_EL1 (Arm ARM D5.2.12).
        if ('faultStatus' in walk && isAbortOfWalk(walk.faultStatus)) {
          return this.#state.takeAbort({
            kind: 'data',
            virtAddr,
            faultStatus: walk.faultStatus,
            cacheMaintenance: true,
          });
        }
        this.#state.registers.store('PAR_EL1', parAfter(walk));
      }
    }
  }

  call(kind: 'svc' | 'hvc' | 'smc' | 'brk' | 'hlt', imm16: number): void {
    const { bit, hasEl2 } = this.#state.registers.controls;
    switch (kind) {
      case 'svc':
        return this.#state.take(callException('svc', imm16));
      case 'brk':
        return this.#state.take(breakpointException(imm16), this.el < 2 && bit('MDCR_EL2', MDCR.TDE) ? 2 : undefined);
      case 'hlt':
        return this.undefined();
      case 'hvc':
        if (this.el === 0 || bit('HCR_EL2', HCR.HCD)) return this.undefined();
        return hasEl2 ? this.#state.take(callException('hvc', imm16), 2) : this.#firmware('hvc');
      case 'smc':
        if (this.el === 0) return this.undefined();
        return this.el === 1 && bit('HCR_EL2', HCR.TSC)
          ? this.#state.take(trappedSmcException(imm16), 2)
          : this.#firmware('smc');
    }
  }

  #firmware(conduit: 'hvc' | 'smc'): void {
    const end = this.#callFirmware(conduit);
    if (end !== undefined) this.#state.stopBehind(end);
  }

  exceptionReturn(): void {
    const { el } = this;
    if (el === 0) return this.undefined();
    this.#event = true;
    this.#state.returnFrom(el);
  }

  wait(kind: 'wfi' | 'wfe'): void {
    const { controls } = this.#state.registers;
    if (kind === 'wfe' && this.#event) {
      this.#event = false;
      return;
    }
    // The event stream wakes it soon, but what it waits for is done by others.
    if (kind === 'wfe' && hasEventStream(controls)) return this.yieldTurn();
    const target = waitTrapTarget(kind, controls);
    if (target !== undefined) return this.#state.take(waitException(kind), target);
    if (this.#state.registers.inputs.size > 0 || this.#state.isStepping) return;
    const until = kind === 'wfi' ? 'interrupt' : 'event';
    const why = `${kind.toUpperCase()}, and no ${until} can come`;
    this.#state.stopWaiting({ kind: 'stuck', pc: this.pc, why, until });
  }

  yieldTurn(): void {
    this.#state.stopBehind({ kind: 'turn-over' });
  }

  sendEvent(): void {
    this.#state.registers.host.sendEvent();
  }

  receiveEvent(): void {
    this.#event = true;
  }

  /** Whether WFE would go on at once. */
  get event(): boolean {
    return this.#event;
  }

  set event(isThere: boolean) {
    this.#event = isThere;
  }

  #takeTrap(access: TrappedAccess, target: 1 | 2): void {
    this.#state.take({ esr: makeEsr(EC.systemRegister, trapIss(access)) }, target);
  }
}

/** Bits 43 to 0 of the operand of TLBI are bits 55 to 12 of an address. */
const addressOfTlbi = (operand: bigint): bigint => BigInt.asUintN(64, BigInt.asIntN(44, operand) << 12n);

/** The word of a system instruction. */
const wordOf = (access: TrappedAccess): number =>
  (SYSTEM_INSTRUCTION | (access.isRead ? IS_READ : 0) | (packEncoding(access) << 5) | access.rt) >>> 0;
