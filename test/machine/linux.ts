/**
 * Boots Debian's kernels on our machine and in QEMU, and compares the consoles line by line: `npm run linux --
 * [--all]`; some are saved in the midst of that, and go on. `--help` tells how to choose boots. What may differ stands
 * in `linux/known-differences.ts`, each with its reason.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import yargs from 'yargs';
import { debianBusybox, debianKernel } from '../conformance/apt.js';
import { prepareReal, releaseOf } from '../conformance/debian.js';
import { cacheDirectory, scratchDirectory } from '../support/cache.js';
import {
  ACCESSES,
  ALL,
  type Boot,
  COUNTS,
  FEW,
  SUITES,
  type Suite,
  isInTwo,
  machineOf,
  nameOf,
  titleOf,
} from './linux/boots.js';
import { KNOWN_ACCESSES } from './linux/accesses.js';
import { compareConsoles, neededFor } from './linux/consoles.js';
import { KNOWN_DIFFERENCES, type KnownDifference } from './linux/known-differences.js';
import { type Booted, type Files, accessesOnBoth, bootBoth, bootInTwo } from './linux/machines.js';
import { modulesOf } from './linux/modules.js';
import { isRight, PYTHON, PYTHON_MACHINE, PYTHON_PATIENCE_S, resultsIn } from './linux/python.js';
import { keepTexts, tellDifferences } from './linux/reports.js';
import { selftests } from './linux/selftests.js';
import { NEXT, type Script, SCRIPTS } from './linux/scripts.js';
import { DIRECTORY, type Entry, FILE, busyboxInitramfs } from './initramfs.js';
import { kexecEntries } from './real-kexec.js';
import { runMain, say } from '../support/run-main.js';

/** The folder of the cache with the consoles. */
const CACHE = 'linux';

const settings = () =>
  yargs(process.argv.slice(2))
    .scriptName('npm run linux --')
    .usage("$0 [options]\n\nBoots Debian's kernels on our machine and in QEMU, and compares their consoles.")
    .option('all', { type: 'boolean', default: false, describe: 'Every kernel on every machine, not those of CI' })
    .option('kernel', { choices: SUITES, describe: 'Only the kernel of this suite' })
    .option('gic', { choices: [2, 3], describe: 'Only with this version of the interrupt controller' })
    .option('el', { choices: [1, 2], describe: 'Only at this exception level' })
    .option('cpus', { choices: COUNTS, describe: 'Only with so many processors' })
    .option('kaslr', { type: 'boolean', describe: 'Only where the kernel moves itself; --no-kaslr: only where not' })
    .option('script', {
      choices: Object.keys(SCRIPTS) as readonly Script[],
      describe:
        'Only with this script as init: what the kernel found, programs of all kinds, modules, the real kexec, or selftests',
    })
    .option('accesses', {
      type: 'boolean',
      default: false,
      describe: 'Compare the accesses to interrupt controller and UART up to init instead, with one processor',
    })
    .option('python', {
      type: 'boolean',
      default: false,
      describe: "Run tests of Debian's Python instead, for a while, and compare what becomes of each",
    })
    .option('list', { type: 'boolean', default: false, describe: 'List the boots' })
    .version(false)
    .strict()
    .parseSync();

type Settings = ReturnType<typeof settings>;

const chosen = ({ all, accesses, kernel, gic, el, cpus, kaslr, script }: Settings): readonly Boot[] =>
  (accesses ? ACCESSES[all ? 'all' : 'few'] : all ? ALL : FEW).filter(
    (boot) =>
      (kernel ?? boot.suite) === boot.suite &&
      (gic ?? boot.gic) === boot.gic &&
      (el ?? boot.el) === boot.el &&
      (cpus ?? boot.cpus) === boot.cpus &&
      (kaslr ?? boot.kaslr) === boot.kaslr &&
      (script ?? boot.script) === boot.script,
  );

const initramfs = (script: Script, others: readonly Entry[] = []): Uint8Array =>
  busyboxInitramfs(fs.readFileSync(debianBusybox()), SCRIPTS[script], others);

/** What the real kexec executes in the guest: the same kernel. */
const nextKernel = (suite: Suite): readonly Entry[] => [
  ...kexecEntries(prepareReal(releaseOf(suite)).tools),
  { name: NEXT.directory, mode: DIRECTORY },
  { name: NEXT.kernel, mode: FILE, data: fs.readFileSync(debianKernel(suite)) },
  { name: NEXT.initrd, mode: FILE, data: initramfs('facts') },
];

/** What a script needs beside busybox. */
const entriesFor: Readonly<Record<Script, (suite: Suite) => readonly Entry[]>> = {
  facts: () => [],
  programs: () => [],
  modules: (suite) => modulesOf(suite, debianKernel(suite)),
  kexec: nextKernel,
  selftests,
};

/** The file with the initramfs of a boot. */
const initrdOf = ({ script, suite }: Boot, work: string): string => {
  const initrd = path.join(work, `initrd-${script}-${suite}`);
  if (!fs.existsSync(initrd)) fs.writeFileSync(initrd, initramfs(script, entriesFor[script](suite)));
  return initrd;
};

/** Boots on both and compares what the kernel asks of the devices. @returns whether it is the same */
const judgeAccesses = async (boot: Boot, work: string): Promise<boolean> => {
  const accesses = await accessesOnBoth(machineOf(boot), {
    kernel: debianKernel(boot.suite),
    initrd: initrdOf(boot, work),
    work,
  });
  const name = `${nameOf(boot)}.accesses`;
  keepTexts(CACHE, name, accesses);
  const differences = compareConsoles(accesses, boot.cpus, [...KNOWN_DIFFERENCES, ...KNOWN_ACCESSES]);
  const lines = accesses.qemu.split('\n').length;
  say(`${differences.length === 0 ? 'same   ' : 'DIFFERS'} accesses of ${titleOf(boot)} (${lines} lines)`);
  tellDifferences(CACHE, name, differences);
  return differences.length === 0;
};

/**
 * Boots on both, says how that went, and keeps the consoles. @returns the known differences that it has; undefined for
 * others
 */
const judge = async (boot: Boot, work: string): Promise<readonly KnownDifference[] | undefined> => {
  const files = { kernel: debianKernel(boot.suite), initrd: initrdOf(boot, work), work };
  const { qemu, ours } = await bootBoth(machineOf(boot), files);
  const consoles = { qemu: qemu.console, ours: ours.console };
  keepTexts(CACHE, nameOf(boot), consoles);
  const differences = compareConsoles(consoles, boot.cpus);
  const same = differences.length === 0 && ours.ended;
  const seconds = [ours, qemu].map((booted) => booted.seconds.toFixed(0));
  say(`${same ? 'same   ' : 'DIFFERS'} ${titleOf(boot)} (${seconds[0]!} s, QEMU ${seconds[1]!} s)`);
  if (same) return (await goesOn(boot, files, ours)) ? neededFor(consoles, boot.cpus) : undefined;
  tellDifferences(CACHE, nameOf(boot), differences);
  if (!ours.ended) for (const line of ours.aside.trimEnd().split('\n')) say(`    ${line}`);
  return undefined;
};

/** What is told of the end says after how many instructions it came. */
const lastLineOf = ({ aside }: Booted): string => aside.trimEnd().split('\n').at(-1) ?? '';

/**
 * @returns whether a boot that is broken off goes on as the unbroken one did, to the last byte and instruction; or is
 * not one
 */
const goesOn = async (boot: Boot, files: Files, unbroken: Booted): Promise<boolean> => {
  if (!isInTwo(boot)) return true;
  const inTwo = await bootInTwo(machineOf(boot), files);
  const [ends, consoles] = [lastLineOf(inTwo) === lastLineOf(unbroken), inTwo.console === unbroken.console];
  say(
    `${ends && consoles ? 'same   ' : 'DIFFERS'} ${titleOf(boot)}, saved and resumed (${inTwo.seconds.toFixed(0)} s)`,
  );
  if (!consoles) {
    fs.writeFileSync(path.join(cacheDirectory(CACHE), `${nameOf(boot)}.resumed.txt`), inTwo.console, 'latin1');
    say(`    the consoles differ: .cache/linux/${nameOf(boot)}.{ours,resumed}.txt`);
  }
  if (!ends) for (const booted of [unbroken, inTwo]) say(`    ${lastLineOf(booted)}`);
  return ends && consoles;
};

const main = async (): Promise<void> => {
  const args = settings();
  const boots = chosen(args);
  if (args.list) {
    for (const boot of boots) say(titleOf(boot));
    return;
  }
  if (boots.length === 0) throw new Error('no boot is like that');
  const work = scratchDirectory(CACHE);
  try {
    if (args.python) await comparePython(work);
    else await (args.accesses ? compareAllAccesses : compareAllConsoles)(boots, work);
  } finally {
    fs.rmSync(work, { recursive: true });
  }
};

const compareAllConsoles = async (boots: readonly Boot[], work: string): Promise<void> => {
  const [needed, failed] = [new Set<KnownDifference>(), [] as Boot[]];
  for (const boot of boots) {
    const rows = await judge(boot, work);
    if (rows === undefined) failed.push(boot);
    else for (const row of rows) needed.add(row);
  }
  const count = `${needed.size} of ${KNOWN_DIFFERENCES.length} known differences`;
  say(`${boots.length - failed.length} of ${boots.length} consoles are the same on both, but for ${count}`);
  const idle = KNOWN_DIFFERENCES.filter((row) => boots.length === ALL.length && !needed.has(row));
  if (failed.length === 0) for (const { part, reason } of idle) say(`no console needs ${part.source} (${reason})`);
  if (failed.length > 0 || idle.length > 0) process.exitCode = 1;
};

/** Runs tests of Python on both, and compares what became of each. */
const comparePython = async (work: string): Promise<void> => {
  const kernel = debianKernel(PYTHON.suite);
  const initrd = path.join(work, 'initrd-python');
  fs.writeFileSync(initrd, busyboxInitramfs(fs.readFileSync(debianBusybox()), PYTHON.init, PYTHON.entries()));
  const { qemu, ours } = await bootBoth(PYTHON_MACHINE, { kernel, initrd, work, patienceS: PYTHON_PATIENCE_S });
  keepTexts(CACHE, 'python', { qemu: qemu.console, ours: ours.console });
  const [theirs, found] = [resultsIn(qemu.console), resultsIn(ours.console)];
  const names = [...new Set([...theirs.keys(), ...found.keys()])];
  const show = (result: string | undefined): string => result ?? 'not run';
  const wrong = names.filter((name) => theirs.get(name) !== found.get(name) || !isRight(found.get(name)));
  for (const name of wrong) say(`${name}: ${show(theirs.get(name))} in QEMU, ${show(found.get(name))} on our machine`);
  const count = (what: string): number => [...found.values()].filter((result) => result === what).length;
  const isGood = names.length > 0 && wrong.length === 0 && ours.ended;
  if (!isGood) say('the consoles: .cache/linux/python.{ours,qemu}.txt');
  say(
    `${PYTHON.title}: ${count('passed')} pass, ${count('skipped')} are skipped, ` +
      `${isGood ? 'the same as in QEMU' : `${wrong.length} are not as they should be`} ` +
      `(${ours.seconds.toFixed(0)} s, QEMU ${qemu.seconds.toFixed(0)} s)`,
  );
  if (!isGood) process.exitCode = 1;
};

const compareAllAccesses = async (boots: readonly Boot[], work: string): Promise<void> => {
  let same = 0;
  for (const boot of boots) if (await judgeAccesses(boot, work)) same++;
  say(`of ${same} of ${boots.length} boots the accesses are the same on both`);
  if (same < boots.length) process.exitCode = 1;
};

await runMain('linux', main, { tellsHelp: true });
