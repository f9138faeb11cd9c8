/** The terminal, or what stands for it: stdin and stdout of the process as the console of a machine. */
import { Socket } from 'node:net';
import type { Listening, Terminal } from '../sim/kernel/run/typed-input.js';

/** Signals that end the process, and that it would leave the terminal as it is at. */
const DEADLY = ['SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** @param beforeOutput called before something is written */
export const processTerminal = (beforeOutput: () => void): Terminal => {
  let isClosed = false;
  process.stdout.on('error', () => {
    isClosed = true;
  });
  return {
    isInteractive: process.stdin.isTTY && process.stdout.isTTY,
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
    listen,
  };
};

const listen: Terminal['listen'] = (raw, onBytes, onEnd): Listening => {
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
