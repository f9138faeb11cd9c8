/**
 * WebAssembly's vector instructions by name: the number that follows the prefix byte 0xfd as LEB128 (WebAssembly
 * specification, 5.4.8 "Vector Instructions").
 */

/** The words of a list that blanks divide. */
export type Words<T extends string> = T extends `${infer First} ${infer Rest}` ? First | Words<Rest> : T;

/** Rows of names whose opcodes follow on each other, from the number on. */
const MIXED = [
  [0, 'v128.load'],
  [11, 'v128.store'],
  [13, 'i8x16.shuffle i8x16.swizzle i8x16.splat i16x8.splat i32x4.splat i64x2.splat f32x4.splat f64x2.splat'],
  [94, 'f32x4.demote_f64x2_zero f64x2.promote_low_f32x4'],
  [116, 'f64x2.ceil f64x2.floor i8x16.min_s i8x16.min_u i8x16.max_s i8x16.max_u f64x2.trunc i8x16.avgr_u'],
  [148, 'f64x2.nearest i16x8.mul i16x8.min_s i16x8.min_u i16x8.max_s i16x8.max_u'],
  [155, 'i16x8.avgr_u'],
  [177, 'i32x4.sub'],
  [209, 'i64x2.sub'],
  [248, 'i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u f32x4.convert_i32x4_s f32x4.convert_i32x4_u'],
  [252, 'i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero'],
  [254, 'f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u'],
] as const;

/** The same where all instructions are of one shape. */
const SHAPED = [
  [21, 'i8x16', 'extract_lane_s extract_lane_u replace_lane'],
  [24, 'i16x8', 'extract_lane_s extract_lane_u replace_lane'],
  [27, 'i32x4', 'extract_lane replace_lane'],
  [29, 'i64x2', 'extract_lane replace_lane'],
  [31, 'f32x4', 'extract_lane replace_lane'],
  [33, 'f64x2', 'extract_lane replace_lane'],
  [35, 'i8x16', 'eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u'],
  [45, 'i16x8', 'eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u'],
  [55, 'i32x4', 'eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u'],
  [65, 'f32x4', 'eq ne lt gt le ge'],
  [71, 'f64x2', 'eq ne lt gt le ge'],
  [77, 'v128', 'not and andnot or xor bitselect any_true'],
  [96, 'i8x16', 'abs neg popcnt all_true bitmask narrow_i16x8_s narrow_i16x8_u'],
  [103, 'f32x4', 'ceil floor trunc nearest'],
  [107, 'i8x16', 'shl shr_s shr_u add add_sat_s add_sat_u sub sub_sat_s sub_sat_u'],
  [124, 'i16x8', 'extadd_pairwise_i8x16_s extadd_pairwise_i8x16_u'],
  [126, 'i32x4', 'extadd_pairwise_i16x8_s extadd_pairwise_i16x8_u'],
  [128, 'i16x8', 'abs neg q15mulr_sat_s all_true bitmask narrow_i32x4_s narrow_i32x4_u'],
  [135, 'i16x8', 'extend_low_i8x16_s extend_high_i8x16_s extend_low_i8x16_u extend_high_i8x16_u'],
  [139, 'i16x8', 'shl shr_s shr_u add add_sat_s add_sat_u sub sub_sat_s sub_sat_u'],
  [156, 'i16x8', 'extmul_low_i8x16_s extmul_high_i8x16_s extmul_low_i8x16_u extmul_high_i8x16_u'],
  [160, 'i32x4', 'abs neg'],
  [163, 'i32x4', 'all_true bitmask'],
  [167, 'i32x4', 'extend_low_i16x8_s extend_high_i16x8_s extend_low_i16x8_u extend_high_i16x8_u'],
  [171, 'i32x4', 'shl shr_s shr_u add'],
  [181, 'i32x4', 'mul min_s min_u max_s max_u dot_i16x8_s'],
  [188, 'i32x4', 'extmul_low_i16x8_s extmul_high_i16x8_s extmul_low_i16x8_u extmul_high_i16x8_u'],
  [192, 'i64x2', 'abs neg'],
  [195, 'i64x2', 'all_true bitmask'],
  [199, 'i64x2', 'extend_low_i32x4_s extend_high_i32x4_s extend_low_i32x4_u extend_high_i32x4_u'],
  [203, 'i64x2', 'shl shr_s shr_u add'],
  [213, 'i64x2', 'mul eq ne lt_s gt_s le_s ge_s'],
  [220, 'i64x2', 'extmul_low_i32x4_s extmul_high_i32x4_s extmul_low_i32x4_u extmul_high_i32x4_u'],
  [224, 'f32x4', 'abs neg'],
  [227, 'f32x4', 'sqrt add sub mul div min max pmin pmax'],
  [236, 'f64x2', 'abs neg'],
  [239, 'f64x2', 'sqrt add sub mul div min max pmin pmax'],
] as const;

type OfShape<Row> = Row extends readonly [number, infer Shape extends string, infer Names extends string]
  ? `${Shape}.${Words<Names>}`
  : never;

export type VectorOp = Words<(typeof MIXED)[number][1]> | OfShape<(typeof SHAPED)[number]>;

export const VECTOR_OPCODES: readonly (readonly [name: string, opcode: number])[] = [
  ...MIXED.flatMap(([first, names]) => names.split(' ').map((name, i) => [name, first + i] as const)),
  ...SHAPED.flatMap(([first, shape, names]) =>
    names.split(' ').map((name, i) => [`${shape}.${name}`, first + i] as const),
  ),
];
