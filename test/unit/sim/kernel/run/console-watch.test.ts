/** What is seen of a kernel on its console. */
import { describe, expect, test } from '@jest/globals';
import { ConsoleWatch } from '../../../../../sim/kernel/run/console-watch.js';

const watching = (...lines: readonly string[]): ConsoleWatch => {
  const watch = new ConsoleWatch(() => {}, undefined);
  for (const character of lines.map((line) => `${line}\r\n`).join('')) watch.put(character.charCodeAt(0));
  return watch;
};

const PANIC = '[    4.052000] Kernel panic - not syncing: sysrq triggered crash';

describe('a panic on the console', () => {
  test('has its reason, and an end', () => {
    expect(watching(PANIC).panic).toEqual({ reason: 'sysrq triggered crash', over: false });
    expect(watching(PANIC, `[    4.06] ---[ end ${PANIC.slice(15)} ]---`).panic?.over).toBe(true);
  });

  test('is past, as is an oops, when the kernel goes to its crash kernel', () => {
    const died = ['[    4.05] Internal error: Oops: 96000004 [#1] SMP', PANIC];
    const left = watching(...died, '[    4.060000] Starting crashdump kernel...', '[    4.064000] Bye!');
    expect([left.panic, left.oops]).toEqual([undefined, undefined]);
    expect(watching(...died, 'Bye!').panic).toBeUndefined();
    expect(watching(...died, '[    4.064000][   T77] Bye!').panic).toBeUndefined();
  });

  test('stays where the console only has such a word', () => {
    for (const line of ['[    4.07] Bye! says a driver', 'they said Bye!']) {
      expect(watching(PANIC, line).panic?.reason).toBe('sysrq triggered crash');
    }
  });

  test('of the crash kernel is its own', () => {
    const second = '[    0.50] Kernel panic - not syncing: No working init found.';
    expect(watching(PANIC, '[    4.064000] Bye!', second).panic?.reason).toBe('No working init found.');
  });
});
