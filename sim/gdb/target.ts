/** What gdb debugs, as the protocol sees it. */

/** A register as gdb knows it: number and layout come from its place in the features. */
export interface RegisterDescription {
  readonly name: string;
  readonly bits: 32 | 64 | 128;
  /** As target descriptions name it, such as `int` or `data_ptr`. */
  readonly type: string;
  readonly group?: 'general' | 'float' | 'system';
}

/** Registers that belong together, by the name that gdb knows them by. */
export interface Feature {
  readonly name: string;
  /** Definitions of types, as XML. */
  readonly types?: string;
  readonly registers: readonly RegisterDescription[];
}

/** A processor. Threads have numbers from 1 on. */
export interface ThreadDescription {
  readonly name: string;
  /** What it is doing, for people. */
  readonly state: string;
}

export type Space = 'virtual' | 'physical';
export type StopPoint = 'breakpoint' | 'write' | 'read' | 'access';

/** How the machine is to run on. */
export interface Resumption {
  readonly backwards: boolean;
  /** The thread that is to carry out one instruction; undefined where none is. */
  readonly step: number | undefined;
  /** The threads that run; undefined for all. */
  readonly among: readonly number[] | undefined;
}

/** Why it runs no more. */
export type TargetStop =
  | { readonly kind: 'breakpoint' | 'step' | 'interrupted' | 'history-end'; readonly thread: number }
  | {
      readonly kind: 'watchpoint';
      readonly thread: number;
      readonly by: Exclude<StopPoint, 'breakpoint'>;
      readonly address: bigint;
    }
  /** The machine has come to its end, and can be looked at; what it says of that. */
  | { readonly kind: 'end'; readonly thread: number; readonly text: string }
  /** It is no more. */
  | { readonly kind: 'gone'; readonly exitCode: number };

export interface GdbTarget {
  readonly architecture: string;
  readonly features: readonly Feature[];
  /** How many of the first features are in answers to `g`. */
  readonly generalFeatures: number;
  readonly threads: readonly ThreadDescription[];
  /** The thread that stopped last. */
  readonly current: number;
  readonly canReverse: boolean;
  /** RAM, by physical addresses, in order. */
  readonly ram: readonly { readonly start: bigint; readonly end: bigint }[];
  /** @param register its number in all features */
  readRegister(thread: number, register: number): bigint | undefined;
  /** @returns why it cannot be written */
  writeRegister(thread: number, register: number, value: bigint): string | undefined;
  /** As many of the bytes as there are, from the first one on. */
  readMemory(thread: number, space: Space, address: bigint, sizeBytes: number): Uint8Array;
  /** All or nothing. @returns whether there is memory */
  writeMemory(thread: number, space: Space, address: bigint, bytes: Uint8Array): boolean;
  /** @returns false where there cannot be one more */
  addStop(kind: StopPoint, address: bigint, sizeBytes: bigint): boolean;
  removeStop(kind: StopPoint, address: bigint, sizeBytes: bigint): void;
  /** Precondition: the machine does not run. */
  resume(resumption: Resumption): Promise<TargetStop>;
  /** Has the machine stop. */
  interrupt(): void;
  /** Has the machine stop, if it runs, and waits until it does. */
  attach(): Promise<void>;
  /** Lets the machine run on, with nothing to stop at. */
  detach(): void;
  /** Ends the machine. */
  kill(): void;
  /** Nobody is there any more: the machine stays where it is, with nothing to stop at. */
  leave(): void;
  /** Carries out what was typed behind `monitor`. @returns what is shown */
  monitor(command: string): string;
}
