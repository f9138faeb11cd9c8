/** A finding: something that keeps a load from working here, or may; and the row of the table that it is of. */
import type { Seen } from './seen.js';

/** From the worst on. An error is what the load fails for. */
export const SEVERITIES = ['error', 'warning', 'note'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** What a row finds. */
export interface Found {
  /** What is the case, with the numbers. */
  readonly sentence: string;
  /** What tells so, each with its source. */
  readonly evidence: readonly string[];
  /** In place of the row's. */
  readonly severity?: Severity | undefined;
  /** In place of the row's. */
  readonly fixes?: readonly string[] | undefined;
}

export interface Finding {
  readonly id: string;
  readonly severity: Severity;
  readonly sentence: string;
  readonly evidence: readonly string[];
  readonly fixes: readonly string[];
}

/** A message in somebody's log that tells of a finding, though nothing else of the machine is known. */
export interface LogRule {
  readonly pattern: RegExp;
  readonly sentence: string | ((match: RegExpExecArray) => string);
  /** What would tell more. */
  readonly ask: string;
}

export interface Row {
  readonly id: string;
  readonly severity: Severity;
  /** When it holds, as the end of "when". */
  readonly when: string;
  /** What can be done, each a sentence without its end. */
  readonly fixes: readonly string[];
  /** A sentence that it has found. */
  readonly example: string;
  /** Whether it counts only where no other error is found. */
  readonly isLastResort?: true;
  /** Whether another way to load may be one out of it. */
  readonly isOfOneWay?: true;
  readonly look: (seen: Seen) => Found | undefined;
  readonly log?: LogRule;
}
