/**
 * Boots Debian's kernels from where `kexec-sim handoff` leaves them: `npm run handoff -- [--kernel SUITE] [--machine
 * NAME]`. `kexec -l` loads a kernel and a small initramfs, the model runs to the kernel's first instruction, and qemu
 * goes on from there: the kernel must say that it boots, and its init must be reached.
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { debianBusybox, debianKernel } from '../conformance/apt.js';
import { cacheDirectory, scratchDirectory } from '../support/cache.js';
import { busyboxInitramfs } from './initramfs.js';
import { runMain, say } from '../support/run-main.js';

/** The suites of Debian, and the releases of their kernels. */
const KERNELS: Readonly<Record<string, string>> = { bookworm: '6.1', trixie: '6.12' };
const COMMAND_LINE = 'console=ttyAMA0 panic=-1';
/** TCG takes some twenty seconds. */
const PATIENCE_MS = 300_000;

/** Says which kernel runs it and with what command line, and switches off. */
const INIT = `#!/bin/sh
/bin/busybox mount -t proc proc /proc
echo "init: reached on $(/bin/busybox uname -r) with $(/bin/busybox cat /proc/cmdline)"
/bin/busybox poweroff -f
`;

const run = (
  what: string,
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): string => {
  const options = {
    encoding: 'latin1',
    env: { ...process.env, KEXEC_TRANSLATIONS: 'off', ...env },
    timeout: PATIENCE_MS,
    maxBuffer: 2 ** 26,
  } as const;
  const { status, stdout, stderr, error } = spawnSync(file, args, options);
  if (status !== 0)
    throw new Error(`${what}: ${error?.message ?? `exit ${status ?? 'by a signal'}`}\n${stdout.slice(-2000)}${stderr}`);
  return stdout;
};

/** Boots the kernel of a suite. @returns what its console must show and does not */
const boot = (work: string, suite: string, machine: string): readonly string[] => {
  const kernel = debianKernel(suite);
  const initrd = path.join(work, 'initrd');
  fs.writeFileSync(initrd, busyboxInitramfs(fs.readFileSync(debianBusybox()), INIT));
  const directory = path.join(work, `${suite}-${machine}`);
  const env = { KEXEC_STATE: path.join(work, 'state'), KEXEC_MACHINE: machine };
  const commandLine = `${COMMAND_LINE} suite=${suite}`;
  run(
    'kexec -l',
    process.execPath,
    ['bin/kexec', '-c', '-l', kernel, `--initrd=${initrd}`, `--command-line=${commandLine}`],
    env,
  );
  const summary = run('kexec-sim handoff', process.execPath, ['bin/kexec-sim', 'handoff', directory, '--json'], env);
  const { qemu } = JSON.parse(summary) as { readonly qemu: readonly string[] };
  const console = run('qemu', qemu[0]!, qemu.slice(1));
  fs.writeFileSync(path.join(cacheDirectory('handoff'), `console-${suite}-${machine}.txt`), console);
  const release = `${KERNELS[suite]!}.`;
  const expected = [
    'Booting Linux on physical CPU',
    `Linux version ${release}`,
    `init: reached on ${release}`,
    `with ${commandLine}`,
  ];
  return expected.filter((text) => !console.includes(text));
};

const main = (): void => {
  const { values } = parseArgs({
    options: { kernel: { type: 'string' }, machine: { type: 'string', default: 'virt-2g' } },
  });
  const suites = Object.keys(KERNELS).filter((suite) => values.kernel === undefined || suite === values.kernel);
  if (suites.length === 0) throw new Error(`--kernel is one of: ${Object.keys(KERNELS).join(', ')}`);
  const work = scratchDirectory('handoff');
  try {
    for (const suite of suites) {
      const started = Date.now();
      const missing = boot(work, suite, values.machine);
      const name = `Debian's ${KERNELS[suite]!} (${suite}) on ${values.machine}`;
      if (missing.length === 0)
        say(`${name}: boots and reaches its init (${((Date.now() - started) / 1000).toFixed(0)} s)`);
      else {
        say(`${name}: its console does not show ${missing.map((text) => `"${text}"`).join(', ')}; see .cache/handoff/`);
        process.exitCode = 1;
      }
    }
  } finally {
    fs.rmSync(work, { recursive: true });
  }
};

await runMain('handoff', main);
