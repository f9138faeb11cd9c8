/**
 * Whole boots of Debian's kernels, ours beside qemu-system-aarch64's: from the command to the machine's switching
 * itself off, both starts included. The sides take turns, best of several; our first boot of a kernel, which begins
 * without translations of an earlier one, is told apart.
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { debianBusybox, debianKernel } from '../conformance/apt.js';
import { busyboxInitramfs } from '../machine/initramfs.js';
import { SCRIPTS } from '../machine/linux/scripts.js';
import { scratchDirectory } from '../support/cache.js';

export interface BootBenchOptions {
  readonly rounds: number;
  readonly json: boolean;
  /** Only rows whose names contain it. */
  readonly only: string;
}

export const QEMU = 'qemu-system-aarch64';
/** Beside its memory. */
export const QEMU_MACHINE: readonly string[] = [
  ...['-nodefaults', '-nic', 'none', '-M', 'virt,gic-version=2', '-accel', 'tcg', '-cpu', 'cortex-a57'],
  ...['-display', 'none', '-monitor', 'none', '-serial', 'stdio'],
];
/** What is wanted: our time over qemu's, at most. */
const MOST_WANTED = 2;
const PATIENCE_MS = 600_000;
const COMMAND_LINE = 'console=ttyAMA0 nokaslr';
const REACHED = 'init: reached';
const INIT = `#!/bin/sh
echo "${REACHED}"
/bin/busybox poweroff -f
`;

/** What is booted: Debian's suite, and what init does. */
const WORKLOADS: readonly { readonly name: string; readonly suite: string; readonly init: string }[] = [
  { name: 'Linux 5.10, Debian bullseye', suite: 'bullseye', init: INIT },
  { name: 'Linux 6.1, Debian bookworm', suite: 'bookworm', init: INIT },
  { name: 'Linux 6.12, Debian trixie', suite: 'trixie', init: INIT },
  { name: 'Linux 7.2, Debian sid', suite: 'sid', init: INIT },
  { name: 'Linux 6.1, programs', suite: 'bookworm', init: SCRIPTS.programs.replace('\n', `\necho "${REACHED}"\n`) },
];

/** A command that boots a machine until it switches itself off. */
export interface BootCommand {
  readonly file: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly args: readonly string[];
}

/** Runs it. @param wanted what its console must show @returns its time in milliseconds @throws Error when it fails */
export const timeOf = ({ file, args, env = process.env }: BootCommand, wanted: string): number => {
  const started = performance.now();
  const { status, stdout, stderr, error } = spawnSync(file, args, {
    encoding: 'latin1',
    env,
    input: '',
    timeout: PATIENCE_MS,
    maxBuffer: 2 ** 26,
  });
  const ms = performance.now() - started;
  const why = error?.message ?? `exit ${status ?? 'by a signal'}`;
  if (status !== 0) throw new Error(`${file} ${args.join(' ')}: ${why}\n${stderr.slice(-2000)}`);
  if (!stdout.includes(wanted)) throw new Error(`${file}: "${wanted}" was not reached\n${stdout.slice(-2000)}`);
  return ms;
};

const ourBoot = (kernel: string, initrd: string, translations: string): BootCommand => ({
  file: process.execPath,
  env: { ...process.env, KEXEC_TRANSLATIONS: translations },
  args: ['bin/kexec-sim', 'boot', kernel, '--initrd', initrd, '--append', COMMAND_LINE, '--timeout', '500'],
});

const qemuBoot = (kernel: string, initrd: string): BootCommand => ({
  file: QEMU,
  args: [...[...QEMU_MACHINE, '-m', '2G'], ...['-kernel', kernel, '-initrd', initrd, '-append', COMMAND_LINE]],
});

/** Runs the benchmark of whole boots, and prints it. @throws Error where a side does not get to init */
export const benchLinux = ({ rounds, json, only }: BootBenchOptions): void => {
  const work = scratchDirectory('bench-linux');
  try {
    if (!json) console.log(`boots to power off, ${QEMU} -cpu cortex-a57; node ${process.version}; best of ${rounds}`);
    const rows = WORKLOADS.filter(({ name }) => name.includes(only)).map(({ name, suite, init }) => {
      const kernel = debianKernel(suite);
      const initrd = path.join(work, 'initrd');
      fs.writeFileSync(initrd, busyboxInitramfs(fs.readFileSync(debianBusybox()), init));
      const translations = fs.mkdtempSync(path.join(work, 'translations-'));
      let [firstMs, oursMs, qemuMs] = [0, Infinity, Infinity];
      for (let i = 0; i < rounds; i++) {
        qemuMs = Math.min(qemuMs, timeOf(qemuBoot(kernel, initrd), REACHED));
        const ms = timeOf(ourBoot(kernel, initrd, translations), REACHED);
        if (i === 0) firstMs = ms;
        oursMs = Math.min(oursMs, ms);
      }
      const row = { name, firstMs, oursMs, qemuMs, ratio: oursMs / qemuMs };
      if (!json)
        console.log(
          `${row.name.padEnd(30)} ours ${(oursMs / 1000).toFixed(1).padStart(6)} s (the first time ${(firstMs / 1000).toFixed(1)} s)   qemu ${(qemuMs / 1000).toFixed(1).padStart(6)} s   ` +
            `ratio ${row.ratio.toFixed(2)} (wanted at most ${MOST_WANTED}: ${row.ratio <= MOST_WANTED ? 'met' : 'missed'})`,
        );
      return row;
    });
    if (json) console.log(JSON.stringify({ boots: rows }, null, 2));
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
};
