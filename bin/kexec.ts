import { writeSync } from 'node:fs';
import { runKexec } from '../host/run-kexec.js';

const STDOUT = 1;
const STDERR = 2;

/** Text leaves at once, so that a log is whole even if the process is not. */
const write = (fd: number, text: string): void => {
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') continue;
      // Nobody listens any more; what there is to do is still done.
      return;
    }
  }
};

process.exitCode = await runKexec(
  process.argv.slice(2).map((text) => Buffer.from(text, 'utf8').toString('latin1')),
  { env: process.env, out: (text) => write(STDOUT, text), err: (text) => write(STDERR, text) },
);
