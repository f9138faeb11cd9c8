import { expect, test } from '@jest/globals';
import { Range } from '../../../../kexec/base/range.js';
import { createCpu } from '../../../../sim/cpu/cpu.js';
import type { CpuModel } from '../../../../sim/cpu/state/model.js';
import { Board } from '../../../../sim/machine/board.js';
import { branchBy, bytesOfWords, encode } from '../../../support/processor/assemble.js';

const RAM = Range.sized(0x4000_0000n, 0x10_0000n);
const CODE = RAM.start;
const TABLES = RAM.start + 0x1_0000n;
/** Neighbours at {@link VIRTUAL}, in the opposite order in memory. */
const [SECOND_PAGE, FIRST_PAGE] = [RAM.start + 0x2_0000n, RAM.start + 0x3_0000n];
const VIRTUAL = 0x8000_0000n;
const BOUNDARY = VIRTUAL + 0x1000n;
const TABLE = 3n;
const PAGE = 3n | (1n << 10n);
const BLOCK = 1n | (1n << 10n);
const ROUNDS = 20n;

const TIERS = [
  ['interpreted', 2 ** 31 - 1],
  ['translated', 1],
] as const;

/** An access at X1, then one X6 bytes below, so often as X0 says. */
const program = (access: 'load' | 'store'): readonly number[] => {
  const at = (Rt: number): number =>
    access === 'load'
      ? encode('LDR, LDRB, LDRH (immediate, unsigned offset)', { size: 3, imm12: 0, Rn: 1, Rt })
      : encode('STR, STRB, STRH (immediate, unsigned offset)', { size: 3, imm12: 0, Rn: 1, Rt });
  return [
    at(3),
    encode('SUB (shifted register)', { sf: 1, shift: 0, Rm: 6, imm6: 0, Rn: 1, Rd: 1 }),
    at(4),
    encode('ADD (shifted register)', { sf: 1, shift: 0, Rm: 6, imm6: 0, Rn: 1, Rd: 1 }),
    encode('SUB (immediate)', { sf: 1, sh: 0, imm12: 1, Rn: 0, Rd: 0 }),
    encode('CBZ, CBNZ', { sf: 1, op: 1, imm19: 2 ** 19 - 5, Rt: 0 }),
    branchBy(0),
  ];
};

const start = (hotRuns: number, words: readonly number[]): { readonly board: Board; readonly cpu: CpuModel } => {
  const board = new Board({ ram: [RAM], devices: [], highestEl: 1 });
  const cpu = createCpu(board, { hotRuns });
  const { memory } = board;
  const table = (level: number): bigint => TABLES + 0x1000n * BigInt(level);
  const entry = (level: number, address: bigint): bigint =>
    table(level) + 8n * ((address >> BigInt(39 - 9 * level)) & 511n);
  memory.write64(entry(0, RAM.start), table(1) | TABLE);
  memory.write64(entry(1, RAM.start), RAM.start | BLOCK);
  memory.write64(entry(1, VIRTUAL), table(2) | TABLE);
  memory.write64(entry(2, VIRTUAL), table(3) | TABLE);
  memory.write64(entry(3, VIRTUAL), FIRST_PAGE | PAGE);
  memory.write64(entry(3, BOUNDARY), SECOND_PAGE | PAGE);
  memory.write(CODE, bytesOfWords(...words));
  cpu.setEl(1);
  cpu.setSystemRegister('MAIR_EL1', 0xffn);
  cpu.setSystemRegister('TCR_EL1', 16n | (1n << 23n) | (2n << 32n));
  cpu.setSystemRegister('TTBR0_EL1', table(0));
  cpu.setSystemRegister('SCTLR_EL1', cpu.getSystemRegister('SCTLR_EL1') | 1n);
  cpu.pc = CODE;
  cpu.setX(0, ROUNDS);
  cpu.setX(1, BOUNDARY);
  cpu.setX(6, 4n);
  return { board, cpu };
};

test.each(TIERS)('%s: a load over the end of a page is of two pages, wherever the one before it was', (_, hotRuns) => {
  const { board, cpu } = start(hotRuns, program('load'));
  board.memory.write64(FIRST_PAGE + 0xff8n, 0x1111_1111_2222_2222n);
  board.memory.write64(SECOND_PAGE, 0x3333_3333_4444_4444n);
  expect(cpu.run().kind).toBe('stuck');
  expect([cpu.getX(3), cpu.getX(4)]).toEqual([0x3333_3333_4444_4444n, 0x4444_4444_1111_1111n]);
});

test.each(TIERS)('%s: a store over the end of a page is of two pages, wherever the one before it was', (_, hotRuns) => {
  const { board, cpu } = start(hotRuns, program('store'));
  cpu.setX(3, 0x3333_3333_4444_4444n);
  cpu.setX(4, 0x5555_5555_6666_6666n);
  expect(cpu.run().kind).toBe('stuck');
  expect(board.memory.read64(FIRST_PAGE + 0xff8n)).toBe(0x6666_6666_0000_0000n);
  expect(board.memory.read64(SECOND_PAGE)).toBe(0x3333_3333_5555_5555n);
  expect(board.memory.read64(SECOND_PAGE - 8n)).toBe(0n);
});
