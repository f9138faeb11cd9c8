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
/** What the kernel has said when it died: the next panic's lines take its place, and so does all that goes on. */
const PANIC_FILE = 'dmesg-panic';

/** Older lines are dropped, as in the kernel's own buffer (CONFIG_LOG_BUF_SHIFT=17). */
export const MAX_BYTES = 1 << 17;

export interface KernelLogLine {
  /** As in <linux/kern_levels.h>: 3 is an error, 6 information. */
  readonly level: number;
  readonly text: string;
}

/** Lines as they are in a file: with the level as of /dev/kmsg. */
const formatLine = ({ level, text }: KernelLogLine): string => `<${level}>${text}\n`;

/** @throws KexecError when a file is there and cannot be read */
export const readLog = (directory: string): readonly KernelLogLine[] => [
  ...readLines(join(directory, LOG_FILE)),
  ...readLines(join(directory, PANIC_FILE)),
];

/** What the kernel logged before it died. @throws KexecError when the file is there and cannot be read */
export const readLogBeforePanic = (directory: string): readonly KernelLogLine[] => readLines(join(directory, LOG_FILE));

const readLines = (path: string): readonly KernelLogLine[] =>
  failing('Cannot read', path, () => {
    const bytes = attempt(SystemError, () => readRegular(path, 2 * MAX_BYTES, 2 * MAX_BYTES));
    if (bytes instanceof SystemError && bytes.errno !== Errno.ENOENT) throw bytes;
    const lines = bytes instanceof SystemError ? [] : new TextDecoder().decode(bytes).split('\n');
    return lines.flatMap((line) => {
      const match = /^<([0-7])>(.*)$/.exec(line);
      return match === null ? [] : [{ level: Number(match[1]), text: match[2]! }];
    });
  });

/**
 * The caller holds the lock of the state, or adds a line that may be lost.
 * @param lines with the level as of /dev/kmsg ("<3>...")
 * @throws KexecError when it cannot be written
 */
export const appendLog = (directory: string, lines: readonly string[]): void =>
  writing(directory, () => {
    rmSync(join(directory, PANIC_FILE), { force: true });
    if (lines.length === 0) return;
    const path = join(directory, LOG_FILE);
    const before = readLines(path).map(formatLine);
    const fresh = lines.map((line) => `${line}\n`).join('');
    if (before.join('').length + fresh.length <= MAX_BYTES) appendFileSync(path, fresh);
    else writeFileSync(path, before.slice(before.length / 2).join('') + fresh);
  });

/** Keeps what a kernel says that dies. The caller holds the lock of the state. @throws KexecError */
export const writePanicLog = (directory: string, lines: readonly KernelLogLine[]): void =>
  writing(directory, () => writeFileSync(join(directory, PANIC_FILE), lines.map(formatLine).join('')));

/** Removes the log: the next kernel begins with an empty one. @throws KexecError when it cannot be removed */
export const removeLog = (directory: string): void =>
  writing(directory, () => {
    for (const name of [LOG_FILE, PANIC_FILE]) rmSync(join(directory, name), { force: true });
  });
