import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Errno, KexecError, SystemError, strerror } from '../../../kexec/base/error.js';
import { readHost } from '../recording/host-files.js';
import { writing } from './state.js';

/** What a simulated kernel has logged since it was booted, in the directory of its state: a line each, with its level. */

const LOG_FILE = 'dmesg';

/** Older lines go, as in the kernel's own buffer (CONFIG_LOG_BUF_SHIFT=17). */
const MAX_BYTES = 1 << 17;

export interface LogLine {
  /** As in <linux/kern_levels.h>: 3 is an error, 6 information. */
  readonly level: number;
  readonly text: string;
}

/** @throws KexecError when the file is there and cannot be read */
export const readLog = (directory: string): readonly LogLine[] => {
  const path = join(directory, LOG_FILE);
  try {
    const lines = new TextDecoder().decode(readHost(path, path, 0, 2 * MAX_BYTES)).split('\n');
    return lines.flatMap((line) => {
      const match = /^<([0-7])>(.*)$/.exec(line);
      return match === null ? [] : [{ level: Number(match[1]), text: match[2]! }];
    });
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    if (error.errno === Errno.ENOENT) return [];
    throw KexecError.die(`Cannot read ${path}: ${strerror(error.errno)}`, { subject: path, errno: -error.errno });
  }
};

/**
 * The caller holds the lock of the state.
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

/** Another kernel has a log of its own. @throws KexecError when it cannot be removed */
export const removeLog = (directory: string): void =>
  writing(directory, () => rmSync(join(directory, LOG_FILE), { force: true }));
