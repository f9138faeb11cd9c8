/** The values of the system registers, and the process state beside the flags. */
import { controlsOf, isTakenByEl2, type Controls } from './controls.js';
import { SCTLR } from '../state/control-bits.js';
import type { Core } from '../state/core.js';
import type { Pstate } from './exceptions.js';
import type { CpuHost, CpuModel, InterruptInput } from '../state/model.js';
import type { ExceptionLevel } from '../state/levels.js';
import type { Identity, LiveState } from './registers/row.js';
import { resetValues } from './registers/index.js';

const ALL_MASKED = 15;

/** What the system registers and PSTATE hold, beside what the core has itself. */
export class RegisterFile implements LiveState {
  readonly core: Core;
  readonly host: CpuHost;
  daif = ALL_MASKED;
  /** The inputs that are high. */
  readonly inputs = new Set<InterruptInput>();
  #values: Map<string, bigint>;
  /** Stack pointers by exception level; the one in use is in the core. */
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
    return resetValues({ ...this.#identity, highestEl, counterFrequency, hasInterruptRegisters });
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

  readonly stored = (name: string): bigint => {
    const value = this.#values.get(name);
    if (value === undefined) throw new Error(`no system register ${name}`);
    return value;
  };

  readonly store = (name: string, value: bigint): void => {
    this.#values.set(name, value);
  };

  /** As table walks see it: nothing runs at EL1 under HCR_EL2.TGE, and what runs at EL0 has no MMU (Arm ARM D13.2.46). */
  readonly forWalks = (name: string): bigint => {
    const value = this.stored(name);
    return name === 'SCTLR_EL1' && isTakenByEl2(this.#controls) ? value & ~(1n << BigInt(SCTLR.M)) : value;
  };

  readonly getSp = (el: ExceptionLevel): bigint => (el === this.#spInUse ? this.core.sp : this.#sp[el]);

  readonly setSp = (el: ExceptionLevel, value: bigint): void => {
    if (el === this.#spInUse) this.core.sp = value;
    else this.#sp[el] = value;
  };

  readonly selectSp = (spSel: 0 | 1): void => this.enter(this.#el, spSel);

  /** Goes to an exception level and selects its stack pointer, or SP_EL0. */
  enter(el: ExceptionLevel, spSel: 0 | 1): void {
    const before = this.#el;
    this.#sp[this.#spInUse] = this.core.sp;
    this.#el = el;
    this.#spSel = spSel;
    this.core.sp = this.#sp[this.#spInUse];
    if (el === before) return;
    this.#controls = controlsOf(el, this.host, this.stored);
    this.core.contextChanged();
  }

  get #spInUse(): ExceptionLevel {
    return this.#spSel === 1 ? this.#el : 0;
  }
}
