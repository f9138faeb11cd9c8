/**
 * A piece of code that brings a processor fresh from reset to where another one stands: all general registers, the
 * stack pointer, the flags and the interrupt masks, and the program counter by an exception return to the same level.
 * It may copy pieces of memory first. Encodings: Arm ARM C6.2.
 */
import type { CpuModel } from '../../cpu/state/model.js';

/** Bytes to move; addresses and size are multiples of 8. */
export interface Move {
  readonly from: bigint;
  readonly to: bigint;
  readonly sizeBytes: bigint;
}

const ldrLiteral = (register: number, words: number): number => 0x5800_0000 | (words << 5) | register;
const LDR_X3_X0_POST_8 = 0xf840_8403;
const STR_X3_X1_POST_8 = 0xf800_8423;
const SUBS_X2_X2_8 = 0xf100_2042;
const BNE_BACK_3 = 0x54ff_ffa1;
const MOV_SP_X0 = 0x9100_001f;
const MSR_ELR_X0 = { 1: 0xd518_4020, 2: 0xd51c_4020 } as const;
const MSR_SPSR_X0 = { 1: 0xd518_4000, 2: 0xd51c_4000 } as const;
const ERET = 0xd69f_03e0;
const NOP = 0xd503_201f;

/** A step is instructions, or a register that gets a number. */
type Step = readonly number[] | { readonly register: number; readonly value: bigint };

/** SPSR_ELx for the processor's own state: flags, masks, the level with its own stack pointer (C5.2.18). */
const spsrOf = ({ nzcv, daif, el }: CpuModel): bigint => BigInt(((nzcv << 28) >>> 0) + (daif << 6) + (el << 2) + 1);

/** @param cpu at EL1 or EL2 @returns the code, to be placed at any multiple of 8 */
export const handoffStub = (cpu: CpuModel, moves: readonly Move[]): Uint8Array => {
  const el = cpu.el === 2 ? 2 : 1;
  return assemble([
    ...moves.flatMap(({ from, to, sizeBytes }): readonly Step[] => [
      { register: 0, value: from },
      { register: 1, value: to },
      { register: 2, value: sizeBytes },
      [LDR_X3_X0_POST_8, STR_X3_X1_POST_8, SUBS_X2_X2_8, BNE_BACK_3],
    ]),
    { register: 0, value: cpu.sp },
    [MOV_SP_X0],
    { register: 0, value: cpu.pc },
    [MSR_ELR_X0[el]],
    { register: 0, value: spsrOf(cpu) },
    [MSR_SPSR_X0[el]],
    ...Array.from({ length: 31 }, (_, register) => ({ register, value: cpu.getX(register) })),
    [ERET],
  ]);
};

/** Numbers come behind the code, in the order in which they are wanted. */
const assemble = (steps: readonly Step[]): Uint8Array => {
  const isLoad = (step: Step): step is Extract<Step, { register: number }> => 'register' in step;
  const count = steps.reduce((sum, step) => sum + (isLoad(step) ? 1 : step.length), 0);
  const firstNumber = count + (count % 2);
  const code: number[] = [];
  const numbers: bigint[] = [];
  for (const step of steps) {
    if (isLoad(step)) {
      code.push(ldrLiteral(step.register, firstNumber + 2 * numbers.length - code.length));
      numbers.push(step.value);
    } else {
      code.push(...step);
    }
  }
  if (count % 2 === 1) code.push(NOP);
  const bytes = new Uint8Array(4 * firstNumber + 8 * numbers.length);
  const view = new DataView(bytes.buffer);
  code.forEach((word, i) => view.setUint32(4 * i, word, true));
  numbers.forEach((number, i) => view.setBigUint64(4 * firstNumber + 8 * i, number, true));
  return bytes;
};
