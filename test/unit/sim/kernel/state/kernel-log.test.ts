import { expect, test } from '@jest/globals';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { appendLog, readLog, removeLog } from '../../../../../sim/kernel/state/kernel-log.js';
import { useTempDir } from '../../../../support/machine/sim-support.js';

const temp = useTempDir();

test('lines are kept in their order, with their levels, until the log is removed', () => {
  const directory = temp.make('state');
  expect(readLog(directory)).toEqual([]);
  appendLog(directory, ['<3>one', '<6>two <3>']);
  appendLog(directory, []);
  appendLog(directory, ['<4>']);
  expect(readLog(directory)).toEqual([
    { level: 3, text: 'one' },
    { level: 6, text: 'two <3>' },
    { level: 4, text: '' },
  ]);
  removeLog(directory);
  removeLog(directory);
  expect(readLog(directory)).toEqual([]);
});

test('the oldest lines go when there are too many', () => {
  const directory = temp.make('state');
  for (let n = 0; n < 300; n++) appendLog(directory, [`<6>${n} ${'x'.repeat(1000)}`]);
  expect(statSync(join(directory, 'dmesg')).size).toBeLessThanOrEqual(1 << 17);
  const numbers = readLog(directory).map(({ text }) => Number.parseInt(text, 10));
  expect(numbers.at(-1)).toBe(299);
  expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => 300 - numbers.length + i));
  expect(numbers.length).toBeGreaterThan(50);
});

test('what is no line of a log is left out', () => {
  const directory = temp.make('state');
  writeFileSync(join(directory, 'dmesg'), Buffer.from('<9>x\n\xff\0\n<6>good\n<6', 'latin1'));
  expect(readLog(directory)).toEqual([{ level: 6, text: 'good' }]);
});

test('a log that cannot be read or written is an error that names it', () => {
  const directory = temp.make('state');
  mkdirSync(join(directory, 'dmesg'));
  expect(() => readLog(directory)).toThrow(`Cannot read ${directory}/dmesg: Is a directory`);
  expect(() => appendLog(directory, ['<6>x'])).toThrow(`Cannot read ${directory}/dmesg: Is a directory`);
  expect(() => removeLog(directory)).toThrow(`Cannot write to ${directory}`);
});
