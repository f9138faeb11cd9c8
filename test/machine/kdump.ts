/**
 * Whole kdumps of Debian's kernels, on our machine and in QEMU: `npm run kdump -- [--all]`. A kernel loads its crash
 * kernel by the real kexec, and panics; the crash kernel saves /proc/vmcore to a disk. The consoles of both must be the
 * same line by line, as `npm run linux` compares them, and programs must read what was saved on ours. `--help` tells
 * how to choose.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import yargs from 'yargs';
import { debianKernel } from '../conformance/apt.js';
import { scratchDirectory } from '../support/cache.js';
import { runMain, say } from '../support/run-main.js';
import { ALL, FEW, type Kdump, machineOf, nameOf, titleOf } from './kdump/boots.js';
import { faultsOfDump } from './kdump/dump.js';
import { initramfsOf, makeDisk } from './kdump/files.js';
import { knownOfKdumps } from './kdump/known-differences.js';
import { COUNTS, SUITES } from './linux/boots.js';
import { compareConsoles } from './linux/consoles.js';
import { bootBoth } from './linux/machines.js';
import { keepTexts, tellDifferences } from './linux/reports.js';

/** The folder of the cache with the consoles. */
const CACHE = 'kdump';
/** The last line of a capture kernel that got to its end. */
const CAPTURED = /^captured\r*$/m;

const settings = () =>
  yargs(process.argv.slice(2))
    .scriptName('npm run kdump --')
    .usage("$0 [options]\n\nKdumps of Debian's kernels, on our machine and in QEMU.")
    .option('all', { type: 'boolean', default: false, describe: 'Every kernel on every machine, not those of CI' })
    .option('kernel', { choices: SUITES, describe: 'Only the kernel of this suite' })
    .option('gic', { choices: [2, 3], describe: 'Only with this version of the interrupt controller' })
    .option('el', { choices: [1, 2], describe: 'Only at this exception level' })
    .option('cpus', { choices: COUNTS, describe: 'Only with so many processors' })
    .option('makedumpfile', {
      type: 'boolean',
      describe: 'Only where makedumpfile saves the dump, too; --no-: not there',
    })
    .option('list', { type: 'boolean', default: false, describe: 'List the kdumps' })
    .version(false)
    .strict()
    .parseSync();

type Settings = ReturnType<typeof settings>;

const chosen = ({ all, kernel, gic, el, cpus, makedumpfile }: Settings): readonly Kdump[] =>
  (all ? ALL : FEW).filter(
    (kdump) =>
      (kernel ?? kdump.suite) === kdump.suite &&
      (gic ?? kdump.gic) === kdump.gic &&
      (el ?? kdump.el) === kdump.el &&
      (cpus ?? kdump.cpus) === kdump.cpus &&
      (makedumpfile ?? kdump.makedumpfile) === kdump.makedumpfile,
  );

/** Runs one on both, and says how that went. @returns whether it is as it must be */
const judge = async (kdump: Kdump, work: string): Promise<boolean> => {
  const [name, initrd] = [nameOf(kdump), path.join(work, 'initrd')];
  const disks = { qemu: path.join(work, 'qemu.disk'), ours: path.join(work, 'ours.disk') };
  fs.writeFileSync(initrd, initramfsOf(kdump));
  for (const disk of Object.values(disks)) makeDisk(disk);
  const { qemu, ours } = await bootBoth(machineOf(kdump), { kernel: debianKernel(kdump.suite), initrd, work, disks });
  const consoles = { qemu: qemu.console, ours: ours.console };
  keepTexts(CACHE, name, consoles);
  const differences = compareConsoles(consoles, kdump.cpus, knownOfKdumps(kdump.cpus));
  const captured = ours.ended && CAPTURED.test(ours.console);
  const faults = captured ? await faultsOfDump(kdump, { console: ours.console, disk: disks.ours }, work) : [];
  const same = captured && differences.length === 0 && faults.length === 0;
  const seconds = [ours, qemu].map((booted) => booted.seconds.toFixed(0));
  say(`${same ? 'same   ' : 'DIFFERS'} ${titleOf(kdump)} (${seconds[0]!} s, QEMU ${seconds[1]!} s)`);
  tellDifferences(CACHE, name, differences);
  for (const fault of faults) say(`    ${fault}`);
  if (!captured) for (const line of `no dump was saved\n${ours.aside}`.trimEnd().split('\n')) say(`    ${line}`);
  return same;
};

const main = async (): Promise<void> => {
  const args = settings();
  const kdumps = chosen(args);
  if (args.list) {
    for (const kdump of kdumps) say(titleOf(kdump));
    return;
  }
  if (kdumps.length === 0) throw new Error('no kdump is like that');
  if (process.getuid?.() !== 0) {
    throw new Error('programs of Debian read the dumps in a root directory of their own (chroot), which takes root');
  }
  const work = scratchDirectory(CACHE);
  let failed = 0;
  try {
    for (const kdump of kdumps) if (!(await judge(kdump, work))) failed++;
  } finally {
    fs.rmSync(work, { recursive: true });
  }
  say(`${kdumps.length - failed} of ${kdumps.length} kdumps are the same on both, and what they saved can be read`);
  if (failed > 0) process.exitCode = 1;
};

await runMain('kdump', main, { tellsHelp: true });
