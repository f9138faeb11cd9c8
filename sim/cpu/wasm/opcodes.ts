import { WASM_SIMD_OPCODES } from './simd-opcodes.js';

/** Opcodes of WebAssembly's instructions by name (WebAssembly specification, appendix "Index of instructions"). */

const from = (first: number, names: string): [string, readonly number[]][] =>
  names.split(' ').map((name, i) => [name, [first + i]]);

const SCALAR: readonly [string, readonly number[]][] = [
  ...from(0x00, 'unreachable nop'),
  ...from(0x1a, 'drop select'),
  ...from(0x28, 'i32.load i64.load f32.load f64.load i32.load8_s i32.load8_u i32.load16_s i32.load16_u'),
  ...from(0x30, 'i64.load8_s i64.load8_u i64.load16_s i64.load16_u i64.load32_s i64.load32_u'),
  ...from(0x36, 'i32.store i64.store f32.store f64.store i32.store8 i32.store16 i64.store8 i64.store16 i64.store32'),
  ...from(0x45, 'i32.eqz i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.gt_u i32.le_s i32.le_u i32.ge_s i32.ge_u'),
  ...from(0x50, 'i64.eqz i64.eq i64.ne i64.lt_s i64.lt_u i64.gt_s i64.gt_u i64.le_s i64.le_u i64.ge_s i64.ge_u'),
  ...from(0x5b, 'f32.eq f32.ne f32.lt f32.gt f32.le f32.ge f64.eq f64.ne f64.lt f64.gt f64.le f64.ge'),
  ...from(0x67, 'i32.clz i32.ctz i32.popcnt i32.add i32.sub i32.mul i32.div_s i32.div_u i32.rem_s i32.rem_u'),
  ...from(0x71, 'i32.and i32.or i32.xor i32.shl i32.shr_s i32.shr_u i32.rotl i32.rotr'),
  ...from(0x79, 'i64.clz i64.ctz i64.popcnt i64.add i64.sub i64.mul i64.div_s i64.div_u i64.rem_s i64.rem_u'),
  ...from(0x83, 'i64.and i64.or i64.xor i64.shl i64.shr_s i64.shr_u i64.rotl i64.rotr'),
  ...from(0x8b, 'f32.abs f32.neg f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt f32.add f32.sub f32.mul f32.div'),
  ...from(0x96, 'f32.min f32.max f32.copysign'),
  ...from(0x99, 'f64.abs f64.neg f64.ceil f64.floor f64.trunc f64.nearest f64.sqrt f64.add f64.sub f64.mul f64.div'),
  ...from(0xa4, 'f64.min f64.max f64.copysign'),
  ...from(0xa7, 'i32.wrap_i64 i32.trunc_f32_s i32.trunc_f32_u i32.trunc_f64_s i32.trunc_f64_u'),
  ...from(0xac, 'i64.extend_i32_s i64.extend_i32_u i64.trunc_f32_s i64.trunc_f32_u i64.trunc_f64_s i64.trunc_f64_u'),
  ...from(0xb2, 'f32.convert_i32_s f32.convert_i32_u f32.convert_i64_s f32.convert_i64_u f32.demote_f64'),
  ...from(0xb7, 'f64.convert_i32_s f64.convert_i32_u f64.convert_i64_s f64.convert_i64_u f64.promote_f32'),
  ...from(0xbc, 'i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64'),
  ...from(0xc0, 'i32.extend8_s i32.extend16_s i64.extend8_s i64.extend16_s i64.extend32_s'),
  ...[
    'i32.trunc_sat_f32_s i32.trunc_sat_f32_u i32.trunc_sat_f64_s i32.trunc_sat_f64_u',
    'i64.trunc_sat_f32_s i64.trunc_sat_f32_u i64.trunc_sat_f64_s i64.trunc_sat_f64_u',
  ]
    .flatMap((names) => names.split(' '))
    .map((name, i): [string, readonly number[]] => [name, [0xfc, i]]),
  ['v128.load', [0xfd, 0]],
  ['v128.store', [0xfd, 11]],
];

/** The number behind the prefix, as LEB128. */
const vector = (opcode: number): readonly number[] =>
  opcode < 0x80 ? [0xfd, opcode] : [0xfd, (opcode & 0x7f) | 0x80, opcode >> 7];

export const WASM_OPCODES: ReadonlyMap<string, readonly number[]> = new Map([
  ...SCALAR,
  ...Object.entries(WASM_SIMD_OPCODES).map(([name, opcode]): [string, readonly number[]] => [name, vector(opcode)]),
]);

/**
 * What the semantics of instructions compute: expressions over WebAssembly's own operations, without effects. A node is
 * immutable and may be used many times; constants are folded as they are built. Who runs an instruction (the
 * translator, the interpreter's generator) turns the nodes into code.
 */

export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';
