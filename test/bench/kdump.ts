/**
 * Whole kdumps, ours beside qemu-system-aarch64's: a kernel boots, loads its crash kernel by the real kexec and panics;
 * the capture kernel reads 64 MiB of /proc/vmcore, and switches off. One run of each; ours also once more, with the
 * translations of the first. And what vmcore.ts times: a dump of a saved machine.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { debianKernel } from '../conformance/apt.js';
import { initramfsWith } from '../machine/kdump/files.js';
import { MOUNTS, NEXT } from '../machine/kdump/scripts.js';
import { KERNELS, type Suite } from '../machine/linux/boots.js';
import { ADD_TEXT_SYMBOL, REAL_KEXEC } from '../machine/real-kexec.js';
import { scratchDirectory } from '../support/cache.js';
import { benchVmcore } from './vmcore.js';
import { type BootBenchOptions, QEMU, QEMU_MACHINE, timeOf } from './linux.js';

/** What must be, and what is wanted: our time over qemu's, at most. */
const [MOST, WANTED] = [1, 0.5];
const COMMAND_LINE = 'console=ttyAMA0 crashkernel=256M panic=-1';
const MEMORY = '1G';
const COPIED = 'kdump: 64 MiB copied';

/** Of kernels that may be loaded: where the tree has a seed, the kernel has to wipe it, and it moves itself by it. */
const FIRST = `#!/bin/sh
${MOUNTS}
${ADD_TEXT_SYMBOL}
${REAL_KEXEC} -c -p /${NEXT.kernel} --initrd=/${NEXT.initrd} \\
  --append="console=ttyAMA0 maxcpus=1 reset_devices panic=-1" || poweroff -f
echo c > /proc/sysrq-trigger
`;

const CAPTURE = `#!/bin/sh
${MOUNTS}
dd if=/proc/vmcore of=/dev/null bs=1M count=64 && echo "${COPIED}"
poweroff -f
`;

const WORKLOADS: readonly Suite[] = ['bookworm', 'trixie'];

/** Runs the benchmark of whole kdumps, and prints it. @throws Error where a side saves no dump */
export const benchKdump = ({ rounds, json, only }: BootBenchOptions): void => {
  const work = scratchDirectory('bench-kdump');
  try {
    if (!json) console.log(`kdumps to power off, ${QEMU} -cpu cortex-a57; node ${process.version}; best of ${rounds}`);
    const rows = WORKLOADS.filter((suite) => nameOf(suite).includes(only)).map((suite) => {
      const row = measure(suite, work, rounds);
      if (!json) print(row);
      return row;
    });
    const dumps = benchVmcore(work, { rounds, only, tell: json ? () => {} : (line) => console.log(line) });
    if (json) console.log(JSON.stringify({ kdumps: rows, vmcores: dumps }, null, 2));
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
};

const nameOf = (suite: Suite): string => `Linux ${KERNELS[suite]}, Debian ${suite}`;

interface Row {
  readonly name: string;
  /** Without translations of an earlier run. */
  readonly firstMs: number;
  readonly againMs: number;
  readonly qemuMs: number;
}

const measure = (suite: Suite, work: string, rounds: number): Row => {
  const initrd = path.join(work, 'initrd');
  fs.writeFileSync(initrd, initramfsWith(suite, { first: FIRST, capture: CAPTURE, captureHas: [] }));
  const boot = ['--initrd', initrd, '--append', COMMAND_LINE];
  const kernel = debianKernel(suite);
  const ours = (translations: string) => ({
    file: process.execPath,
    env: { ...process.env, KEXEC_TRANSLATIONS: translations },
    args: ['bin/kexec-sim', 'boot', kernel, ...boot, '--memory', MEMORY, '--timeout', '500'],
  });
  const qemu = {
    file: QEMU,
    args: [...QEMU_MACHINE, '-m', MEMORY, '-no-reboot', '-kernel', kernel, '-initrd', initrd, '-append', COMMAND_LINE],
  };
  let [firstMs, againMs, qemuMs] = [Infinity, Infinity, Infinity];
  for (let i = 0; i < rounds; i++) {
    const translations = fs.mkdtempSync(path.join(work, 'translations-'));
    qemuMs = Math.min(qemuMs, timeOf(qemu, COPIED));
    firstMs = Math.min(firstMs, timeOf(ours(translations), COPIED));
    againMs = Math.min(againMs, timeOf(ours(translations), COPIED));
  }
  return { name: nameOf(suite), firstMs, againMs, qemuMs };
};

const print = ({ name, firstMs, againMs, qemuMs }: Row): void => {
  const [seconds, ratio] = [(ms: number) => (ms / 1000).toFixed(1).padStart(6), firstMs / qemuMs];
  console.log(
    `${name.padEnd(30)} ours ${seconds(firstMs)} s (again ${seconds(againMs).trim()} s)   qemu ${seconds(qemuMs)} s   ` +
      `ratio ${ratio.toFixed(2)} (at most ${MOST}: ${ratio <= MOST ? 'met' : 'missed'}; ` +
      `wanted ${WANTED}: ${ratio <= WANTED ? 'met' : 'missed'})`,
  );
};
