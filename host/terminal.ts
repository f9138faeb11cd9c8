/** The terminal, or what stands for it: stdin and stdout of the process as the console of a machine. */
import { Socket } from 'node:net';
import { isatty } from 'node:tty';
import type { Keyboard, Listening, Terminal } from '../sim/machine/terminal.js';

const STDIN = 0;
const STDOUT = 1;

/** Signals that end the process, and that it would leave the terminal as it is at. */
const DEADLY = ['SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** The process's stdin, which is not looked at before somebody listens. */
export const processKeyboard = (): Keyboard => ({ isInteractive: isatty(STDIN) && isatty(STDOUT), listen });

/** @param beforeOutput called before something is written */
export const processTerminal = (beforeOutput: () => void): Terminal => {
  let isClosed = false;
  process.stdout.on('error', () => {
    isClosed = true;
  });
  return {
    ...processKeyboard(),
    get isClosed() {
      return isClosed;
    },
    write: (bytes) => {
      if (bytes.length === 0) return;
      beforeOutput();
      process.stdout.write(bytes);
    },
    writeAside: (bytes) => {
      if (bytes.length === 0) return;
      beforeOutput();
      process.stderr.write(bytes);
    },
  };
};

const listen: Keyboard['listen'] = (raw, onBytes, onEnd): Listening => {
  const { stdin } = process;
  const leave = (): void => {
    if (raw) stdin.setRawMode(false);
  };
  const die = (signal: NodeJS.Signals): void => {
    close();
    process.kill(process.pid, signal);
  };
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    leave();
    process.off('exit', leave);
    for (const signal of DEADLY) process.off(signal, die);
    stdin.off('data', onBytes);
    stdin.off('end', onEnd);
    stdin.off('error', onEnd);
    // What still comes would keep the process.
    stdin.pause();
    if (stdin instanceof Socket) stdin.unref();
  };
  if (raw) stdin.setRawMode(true);
  process.on('exit', leave);
  for (const signal of DEADLY) process.on(signal, die);
  stdin.on('data', onBytes);
  stdin.on('end', onEnd);
  stdin.on('error', onEnd);
  return { pause: () => void stdin.pause(), resume: () => void stdin.resume(), close };
};
