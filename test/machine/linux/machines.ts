/** Boots a kernel on our machine and in QEMU. */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { linesOfAccesses } from './accesses.js';
import type { Boot } from './boots.js';
import { ourAccesses } from './our-accesses.js';
import { accessesOf, traceTo } from './qemu-accesses.js';

/** What is booted. */
export interface Files {
  readonly kernel: string;
  readonly initrd: string;
  /** Of this run alone. */
  readonly work: string;
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
const PATIENCE_S = 600;

const MEMORY = '2G';

/** `panic=-1` restarts the machine at once, which ends QEMU by `-no-reboot`. */
const commandLine = ({ kaslr }: Boot): string => `console=ttyAMA0${kaslr ? '' : ' nokaslr'} panic=-1`;

const boot = (file: string, args: readonly string[], translations = 'off'): Promise<Booted> => {
  const start = performance.now();
  const env = { ...process.env, KEXEC_MACHINE: undefined, KEXEC_TRANSLATIONS: translations };
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
    timeout: (PATIENCE_S + 10) * 1000,
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
const qemuMachine = ({ gic, el, cpus }: Boot): readonly string[] => [
  '-machine',
  `virt,gic-version=${gic},its=off,virtualization=${el === 2 ? 'on' : 'off'}`,
  ...['-cpu', 'cortex-a57', '-smp', `${cpus}`, '-m', MEMORY, '-icount', 'shift=0,sleep=off'],
  ...['-nodefaults', '-nic', 'none', '-display', 'none', '-serial', 'stdio', '-no-reboot'],
  ...['-rtc', 'base=2026-01-01,clock=vm'],
];

const QEMU = 'qemu-system-aarch64';

/** @throws Error when QEMU, which is the judge, does not get to the end */
const bootQemu = async (
  options: Boot,
  { kernel, initrd }: Omit<Files, 'work'>,
  more: readonly string[] = [],
): Promise<Booted> => {
  const load = ['-kernel', kernel, '-initrd', initrd, '-append', commandLine(options)];
  const booted = await boot(QEMU, [...qemuMachine(options), ...load, ...more]);
  if (!booted.ended) throw new Error(`qemu: does not get to the end\n${booted.console.slice(-2000)}${booted.aside}`);
  return booted;
};

/** A device tree of QEMU's, with seeds, which are others in each of its runs. @returns its file */
const writeTree = async (options: Boot, work: string): Promise<string> => {
  const file = path.join(work, 'tree.dtb');
  const { ended, aside } = await boot(QEMU, [...qemuMachine(options), '-machine', `dumpdtb=${file}`]);
  if (!ended) throw new Error(`qemu writes no device tree: ${aside}`);
  return file;
};

const ourBoot = (
  options: Boot,
  { kernel, initrd }: Omit<Files, 'work'>,
  tree: string | undefined,
): readonly string[] => [
  ...['bin/kexec-sim', 'boot', kernel, '--initrd', initrd, '--append', commandLine(options)],
  ...['--timeout', `${PATIENCE_S}`],
  ...(tree === undefined
    ? ['--memory', MEMORY, '--gic', `${options.gic}`, '--el', `${options.el}`, '--cpus', `${options.cpus}`]
    : ['--dtb', tree]),
];

/** Every kernel says so, in the midst of its boot. */
const IN_THE_MIDST = 'console:Switched to clocksource';

/** Boots on ours, saves the machine in the midst of that, and goes on with it. @returns both runs as one */
export const bootInTwo = async (options: Boot, { kernel, initrd, work }: Files): Promise<Booted> => {
  const saved = path.join(work, 'machine');
  const first = await boot(process.execPath, [
    ...ourBoot(options, { kernel, initrd }, undefined),
    ...['--until', IN_THE_MIDST, '--save', saved],
  ]);
  if (!first.ended) return first;
  const second = await boot(process.execPath, ['bin/kexec-sim', 'resume', saved, '--timeout', `${PATIENCE_S}`]);
  return { ...second, console: first.console + second.console, seconds: first.seconds + second.seconds };
};

/** Boots on both at the same time. @throws Error when QEMU, which is the judge, does not get to the end */
export const bootBoth = async (
  options: Boot,
  { kernel, initrd, work }: Files,
): Promise<Readonly<Record<'qemu' | 'ours', Booted>>> => {
  const tree = options.kaslr ? await writeTree(options, work) : undefined;
  const [qemu, ours] = await Promise.all([
    bootQemu(options, { kernel, initrd }),
    // The first boot of a kernel begins without translations, others with those of the boots before.
    boot(process.execPath, ourBoot(options, { kernel, initrd }, tree), path.join(work, 'translations')),
  ]);
  return { qemu, ours };
};

/** The accesses to devices up to init, on both at the same time: see {@link linesOfAccesses}. */
export const accessesOnBoth = async (
  options: Boot,
  { kernel, initrd, work }: Files,
): Promise<Readonly<Record<'qemu' | 'ours', string>>> => {
  const trace = path.join(work, 'trace');
  const ourRun = { ...options, kernel, initrd, append: commandLine(options), timeoutMs: PATIENCE_S * 1000 };
  const [ours] = await Promise.all([ourAccesses(ourRun), bootQemu(options, { kernel, initrd }, traceTo(trace))]);
  return {
    qemu: linesOfAccesses(accessesOf(fs.readFileSync(trace, 'latin1'))),
    ours: linesOfAccesses(ours),
  };
};
