/**
 * Runs the real kexec of four Debian releases and ours on the same machines, with the same options and files, and
 * compares what they print, how they end and every byte that they pass to the kernel.
 */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { RELEASES } from '../../kexec/compat.js';
import type { Release } from '../../kexec/compat.js';
import { extractPurgatory } from '../../kexec/extract-purgatory.js';
import { allCases } from './cases/index.js';
import type { Case } from './case.js';
import { differences } from './compare.js';
import type { Outcome } from './compare.js';
import { prepareReal } from './debian.js';
import type { RealKexec } from './debian.js';
import { allFiles } from './files.js';
import { machineTree } from './machines.js';
import { makeRoot, ours, real } from './sides.js';
import { writeTree } from './tree.js';

const WORKERS = 2;

interface Task {
  readonly test: Case;
  readonly release: Release;
}

interface Result extends Task {
  readonly failures: readonly string[];
}

const title = ({ test, release }: Task): string =>
  [release, test.machine, ...Object.entries(test.env ?? {}).map(([key, value]) => `${key}=${value}`), ...(test.pageSize === undefined ? [] : [`${test.pageSize}`])].join(
    ' ',
  ) + `: kexec ${test.name.length > 120 ? `${test.name.slice(0, 120)}... (${test.name.length})` : test.name}`;

const settings = () =>
  parseArgs({
    options: {
      filter: { type: 'string', multiple: true },
      again: { type: 'string' },
      release: { type: 'string', multiple: true },
      keep: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      real: { type: 'boolean', default: false },
      failures: { type: 'boolean', default: false },
    },
  }).values;

/** The tasks in an order that keeps a machine's together. */
const selectTasks = (filters: readonly string[], releases: readonly string[], report: string | undefined): Task[] => {
  const failed = report === undefined ? undefined : new Set(fs.readFileSync(report, 'utf8').split('\n').map((line) => line.replace(/^FAIL /, '')));
  const tasks = allCases.flatMap((test) =>
    (test.releases ?? RELEASES).filter((release) => releases.length === 0 || releases.includes(release)).map((release) => ({ test, release })),
  );
  const wanted = tasks.filter((task) => filters.every((text) => title(task).includes(text)) && (failed?.has(title(task)) ?? true));
  return wanted.sort((a, b) => (a.test.machine < b.test.machine ? -1 : a.test.machine > b.test.machine ? 1 : 0));
};

const crashesHere = ({ test, release }: Task): boolean =>
  test.realCrashes !== undefined && (test.crashingReleases ?? RELEASES).includes(release);

/** Ours must refuse, in words, where the real one was killed. */
const crashFailures = (theirs: Outcome, own: Outcome): string[] => [
  ...(theirs.signal === undefined ? [`marked as a crash of the real one, which ended with ${theirs.exitCode}`] : []),
  ...(own.exitCode > 0 && own.signal === undefined ? [] : [`ours ended with ${own.signal ?? own.exitCode}`]),
  ...(own.stderr.trim() === '' ? ['ours said nothing on stderr'] : []),
];

interface Workplace {
  readonly project: string;
  readonly directory: string;
  readonly machineDirectory: (name: string) => string;
  readonly reals: readonly RealKexec[];
  readonly purgatories: ReadonlyMap<Release, string>;
}

const runTask = async (task: Task, place: Workplace, root: string): Promise<string[]> => {
  const { test, release } = task;
  const machine = place.machineDirectory(test.machine);
  const purgatory = place.purgatories.get(release) ?? '';
  const own = ours(test, release, { project: place.project, machine, scratch: place.directory, purgatory });
  const theirs = real(test, release, { root, machine });
  own.reset();
  theirs.reset();
  const ignored = test.unforeseeable?.releases.includes(release) === true ? test.unforeseeable.stream : undefined;
  const failures: string[] = [];
  for (const args of test.commands) {
    const ownOutcome = await own.run(args);
    theirs.answer(ownOutcome.calls.map(({ fields }) => Number(fields['result'])));
    const theirOutcome = await theirs.run(args);
    const found = crashesHere(task) ? crashFailures(theirOutcome, ownOutcome) : differences(theirOutcome, ownOutcome, ignored);
    if (test.commands.length > 1 && found.length > 0) failures.push(`at: kexec ${args.join(' ')}`);
    failures.push(...found);
  }
  return failures;
};

/** The real side alone, printed: for finding out what it does. */
const showReal = async (task: Task, place: Workplace, root: string): Promise<void> => {
  const side = real(task.test, task.release, { root, machine: place.machineDirectory(task.test.machine) });
  side.reset();
  for (const args of task.test.commands) {
    const { exitCode, signal, stdout, stderr, calls } = await side.run(args);
    const fields = calls.map((call) => JSON.stringify(call.fields)).join('\n');
    process.stdout.write(`### ${title(task)}\n$ kexec ${args.join(' ')}\n${stdout}--- stderr\n${stderr}--- ${signal ?? exitCode}\n${fields}\n`);
  }
};

const work = async (queue: Task[], place: Workplace, done: (result: Result) => void, show: boolean): Promise<void> => {
  const root = path.join(place.directory, 'root');
  let current: string | undefined;
  for (let task = queue.shift(); task !== undefined; task = queue.shift()) {
    if (task.test.machine !== current) {
      current = task.test.machine;
      makeRoot(root, place.machineDirectory(current), place.reals);
      execFileSync('mknod', ['-m', '666', path.join(root, 'dev/null'), 'c', '1', '3']);
    }
    if (show) await showReal(task, place, root);
    else done({ ...task, failures: await runTask(task, place, root) });
  }
};

/** Writes a machine's files when it is first asked for; the input files are linked beside them as t/. */
const machineMaker = (directory: string, inputs: string): ((name: string) => string) => {
  const made = new Set<string>();
  return (name) => {
    const target = path.join(directory, name);
    if (!made.has(name)) {
      made.add(name);
      writeTree(machineTree(name), target);
      fs.mkdirSync(path.join(target, 't'));
      for (const file of fs.readdirSync(inputs)) fs.linkSync(path.join(inputs, file), path.join(target, 't', file));
    }
    return target;
  };
};

const countBy = (results: readonly Result[], key: (result: Result) => string): string => {
  const counts = new Map<string, [number, number]>();
  for (const result of results) {
    const [passed, failed] = counts.get(key(result)) ?? [0, 0];
    counts.set(key(result), result.failures.length === 0 ? [passed + 1, failed] : [passed, failed + 1]);
  }
  return [...counts].map(([name, [passed, failed]]) => `  ${name}: ${passed} passed, ${failed} failed`).join('\n');
};

const report = (results: readonly Result[]): number => {
  const failed = results.filter(({ failures }) => failures.length > 0).length;
  console.log(`\nBy release:\n${countBy(results, ({ release }) => release)}`);
  console.log(`By machine:\n${countBy(results, ({ test }) => test.machine)}`);
  console.log(`\n${results.length - failed} passed, ${failed} failed`);
  return failed === 0 && results.length > 0 ? 0 : 1;
};

const main = async (): Promise<number> => {
  const { filter = [], release = [], again, keep, list, real: onlyReal, failures: onlyFailures } = settings();
  const tasks = selectTasks(filter, release, again);
  if (list) {
    tasks.forEach((task) => console.log(title(task)));
    console.log(`${tasks.length} runs`);
    return 0;
  }
  if (process.getuid?.() !== 0) throw new Error('the real kexec runs in a root directory of its own (chroot), which takes root');
  const project = process.cwd();
  const cache = path.join(project, '.cache/conformance');
  fs.mkdirSync(cache, { recursive: true });
  const reals = RELEASES.map((name) => prepareReal(cache, name));
  reals.forEach(({ release: name, packageVersion }) => console.log(`kexec-tools ${name}: Debian ${packageVersion} arm64`));

  const scratch = fs.mkdtempSync(path.join(cache, 'run-'));
  try {
    const inputs = path.join(scratch, 'files');
    fs.mkdirSync(inputs);
    for (const [name, bytes] of allFiles()) fs.writeFileSync(path.join(inputs, name), bytes);
    const purgatories = new Map<Release, string>();
    for (const { release: name, program } of reals) {
      const file = path.join(scratch, `purgatory-${name}.ro`);
      fs.writeFileSync(file, extractPurgatory(fs.readFileSync(program), program));
      purgatories.set(name, file);
    }
    const machineDirectory = machineMaker(path.join(scratch, 'machines'), inputs);
    const results: Result[] = [];
    const done = (result: Result): void => {
      results.push(result);
      const passed = result.failures.length === 0;
      if (!passed || !onlyFailures) console.log(`${passed ? 'ok  ' : 'FAIL'} ${title(result)}`);
      result.failures.forEach((text) => console.log(text.replace(/^/gm, '     ')));
    };
    const queue = [...tasks];
    await Promise.all(
      Array.from({ length: onlyReal ? 1 : WORKERS }, async (_, index) => {
        const directory = path.join(scratch, `worker${index}`);
        fs.mkdirSync(directory);
        await work(queue, { project, directory, machineDirectory, reals, purgatories }, done, onlyReal);
      }),
    );
    return onlyReal ? 0 : report(results);
  } finally {
    if (keep) console.log(`kept: ${scratch}`);
    else fs.rmSync(scratch, { recursive: true, force: true });
  }
};

process.exitCode = await main();
