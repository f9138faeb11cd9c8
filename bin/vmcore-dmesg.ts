import { writeSync } from 'node:fs';
import { toByteString } from '../host/byte-strings.js';
import { runVmcoreDmesg } from '../host/run-vmcore-dmesg.js';
import { KexecError, strerror } from '../kexec/error.js';

const STDOUT = 1;
const STDERR = 2;

/** What a shell shows of a process that SIGPIPE ended, as it ends the original. */
const ENDED_BY_SIGPIPE = 128 + 13;

const write = (fd: number, text: string): void => {
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
};

const out = (text: string): void => {
  try {
    write(STDOUT, text);
  } catch (error) {
    const { code, errno = 0 } = error as NodeJS.ErrnoException;
    if (code === 'EPIPE') throw KexecError.die('', { exitCode: ENDED_BY_SIGPIPE });
    throw KexecError.die(`Failed to write out the dmesg log buffer!: ${strerror(-errno)}`, { exitCode: 54 });
  }
};

const err = (text: string): void => {
  try {
    write(STDERR, text);
  } catch {
    // Nobody listens any more; the exit code tells.
  }
};

process.exitCode = runVmcoreDmesg(process.argv.slice(2).map(toByteString), { env: process.env, out, err });
