/** Runs fuzz targets on mutated input, and tells what is a finding. */
import { KexecError } from '../../kexec/base/error.js';
import { targets as commands } from './whole/commands.fuzz.js';
import { targets as debugLog } from './debug-log.fuzz.js';
import { targets as dump } from './dump.fuzz.js';
import { targets as elf } from './elf.fuzz.js';
import { targets as fdt } from './fdt.fuzz.js';
import { targets as fileLoad } from './file-load.fuzz.js';
import type { AsyncFuzzTarget } from './fuzz-target.js';
import { targets as gdb } from './machine/gdb.fuzz.js';
import { targets as guest } from './whole/guest.fuzz.js';
import { targets as library } from './whole/library.fuzz.js';
import { createRandom, mutate, seedOf } from './mutate.js';
import { targets as purgatory } from './purgatory.fuzz.js';
import { targets as saved } from './machine/saved.fuzz.js';
import { targets as sim } from './sim.fuzz.js';
import { targets as trace } from './machine/trace.fuzz.js';
import { targets as text } from './text.fuzz.js';
import { targets as vmcore } from './vmcore.fuzz.js';

/** Their inputs take a hundred times as long as those of parsers. */
const WHOLE_WEIGHT = 0.05;
const whole = [...commands, ...library, ...guest].map((target) => ({ ...target, weight: WHOLE_WEIGHT }));

export const ALL_TARGETS: readonly AsyncFuzzTarget[] = [
  ...text,
  ...elf,
  ...fdt,
  ...fileLoad,
  ...gdb,
  ...purgatory,
  ...saved,
  ...sim,
  ...trace,
  ...debugLog,
  ...dump,
  ...vmcore,
  ...whole,
];

/** How many of some inputs each target gets, by its weight. */
export const sharesOf = (targets: readonly AsyncFuzzTarget[], count: number): readonly number[] => {
  const total = targets.reduce((sum, { weight = 1 }) => sum + weight, 0);
  let before = 0;
  return targets.map(({ weight = 1 }) => {
    const from = Math.round((count * before) / total);
    before += weight;
    return Math.round((count * before) / total) - from;
  });
};

/** Processor time that one input may take. */
export const TIME_LIMIT_MS = 2000;
/** By how much the process may grow beside one input, and over all of them: what is not collected yet counts, too. */
const MEMORY_LIMIT = 200 * 2 ** 20;
const LEAK_LIMIT = 2 ** 31;

export interface Finding {
  readonly target: string;
  readonly index: number;
  readonly reason: string;
}

/** The input of a number: the seeds themselves come first. */
export const inputOf = (
  target: AsyncFuzzTarget,
  seeds: readonly Uint8Array[],
  seed: number,
  index: number,
): Uint8Array => seeds[index] ?? mutate(seeds, createRandom(seedOf(seed, target.name, index)));

/** The error and the line of code that it comes from. */
const describeError = (error: unknown): string => {
  if (typeof error !== 'object' || error === null || !('message' in error)) return String(error);
  const { name, message, stack } = error as Error;
  const place = stack?.split('\n').find((line) => /^\s+at /.test(line));
  return `${name}: ${message}${place === undefined ? '' : `\n${place}`}`;
};

/** Runs one input. @returns what is wrong; undefined when nothing is */
export const tryInput = async (
  target: AsyncFuzzTarget,
  input: Uint8Array,
  limitMs = TIME_LIMIT_MS,
): Promise<string | undefined> => {
  const before = process.cpuUsage();
  try {
    await target.run(input);
  } catch (error) {
    if (!(error instanceof KexecError)) return describeError(error);
  }
  const { user, system } = process.cpuUsage(before);
  const milliseconds = (user + system) / 1000;
  return milliseconds > limitMs ? `took ${Math.round(milliseconds)} ms` : undefined;
};

export interface Progress {
  /** Called before each input. */
  readonly onInput?: (index: number) => void;
  readonly onFinding: (finding: Finding) => void;
}

/** Runs the inputs of numbers `from` to `to` - 1 of one target. @returns how many passed */
export const fuzzTarget = async (
  target: AsyncFuzzTarget,
  seed: number,
  from: number,
  to: number,
  { onInput, onFinding }: Progress,
): Promise<number> => {
  const seeds = target.seeds();
  const first = process.memoryUsage.rss();
  let passed = 0;
  for (let index = from; index < to; index++) {
    onInput?.(index);
    const input = inputOf(target, seeds, seed, index);
    const before = process.memoryUsage.rss();
    let reason = await tryInput(target, input);
    const after = process.memoryUsage.rss();
    if (after - before > input.length + MEMORY_LIMIT || after - first > LEAK_LIMIT) {
      reason ??= `${Math.round((after - before) / 2 ** 20)} MiB of memory more are in use, ${Math.round((after - first) / 2 ** 20)} in all`;
    }
    if (reason === undefined) passed++;
    else onFinding({ target: target.name, index, reason });
  }
  return passed;
};
