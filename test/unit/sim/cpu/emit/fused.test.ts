import { expect, test } from '@jest/globals';
import { Functions } from '../../../../../sim/cpu/emit/functions.js';
import { multiplyAdd } from '../../../../../sim/cpu/float/arithmetic.js';
import { DOUBLE, FloatStatus, modesOf, SINGLE, type FloatFormat } from '../../../../../sim/cpu/float/format.js';
import { QuickMath } from '../../../../../sim/cpu/float/quick.js';
import { wasm } from '../../../../../sim/cpu/wasm/host.js';
import { createRandom, type Random } from '../../../../fuzz/mutate.js';

const memory = new wasm.Memory({ initial: 1, maximum: 1 });
const { runtime } = new Functions(memory, { slow: () => 0, float: () => 0 });

const doubleBits = (value: number): bigint => new BigUint64Array(new Float64Array([value]).buffer)[0]!;
const singleBits = (value: number): bigint => BigInt(new Uint32Array(new Float32Array([value]).buffer)[0]!);

const exactly = (format: FloatFormat, bits: readonly bigint[]): { readonly bits: bigint; readonly raised: number } => {
  const status = new FloatStatus(modesOf(0));
  const [addend, a, b] = bits as [bigint, bigint, bigint];
  return { bits: multiplyAdd(status, format, addend, a, b), raised: status.raised };
};

/** Numbers with few bits set, far from each other: their sums are often half way between two results, or nearly. */
const number = (random: Random): number => {
  const bit = (): number => 2 ** -random.below(54) * (random.below(2) === 0 ? 1 : -1);
  const few = Array.from({ length: 1 + random.below(4) }, bit).reduce((a, b) => a + b);
  const many = (random.below(2 ** 32) + random.below(2 ** 32) / 2 ** 32) / 2 ** 32;
  return (random.below(3) === 0 ? many : few) * 2 ** (random.below(120) - 60);
};

const CASES = 20_000;

/** @throws Error where they are not the same: to say so once is quicker than to expect it each time */
const compare = (operands: readonly number[], ours: bigint, exact: bigint): void => {
  if (ours !== exact)
    throw new Error(`${operands.join(', ')}: 0x${ours.toString(16)} in place of 0x${exact.toString(16)}`);
};

test('sums of doubles that the runtime is sure of are rounded once, and so are those of numbers', () => {
  const random = createRandom(3);
  const math = new QuickMath();
  let sure = 0;
  for (let i = 0; i < CASES; i++) {
    const operands = [number(random), number(random), number(random)] as const;
    const { bits, raised } = exactly(DOUBLE, operands.map(doubleBits));
    const fast = runtime.fused64(...operands);
    if (!Number.isNaN(fast)) compare(operands, doubleBits(fast), bits);
    const quick = math.multiplyAdd(...operands);
    if (Number.isNaN(quick)) continue;
    sure++;
    compare(operands, doubleBits(quick), bits);
    compare(operands, math.isInexact ? 16n : 0n, BigInt(raised));
  }
  expect(sure).toBeGreaterThan(CASES / 2);
});

test('and those of singles', () => {
  const random = createRandom(4);
  const math = new QuickMath();
  let sure = 0;
  for (let i = 0; i < CASES; i++) {
    const operands = [0, 1, 2].map(() => Math.fround(number(random))) as [number, number, number];
    const { bits, raised } = exactly(SINGLE, operands.map(singleBits));
    const fast = runtime.fused32(...operands);
    if (!Number.isNaN(fast)) compare(operands, singleBits(fast), bits);
    const quick = math.multiplyAddSingles(...operands);
    if (Number.isNaN(quick)) continue;
    sure++;
    compare(operands, singleBits(quick), bits);
    compare(operands, math.isInexact ? 16n : 0n, BigInt(raised));
  }
  expect(sure).toBeGreaterThan(CASES / 2);
});
