/** A rule that a machine is judged by at the new kernel's first instruction, and its verdict. */
import { hex } from '../../../kexec/base/format.js';
import type { Range } from '../../../kexec/base/range.js';
import type { Arrival, NewKernel } from './arrival.js';

export interface Rule {
  readonly rule: string;
  /** Whether a kernel may well go on that breaks it. */
  readonly warns?: true;
  /** @returns what is wrong */
  readonly check: (arrival: Arrival, kernel: NewKernel) => string | undefined;
}

/** `problem` and `warning` are a sentence with the numbers that are wrong. */
export type RuleResult =
  | { readonly rule: string; readonly ok: true; readonly warning?: string }
  | { readonly rule: string; readonly ok: false; readonly problem: string };

/** How verdicts show addresses, and ranges of them. */
export const address = (value: bigint): string => `0x${hex(value)}`;
export const rangeText = ({ start, last }: Range): string => `${address(start)}-${address(last)}`;
