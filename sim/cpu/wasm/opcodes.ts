/** WebAssembly's instructions by name, with their opcodes, and the types of values (WebAssembly specification, 5.4). */

import { VECTOR_OPCODES, type VectorOp, type Words } from './simd-opcodes.js';

export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

/** Rows of names whose opcodes follow on each other, from the number on. */
const ONE_BYTE = [
  [0x00, 'unreachable nop'],
  [0x10, 'call call_indirect'],
  [0x1a, 'drop select'],
  [0x28, 'i32.load i64.load f32.load f64.load i32.load8_s i32.load8_u i32.load16_s i32.load16_u'],
  [0x30, 'i64.load8_s i64.load8_u i64.load16_s i64.load16_u i64.load32_s i64.load32_u'],
  [0x36, 'i32.store i64.store f32.store f64.store i32.store8 i32.store16 i64.store8 i64.store16 i64.store32'],
  [0x45, 'i32.eqz i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.gt_u i32.le_s i32.le_u i32.ge_s i32.ge_u'],
  [0x50, 'i64.eqz i64.eq i64.ne i64.lt_s i64.lt_u i64.gt_s i64.gt_u i64.le_s i64.le_u i64.ge_s i64.ge_u'],
  [0x5b, 'f32.eq f32.ne f32.lt f32.gt f32.le f32.ge f64.eq f64.ne f64.lt f64.gt f64.le f64.ge'],
  [0x67, 'i32.clz i32.ctz i32.popcnt i32.add i32.sub i32.mul i32.div_s i32.div_u i32.rem_s i32.rem_u'],
  [0x71, 'i32.and i32.or i32.xor i32.shl i32.shr_s i32.shr_u i32.rotl i32.rotr'],
  [0x79, 'i64.clz i64.ctz i64.popcnt i64.add i64.sub i64.mul i64.div_s i64.div_u i64.rem_s i64.rem_u'],
  [0x83, 'i64.and i64.or i64.xor i64.shl i64.shr_s i64.shr_u i64.rotl i64.rotr'],
  [0x8b, 'f32.abs f32.neg f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt f32.add f32.sub f32.mul f32.div'],
  [0x96, 'f32.min f32.max f32.copysign'],
  [0x99, 'f64.abs f64.neg f64.ceil f64.floor f64.trunc f64.nearest f64.sqrt f64.add f64.sub f64.mul f64.div'],
  [0xa4, 'f64.min f64.max f64.copysign'],
  [0xa7, 'i32.wrap_i64 i32.trunc_f32_s i32.trunc_f32_u i32.trunc_f64_s i32.trunc_f64_u'],
  [0xac, 'i64.extend_i32_s i64.extend_i32_u i64.trunc_f32_s i64.trunc_f32_u i64.trunc_f64_s i64.trunc_f64_u'],
  [0xb2, 'f32.convert_i32_s f32.convert_i32_u f32.convert_i64_s f32.convert_i64_u f32.demote_f64'],
  [0xb7, 'f64.convert_i32_s f64.convert_i32_u f64.convert_i64_s f64.convert_i64_u f64.promote_f32'],
  [0xbc, 'i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64'],
  [0xc0, 'i32.extend8_s i32.extend16_s i64.extend8_s i64.extend16_s i64.extend32_s'],
] as const;

/** The same for the instructions behind the prefix byte 0xfc. */
const SATURATING = [
  [0, 'i32.trunc_sat_f32_s i32.trunc_sat_f32_u i32.trunc_sat_f64_s i32.trunc_sat_f64_u'],
  [4, 'i64.trunc_sat_f32_s i64.trunc_sat_f32_u i64.trunc_sat_f64_s i64.trunc_sat_f64_u'],
] as const;

/** The name of an instruction that has no immediates of its own kind, such as constants, locals and blocks. */
export type WasmOp = Words<(typeof ONE_BYTE)[number][1]> | Words<(typeof SATURATING)[number][1]> | VectorOp;

export type LoadOp = Extract<WasmOp, `${string}.load${string}`>;
export type StoreOp = Extract<WasmOp, `${string}.store${string}`>;

const numbered = (rows: readonly (readonly [number, string])[]): readonly (readonly [string, number])[] =>
  rows.flatMap(([first, names]) => names.split(' ').map((name, i) => [name, first + i] as const));

/** The number behind the prefix, as LEB128. */
const vector = (opcode: number): readonly number[] =>
  opcode < 0x80 ? [0xfd, opcode] : [0xfd, (opcode & 0x7f) | 0x80, opcode >> 7];

const OPCODES: ReadonlyMap<string, readonly number[]> = new Map<string, readonly number[]>([
  ...numbered(ONE_BYTE).map(([name, opcode]): [string, readonly number[]] => [name, [opcode]]),
  ...numbered(SATURATING).map(([name, opcode]): [string, readonly number[]] => [name, [0xfc, opcode]]),
  ...VECTOR_OPCODES.map(([name, opcode]): [string, readonly number[]] => [name, vector(opcode)]),
]);

/** The bytes of an instruction, without its immediates. */
export const opcodeOf = (op: WasmOp): readonly number[] => {
  const opcode = OPCODES.get(op);
  if (opcode === undefined) throw new Error(`no WebAssembly instruction ${op}`);
  return opcode;
};
