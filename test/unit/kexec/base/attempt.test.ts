import { describe, expect, test } from '@jest/globals';
import { attempt, attemptAsync, failing, following, refusingBombs } from '../../../../kexec/base/attempt.js';
import { Errno, KexecError, SystemError } from '../../../../kexec/base/error.js';
import { OutputLimitError } from '../../../../kexec/base/platform.js';

const missing = new SystemError('open', '/proc/iomem', Errno.ENOENT);
const throwing = (error: Error) => (): never => {
  throw error;
};
const thrownBy = (action: () => unknown): unknown => {
  try {
    return action();
  } catch (error) {
    return error;
  }
};

describe('attempt', () => {
  test('gives the value, or the error of the class', async () => {
    expect(attempt(SystemError, () => 1)).toBe(1);
    expect(attempt(SystemError, throwing(missing))).toBe(missing);
    expect(await attemptAsync(SystemError, async () => 1)).toBe(1);
    expect(await attemptAsync(SystemError, async () => throwing(missing)())).toBe(missing);
  });

  test('lets other errors pass', async () => {
    const other = new TypeError('other');
    expect(() => attempt(SystemError, throwing(other))).toThrow(other);
    await expect(attemptAsync(SystemError, async () => throwing(other)())).rejects.toBe(other);
  });
});

test('failing says what failed, on which file and why', () => {
  const error = thrownBy(() => failing('Cannot read', '/proc/iomem', throwing(missing)));
  expect(error).toBeInstanceOf(KexecError);
  expect(error).toMatchObject({
    text: 'Cannot read /proc/iomem: No such file or directory\n',
    exitCode: 1,
    died: true,
    subject: '/proc/iomem',
    errno: -Errno.ENOENT,
  });
  expect(failing('Cannot read', '/proc/iomem', () => 2)).toBe(2);
});

describe('following', () => {
  const failed = KexecError.failed('no room', { subject: 'memory', errno: -12, exitCode: -2 });

  test('adds to what an error says, in a new error', () => {
    const error = thrownBy(() => following('Cannot load vmlinux\n', throwing(failed)));
    expect(error).not.toBe(failed);
    expect(error).toMatchObject({
      message: 'no room',
      text: 'no room\nCannot load vmlinux\n',
      subject: 'memory',
      errno: -12,
      exitCode: -2,
    });
    expect(failed.text).toBe('no room\n');
  });

  test('leaves an error alone that died', () => {
    const died = KexecError.die('Cannot open `x');
    expect(thrownBy(() => following('more\n', throwing(died)))).toBe(died);
  });
});

test('a bomb is refused by the name of its file', async () => {
  await expect(refusingBombs('Image.gz', 100, async () => throwing(new OutputLimitError(10))())).rejects.toMatchObject({
    message: 'Cannot read Image.gz: it decompresses to more than 100 bytes',
    subject: 'Image.gz',
  });
});
