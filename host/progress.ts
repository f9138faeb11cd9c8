/** The line on a terminal that tells how far long work is. */
import { fstatSync } from 'node:fs';
import type { OnProgress, Progress } from '../kexec/base/progress.js';

/** A line at the foot of a terminal that tells how far something is. */
export interface ProgressLine {
  readonly report: OnProgress;
  /** Makes a writer to the same terminal out of one that does not know of the line, which is taken away first. */
  readonly beside: (write: (text: string) => void) => (text: string) => void;
  readonly erase: () => void;
}

export interface ProgressTerminal {
  readonly write: (text: string) => void;
  /** Characters in a line; undefined where it is not known. */
  readonly columns: () => number | undefined;
  /** Milliseconds since the command began. */
  readonly now: () => number;
}

/** What ends sooner has no need of it. */
const FIRST_MS = 1000;
const INTERVAL_MS = 200;
const USUAL_COLUMNS = 80;
/** To the line's start, and nothing behind it. */
const ERASE = '\r\x1b[K';

/**
 * Nothing is written but when something is told: no timer outlives what it tells of. While other text ends in the
 * middle of a line, nothing is written either.
 */
export const createProgressLine = ({ write, columns, now }: ProgressTerminal): ProgressLine => {
  let shown = false;
  let atLineStart = true;
  let due = FIRST_MS;
  let before: { readonly time: number; readonly done: number } | undefined;
  const erase = (): void => {
    if (shown) write(ERASE);
    shown = false;
  };
  return {
    report: (progress) => {
      const time = now();
      before ??= { time, done: progress.done };
      if (time < due || !atLineStart) return;
      const text = formatProgress(progress, (progress.done - before.done) / Math.max(time - before.time, 1));
      due = time + INTERVAL_MS;
      before = { time, done: progress.done };
      // A character in the last column makes some terminals start a new line.
      const width = (columns() || USUAL_COLUMNS) - 1;
      write(`${shown ? ERASE : ''}${text.replaceAll(/\p{Cc}/gu, '?').slice(0, Math.max(width, 0))}`);
      shown = true;
    },
    beside: (other) => (text) => {
      if (text === '') return;
      erase();
      other(text);
      atLineStart = text.endsWith('\n');
    },
    erase,
  };
};

const formatProgress = ({ what, unit, done, total }: Progress, perMs: number): string => {
  if (unit === 'instructions')
    return `${(done / 1e6).toFixed(0)} M instructions (${(perMs / 1e3).toFixed(0)} M/s) ${what}`;
  const [name, scale] = unit === 'bytes' ? ['MiB', 2 ** 20] : [unit, 1];
  const count = (value: number): string => `${Math.floor(value / scale)}`;
  if (total === undefined) return `${what}: ${count(done)} ${name}`;
  return `${what}: ${count(done)} of ${count(total)} ${name}, ${Math.floor((done / total) * 100)} %`;
};

const STDERR = 2;

/** As far as it can be told without loading `node:tty`: other devices are taken for terminals, too. */
export const isTerminal = (fd: number): boolean => {
  try {
    return fstatSync(fd).isCharacterDevice();
  } catch {
    // Closed by whoever started us.
    return false;
  }
};

/** The line on stderr; undefined when that is no terminal, or one that cannot erase. */
export const progressOnStderr = async (
  env: Readonly<Record<string, string | undefined>>,
  write: (text: string) => void,
): Promise<ProgressLine | undefined> => {
  if (!isTerminal(STDERR) || (env['TERM'] ?? 'dumb') === 'dumb') return undefined;
  // Loaded only here, because it takes its time.
  const { isatty } = await import('node:tty');
  if (!isatty(STDERR)) return undefined;
  return createProgressLine({ write, columns: () => process.stderr.columns, now: () => performance.now() });
};
