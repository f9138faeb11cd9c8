/** From a decoded instruction to its trace. */

import type { TranslationContext } from './context.js';
import type { Fields } from './pattern.js';
import type { InstructionRow, OpsRow } from './row.js';
import { exitWith, noReads, readsOf, Tracer, type Reads, type Trace } from './trace.js';

/** Whether code can carry an instruction out; otherwise the system model must, as it or the exception level stands. */
export const isForCode = (row: InstructionRow, fields: Fields, { forbidden, direct }: SystemContext): row is OpsRow => {
  if (!('semantics' in row)) return false;
  if (row.maintenance !== undefined && forbidden.includes(row.maintenance)) return false;
  return row.direct === undefined || direct.has(row.direct(fields) ?? '');
};

export const traceInstruction = (
  address: bigint,
  decoded: DecodedInstruction,
  context: SystemContext,
  traces?: KnownTraces,
): TracedInstruction => {
  if (decoded.kind === 'unallocated') return { address, trace: exitWith('undefined'), reads: noReads(), fp: false };
  const { row, fields } = decoded;
  const fp = row.fp === true;
  if (!isForCode(row, fields, context)) return { address, trace: exitWith('system'), reads: noReads(), fp };
  const known = traces?.get(decoded);
  if (known !== undefined) return { address, ...known, fp };
  const tracer = new Tracer(address, row.immediates?.(fields) ?? []);
  row.semantics(tracer, fields);
  const trace = tracer.finish();
  const traced = { trace, reads: readsOf(trace) };
  if (!tracer.isAboutAddress) traces?.set(decoded, traced);
  return { address, ...traced, fp };
};

/** Traces of decoded instructions that are the same at every address: they do not ask for theirs. */
export type KnownTraces = WeakMap<DecodedInstruction, Pick<TracedInstruction, 'trace' | 'reads'>>;

export interface TracedInstruction {
  readonly address: bigint;
  readonly trace: Trace;
  readonly reads: Reads;
  /** Must not run where floating point is trapped. */
  readonly fp: boolean;
}

export type DecodedInstruction =
  { readonly kind: 'row'; readonly row: InstructionRow; readonly fields: Fields } | { readonly kind: 'unallocated' };

export type SystemContext = Pick<TranslationContext, 'forbidden' | 'direct'>;
