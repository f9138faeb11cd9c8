/** What can be seen of a processor while it runs. */
import type { ExceptionLevel } from './levels.js';

/** Where the program counter does not go on to the next instruction. */
export interface Jump {
  readonly from: bigint;
  readonly to: bigint;
  /** A taken branch, an exception return, or an exception that is taken. */
  readonly by: 'branch' | 'return' | ExceptionInfo;
}

/** An exception as it is taken. */
export interface ExceptionInfo {
  readonly target: ExceptionLevel;
  readonly vector: 'synchronous' | 'irq' | 'fiq' | 'serror';
  /** 0 for an interrupt, which changes no syndrome register. */
  readonly esr: bigint;
  /** Undefined where the syndrome has none. */
  readonly far: bigint | undefined;
  readonly elr: bigint;
  readonly spsr: bigint;
  /** Where the exception goes on: VBAR_ELx and the vector's offset. */
  readonly handler: bigint;
}

/** An MRS or MSR, or an instruction of the system such as TLBI, by the Arm ARM's names. */
export interface RegisterAccess {
  readonly name: string;
  readonly kind: 'read' | 'write' | 'operation';
  /** What was read or is written; what an operation is given. */
  readonly value: bigint;
}

/** An access to RAM, or the part of one that lies in one page. */
export interface RamAccess {
  readonly virtAddr: bigint;
  readonly physAddr: number;
  /** 1 to 16. */
  readonly sizeBytes: number;
  readonly isWrite: boolean;
  /** Little-endian. */
  readonly value: bigint;
}

/** Sees where the program counter does not go on to the next instruction. */
export const allJumps = (see: (jump: Jump) => void): CpuObserver => ({ exception: see, branch: see });

/** Is told of what a processor does, before it does the next thing; what it has no function for, it is not told. */
export interface CpuObserver {
  /** Exceptions that are taken, and returns from them. */
  readonly exception?: (jump: Jump) => void;
  /** Taken branches: the processor carries out one instruction at a time, which takes a hundred times as long. */
  readonly branch?: (jump: Jump) => void;
  readonly register?: (access: RegisterAccess) => void;
  /** Accesses to some pages of RAM. */
  readonly ram?: {
    readonly isObserved: (physPage: number) => boolean;
    readonly access: (access: RamAccess) => void;
  };
}

/** Somebody who wants to know of pages of RAM before they change. */
export interface WriteWatcher {
  /** Whether it has been told of a page already: then stores to it need not be seen. */
  isKnown(physPage: number): boolean;
  /** Bytes of the page are about to change, or at least may be. */
  beforeWrite(physPage: number): void;
}
