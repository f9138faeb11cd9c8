/**
 * What a simulated kernel has logged since it was booted, in the directory of its state: a line each, with its level.
 */
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attempt, failing } from '../../../kexec/base/attempt.js';
import { Errno, SystemError } from '../../../kexec/base/error.js';
import { readRegular } from '../recording/input-files.js';
import { writing } from './state.js';

const LOG_FILE = 'dmesg';

/** Older lines are dropped, as in the kernel's own buffer (CONFIG_LOG_BUF_SHIFT=17). */
export const MAX_BYTES = 1 << 17;

export interface KernelLogLine {
  /** As in <linux/kern_levels.h>: 3 is an error, 6 information. */
  readonly level: number;
  readonly text: string;
}

/** @throws KexecError when the file is there and cannot be read */
export const readLog = (directory: string): readonly KernelLogLine[] => {
  const path = join(directory, LOG_FILE);
  return failing('Cannot read', path, () => {
    const bytes = attempt(SystemError, () => readRegular(path, 2 * MAX_BYTES, 2 * MAX_BYTES));
    if (bytes instanceof SystemError && bytes.errno !== Errno.ENOENT) throw bytes;
    const lines = bytes instanceof SystemError ? [] : new TextDecoder().decode(bytes).split('\n');
    return lines.flatMap((line) => {
      const match = /^<([0-7])>(.*)$/.exec(line);
      return match === null ? [] : [{ level: Number(match[1]), text: match[2]! }];
    });
  });
};

/**
 * The caller holds the lock of the state, or adds a line that may be lost.
 * @param lines with the level as of /dev/kmsg ("<3>...")
 * @throws KexecError when it cannot be written
 */
export const appendLog = (directory: string, lines: readonly string[]): void =>
  writing(directory, () => {
    if (lines.length === 0) return;
    const path = join(directory, LOG_FILE);
    const before = readLog(directory).map(({ level, text }) => `<${level}>${text}\n`);
    const fresh = lines.map((line) => `${line}\n`).join('');
    if (before.join('').length + fresh.length <= MAX_BYTES) appendFileSync(path, fresh);
    else writeFileSync(path, before.slice(before.length / 2).join('') + fresh);
  });

/** Removes the log: the next kernel begins with an empty one. @throws KexecError when it cannot be removed */
export const removeLog = (directory: string): void =>
  writing(directory, () => rmSync(join(directory, LOG_FILE), { force: true }));
