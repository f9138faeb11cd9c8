/**
 * Runs the real vmcore-dmesg of four Debian releases and ours on the same core files, recorded and invented ones:
 * `npm run vmcore-dmesg -- [--filter TEXT] [--all] [--record]`. Each case runs on the newest release and, by turns, on
 * one of the others; with --all on all of them. With --record, what the real one does is kept for the tests that have
 * no qemu.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import type { Release } from '../../kexec/base/compat.js';
import { DEBIAN_RELEASES } from '../conformance/debian.js';
import { scratchDirectory } from '../support/cache.js';
import { FAULTS, allCases, type VmcoreCase } from './vmcore/cases.js';
import { REAL_OUTCOMES, kept, mismatch, ourOutcome, type Outcome, type RealOutcome } from './vmcore/outcome.js';
import { FILE, makeRoot, realOutcome } from './vmcore/real.js';
import { runMain, say } from '../support/run-main.js';

const WORKERS = 2;
interface Task {
  readonly test: VmcoreCase;
  readonly releases: readonly Release[];
}

interface Result {
  readonly name: string;
  readonly release: Release;
  readonly theirs: Outcome | undefined;
  /** What is wrong with ours. */
  readonly wrong: string | undefined;
}

/** As it is kept. */
const digested = (outcome: Outcome | undefined): Outcome | undefined =>
  outcome && { ...outcome, stdout: kept(outcome.stdout) };

const work = async (root: string, queue: Task[], done: (result: Result) => void): Promise<void> => {
  const file = path.join(root, FILE);
  for (let task = queue.shift(); task !== undefined; task = queue.shift()) {
    const { name, core } = task.test;
    fs.writeFileSync(file, core());
    for (const release of task.releases) {
      const faulty = FAULTS.get(name)?.releases.includes(release) === true;
      const theirs = faulty ? undefined : digested(await realOutcome(root, release));
      done({ name, release, theirs, wrong: mismatch(name, release, theirs, ourOutcome(file, FILE, release)) });
    }
  }
};

const releasesFor = (index: number, all: boolean): readonly Release[] => {
  const newest = DEBIAN_RELEASES.length - 1;
  return DEBIAN_RELEASES.filter((_, i) => all || i === newest || i === index % newest);
};

/** The outcomes of each case, those that are the same for several releases once. */
const record = (results: readonly Result[]): void => {
  const cases = new Map<string, Map<string, Release[]>>();
  for (const { name, release, theirs } of results) {
    const outcomes = cases.get(name) ?? new Map<string, Release[]>();
    cases.set(name, outcomes);
    if (theirs === undefined) continue;
    const key = JSON.stringify(theirs);
    outcomes.set(key, [...(outcomes.get(key) ?? []), release]);
  }
  const lines = [...cases]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, outcomes]) => {
      const list = [...outcomes].map(([outcome, releases]): RealOutcome => ({
        releases,
        ...(JSON.parse(outcome) as Outcome),
      }));
      return `${JSON.stringify(name)}: ${JSON.stringify(list)}`;
    });
  fs.writeFileSync(REAL_OUTCOMES, `{\n${lines.join(',\n')}\n}\n`);
};

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      filter: { type: 'string', default: '' },
      all: { type: 'boolean', default: false },
      record: { type: 'boolean', default: false },
    },
  });
  if (values.record && values.filter !== '') throw new Error('--record keeps all cases, and takes no --filter');
  if (process.getuid?.() !== 0)
    throw new Error('the real vmcore-dmesg runs in a root directory of its own (chroot), which takes root');
  const scratch = scratchDirectory('vmcore');
  try {
    const queue = allCases()
      .map((test, i): Task => ({ test, releases: releasesFor(i, values.all || values.record) }))
      .filter(({ test }) => test.name.includes(values.filter));
    const results: Result[] = [];
    const done = (result: Result): void => {
      results.push(result);
      if (result.wrong !== undefined)
        say(`FAIL ${result.release}: ${result.name}\n${result.wrong.replace(/^/gm, '     ')}`);
    };
    const workers = Array.from({ length: WORKERS }, async (_, i) => {
      const root = path.join(scratch, `root${i}`);
      makeRoot(root, DEBIAN_RELEASES);
      await work(root, queue, done);
    });
    await Promise.all(workers);
    if (values.record) record(results);
    const failed = results.filter(({ wrong }) => wrong !== undefined).length;
    say(`${results.length - failed} passed, ${failed} failed`);
    if (failed > 0 || results.length === 0) process.exitCode = 1;
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
};

await runMain('vmcore-dmesg', main);
