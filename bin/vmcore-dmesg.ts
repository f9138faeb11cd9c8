/** The `vmcore-dmesg` command: connects runVmcoreDmesg() to the process. */
import { toByteString } from '../host/byte-strings.js';
import { runVmcoreDmesg } from '../host/run-vmcore-dmesg.js';
import { writeNow } from '../host/write-now.js';
import { KexecError, strerror } from '../kexec/base/error.js';

const STDOUT = 1;
const STDERR = 2;

/** What a shell shows of a process that SIGPIPE ended, as it ends the original. */
const ENDED_BY_SIGPIPE = 128 + 13;

const out = (text: string): void => {
  try {
    writeNow(STDOUT, text);
  } catch (error) {
    const { code, errno = 0 } = error as NodeJS.ErrnoException;
    if (code === 'EPIPE') throw KexecError.die('', { exitCode: ENDED_BY_SIGPIPE });
    throw KexecError.die(`Failed to write out the dmesg log buffer!: ${strerror(-errno)}`, { exitCode: 54 });
  }
};

const err = (text: string): void => {
  try {
    writeNow(STDERR, text);
  } catch {
    // Nobody listens any more; the exit code tells.
  }
};

process.exitCode = runVmcoreDmesg(process.argv.slice(2).map(toByteString), { env: process.env, out, err });
