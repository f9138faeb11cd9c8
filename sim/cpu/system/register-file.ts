/** The values of the system registers, and the process state beside the flags. */
import { controlsOf, fpTrapTarget, isTakenByEl2, trapTarget, type Controls } from './controls.js';
import { SCTLR } from '../state/control-bits.js';
import type { Core } from '../state/core.js';
import type { Pstate } from './exceptions.js';
import type { CpuHost, CpuModel, InterruptInput } from '../state/model.js';
import { DIRECT_REGISTERS, type DirectRegister } from '../state/layout.js';
import type { ExceptionLevel } from '../state/levels.js';
import { SavedCpuError, type SavedSystem } from '../state/saved-cpu.js';
import type { Identity, LiveState } from './registers/row.js';
import { isReachable, readRegister, registerNamed, resetValues, unmodelledOf } from './registers/index.js';

const ALL_MASKED = 15;

/** Those that only the system model writes: a write changes how addresses are translated. */
const READ_ONLY: readonly DirectRegister[] = ['TCR_EL1'];
/** DC ZVA writes 64 bytes, and may be used. */
const DCZID_ALLOWED = 4n;

const DIRECT: ReadonlySet<string> = new Set<string>(DIRECT_REGISTERS);
const isDirect = (name: string): name is DirectRegister => DIRECT.has(name);

/** What the registers' part of a saved state is. */
type OfRegisters = Pick<SavedSystem, 'el' | 'spSel' | 'stackPointers' | 'registers' | 'inputs'>;

/** What the system registers and PSTATE hold, beside what the core has itself. */
export class RegisterFile implements LiveState {
  readonly core: Core;
  readonly host: CpuHost;
  /** The inputs that are high. */
  readonly inputs = new Set<InterruptInput>();
  #values: Map<string, bigint>;
  /**
   * Stack pointers of EL1 and EL2, by exception level; the one in use is in the core, and SP_EL0 has a place of its
   * own.
   */
  readonly #sp: [bigint, bigint, bigint] = [0n, 0n, 0n];
  readonly #identity: Identity;
  #el: ExceptionLevel;
  #spSel: 0 | 1 = 1;
  #controls: Controls;

  /** As at reset: at the highest exception level, SP_ELx selected, all interrupts masked. */
  constructor(
    core: Core,
    host: CpuHost,
    identity: Identity,
    readonly model: () => CpuModel,
  ) {
    this.core = core;
    this.host = host;
    this.#identity = identity;
    this.#values = this.#resetValues();
    this.daif = ALL_MASKED;
    this.#el = host.highestEl;
    this.#controls = controlsOf(this.#el, host, this.stored);
  }

  /** System registers become what they are at reset, and the processor is at its highest exception level. */
  reset(): void {
    this.#values = this.#resetValues();
    this.#controls = controlsOf(this.#el, this.host, this.stored);
    this.enter(this.host.highestEl, 1);
    this.daif = ALL_MASKED;
  }

  #resetValues(): Map<string, bigint> {
    const { highestEl, counterFrequency, interruptRegisters } = this.host;
    const hasInterruptRegisters = interruptRegisters !== undefined;
    const values = resetValues({ ...this.#identity, highestEl, counterFrequency, hasInterruptRegisters });
    for (const name of DIRECT_REGISTERS) this.core.setDirect(name, values.get(name) ?? 0n);
    this.core.setDirect('DCZID_EL0', DCZID_ALLOWED);
    return values;
  }

  get el(): ExceptionLevel {
    return this.#el;
  }

  get spSel(): 0 | 1 {
    return this.#spSel;
  }

  get pstate(): Pstate {
    return { nzcv: this.core.nzcv, daif: this.daif, el: this.#el, spSel: this.#spSel };
  }

  get controls(): Controls {
    return this.#controls;
  }

  /** D, A, I and F in bits 3 to 0. */
  get daif(): number {
    return Number(this.core.getDirect('DAIF')) >> 6;
  }

  set daif(value: number) {
    this.core.setDirect('DAIF', BigInt(value << 6));
  }

  readonly stored = (name: string): bigint => {
    if (isDirect(name)) return this.core.getDirect(name);
    const value = this.#values.get(name);
    if (value === undefined) throw new Error(`no system register ${name}`);
    return value;
  };

  readonly store = (name: string, value: bigint): void => {
    if (isDirect(name)) this.core.setDirect(name, value);
    else this.#values.set(name, value);
  };

  save(): OfRegisters {
    const names = [...this.#values.keys(), ...DIRECT_REGISTERS.filter((name) => !this.#values.has(name))];
    return {
      el: this.#el,
      spSel: this.#spSel,
      stackPointers: [this.getSp(0), this.getSp(1), this.getSp(2)],
      registers: new Map(names.map((name) => [name, this.stored(name)])),
      inputs: [...this.inputs],
    };
  }

  /** @throws SavedCpuError for an exception level or registers of another processor, or what is not modelled */
  restore({ el, spSel, stackPointers, registers, inputs }: OfRegisters): void {
    if (el > this.host.highestEl) throw new SavedCpuError(`there is no EL${el}`);
    const own = this.save().registers;
    for (const name of own.keys()) if (!registers.has(name)) throw new SavedCpuError(`${name} is missing`);
    for (const [name, value] of registers) {
      // The name may be anything, and is not to come to a terminal.
      if (!own.has(name)) throw new SavedCpuError('there is a register that it has not');
      const missing = unmodelledOf(name, value);
      if (missing !== undefined) throw new SavedCpuError(`${name} asks for ${missing}, which is not modelled`);
      this.store(name, value);
    }
    this.#el = el;
    this.#spSel = spSel;
    this.#controls = controlsOf(el, this.host, this.stored);
    for (const level of [0, 1, 2] as const) this.setSp(level, stackPointers[level]);
    this.inputs.clear();
    for (const input of inputs) this.inputs.add(input);
    this.core.levelChanged();
  }

  /** The accesses to system registers that code may make itself at this exception level, such as `read TPIDR_EL1`. */
  directAccesses(): ReadonlySet<string> {
    const isAllowed = (name: DirectRegister, isRead: boolean): boolean => {
      const row = registerNamed(name);
      if (name === 'SP_EL0' && this.#spSel === 0) return false;
      if (!isRead && (READ_ONLY as readonly string[]).includes(name)) return false;
      // What it says depends on who asks: in memory is what it mostly says.
      if (name === 'DCZID_EL0' && readRegister(row, this) !== DCZID_ALLOWED) return false;
      if (!isReachable(row, isRead, this.#el, this.host.highestEl)) return false;
      if (row.fp === true && fpTrapTarget(this.#controls) !== undefined) return false;
      return trapTarget(row.traps, this.#controls, isRead) === undefined;
    };
    return new Set(
      DIRECT_REGISTERS.flatMap((name) => [
        ...(isAllowed(name, true) ? [`read ${name}`] : []),
        ...(isAllowed(name, false) ? [`write ${name}`] : []),
      ]),
    );
  }

  /**
   * As table walks see it: nothing runs at EL1 under HCR_EL2.TGE, and what runs at EL0 has no MMU (Arm ARM D13.2.46).
   */
  readonly forWalks = (name: string): bigint => {
    const value = this.stored(name);
    return name === 'SCTLR_EL1' && isTakenByEl2(this.#controls) ? value & ~(1n << BigInt(SCTLR.M)) : value;
  };

  readonly getSp = (el: ExceptionLevel): bigint => (el === this.#spInUse ? this.core.sp : this.#keptSp(el));

  readonly setSp = (el: ExceptionLevel, value: bigint): void => {
    if (el === this.#spInUse) this.core.sp = value;
    else this.#keepSp(el, value);
  };

  readonly selectSp = (spSel: 0 | 1): void => this.enter(this.#el, spSel);

  /** Goes to an exception level and selects its stack pointer, or SP_EL0. */
  enter(el: ExceptionLevel, spSel: 0 | 1): void {
    const before = this.#el;
    this.#keepSp(this.#spInUse, this.core.sp);
    this.#el = el;
    this.#spSel = spSel;
    this.core.sp = this.#keptSp(this.#spInUse);
    if (el !== before) this.#controls = controlsOf(el, this.host, this.stored);
    this.core.levelChanged();
  }

  #keptSp(el: ExceptionLevel): bigint {
    return el === 0 ? this.core.getDirect('SP_EL0') : this.#sp[el];
  }

  #keepSp(el: ExceptionLevel, value: bigint): void {
    if (el === 0) this.core.setDirect('SP_EL0', value);
    else this.#sp[el] = value;
  }

  get #spInUse(): ExceptionLevel {
    return this.#spSel === 1 ? this.#el : 0;
  }
}
