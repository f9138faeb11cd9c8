import { test } from '@jest/globals';
import fc from 'fast-check';
import { disassembleInstruction } from '../../sim/cpu/disassembly/disassembler.js';

test('any word at any address has a text of one line', () => {
  const address = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), address, (word, at) => {
      const { text, target = 0n } = disassembleInstruction(word, at);
      return /^[ -~]+(?:\t[ -~]+){0,2}$/.test(text) && target >= 0n && target < 2n ** 64n;
    }),
    { numRuns: 20_000 },
  );
});
