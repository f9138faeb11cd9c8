/**
 * Runs the real kexec of four Debian releases and ours on the same machines, with the same options and files, and
 * compares what they print, how they end and every byte that they pass to the kernel.
 */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import yargs from 'yargs';
import { RELEASES, type Release } from '../../kexec/base/compat.js';
import { extractPurgatory } from '../../kexec/elf/extract-purgatory.js';
import { allCases } from './cases/index.js';
import { differences } from './compare.js';
import { coverageOf } from './coverage.js';
import { DEBIAN_RELEASES, prepareReal } from './debian.js';
import type { RealKexec } from './debian.js';
import { excuseOf, excusedFailures, needless, showExcuses } from './excuse.js';
import type { Compared, Task } from './excuse.js';
import { allFiles } from './files.js';
import { hostileFiles } from './formats/hostile.js';
import { libfdtTrees } from './formats/trees.js';
import { realFiles } from './formats/real.js';
import { scratchDirectory } from '../support/cache.js';
import { machineTree } from './machines.js';
import { makeRoot, ours, real } from './sides.js';
import { writeTree } from './tree.js';
import { runMain } from '../support/run-main.js';

const WORKERS = 2;

interface Result extends Compared {
  readonly failures: readonly string[];
}

const LONGEST_NAME = 120;

const title = ({ test, release }: Task): string => {
  const variables = Object.entries(test.env ?? {}).map(([key, value]) => `${key}=${value}`);
  const pageSize = test.pageSize === undefined ? [] : [`page size ${test.pageSize}`];
  const { length } = test.name;
  const name = length > LONGEST_NAME ? `${test.name.slice(0, LONGEST_NAME)}... (${length})` : test.name;
  return `${[release, test.machine, ...pageSize, ...variables].join(' ')}: kexec ${name}`;
};

const settings = () =>
  yargs(process.argv.slice(2))
    .scriptName('npm run conformance --')
    .usage('$0 [options]\n\nRuns the real kexec-tools and ours on the same input, and compares them.')
    .option('filter', { type: 'string', array: true, default: [], describe: "Text that a run's title must have" })
    .option('release', {
      type: 'string',
      array: true,
      choices: DEBIAN_RELEASES,
      default: [],
      describe: 'Only these releases',
    })
    .option('all', { type: 'boolean', default: false, describe: 'Every case on every release, not by turns' })
    .option('build', {
      type: 'string',
      describe:
        "VERSION=FILE: a kexec of one's own in place of Debian's 2.0.32, whose runs and libraries it has; ours follows VERSION",
    })
    .option('again', { type: 'string', describe: 'Only what failed in this report' })
    .option('excused', { type: 'boolean', default: false, describe: 'Only what is marked as not comparable' })
    .option('keep', { type: 'boolean', default: false, describe: "Keep the machines' roots, recordings and input" })
    .option('list', { type: 'boolean', default: false, describe: 'List the runs' })
    .option('real', { type: 'boolean', default: false, describe: 'Print what the real one does, and compare nothing' })
    .option('failures', { type: 'boolean', default: false, describe: 'Print only the failures' })
    .version(false)
    .strict()
    .parseSync();

interface Selection {
  readonly filters: readonly string[];
  readonly releases: readonly string[];
  /** Every case on every release that it is for; else by turns. */
  readonly all: boolean;
  /** Only what is not compared in all. */
  readonly excused: boolean;
  /** The titles to take. */
  readonly titles: ReadonlySet<string> | undefined;
}

/** The newest release has most of the code, so each case runs there, and every fourth one on one of the others, too. */
const releasesByTurns = (index: number): readonly Release[] => {
  const newest = DEBIAN_RELEASES.length - 1;
  const other = index % 4 === 0 ? index % newest : newest;
  return DEBIAN_RELEASES.filter((_, i) => i === newest || i === other);
};

/** The tasks in an order that keeps a machine's together. */
const selectTasks = ({ filters, releases, all, excused, titles }: Selection): Task[] =>
  allCases
    .flatMap((test, index) => {
      const on = test.releases ?? (all ? DEBIAN_RELEASES : (test.byTurns ?? releasesByTurns(index)));
      return on.map((release): Task => ({ test, release }));
    })
    .filter(({ release }) => releases.length === 0 || releases.includes(release))
    .filter((task) => filters.every((text) => title(task).includes(text)))
    .filter((task) => !excused || excuseOf(task) !== undefined)
    .filter((task) => titles?.has(title(task)) ?? true)
    .sort((a, b) => (a.test.machine < b.test.machine ? -1 : a.test.machine > b.test.machine ? 1 : 0));

/** What an earlier report says has failed. */
const failedTitles = (report: string): ReadonlySet<string> =>
  new Set(
    fs
      .readFileSync(report, 'utf8')
      .split('\n')
      .flatMap((line) => (line.startsWith('FAIL ') ? [line.slice(5)] : [])),
  );

/** A program in place of Debian's newest. */
interface Build {
  /** The release that ours follows beside it. */
  readonly version: Release;
  readonly program: string;
}

const BUILD_STANDS_FOR = '2.0.32';

const parseBuild = (text: string | undefined): Build | undefined => {
  if (text === undefined) return undefined;
  const [, name, program] = /^([^=]*)=(.+)$/.exec(text) ?? [];
  const version = RELEASES.find((release) => release === name);
  if (version === undefined || program === undefined) {
    throw new Error(`--build: "${text}" is not VERSION=FILE (${RELEASES.join(', ')})`);
  }
  return { version, program };
};

/** Debian's kexec with the program of a build, in a directory of its own. */
const withBuild = (real: RealKexec, { program }: Build, directory: string): RealKexec => {
  fs.cpSync(real.tools, directory, { recursive: true });
  fs.copyFileSync(program, path.join(directory, 'kexec'));
  return { ...real, program, tools: directory };
};

interface Workplace {
  readonly project: string;
  readonly directory: string;
  readonly machineDirectory: (name: string) => string;
  readonly reals: readonly RealKexec[];
  readonly build: Build | undefined;
  readonly purgatories: ReadonlyMap<Release, string>;
}

const runTask = async (task: Task, workplace: Workplace, root: string): Promise<Result> => {
  const { test, release } = task;
  const machine = workplace.machineDirectory(test.machine);
  const purgatory = workplace.purgatories.get(release) ?? '';
  const own = ours(test, workplace.build?.version ?? release, {
    project: workplace.project,
    machine,
    scratch: workplace.directory,
    purgatory,
  });
  const theirs = real(test, release, { root, machine });
  own.reset();
  theirs.reset();
  const excuse = excuseOf(task);
  const failures: string[] = [];
  let differs = false;
  for (const args of test.commands) {
    const ownOutcome = await own.run(args);
    theirs.answer(ownOutcome.calls.map(({ fields }) => Number(fields['result'])));
    const theirOutcome = await theirs.run(args);
    const compared = differences(theirOutcome, ownOutcome);
    differs ||= compared.length > 0;
    const found = excuse === undefined ? compared : excusedFailures(excuse, theirOutcome, ownOutcome);
    if (test.commands.length > 1 && found.length > 0) failures.push(`at: kexec ${args.join(' ')}`);
    failures.push(...found);
  }
  return { ...task, failures: [...failures, ...needless(excuse, differs)], differs };
};

/** The real side alone, printed: for finding out what it does. */
const showReal = async (task: Task, workplace: Workplace, root: string): Promise<void> => {
  const side = real(task.test, task.release, { root, machine: workplace.machineDirectory(task.test.machine) });
  side.reset();
  for (const args of task.test.commands) {
    const { exitCode, signal, stdout, stderr, calls } = await side.run(args);
    const fields = calls.map((call) => JSON.stringify(call.fields)).join('\n');
    console.log(
      `### ${title(task)}\n$ kexec ${args.join(' ')}\n${stdout}--- stderr\n${stderr}--- ${signal ?? exitCode}\n${fields}`,
    );
  }
};

const work = async (
  queue: Task[],
  workplace: Workplace,
  done: (result: Result) => void,
  show: boolean,
): Promise<void> => {
  const root = path.join(workplace.directory, 'root');
  let current: string | undefined;
  for (let task = queue.shift(); task !== undefined; task = queue.shift()) {
    if (task.test.machine !== current) {
      current = task.test.machine;
      makeRoot(root, workplace.machineDirectory(current), workplace.reals);
      execFileSync('mknod', ['-m', '666', path.join(root, 'dev/null'), 'c', '1', '3']);
    }
    if (show) await showReal(task, workplace, root);
    else done(await runTask(task, workplace, root));
  }
};

/** Writes a machine's files when it is first asked for; the input files are linked beside them as t/. */
const machineMaker = (
  directory: string,
  inputs: string,
  isWanted: (machine: string, file: string) => boolean,
): ((name: string) => string) => {
  const made = new Set<string>();
  return (name) => {
    const target = path.join(directory, name);
    if (!made.has(name)) {
      made.add(name);
      writeTree(machineTree(name), target);
      fs.mkdirSync(path.join(target, 't'));
      for (const file of fs.readdirSync(inputs).filter((each) => isWanted(name, each)))
        fs.linkSync(path.join(inputs, file), path.join(target, 't', file));
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

/** @param whole whether all runs were asked for, so that each option and format must be among them */
const report = (results: readonly Result[], whole: boolean): number => {
  const failed = results.filter(({ failures }) => failures.length > 0).length;
  console.log(`\nBy release:\n${countBy(results, ({ release }) => release)}`);
  console.log(`By machine:\n${countBy(results, ({ test }) => test.machine)}`);
  const idle = showExcuses(results);
  const missing = whole ? [...idle, ...showCoverage(results)] : [];
  console.log(`\n${results.length - failed} passed, ${failed} failed`);
  return failed === 0 && missing.length === 0 && results.length > 0 ? 0 : 1;
};

/** @returns what no run has */
const showCoverage = (results: readonly Result[]): readonly string[] => {
  const { table, missing } = coverageOf(
    results,
    DEBIAN_RELEASES.filter((release) => results.some((result) => result.release === release)),
  );
  console.log(`Runs with each option and format:\n${table.join('\n')}`);
  if (missing.length > 0) console.log(`No run has: ${missing.join(', ')}`);
  return missing;
};

const main = async (): Promise<number> => {
  const {
    filter,
    release,
    all,
    excused,
    again,
    keep,
    list,
    real: onlyReal,
    failures: onlyFailures,
    ...options
  } = settings();
  const build = parseBuild(options.build);
  const tasks = selectTasks({
    filters: filter,
    releases: build === undefined ? release : [BUILD_STANDS_FOR],
    all: all || again !== undefined,
    excused,
    titles: again === undefined ? undefined : failedTitles(again),
  });
  if (list) {
    tasks.forEach((task) => console.log(title(task)));
    console.log(`${tasks.length} runs`);
    return 0;
  }
  if (process.getuid?.() !== 0)
    throw new Error('the real kexec runs in a root directory of its own (chroot), which takes root');
  const project = process.cwd();
  const scratch = scratchDirectory('conformance');
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      fs.rmSync(scratch, { recursive: true, force: true });
      process.kill(process.pid, signal);
    });
  }
  try {
    const reals = DEBIAN_RELEASES.map((name) => {
      const real = prepareReal(name);
      return build !== undefined && name === BUILD_STANDS_FOR
        ? withBuild(real, build, path.join(scratch, 'build'))
        : real;
    });
    if (build !== undefined)
      console.log(
        `kexec-tools ${BUILD_STANDS_FOR}: ${build.program}, which ours follows as ${build.version}, in place of Debian's`,
      );
    reals.forEach(({ release: name, packageVersion }) =>
      console.log(`kexec-tools ${name}: Debian ${packageVersion} arm64`),
    );
    const inputs = path.join(scratch, 'files');
    fs.mkdirSync(inputs);
    const named = new Set(tasks.flatMap(({ test }) => test.commands.flat()));
    const made = realFiles(path.join(scratch, 'formats'), (name) => named.has(`t/${name}`));
    for (const [name, bytes] of [...allFiles(), ...hostileFiles(), ...libfdtTrees(), ...made])
      fs.writeFileSync(path.join(inputs, name), bytes);
    const purgatories = new Map<Release, string>();
    for (const { release: name, program } of reals) {
      const file = path.join(scratch, `purgatory-${name}.ro`);
      fs.writeFileSync(file, extractPurgatory(fs.readFileSync(program), program));
      purgatories.set(name, file);
    }
    // The many broken kernels are only where they are tried: each machine's files are copied.
    const usual = allFiles();
    const tried = new Set(
      tasks.flatMap(({ test }) => test.commands.flat().map((argument) => `${test.machine} ${argument}`)),
    );
    const machineDirectory = machineMaker(
      path.join(scratch, 'machines'),
      inputs,
      (machine, file) => usual.has(file) || tried.has(`${machine} t/${file}`),
    );
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
        await work(queue, { project, directory, machineDirectory, reals, build, purgatories }, done, onlyReal);
      }),
    );
    return onlyReal
      ? 0
      : report(results, filter.length === 0 && !excused && again === undefined && build === undefined);
  } finally {
    if (keep) console.log(`kept: ${scratch}`);
    else fs.rmSync(scratch, { recursive: true, force: true });
  }
};

await runMain(
  'conformance',
  async () => {
    process.exitCode = await main();
  },
  { tellsHelp: true },
);
