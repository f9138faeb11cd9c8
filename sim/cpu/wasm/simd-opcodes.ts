type Opcode = readonly [name: string, opcode: number];

const from = (first: number, names: string): readonly Opcode[] => names.split(' ').map((name, i) => [name, first + i]);

const COMPARISONS = 'eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u';

const shaped = (first: number, shape: string, names: string): readonly Opcode[] =>
  from(
    first,
    names
      .split(' ')
      .map((name) => `${shape}.${name}`)
      .join(' '),
  );

/** In the order signed, unsigned; of each the low half, then the high one. */
const halves = (first: number, wide: string, kind: 'extend' | 'extmul', narrow: string): readonly Opcode[] =>
  shaped(
    first,
    wide,
    ['low_S_s', 'high_S_s', 'low_S_u', 'high_S_u'].map((name) => `${kind}_${name.replace('S', narrow)}`).join(' '),
  );

/**
 * WebAssembly's vector instructions by name, memory accesses aside: the number that follows the prefix byte 0xfd as
 * LEB128 (WebAssembly specification, 5.4.8 "Vector Instructions").
 */
export const WASM_SIMD_OPCODES: Readonly<Record<string, number>> = Object.fromEntries([
  ...from(13, 'i8x16.shuffle i8x16.swizzle i8x16.splat i16x8.splat i32x4.splat i64x2.splat f32x4.splat f64x2.splat'),
  ...shaped(21, 'i8x16', 'extract_lane_s extract_lane_u replace_lane'),
  ...shaped(24, 'i16x8', 'extract_lane_s extract_lane_u replace_lane'),
  ...shaped(27, 'i32x4', 'extract_lane replace_lane'),
  ...shaped(29, 'i64x2', 'extract_lane replace_lane'),
  ...shaped(31, 'f32x4', 'extract_lane replace_lane'),
  ...shaped(33, 'f64x2', 'extract_lane replace_lane'),
  ...shaped(35, 'i8x16', COMPARISONS),
  ...shaped(45, 'i16x8', COMPARISONS),
  ...shaped(55, 'i32x4', COMPARISONS),
  ...shaped(65, 'f32x4', 'eq ne lt gt le ge'),
  ...shaped(71, 'f64x2', 'eq ne lt gt le ge'),
  ...shaped(77, 'v128', 'not and andnot or xor bitselect any_true'),
  ...from(94, 'f32x4.demote_f64x2_zero f64x2.promote_low_f32x4'),
  ...shaped(96, 'i8x16', 'abs neg popcnt all_true bitmask narrow_i16x8_s narrow_i16x8_u'),
  ...shaped(103, 'f32x4', 'ceil floor trunc nearest'),
  ...shaped(107, 'i8x16', 'shl shr_s shr_u add add_sat_s add_sat_u sub sub_sat_s sub_sat_u'),
  ...from(116, 'f64x2.ceil f64x2.floor i8x16.min_s i8x16.min_u i8x16.max_s i8x16.max_u f64x2.trunc i8x16.avgr_u'),
  ...shaped(124, 'i16x8', 'extadd_pairwise_i8x16_s extadd_pairwise_i8x16_u'),
  ...shaped(126, 'i32x4', 'extadd_pairwise_i16x8_s extadd_pairwise_i16x8_u'),
  ...shaped(128, 'i16x8', 'abs neg q15mulr_sat_s all_true bitmask narrow_i32x4_s narrow_i32x4_u'),
  ...halves(135, 'i16x8', 'extend', 'i8x16'),
  ...shaped(139, 'i16x8', 'shl shr_s shr_u add add_sat_s add_sat_u sub sub_sat_s sub_sat_u'),
  ...from(148, 'f64x2.nearest i16x8.mul i16x8.min_s i16x8.min_u i16x8.max_s i16x8.max_u'),
  ...from(155, 'i16x8.avgr_u'),
  ...halves(156, 'i16x8', 'extmul', 'i8x16'),
  ...shaped(160, 'i32x4', 'abs neg'),
  ...shaped(163, 'i32x4', 'all_true bitmask'),
  ...halves(167, 'i32x4', 'extend', 'i16x8'),
  ...shaped(171, 'i32x4', 'shl shr_s shr_u add'),
  ...from(177, 'i32x4.sub'),
  ...shaped(181, 'i32x4', 'mul min_s min_u max_s max_u dot_i16x8_s'),
  ...halves(188, 'i32x4', 'extmul', 'i16x8'),
  ...shaped(192, 'i64x2', 'abs neg'),
  ...shaped(195, 'i64x2', 'all_true bitmask'),
  ...halves(199, 'i64x2', 'extend', 'i32x4'),
  ...shaped(203, 'i64x2', 'shl shr_s shr_u add'),
  ...from(209, 'i64x2.sub'),
  ...shaped(213, 'i64x2', 'mul eq ne lt_s gt_s le_s ge_s'),
  ...halves(220, 'i64x2', 'extmul', 'i32x4'),
  ...shaped(224, 'f32x4', 'abs neg'),
  ...shaped(227, 'f32x4', 'sqrt add sub mul div min max pmin pmax'),
  ...shaped(236, 'f64x2', 'abs neg'),
  ...shaped(239, 'f64x2', 'sqrt add sub mul div min max pmin pmax'),
  ...from(248, 'i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u f32x4.convert_i32x4_s f32x4.convert_i32x4_u'),
  ...from(252, 'i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero'),
  ...from(254, 'f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u'),
]);
