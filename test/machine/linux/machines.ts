/** Boots a kernel on our machine and in QEMU. */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { pathOffset } from '../../../kexec/device-tree/libfdt-ro.js';
import { delProp, pack } from '../../../kexec/device-tree/libfdt-rw.js';
import { Fdt, type FdtError, isFdtError } from '../../../kexec/device-tree/libfdt.js';
import { linesOfAccesses } from './accesses.js';
import { ourAccesses } from './our-accesses.js';
import { accessesOf, traceTo } from './qemu-accesses.js';

/** A machine, and how a kernel is started on it. */
export interface Machine {
  readonly gic: 2 | 3;
  /** The exception level that the kernel is started at. */
  readonly el: 1 | 2;
  readonly cpus: number;
  /** As both take it: 2G. */
  readonly memory: string;
  readonly commandLine: string;
  /**
   * Each machine's own device tree; or one of QEMU's for both, with a seed by which the kernel moves itself, or without.
   */
  readonly tree: 'own' | 'seed' | 'no seed';
}

/** What is booted. */
export interface Files {
  readonly kernel: string;
  readonly initrd: string;
  /** Of this run alone. */
  readonly work: string;
  /** A disk of each machine's own, which it may write to. */
  readonly disks?: Readonly<Record<'qemu' | 'ours', string>>;
  /** What takes longer hangs; {@link PATIENCE_S} by default. */
  readonly patienceS?: number;
}

export interface Booted {
  readonly console: string;
  /** What it said beside the console. */
  readonly aside: string;
  /** Whether it ended by itself, and well. */
  readonly ended: boolean;
  readonly seconds: number;
}

/** A machine that takes longer hangs. */
const PATIENCE_S = 1200;

interface BootSettings {
  readonly patienceS?: number | undefined;
  /** Where ours finds translations of the boots before. */
  readonly translations?: string;
}

const boot = (
  file: string,
  args: readonly string[],
  { patienceS = PATIENCE_S, translations = 'off' }: BootSettings = {},
): Promise<Booted> => {
  const start = performance.now();
  const env = { ...process.env, KEXEC_MACHINE: undefined, KEXEC_TRANSLATIONS: translations };
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
    timeout: (patienceS + 10) * 1000,
    killSignal: 'SIGKILL',
  });
  const [out, aside]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => aside.push(chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (code) => {
      const text = (chunks: readonly Buffer[]): string => Buffer.concat(chunks).toString('latin1');
      const seconds = (performance.now() - start) / 1000;
      resolve({ console: text(out), aside: text(aside), ended: code === 0, seconds });
    });
  });
};

/**
 * QEMU counts time by instructions, as we do, and begins it where our clock begins. There is no ITS, as on our board.
 */
const qemuMachine = ({ gic, el, cpus, memory }: Machine): readonly string[] => [
  '-machine',
  `virt,gic-version=${gic},its=off,virtualization=${el === 2 ? 'on' : 'off'}`,
  ...['-cpu', 'cortex-a57', '-smp', `${cpus}`, '-m', memory, '-icount', 'shift=0,sleep=off'],
  ...['-nodefaults', '-nic', 'none', '-display', 'none', '-serial', 'stdio', '-no-reboot'],
  ...['-rtc', 'base=2026-01-01,clock=vm'],
];

/**
 * QEMU's disks are of an older kind when it is not told so. While a guest waits for the host's disk, the clock that
 * counts instructions leaps; it is not to wait for that to be written.
 */
const qemuDisk = (file: string | undefined): readonly string[] =>
  file === undefined
    ? []
    : [
        ...[
          '-global',
          'virtio-mmio.force-legacy=false',
          '-drive',
          `file=${file},format=raw,if=none,id=disk,cache=unsafe`,
        ],
        ...['-device', 'virtio-blk-device,drive=disk'],
      ];

const QEMU = 'qemu-system-aarch64';

/** @throws Error when QEMU, which is the judge, does not get to the end */
const bootQemu = async (
  machine: Machine,
  { kernel, initrd, disks, patienceS }: Omit<Files, 'work'>,
  tree: string | undefined,
  more: readonly string[] = [],
): Promise<Booted> => {
  const load = ['-kernel', kernel, '-initrd', initrd, '-append', machine.commandLine];
  const given = tree === undefined ? [] : ['-dtb', tree];
  const args = [...qemuMachine(machine), ...load, ...given, ...qemuDisk(disks?.qemu), ...more];
  const booted = await boot(QEMU, args, { patienceS });
  if (!booted.ended) throw new Error(`qemu: does not get to the end\n${booted.console.slice(-2000)}${booted.aside}`);
  return booted;
};

/**
 * A device tree of QEMU's, whose seeds are others in each of its runs, without the room that QEMU leaves behind it: it
 * doubles the size of one that it is given, and kernels take 2 MiB. @returns its file; undefined for none
 */
const writeTree = async (machine: Machine, work: string): Promise<string | undefined> => {
  if (machine.tree === 'own') return undefined;
  const file = path.join(work, 'tree.dtb');
  const { ended, aside } = await boot(QEMU, [...qemuMachine(machine), '-machine', `dumpdtb=${file}`]);
  if (!ended) throw new Error(`qemu writes no device tree: ${aside}`);
  const tree = new Fdt(fs.readFileSync(file), file);
  const failed = (machine.tree === 'seed' ? undefined : withoutSeed(tree)) ?? pack(tree);
  if (failed !== undefined) throw new Error(`${file}: ${failed}`);
  fs.writeFileSync(file, tree.trimmed());
  return file;
};

const withoutSeed = (tree: Fdt): FdtError | undefined => {
  const chosen = pathOffset(tree, '/chosen');
  return isFdtError(chosen) ? chosen : delProp(tree, chosen, 'kaslr-seed');
};

const ourBoot = (
  { gic, el, cpus, memory, commandLine }: Machine,
  { kernel, initrd, disks, patienceS = PATIENCE_S }: Omit<Files, 'work'>,
  tree: string | undefined,
): readonly string[] => [
  ...['bin/kexec-sim', 'boot', kernel, '--initrd', initrd, '--append', commandLine, '--timeout', `${patienceS}`],
  ...(tree === undefined
    ? ['--memory', memory, '--gic', `${gic}`, '--el', `${el}`, '--cpus', `${cpus}`]
    : ['--dtb', tree]),
  ...(disks === undefined ? [] : ['--disk', `${disks.ours},rw`]),
];

/** Every kernel says so, in the midst of its boot. */
const IN_THE_MIDST = 'console:Switched to clocksource';

/** Boots on ours, saves the machine in the midst of that, and goes on with it. @returns both runs as one */
export const bootInTwo = async (machine: Machine, { kernel, initrd, work }: Files): Promise<Booted> => {
  const saved = path.join(work, 'machine');
  const first = await boot(process.execPath, [
    ...ourBoot(machine, { kernel, initrd }, undefined),
    ...['--until', IN_THE_MIDST, '--save', saved],
  ]);
  if (!first.ended) return first;
  const second = await boot(process.execPath, ['bin/kexec-sim', 'resume', saved, '--timeout', `${PATIENCE_S}`]);
  return { ...second, console: first.console + second.console, seconds: first.seconds + second.seconds };
};

/** Boots on both at the same time. @throws Error when QEMU, which is the judge, does not get to the end */
export const bootBoth = async (
  machine: Machine,
  { work, ...files }: Files,
): Promise<Readonly<Record<'qemu' | 'ours', Booted>>> => {
  const tree = await writeTree(machine, work);
  const [qemu, ours] = await Promise.all([
    bootQemu(machine, files, tree),
    // The first boot of a kernel begins without translations, others with those of the boots before.
    boot(process.execPath, ourBoot(machine, files, tree), {
      patienceS: files.patienceS,
      translations: path.join(work, 'translations'),
    }),
  ]);
  return { qemu, ours };
};

/** The accesses to devices up to init, on both at the same time: see {@link linesOfAccesses}. */
export const accessesOnBoth = async (
  machine: Machine,
  { kernel, initrd, work }: Files,
): Promise<Readonly<Record<'qemu' | 'ours', string>>> => {
  const trace = path.join(work, 'trace');
  const ourRun = { ...machine, kernel, initrd, append: machine.commandLine, timeoutMs: PATIENCE_S * 1000 };
  const [ours] = await Promise.all([
    ourAccesses(ourRun),
    bootQemu(machine, { kernel, initrd }, undefined, traceTo(trace)),
  ]);
  return {
    qemu: linesOfAccesses(accessesOf(fs.readFileSync(trace, 'latin1'))),
    ours: linesOfAccesses(ours),
  };
};
