/** The operations that the semantics of instructions are written in. */

import type { DirectRegister } from '../state/layout.js';
import type { I32, I64, V128, Value } from './value.js';

export { FPSR, FPSR_WRITABLE } from '../state/control-bits.js';
export type { DirectRegister } from '../state/layout.js';

/**
 * What the semantics of an instruction may ask of whoever runs it.
 *
 * Reads see the state from before the instruction. Writes to registers and flags take effect together at its end, and
 * not at all if a memory access faults: so the order in which an instruction reads and writes does not matter, and
 * every abort is precise. Of two writes to one register the later counts. Memory accesses take effect at once and in
 * order.
 *
 * Register numbers are fields of the encoding and are only handed on: a backend may hand out numbers that stand for
 * "whatever the field holds when it runs". Never compare or compute with them; {@link OpsRow.fixed} tells how to
 * ask for a field's true value.
 */
export interface Ops {
  /** Address of the instruction. */
  pc(): I64;
  /** An immediate that {@link OpsRow.immediates} computed. */
  imm(index: number): I64;

  /** X0 to X30, or zero for 31. */
  x(register: number): I64;
  w(register: number): I32;
  /** X0 to X30, or SP for 31. */
  xsp(register: number): I64;
  wsp(register: number): I32;
  setX(register: number, value: I64): void;
  /** Clears the upper half. */
  setW(register: number, value: I32): void;
  setXsp(register: number, value: I64): void;
  setWsp(register: number, value: I32): void;

  v(register: number): V128;
  /** Writes all 128 bits: what an instruction does not set it must set to zero, as A64 demands of scalars. */
  setV(register: number, value: V128): void;

  /** Whether a condition holds, 0 or 1 (Arm ARM C1.2.4; 14 and 15 are always). */
  condition(condition: number): I32;
  /** The carry flag, 0 or 1. */
  carry(): I32;
  /** N, Z, C and V in bits 3 to 0. */
  nzcv(): I32;
  /** NZCV as an addition or subtraction of the operands sets them, or as a result does whose C and V are 0. */
  setFlags(kind: 'add32' | 'sub32', a: I32, b: I32): void;
  setFlags(kind: 'add64' | 'sub64', a: I64, b: I64): void;
  setFlags(kind: 'logic64', result: I64): void;
  /** `nzcv`: N, Z, C and V in bits 3 to 0. */
  setFlags(kind: 'logic32' | 'nzcv', value: I32): void;

  /** Reads 1, 2, 4 or 8 bytes, zero-extended. */
  load(sizeBytes: AccessSize, address: I64, access?: Access): I64;
  store(sizeBytes: AccessSize, address: I64, value: I64, access?: Access): void;
  load128(address: I64, access?: Access): V128;
  store128(address: I64, value: V128, access?: Access): void;
  /** Load-exclusive: reads, and marks the address for the store that may follow. A pair is 2 * `sizeBytes` at once. */
  loadExclusive(sizeBytes: AccessSize, address: I64): I64;
  loadExclusivePair(sizeBytes: 4 | 8, address: I64): readonly [I64, I64];
  /** Store-exclusive. Gives 0 if it stored and 1 if not. */
  storeExclusive(sizeBytes: AccessSize, address: I64, value: I64): I32;
  storeExclusivePair(sizeBytes: 4 | 8, address: I64, low: I64, high: I64): I32;
  clearExclusive(): void;
  /** Cache maintenance by address: faults as a load would where nothing is mapped, and does nothing else. */
  touch(address: I64): void;
  /** DC ZVA: 64 bytes of zeros at the address rounded down; faults on Device memory. */
  zeroBlock(address: I64): void;

  /**
   * The result of a floating-point operation, which raises flags of FPSR: by the floating-point unit, unless the `fast`
   * value is right and raises none. Elements behind the last one are zero.
   * @param call its number (float/call.ts)
   */
  float<T extends FloatResult>(type: T, call: number, operands: readonly (V128 | I64)[], fast?: Fast<T>): Value<T>;
  /** `addend + first * second`, rounded once to nearest, or a NaN where that is left to the floating-point unit. */
  fused<T extends 'f32' | 'f64'>(addend: Value<T>, first: Value<T>, second: Value<T>): Value<T>;

  /** Evaluates now and once. Only saves work: a value means the same wherever in the instruction it is evaluated. */
  let<T extends Value['type']>(value: Value<T>): Value<T>;

  /** Continues elsewhere, at the end of the instruction. A constant target lets the code there be joined to this. */
  branch(target: I64, kind?: BranchKind): void;
  branchIf(condition: I32, target: I64): void;
  /** The Unknown reason exception (EC 0), as an unallocated encoding raises. */
  undefined(): void;
  /** A system register, as MRS reads it; see {@link DIRECT_REGISTERS}. */
  system(register: DirectRegister): I64;
  setSystem(register: DirectRegister, value: I64): void;
  /** Sets bits of FPSR; those that are set stay set. An instruction may do it several times. */
  setFpsrBits(bits: I32): void;
  /**
   * Behind the instruction something new may happen: code that was changed, or an interrupt that is no longer masked.
   */
  attend(): void;
}

/** What is written of a floating-point result: a vector register, a general one, or NZCV in bits 3 to 0. */
export type FloatResult = 'v128' | 'i64' | 'i32';

/** A floating-point result by WebAssembly's operations, which round to nearest and raise no flags. */
export interface Fast<T extends FloatResult = FloatResult> {
  readonly value: Value<T>;
  /** The value is right, and raises no flag but Inexact, if one of these is not 0. */
  readonly accepts: readonly I32[];
  /** It may be inexact. */
  readonly rounds: boolean;
}

export type AccessSize = 1 | 2 | 4 | 8;

export type BranchKind = 'jump' | 'call' | 'return' | 'indirect';

export interface Access {
  /** Faults unless the address is a multiple of this: acquire, release and atomic accesses. */
  readonly aligned?: number;
  /** The alignment that strict checking demands (Device memory, SCTLR_ELx.A) where it is not the size of the access. */
  readonly strictAlignment?: AccessSize;
  /** As EL0 would (LDTR, STTR). */
  readonly unprivileged?: boolean;
  /** Where the base is SP, it must be a multiple of 16 if SCTLR_ELx.SA says so; checked only then. */
  readonly spBase?: boolean;
}
