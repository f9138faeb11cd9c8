/**
 * Feeds mutated input to everything that reads a file: `npm run fuzz -- [--count N] [--seed N] [--target NAME]
 * [--replay FILE]`. What is found is kept in .cache/fuzz/, and ends the run with status 1.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { cacheDirectory } from '../support/cache.js';
import type { Job, Message } from './fuzz-worker.js';
import { ALL_TARGETS, inputOf, sharesOf, tryInput, type Finding } from './fuzz-run.js';
import type { AsyncFuzzTarget } from './fuzz-target.js';
import { runMain, say } from '../support/run-main.js';

const DEFAULT_COUNT = 100_000;
/** An input that runs longer is given up: it does not end, or not in time for anyone. */
const PATIENCE_MS = 60_000;
const WATCH_MS = 500;
/** Targets that run at the same time, each in a thread. */
const LANES = 2;
/** More findings in one target tell nothing new. */
const MAX_FINDINGS = 5;

interface Settings {
  readonly count: number;
  readonly seed: number;
  readonly targets: readonly AsyncFuzzTarget[];
  readonly replay: string | undefined;
}

class UsageError extends Error {}

const wholeNumber = (name: string, text: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`--${name}: "${text}" is not a whole number`);
  return Number(text);
};

const readSettings = (): Settings => {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: String(DEFAULT_COUNT) },
      seed: { type: 'string' },
      target: { type: 'string' },
      replay: { type: 'string' },
    },
  });
  const targets = ALL_TARGETS.filter(({ name }) => values.target === undefined || values.target === name);
  if (targets.length === 0 || (values.replay !== undefined && values.target === undefined)) {
    throw new UsageError(`--target is one of: ${ALL_TARGETS.map(({ name }) => name).join(', ')}`);
  }
  return {
    count: wholeNumber('count', values.count),
    seed: values.seed === undefined ? Date.now() % 1_000_000_000 : wholeNumber('seed', values.seed),
    targets,
    replay: values.replay,
  };
};

/** A line that the next one overwrites; only where someone looks. */
const showProgress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
};

const keep = (target: AsyncFuzzTarget, seed: number, { index, reason }: Finding): void => {
  const file = join(cacheDirectory('fuzz'), `${target.name}-${seed}-${index}.bin`);
  writeFileSync(file, inputOf(target, target.seeds(), seed, index));
  showProgress('');
  say(`FINDING ${target.name}, input ${index} of seed ${seed}: ${reason}`);
  say(`  ${file}; npm run fuzz -- --target ${target.name} --replay ${file}`);
};

interface Share {
  /** Number of the input to go on with; `to` when all have been run. */
  readonly next: number;
  readonly passed: number;
}

/** Runs inputs in a thread until all have ended, or one does not. */
const runThread = (
  target: AsyncFuzzTarget,
  seed: number,
  from: number,
  to: number,
  onFinding: (finding: Finding) => void,
): Promise<Share> =>
  new Promise((resolve) => {
    const current = new Int32Array(new SharedArrayBuffer(4));
    const job: Job = { target: target.name, seed, from, to, current: current.buffer };
    const worker = new Worker(new URL('./fuzz-worker.js', import.meta.url), { workerData: job });
    let seen = -1;
    let since = Date.now();
    let failed = 0;
    const end = (share: Share): void => {
      clearInterval(watch);
      void worker.terminate().then(() => resolve(share));
    };
    const giveUp = (reason: string): void => {
      const index = Atomics.load(current, 0);
      onFinding({ target: target.name, index, reason });
      end({ next: index + 1, passed: index - from - failed });
    };
    const watch = setInterval(() => {
      const index = Atomics.load(current, 0);
      showProgress(`${target.name}: ${index} of ${to}`);
      if (index !== seen) [seen, since] = [index, Date.now()];
      else if (Date.now() - since > PATIENCE_MS) giveUp(`does not end in ${PATIENCE_MS / 1000} s`);
    }, WATCH_MS);
    worker.on('message', (message: Message) => {
      if (failed >= MAX_FINDINGS) return;
      if (message.kind === 'end') return end({ next: to, passed: message.passed });
      failed++;
      onFinding(message.finding);
      if (failed >= MAX_FINDINGS) end({ next: to, passed: message.finding.index + 1 - from - failed });
    });
    worker.on('error', (error) => giveUp(`ends the thread: ${error.message}`));
  });

/** Runs one target's share of the inputs. @returns how many passed and failed */
const runTarget = async (
  target: AsyncFuzzTarget,
  seed: number,
  count: number,
): Promise<{ readonly passed: number; readonly failed: number }> => {
  let passed = 0;
  let failed = 0;
  for (let next = 0; next < count && failed < MAX_FINDINGS;) {
    const share = await runThread(target, seed, next, count, (finding) => {
      failed++;
      keep(target, seed, finding);
    });
    passed += share.passed;
    next = share.next;
  }
  return { passed, failed };
};

const fuzz = async ({ count, seed, targets }: Settings): Promise<void> => {
  say(`seed ${seed}`);
  const total = { passed: 0, failed: 0 };
  const shares = sharesOf(targets, count);
  const waiting = targets.entries();
  const lane = async (): Promise<void> => {
    for (const [i, target] of waiting) {
      const started = Date.now();
      const { passed, failed } = await runTarget(target, seed, shares[i]!);
      total.passed += passed;
      total.failed += failed;
      showProgress('');
      say(`${target.name}: ${passed} passed, ${failed} failed (${((Date.now() - started) / 1000).toFixed(1)} s)`);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  if (total.failed > 0) process.exitCode = 1;
  say(`${total.passed} passed, ${total.failed} failed`);
};

const replay = async (file: string, target: AsyncFuzzTarget): Promise<void> => {
  const reason = await tryInput(target, new Uint8Array(readFileSync(file)));
  if (reason !== undefined) process.exitCode = 1;
  say(reason === undefined ? '1 passed, 0 failed' : `${reason}\n0 passed, 1 failed`);
};

await runMain('fuzz', async () => {
  const settings = readSettings();
  if (settings.replay === undefined) await fuzz(settings);
  else await replay(settings.replay, settings.targets[0]!);
});
