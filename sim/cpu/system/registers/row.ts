/** What a row of the tables of system registers says. */
import type { Core } from '../../state/core.js';
import type { ExceptionLevel } from '../../state/levels.js';
import type { CpuHost, CpuModel, InterruptInput } from '../../state/model.js';

/** What registers that are more than storage read from and write to. */
export interface LiveState {
  readonly core: Core;
  readonly host: CpuHost;
  readonly el: ExceptionLevel;
  /** D, A, I and F in bits 3 to 0. */
  daif: number;
  /** The interrupt inputs that are high. */
  readonly inputs: ReadonlySet<InterruptInput>;
  /** The processor as its surroundings know it. */
  readonly model: () => CpuModel;
  readonly spSel: 0 | 1;
  readonly selectSp: (spSel: 0 | 1) => void;
  /** SP_ELx, wherever it is now. */
  readonly getSp: (el: ExceptionLevel) => bigint;
  readonly setSp: (el: ExceptionLevel, value: bigint) => void;
  /** A register that is storage. */
  readonly stored: (name: string) => bigint;
  readonly store: (name: string, value: bigint) => void;
}

/** What tells the processors of a machine apart. */
export interface Identity {
  /** The affinity fields of MPIDR_EL1, in their places. */
  readonly affinity: bigint;
}

/** What the values of registers after a reset depend on. */
export interface ResetFacts extends Identity, Pick<CpuHost, 'highestEl' | 'counterFrequency'> {
  /** The interrupt controller's interface is reached by system registers. */
  readonly hasInterruptRegisters: boolean;
}

/** A bit of a control register that sends accesses from below to a higher exception level (Arm ARM D1.15). */
export interface Trap {
  /** Who traps: 1 accesses from EL0, 2 accesses from EL1 and EL0. */
  readonly to: 1 | 2;
  readonly register: string;
  /** Traps while every one of these bits is `when`. */
  readonly bits: readonly number[];
  readonly when: 0 | 1;
  readonly on: 'read' | 'write' | 'both';
}

/** EL0 may do it only if one of these bits is set. */
export const userIf = (register: string, ...bits: readonly number[]): Trap => ({
  to: 1,
  register,
  bits,
  when: 0,
  on: 'both',
});
/** EL0 may read it only if one of these bits is set. */
export const userReadsIf = (register: string, ...bits: readonly number[]): Trap => ({
  to: 1,
  register,
  bits,
  when: 0,
  on: 'read',
});
/** EL2 traps it if the bit of HCR_EL2 is set. */
export const hcr = (bit: number, on: Trap['on'] = 'both'): Trap => ({
  to: 2,
  register: 'HCR_EL2',
  bits: [bit],
  when: 1,
  on,
});
/** EL2 traps it if the bit of MDCR_EL2 is set. */
export const mdcr = (bit: number): Trap => ({ to: 2, register: 'MDCR_EL2', bits: [bit], when: 1, on: 'both' });

export interface RegisterRow {
  /** As the Arm ARM and the Cortex-A57's manual have it. */
  readonly name: string;
  /** Its encoding as the assembler writes it, such as `S3_0_C1_C0_0`. */
  readonly at: string;
  /** Least exception level that may read it. Where it is not given, op1 says it. */
  readonly el?: number;
  /** Least exception level that may write it; like `el` where it is not given. */
  readonly writeEl?: number;
  /** Only to be read, or only to be written: the other is undefined. */
  readonly only?: 'read' | 'write';
  /** Nothing where it is 0. */
  readonly reset?: bigint | ((facts: ResetFacts) => bigint);
  /** Bits that a write changes, all where it is not given; the others keep their reset value. */
  readonly writable?: bigint;
  readonly traps?: readonly Trap[];
  /** Trapped like a floating-point instruction. */
  readonly fp?: true;
  /**
   * A write changes which tables lead to where addresses do, where they lead otherwise, how code runs (which includes
   * that), when a timer's output is high, or what debug exceptions there are.
   */
  readonly affects?: 'space' | 'addresses' | 'context' | 'timers' | 'debug';
  /** In place of the stored value. */
  readonly read?: (state: LiveState) => bigint;
  /** In place of storing the value. */
  readonly write?: (state: LiveState, value: bigint) => void;
  /** What is not modelled of what a written value asks for. */
  readonly unmodelled?: (value: bigint) => string | undefined;
  /** The interrupt controller has it; it is not there where that has none. */
  readonly ofInterruptController?: true;
  /** The register is allocated, and nothing of it is modelled: what it belongs to. */
  readonly absent?: string;
}

/** A row from its name and encoding. */
export const register = (name: string, at: string, rest: Omit<RegisterRow, 'name' | 'at'> = {}): RegisterRow => ({
  name,
  at,
  ...rest,
});

/** Says what a register does not do as soon as one of the bits is written as 1. */
export const refuse =
  (mask: bigint, what: string) =>
  (value: bigint): string | undefined =>
    (value & mask) === 0n ? undefined : what;
