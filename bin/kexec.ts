/** The `kexec` command: connects runKexec() to the process. */
import { toByteString } from '../host/byte-strings.js';
import { isTerminal, progressOnStderr } from '../host/progress.js';
import { type RunKexecOptions, runKexec } from '../host/run-kexec.js';
import { writeNow } from '../host/write-now.js';

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;

/** The first failure to write to stdout. */
const lost: { reason?: string } = {};

/** Text leaves at once, so that a log is whole even if the process is not. */
const write = (fd: number, text: string): void => {
  try {
    writeNow(fd, text);
  } catch (error) {
    // What there is to do is still done; a reader that has enough, such as `head`, is no failure.
    const { code, message } = error as NodeJS.ErrnoException;
    if (fd === STDOUT && code !== 'EPIPE') lost.reason ??= message;
  }
};

const progress = await progressOnStderr(process.env, (text) => write(STDERR, toByteString(text)));

/** Writes beside the line that tells how far the command is. */
const writer = (fd: number): ((text: string) => void) => {
  const plain = (text: string): void => write(fd, text);
  return progress !== undefined && isTerminal(fd) ? progress.beside(plain) : plain;
};

/** Size of C's buffers for files and pipes. */
const BUFFER_SIZE = 4096;

/**
 * C keeps what goes to stdout until its buffer is full or the program ends, unless stdout is a terminal. In a log with
 * both streams in it, the lines' order shows that.
 */
const createStdout = () => {
  const unbuffered = isTerminal(STDOUT);
  const writeOut = writer(STDOUT);
  let held = '';
  return {
    out: (text: string): void => {
      held += text;
      const due = unbuffered ? held.length : held.length - (held.length % BUFFER_SIZE);
      writeOut(held.slice(0, due));
      held = held.slice(due);
    },
    flush: (): void => {
      writeOut(held);
      held = '';
    },
  };
};

/** A command in the background that reads from the terminal is stopped: who shows nothing there leaves it alone. */
const keyboard: RunKexecOptions['keyboard'] = async () => {
  const { processKeyboard } = await import('../host/terminal.js');
  const found = processKeyboard();
  return found.isInteractive || !isTerminal(STDIN) ? found : undefined;
};

const stdout = createStdout();
process.exitCode = await runKexec(process.argv.slice(2).map(toByteString), {
  env: process.env,
  out: stdout.out,
  err: writer(STDERR),
  console: (text) => {
    stdout.out(text);
    stdout.flush();
  },
  keyboard,
  progress: progress?.report,
});
stdout.flush();
progress?.erase();
if (lost.reason !== undefined) {
  write(STDERR, `kexec: Cannot write the output: ${lost.reason}\n`);
  process.exitCode ||= 1;
}
