/** What a trace tells of. */
import type { ExceptionInfo } from '../../cpu/state/model.js';
import type { RegisterAccess } from '../../cpu/state/observer.js';

interface EventBase {
  /** Index of the processor. */
  readonly processor: number;
  /** Of that processor, since its start: how many it had carried out with this one. */
  readonly instructions: bigint;
  /** Of the instruction. */
  readonly pc: bigint;
  /** The instruction; undefined where none could be fetched. */
  readonly word: number | undefined;
}

export type TraceEvent = EventBase & TraceDetail;

export type TraceDetail =
  /** A branch that is taken. */
  | { readonly kind: 'branch'; readonly to: bigint }
  | ({ readonly kind: 'exception'; readonly to: bigint } & Pick<ExceptionInfo, 'target' | 'vector' | 'esr' | 'far'>)
  /** From an exception. */
  | { readonly kind: 'return'; readonly to: bigint }
  | {
      readonly kind: 'register';
      readonly name: string;
      readonly access: RegisterAccess['kind'];
      readonly value: bigint;
    }
  | ({ readonly kind: 'device' } & MemoryDetail)
  | ({ readonly kind: 'memory'; readonly virtAddr: bigint } & MemoryDetail);

export interface MemoryDetail {
  readonly physAddr: bigint;
  readonly sizeBytes: number;
  readonly isWrite: boolean;
  /** What is read, or written. */
  readonly value: bigint;
}

export type TraceKind = TraceDetail['kind'];
