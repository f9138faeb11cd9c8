/** Which banks of the TLB and of the jump cache are in use, and what they are valid for. */

import type { ExceptionLevel } from '../state/levels.js';
import type { Space } from '../state/space.js';
import type { Tlb } from './tlb.js';

const USER = 0;
const HYPERVISOR = 2;
/**
 * Two, since a kernel that hides itself from EL0 has two tables, and changes from one to the other and back each time.
 */
const KERNEL = [1, 3] as const;
const UNPRIVILEGED = 4;

type KernelBank = (typeof KERNEL)[number];

/** What a bank's entries were made with; undefined for anything. */
interface Validity {
  lower: bigint | undefined;
  upper: bigint | undefined;
}

/**
 * EL0, EL1 and EL2 have banks of their own, and so have EL1's accesses in the name of EL0 (LDTR, STTR). A bank is
 * emptied when it comes into use with tables other than those that its entries were made with.
 */
export class Banks {
  readonly #validity: readonly Validity[] = Array.from({ length: 5 }, () => ({ lower: undefined, upper: undefined }));
  #space: Space = { lower: 0n, upper: 0n };
  /** The bank of EL1 that was in use last. */
  #kernel: KernelBank = KERNEL[0];

  constructor(private readonly tlb: Tlb) {}

  /** The tables have changed. */
  setSpace(space: Space): void {
    this.#space = space;
  }

  /** Makes the bank of an exception level ready for use. @returns which one it is */
  enter(el: ExceptionLevel): number {
    if (el === 2) return HYPERVISOR;
    if (el === 0) {
      this.#validate(USER);
      return USER;
    }
    const bank = this.#kernelBank();
    this.#validate(bank);
    this.#validate(UNPRIVILEGED);
    return bank;
  }

  /** The bank of unprivileged accesses at an exception level whose own bank is known. */
  unprivilegedBank(el: ExceptionLevel, bank: number): number {
    return el === 1 ? UNPRIVILEGED : bank;
  }

  /** Forgets what is valid for one ASID only, of whichever. */
  forgetUsers(): void {
    for (const bank of [USER, UNPRIVILEGED, ...KERNEL]) {
      if (!this.tlb.halvesOf(bank).lower) continue;
      this.tlb.flushBank(bank);
      if (bank !== UNPRIVILEGED) this.tlb.forgetJumpsOf(bank);
    }
  }

  #kernelBank(): KernelBank {
    const { upper } = this.#space;
    const found = KERNEL.find((bank) => this.#validity[bank]!.upper === upper);
    // The one that was not in use last is the one to give up.
    this.#kernel = found ?? (this.#kernel === KERNEL[0] ? KERNEL[1] : KERNEL[0]);
    return this.#kernel;
  }

  /** Empties a bank of what the present tables may not say. */
  #validate(bank: number): void {
    const validity = this.#validity[bank]!;
    const { lower, upper } = this.#space;
    const halves = this.tlb.halvesOf(bank);
    const isStale = (halves.lower && validity.lower !== lower) || (halves.upper && validity.upper !== upper);
    // Code is known by its address alone: that of a user's addresses depends on the user.
    const isOtherCode = bank === USER ? validity.lower !== lower : validity.upper !== upper;
    if (isStale) this.tlb.flushBank(bank);
    if ((isStale || isOtherCode) && bank !== UNPRIVILEGED) this.tlb.forgetJumpsOf(bank);
    validity.lower = lower;
    validity.upper = upper;
  }
}
