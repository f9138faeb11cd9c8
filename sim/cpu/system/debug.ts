/**
 * Debug exceptions (Arm ARM D2): when they are enabled, what matches breakpoints and watchpoints, and software step.
 */
import { isTakenByEl2, type Controls } from './controls.js';
import { DBGPRCR, fieldOf, isSet, MDCR, MDSCR, OSDLR, OSLSR } from '../state/control-bits.js';
import type { ExceptionLevel } from '../state/levels.js';
import type { SavedSystem, Stepped } from '../state/saved-cpu.js';
import type { Watch, WatchedAccess } from '../state/watch.js';
import { BREAKPOINTS, FIRST_OF_CONTEXT, WATCHPOINTS } from './registers/debug.js';

/** DBGBCRn_EL1.BT, without the bit that says that another one is linked to it. */
const LINKED = 1;
const BY_ADDRESS = 0;
/** It is linked to others, and matches CONTEXTIDR_EL1. */
const LINKED_CONTEXT_ID = 3;

/** PSTATE.D, as `daif` has it. */
const DEBUG_MASKED = 8;
const SECURE_ONLY = 2;
const SECURE_UNLESS_HMC = 3;

/** Addresses are compared up to bit 48: the bits above are copies of it, or a tag (Arm ARM D2.9.5, D2.10.5). */
const ADDRESS_BITS = 49;
const PAGE = 4096n;

const addressOf = (virtAddr: bigint): bigint => BigInt.asUintN(ADDRESS_BITS, virtAddr);

/** Bytes that are watched, from the first to the last. */
interface Watched {
  readonly first: bigint;
  readonly last: bigint;
}

interface Breakpoint {
  /** As the program counter has it. */
  readonly address: bigint;
  readonly control: bigint;
}

interface Watchpoint {
  readonly ranges: readonly Watched[];
  readonly control: bigint;
}

/** What a breakpoint is to match; those that match a context alone are not modelled (registers/debug.ts). */
const breakpointOf = (value: bigint, control: bigint): Breakpoint | undefined => {
  const isEnabled = isSet(control, 0) && (fieldOf(control, 20, 4) & ~LINKED) === BY_ADDRESS;
  // An A64 instruction is at a multiple of 4: of the bytes that can be selected, the first one counts.
  if (!isEnabled || fieldOf(control, 5, 1) === 0) return undefined;
  return { address: BigInt.asUintN(64, BigInt.asIntN(ADDRESS_BITS, value & ~3n)), control };
};

/** What a watchpoint watches (Arm ARM D2.10.5); masks of 1 and 2 bits are reserved, and watch nothing. */
const rangesOf = (value: bigint, control: bigint): readonly Watched[] => {
  const mask = fieldOf(control, 24, 5);
  if (mask > 0) {
    const low = (1n << BigInt(mask)) - 1n;
    const first = addressOf(value) & ~low;
    return mask < 3 ? [] : [{ first, last: first | low }];
  }
  // One that is at a multiple of 4 alone selects among four bytes.
  const isOfWord = isSet(value, 2);
  const base = addressOf(value) & (isOfWord ? ~3n : ~7n);
  const selected = fieldOf(control, 5, isOfWord ? 4 : 8);
  const ranges: Watched[] = [];
  for (let byte = 0; byte < 8; byte++) {
    if ((selected & (1 << byte)) === 0) continue;
    const at = base + BigInt(byte);
    const before = ranges.at(-1);
    if (before?.last === at - 1n) ranges[ranges.length - 1] = { ...before, last: at };
    else ranges.push({ first: at, last: at });
  }
  return ranges;
};

const watchpointOf = (value: bigint, control: bigint): Watchpoint | undefined => {
  const ranges = isSet(control, 0) ? rangesOf(value, control) : [];
  return ranges.length === 0 ? undefined : { ranges, control };
};

/** What of the processor's state debug exceptions depend on. */
export interface DebugHost {
  readonly stored: (register: string) => bigint;
  readonly controls: Controls;
  /** D, A, I and F in bits 3 to 0. */
  readonly daif: number;
}

/** The debug exceptions of a processor. Software breakpoints, which are always enabled, need nothing of it. */
export class Debug implements Watch {
  /** PSTATE.SS. */
  ss: 0 | 1 = 0;
  #breakpoints: readonly Breakpoint[] = [];
  #watchpoints: readonly Watchpoint[] = [];
  #isStepEnabled = false;
  #isInUse = false;
  /** An instruction is under way in the active-not-pending state: what it is. */
  #step: Stepped = 'nothing';
  /** What was carried out last in that state. */
  #stepped: Stepped = 'nothing';

  constructor(private readonly host: DebugHost) {}

  /** Registers have changed. */
  update(): void {
    const { stored } = this.host;
    const mdscr = stored('MDSCR_EL1');
    // The OS double lock is one unless the processor asks to stay powered (Arm ARM, DoubleLockStatus()).
    const isDoubleLocked = isSet(stored('OSDLR_EL1'), OSDLR.DLK) && !isSet(stored('DBGPRCR_EL1'), DBGPRCR.CORENPDRQ);
    const isLocked = isSet(stored('OSLSR_EL1'), OSLSR.OSLK) || isDoubleLocked;
    const isMonitoring = !isLocked && isSet(mdscr, MDSCR.MDE);
    const all = <T>(count: number, name: 'DBGB' | 'DBGW', make: (value: bigint, control: bigint) => T | undefined) =>
      Array.from({ length: isMonitoring ? count : 0 }, (_, n) =>
        make(stored(`${name}VR${n}_EL1`), stored(`${name}CR${n}_EL1`)),
      ).filter((made) => made !== undefined);
    this.#breakpoints = all(BREAKPOINTS, 'DBGB', breakpointOf);
    this.#watchpoints = all(WATCHPOINTS, 'DBGW', watchpointOf);
    this.#isStepEnabled = !isLocked && isSet(mdscr, MDSCR.SS);
    this.#isInUse = this.#isStepEnabled || this.#breakpoints.length > 0;
  }

  /** Whether an exception of those that come before an instruction is possible at all. */
  get isInUse(): boolean {
    return this.#isInUse;
  }

  /** Addresses at which there are breakpoints, whoever is to meet them. */
  get breakpointAddresses(): readonly bigint[] {
    return this.#breakpoints.map(({ address }) => address);
  }

  /** All that is watched, in a form that tells whether it has changed. */
  get watchedRanges(): string {
    return this.#watchpoints.flatMap(({ ranges }) => ranges.map(({ first, last }) => `${first} ${last}`)).join();
  }

  /** The exception level that debug exceptions are taken to, ELd (Arm ARM D2.3). */
  get target(): 1 | 2 {
    const { controls } = this.host;
    return controls.bit('MDCR_EL2', MDCR.TDE) || isTakenByEl2(controls) ? 2 : 1;
  }

  /** Whether breakpoints, watchpoints and software step raise exceptions at an exception level (Arm ARM D2.4). */
  #isEnabledAt(el: ExceptionLevel, daif: number): boolean {
    const { target } = this;
    if (el !== target) return el < target;
    return this.host.controls.bit('MDSCR_EL1', MDSCR.KDE) && (daif & DEBUG_MASKED) === 0;
  }

  get #isEnabled(): boolean {
    return this.#isEnabledAt(this.host.controls.el, this.host.daif);
  }

  // Breakpoints and watchpoints.

  /** Whether the instruction at an address raises a breakpoint exception now. */
  breaksAt(pc: bigint): boolean {
    const { el } = this.host.controls;
    return this.#breakpoints.some(({ address, control }) => {
      if (address !== pc || !this.#isEnabled) return false;
      return isOfState(control, el) && (fieldOf(control, 20, 4) !== LINKED || this.#isLinkMatched(control));
    });
  }

  isWatchedPage(virtAddr: bigint): boolean {
    if (this.#watchpoints.length === 0) return false;
    const start = addressOf(virtAddr) & ~(PAGE - 1n);
    return this.#watchpoints.some(({ ranges }) =>
      ranges.some(({ first, last }) => first < start + PAGE && last >= start),
    );
  }

  watchedBy({ virtAddr, sizeBytes, isWrite, unprivileged }: WatchedAccess): bigint | undefined {
    if (this.#watchpoints.length === 0 || !this.#isEnabled) return undefined;
    const { el } = this.host.controls;
    const start = addressOf(virtAddr);
    let hit: bigint | undefined;
    for (const { ranges, control } of this.#watchpoints) {
      // LSC: loads, stores.
      if (!isSet(control, isWrite ? 4 : 3) || !isOfState(control, unprivileged && el === 1 ? 0 : el)) continue;
      if (isSet(control, 20) && !this.#isLinkMatched(control)) continue;
      for (const { first, last } of ranges) {
        if (first >= start + BigInt(sizeBytes) || last < start) continue;
        const byte = virtAddr + (first > start ? first - start : 0n);
        if (hit === undefined || byte < hit) hit = byte;
      }
    }
    return hit;
  }

  /** Whether the breakpoint that another one or a watchpoint is linked to (LBN) matches the context. */
  #isLinkMatched(control: bigint): boolean {
    const { stored, controls } = this.host;
    const number = fieldOf(control, 16, 4);
    if (number < FIRST_OF_CONTEXT || number >= BREAKPOINTS || controls.el === 2) return false;
    const linked = stored(`DBGBCR${number}_EL1`);
    if (!isSet(linked, 0) || fieldOf(linked, 20, 4) !== LINKED_CONTEXT_ID) return false;
    return BigInt.asUintN(32, stored(`DBGBVR${number}_EL1`)) === stored('CONTEXTIDR_EL1');
  }

  save(): Pick<SavedSystem, 'ss' | 'stepped'> {
    return { ss: this.ss, stepped: this.#stepped };
  }

  restore({ ss, stepped }: Pick<SavedSystem, 'ss' | 'stepped'>): void {
    this.ss = ss;
    this.#stepped = stepped;
  }

  // Software step (Arm ARM D2.12).

  /** MDSCR_EL1.SS is set: what masks debug exceptions counts from instruction to instruction. */
  get isStepEnabled(): boolean {
    return this.#isStepEnabled;
  }

  get stepState(): 'inactive' | 'active-not-pending' | 'active-pending' {
    if (!this.#isStepEnabled || !this.#isEnabled) return 'inactive';
    return this.ss === 1 ? 'active-not-pending' : 'active-pending';
  }

  /** An instruction begins in the active-not-pending state. */
  beginStep(what: Exclude<Stepped, 'nothing'>): void {
    this.#step = what;
  }

  /** Whether an instruction has begun in that state, and no exception has been taken since. */
  get isStepping(): boolean {
    return this.#step !== 'nothing';
  }

  /** That instruction ends. @param isDone it was carried out */
  endStep(isDone: boolean): void {
    if (isDone) {
      this.#stepped = this.#step;
      this.ss = 0;
    }
    this.#step = 'nothing';
  }

  /** What was carried out before the exception that is pending. */
  get stepped(): Stepped {
    return this.#stepped;
  }

  /** An exception was taken. */
  exceptionTaken(): void {
    this.ss = 0;
    this.#step = 'nothing';
    this.#stepped = 'nothing';
  }

  /**
   * PSTATE.SS behind an exception return (Arm ARM, DebugExceptionReturnSS()).
   * @param bit SPSR_ELx.SS @param el where the return goes, with DAIF as `daif` has it
   */
  ssAfterReturn(bit: 0 | 1, el: ExceptionLevel, daif: number): 0 | 1 {
    return this.#isStepEnabled && !this.#isEnabled && this.#isEnabledAt(el, daif) ? bit : 0;
  }
}

/**
 * Whether the PMC or PAC, HMC and SSC fields are about an exception level, outside the secure state (Arm ARM D2.9.3).
 */
const isOfState = (control: bigint, el: ExceptionLevel): boolean => {
  const security = fieldOf(control, 14, 2);
  const isOfHigher = isSet(control, 13);
  if (security === SECURE_ONLY || (security === SECURE_UNLESS_HMC && !isOfHigher)) return false;
  return el === 2 ? isOfHigher : isSet(control, el === 1 ? 1 : 2);
};
