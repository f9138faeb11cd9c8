/** The registers in a processor's block, as TypeScript reads and writes them. */

import {
  ATTENTION,
  CALL_DEPTH,
  CONTEXT,
  EXACT_END,
  EXCLUSIVE_ADDRESS,
  EXCLUSIVE_HIGH,
  EXCLUSIVE_LOW,
  EXCLUSIVE_SIZE,
  FETCH_BANK,
  FLAG_A,
  FLAG_B,
  FLAG_KIND,
  FLAG_KINDS,
  LEFT,
  PASSED_STOP,
  PC,
  PROCESSOR_BYTES,
  SLICE_END,
  SP_INDEX,
  STRICT,
  V,
  systemOffset,
  X,
  type DirectRegister,
} from './layout.js';
import type { SavedMark, SavedRegisters } from './saved-cpu.js';

const NO_ADDRESS = 0xffff_ffff_ffff_ffffn;

/**
 * What translated code works on, of one processor. Numbers are unsigned; what is written is cut to the register's
 * width.
 */
export class RegisterBank {
  readonly #view: DataView;

  /** @param base of the processor's block, which becomes all zeros, without a mark for exclusive stores */
  constructor(buffer: ArrayBuffer, base: number) {
    new Uint8Array(buffer).fill(0, base, base + PROCESSOR_BYTES);
    this.#view = new DataView(buffer, base, PROCESSOR_BYTES);
    this.exclusiveAddress = undefined;
  }

  /** X0 to X30, or the stack pointer for 31. */
  getX(register: number): bigint {
    return this.#view.getBigUint64(X + 8 * register, true);
  }

  setX(register: number, value: bigint): void {
    this.#view.setBigUint64(X + 8 * register, value, true);
  }

  get sp(): bigint {
    return this.getX(SP_INDEX);
  }

  set sp(value: bigint) {
    this.setX(SP_INDEX, value);
  }

  get pc(): bigint {
    return this.#view.getBigUint64(PC, true);
  }

  set pc(value: bigint) {
    this.#view.setBigUint64(PC, value, true);
  }

  getV(register: number): bigint {
    const at = V + 16 * register;
    return this.#view.getBigUint64(at, true) | (this.#view.getBigUint64(at + 8, true) << 64n);
  }

  setV(register: number, value: bigint): void {
    const at = V + 16 * register;
    this.#view.setBigUint64(at, value, true);
    this.#view.setBigUint64(at + 8, value >> 64n, true);
  }

  /** The kind of the flags, as its index in FLAG_KINDS, and their operands. */
  get flags(): readonly [kind: number, a: bigint, b: bigint] {
    const view = this.#view;
    return [view.getUint32(FLAG_KIND, true), view.getBigUint64(FLAG_A, true), view.getBigUint64(FLAG_B, true)];
  }

  /** @param nzcv N, Z, C and V in bits 3 to 0 */
  setFlags(nzcv: number): void {
    this.#view.setUint32(FLAG_KIND, FLAG_KINDS.indexOf('nzcv'), true);
    this.#view.setBigUint64(FLAG_A, BigInt(nzcv & 15), true);
  }

  /** Begins a slice of so many instructions. @param isExact it ends with the last one, rather than soon behind it */
  beginSlice(instructions: number, isExact: boolean): void {
    this.#view.setInt32(LEFT, isExact ? instructions - EXACT_END : instructions, true);
    this.#view.setInt32(SLICE_END, isExact ? -EXACT_END : -1, true);
    this.#view.setInt32(CALL_DEPTH, 0, true);
  }

  /** Instructions left of the slice; negative when more were carried out. */
  get left(): number {
    const left = this.#view.getInt32(LEFT, true);
    return this.#view.getInt32(SLICE_END, true) === -EXACT_END ? left + EXACT_END : left;
  }

  /** What the interpreter works with. @param fetchBank offset of the bank in the WebAssembly memory */
  setInterpreter(context: number, fetchBank: number): void {
    this.#view.setInt32(CONTEXT, context, true);
    this.#view.setInt32(FETCH_BANK, fetchBank, true);
  }

  /** The program counter is none to stop at. */
  passStop(): void {
    this.#view.setBigUint64(PASSED_STOP, this.pc, true);
  }

  /** A system register that lies in memory. */
  getDirect(register: DirectRegister): bigint {
    return this.#view.getBigUint64(systemOffset(register), true);
  }

  setDirect(register: DirectRegister, value: bigint): void {
    this.#view.setBigUint64(systemOffset(register), value, true);
  }

  /** Whether code is to return where it asks. */
  set attention(wanted: boolean) {
    this.#view.setInt32(ATTENTION, wanted ? 1 : 0, true);
  }

  /** Whether every access must be aligned. */
  set strictAlignment(isStrict: boolean) {
    this.#view.setInt32(STRICT, isStrict ? 1 : 0, true);
  }

  /** The virtual address that the last load-exclusive marked, while the mark is there. */
  get exclusiveAddress(): bigint | undefined {
    const address = this.#view.getBigUint64(EXCLUSIVE_ADDRESS, true);
    return address === NO_ADDRESS ? undefined : address;
  }

  set exclusiveAddress(address: bigint | undefined) {
    this.#view.setBigUint64(EXCLUSIVE_ADDRESS, address ?? NO_ADDRESS, true);
  }

  /** What is in use of them, but for the flags and the stack pointer. */
  save(): SavedRegisters {
    return {
      x: Array.from({ length: SP_INDEX }, (_, register) => this.getX(register)),
      pc: this.pc,
      v: Array.from({ length: 32 }, (_, register) => this.getV(register)),
      mark: this.#mark,
    };
  }

  restore({ x, pc, v, mark }: SavedRegisters): void {
    x.forEach((value, register) => this.setX(register, value));
    this.pc = pc;
    v.forEach((value, register) => this.setV(register, value));
    this.exclusiveAddress = mark?.virtAddr;
    if (mark === undefined) return;
    this.#view.setUint32(EXCLUSIVE_SIZE, mark.sizeBytes, true);
    this.#view.setBigUint64(EXCLUSIVE_LOW, mark.low, true);
    this.#view.setBigUint64(EXCLUSIVE_HIGH, mark.high, true);
  }

  get #mark(): SavedMark | undefined {
    const virtAddr = this.exclusiveAddress;
    if (virtAddr === undefined) return undefined;
    const view = this.#view;
    return {
      virtAddr,
      sizeBytes: view.getUint32(EXCLUSIVE_SIZE, true),
      low: view.getBigUint64(EXCLUSIVE_LOW, true),
      high: view.getBigUint64(EXCLUSIVE_HIGH, true),
    };
  }
}
