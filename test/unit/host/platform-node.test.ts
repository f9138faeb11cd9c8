import { expect, test } from '@jest/globals';
import { withinTime } from '../../../host/platform-node.js';

test('an action that never ends is ended', () => {
  expect(() =>
    withinTime(20, () => {
      for (;;);
    }),
  ).toThrow('timed out');
});

test('an action has done its work, and its errors are its own', () => {
  const done: string[] = [];
  withinTime(1000, () => done.push('this'));
  expect(done).toEqual(['this']);
  expect(() =>
    withinTime(1000, () => {
      throw new RangeError('mine');
    }),
  ).toThrow(RangeError);
});
