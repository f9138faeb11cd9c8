import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { loadKernel } from '../../../../../host/load-kernel.js';
import { purgatory } from '../../../../../kexec/arch/arm64/purgatory.js';
import { recordedMachine } from '../../../../../sim/kernel/recorded-system.js';
import { nameOf, purgatorySymbols } from '../../../../../sim/kernel/execution/purgatory-symbols.js';

const load = async () => {
  const machine = recordedMachine({ state: '/nonexistent', env: {} });
  const { segments, entry } = await loadKernel(machine, { kernel: 'machines/payload/Image' });
  return { entry, segment: segments.find(({ memory }) => memory.contains(entry))! };
};

test('the purgatory that was loaded is known by its code, and its entry by name', async () => {
  const { entry, segment } = await load();
  const symbols = purgatorySymbols(purgatory, segment)!;
  expect(nameOf(symbols, entry)).toBe('purgatory_start');
  expect(nameOf(symbols, entry + 4n)).toBe('purgatory_start+0x4');
  expect(symbols.map(({ name }) => name)).toEqual(expect.arrayContaining(['purgatory', 'sha256_update']));
  expect(nameOf(symbols, segment.memory.start - 1n)).toBeUndefined();
});

test('code that differs in one byte is another purgatory', async () => {
  const { entry, segment } = await load();
  const data = segment.data.slice();
  data[Number(entry - segment.memory.start)]! ^= 1;
  expect(purgatorySymbols(purgatory, { ...segment, data })).toBeUndefined();
});

test('what is no object names nothing', async () => {
  const { segment } = await load();
  expect(() => purgatorySymbols(new Uint8Array(readFileSync('package.json')), segment)).not.toThrow();
  expect(purgatorySymbols(new Uint8Array(100), segment)).toBeUndefined();
});
