import { describe, expect, test } from '@jest/globals';
import { describeEsr, isCall, makeEsr } from '../../../../../sim/cpu/system/esr.js';

describe('a syndrome in words', () => {
  test.each<[bigint, bigint | undefined, string]>([
    [0x9600_0006n, 0xdead_0000n, 'data abort: translation fault, level 2, on a read, at 0xdead0000'],
    [0x9600_004fn, 0x1000n, 'data abort: permission fault, level 3, on a write, at 0x1000'],
    [
      0x9200_014bn,
      0x1000n,
      'data abort from a lower level: access flag fault, level 3, on a cache maintenance, at 0x1000',
    ],
    [0x9600_0050n, 0x0n, 'data abort: external abort: nothing answers there, on a write, at 0x0'],
    [0x9600_0021n, 0x3n, 'data abort: alignment fault, on a read, at 0x3'],
    [0x9600_0017n, 0x3n, 'data abort: external abort on a translation table walk, level 3, on a read, at 0x3'],
    [0x8600_0000n, 0x3n, 'instruction abort: address size fault, level 0, at 0x3'],
    [0x8200_0005n, 0x3n, 'instruction abort from a lower level: translation fault, level 1, at 0x3'],
    [0x8a00_0000n, 0x1002n, 'misaligned program counter, at 0x1002'],
    [0x9a00_0000n, 0x1002n, 'misaligned stack pointer'],
    [0x0200_0000n, 0x1002n, 'undefined instruction'],
    [0x5600_0007n, undefined, 'SVC: #0x7'],
    [0xf200_3e8en, undefined, 'BRK: #0x3e8e'],
    [0x07e0_0000n, undefined, 'trapped wait: WFI'],
    [0x07e0_0001n, undefined, 'trapped wait: WFE'],
    [0x1fe0_0000n, undefined, 'trapped floating point or SIMD instruction'],
    [0x6230_0801n, undefined, 'trapped system instruction: read of S3_0_C2_C0_0, x0'],
    [0xbe00_0011n, undefined, 'exception class 0x2f, ISS 0x11'],
    [0x9600_0030n, 0n, 'data abort: fault status 0x30, on a read, at 0x0'],
  ])('0x%s', (esr, far, words) => {
    expect(describeEsr(esr, far)).toBe(words);
  });

  test('an address that is not known is left out', () => {
    expect(describeEsr(0x9600_0006n)).toBe('data abort: translation fault, level 2, on a read');
  });
});

test('calls are SVC, HVC and SMC', () => {
  const classes = Array.from({ length: 64 }, (_, ec) => ec);
  expect(classes.filter((ec) => isCall(makeEsr(ec)))).toEqual([0x15, 0x16, 0x17]);
});
