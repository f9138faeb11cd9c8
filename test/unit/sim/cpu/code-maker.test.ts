import { expect, test } from '@jest/globals';
import { bytesOfWords, encode } from '../../../support/processor/assemble.js';
import { bareProcessor, RAM } from '../../../support/processor/bare-processor.js';

/** More than the regions that a machine makes each at once. */
const PIECES = 40;
const DISTANCE = 0x100n;
/** Adds 1 to X0. */
const COUNT = encode('ADD (immediate)', { sf: 1, sh: 0, imm12: 1, Rn: 0, Rd: 0 });

test('what is to be translated at once is, however much there is of it', () => {
  const { cpu, memory } = bareProcessor(0x1_0000n, 1);
  const starts = Array.from({ length: PIECES }, (_, i) => RAM + DISTANCE * BigInt(i));
  for (const start of starts) memory.write(start, bytesOfWords(COUNT, encode('BRK', { imm16: 0 })));
  for (const start of starts) {
    cpu.pc = start;
    cpu.run({ stopOnException: true });
  }
  expect(cpu.getX(0)).toBe(BigInt(PIECES));
  expect(cpu.statistics.regions).toBe(PIECES);
});
