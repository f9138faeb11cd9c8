/** SHA-1 and SHA-256 (SHA256hash and its like, Arm ARM J1.3): four rounds of a hash, and of its schedule. */

import type { Ops } from '../../language/ops.js';
import type { InstructionRow } from '../../language/row.js';
import { i32, type I32, type V128 } from '../../language/value.js';
import { simdRow } from '../vector/rows.js';
import { add, element32, or, scalar32, shl, shr, shuffle, withElement32, xor, ZERO } from '../vector/values.js';

const left = (a: I32, by: number): I32 => i32.rotr(a, i32.const(32 - by));
const right = (a: I32, by: number): I32 => i32.rotr(a, i32.const(by));
const sum = (...values: readonly I32[]): I32 => values.reduce((a, b) => i32.add(a, b));

/** Bits of `y` where `x` has ones, and of `z` elsewhere. */
const choose = (x: I32, y: I32, z: I32): I32 => i32.xor(i32.and(i32.xor(y, z), x), z);
const majority = (x: I32, y: I32, z: I32): I32 => i32.or(i32.and(x, y), i32.and(i32.or(x, y), z));
const parity = (x: I32, y: I32, z: I32): I32 => i32.xor(i32.xor(x, y), z);

const WORDS = [0, 1, 2, 3] as const;

type Words = readonly [I32, I32, I32, I32];

const wordsOf = (t: Ops, a: V128): Words => [
  t.let(element32(a, 0)),
  t.let(element32(a, 1)),
  t.let(element32(a, 2)),
  t.let(element32(a, 3)),
];

const vectorOf = (words: Words): V128 =>
  WORDS.slice(1).reduce((vector, i) => withElement32(vector, i, words[i]), scalar32(words[0]));

/** Four rounds of SHA-1. @param last the fifth word of the state */
const sha1Rounds = (t: Ops, state: V128, last: I32, schedule: V128, mix: typeof choose): V128 => {
  let [a, b, c, d] = wordsOf(t, state);
  let e = last;
  for (const round of WORDS) {
    const next = sum(e, left(a, 5), mix(b, c, d), element32(schedule, round));
    [a, b, c, d, e] = [t.let(next), a, t.let(left(b, 30)), c, d];
  }
  return vectorOf([a, b, c, d]);
};

/** Four rounds of SHA-256. @returns the first half of the state behind them, or the second */
const sha256Rounds = (t: Ops, first: V128, second: V128, schedule: V128, half: 'first' | 'second'): V128 => {
  let [a, b, c, d] = wordsOf(t, first);
  let [e, f, g, h] = wordsOf(t, second);
  for (const round of WORDS) {
    const sigma1 = i32.xor(i32.xor(right(e, 6), right(e, 11)), right(e, 25));
    const add = t.let(sum(h, sigma1, choose(e, f, g), element32(schedule, round)));
    const sigma0 = i32.xor(i32.xor(right(a, 2), right(a, 13)), right(a, 22));
    const isLast = round === 3;
    // Of the last round, a half is not asked for.
    const nextA = isLast && half === 'second' ? a : t.let(sum(add, sigma0, majority(a, b, c)));
    const nextE = isLast && half === 'first' ? e : t.let(i32.add(d, add));
    [a, b, c, d, e, f, g, h] = [nextA, a, b, c, nextE, e, f, g];
  }
  return vectorOf(half === 'first' ? [a, b, c, d] : [e, f, g, h]);
};

const leftEach = (a: V128, by: number): V128 => or(shl(2, a, i32.const(by)), shr(2, 'u', a, i32.const(32 - by)));
const rightEach = (a: V128, by: number): V128 => leftEach(a, 32 - by);

/** The words from number `first` on of two vectors behind each other. */
const wordsFrom = (first: number, a: V128, b: V128): V128 => shuffle(2, a, b, (i) => i + first);

/** The words of the schedule that are already there, and the one that is not zero for the fourth. */
const sha1Schedule1 = (t: Ops, d: V128, n: V128): V128 => {
  const rotated = t.let(leftEach(t.let(xor(d, wordsFrom(1, n, ZERO))), 1));
  return xor(rotated, wordsFrom(1, ZERO, leftEach(rotated, 1)));
};

const sigma = (t: Ops, a: V128, rotations: readonly [number, number], shift: number): V128 => {
  const once = t.let(a);
  const rotated = xor(rightEach(once, rotations[0]), rightEach(once, rotations[1]));
  return xor(rotated, shr(2, 'u', once, i32.const(shift)));
};

const sha256Schedule0 = (t: Ops, d: V128, n: V128): V128 => add(2, d, sigma(t, wordsFrom(1, d, n), [7, 18], 3));

/** The last two of the four words depend on the first two. */
const sha256Schedule1 = (t: Ops, d: V128, n: V128, m: V128): V128 => {
  const without = t.let(add(2, d, wordsFrom(1, n, m)));
  const firstTwo = t.let(add(2, without, sigma(t, wordsFrom(2, m, ZERO), [17, 19], 10)));
  return add(
    2,
    firstTwo,
    sigma(
      t,
      shuffle(2, firstTwo, ZERO, (i) => (i < 2 ? 4 : i - 2)),
      [17, 19],
      10,
    ),
  );
};

type Compute = (t: Ops, d: V128, n: V128, m: V128) => V128;

/** The state is in whole registers, and words in vectors. */
const VECTORS = '<Vd>.4s, <Vn>.4s, <Vm>.4s';
const HASH = '<Qd>, <Sn>, <Vm>.4s';
const HASH_256 = '<Qd>, <Qn>, <Vm>.4s';

const threeRegisters = (name: string, opcode: string, operands: string, compute: Compute): InstructionRow =>
  simdRow({
    name,
    pattern: `01011110 00 0 Rm:5 0 ${opcode} 00 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} ${operands}`,
    semantics: (t, { Rm, Rn, Rd }) => t.setV(Rd, compute(t, t.v(Rd), t.v(Rn), t.v(Rm))),
  });

const twoRegisters = (
  name: string,
  opcode: string,
  compute: (t: Ops, d: () => V128, n: V128) => V128,
): InstructionRow =>
  simdRow({
    name,
    pattern: `01011110 00 10100 ${opcode} 10 Rn:5 Rd:5`,
    syntax: name === 'SHA1H' ? 'sha1h <Sd>, <Sn>' : `${name.toLowerCase()} <Vd>.4s, <Vn>.4s`,
    semantics: (t, { Rn, Rd }) =>
      t.setV(
        Rd,
        compute(t, () => t.v(Rd), t.v(Rn)),
      ),
  });

export const SIMD_SHA: readonly InstructionRow[] = [
  threeRegisters('SHA1C', '000', HASH, (t, d, n, m) => sha1Rounds(t, d, element32(n, 0), m, choose)),
  threeRegisters('SHA1P', '001', HASH, (t, d, n, m) => sha1Rounds(t, d, element32(n, 0), m, parity)),
  threeRegisters('SHA1M', '010', HASH, (t, d, n, m) => sha1Rounds(t, d, element32(n, 0), m, majority)),
  threeRegisters('SHA1SU0', '011', VECTORS, (_t, d, n, m) => xor(xor(wordsFrom(2, d, n), d), m)),
  threeRegisters('SHA256H', '100', HASH_256, (t, d, n, m) => sha256Rounds(t, d, n, m, 'first')),
  threeRegisters('SHA256H2', '101', HASH_256, (t, d, n, m) => sha256Rounds(t, n, d, m, 'second')),
  threeRegisters('SHA256SU1', '110', VECTORS, sha256Schedule1),
  twoRegisters('SHA1H', '00000', (_t, _d, n) => scalar32(left(element32(n, 0), 30))),
  twoRegisters('SHA1SU1', '00001', (t, d, n) => sha1Schedule1(t, d(), n)),
  twoRegisters('SHA256SU0', '00010', (t, d, n) => sha256Schedule0(t, d(), n)),
];
