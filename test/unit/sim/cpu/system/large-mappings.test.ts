import { expect, test } from '@jest/globals';
import { LargeMappings } from '../../../../../sim/cpu/system/large-mappings.js';

const BLOCK = 2 ** 21;

test.each([
  ['the lower half', 0x0000_1234_5678_9000n, 0x0000_1234_5660_0000n],
  ['the upper half', 0xffff_8000_0876_5000n, 0xffff_8000_0860_0000n],
])('a mapping in %s begins at an address of that half', (_, address, start) => {
  const mappings = new LargeMappings();
  mappings.add(address, BLOCK);
  expect(mappings.around(address + 0x1000n)).toEqual({ start, sizeBytes: BLOCK });
  expect(mappings.around(address + BigInt(BLOCK))).toBeUndefined();
});
