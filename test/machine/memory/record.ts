/**
 * Boots Debian's kernels in QEMU with all kinds of crashkernel= and memory, and keeps what /proc/iomem then shows, in
 * test/data/boot-memory.json.gz: `npm run record:memory`. What is there already is not booted again.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { debianBusybox, debianKernel } from '../../conformance/apt.js';
import { scratchDirectory } from '../../support/cache.js';
import { recordedJson } from '../../support/recorded.js';
import { runMain, say } from '../../support/run-main.js';
import { busyboxInitramfs } from '../initramfs.js';

const SUITES = ['bullseye', 'bookworm', 'trixie', 'sid'] as const;

/** Memory, and crashkernel= in it; the empty one is none. */
const BOOTS: readonly (readonly [memory: string, crashkernel: readonly string[]])[] = [
  ['1G', ['', '128M']],
  ['2G', ['', '64M', '256M', '300001K', '512M', '1G', '1900M', '128M@0x60000000', '128M@0x60100000', '1G-:128M']],
  ['3G', ['256M', '2G-4G:200M,4G-:500M@0x80000000', '256M,high']],
  ['4G', ['', '256M', '2500M', '1G,high', '128M,low', '12x']],
  ['8G', ['', '256M', '2800M', '5G', '1G,high', '1G,high crashkernel=64M,low', '1G,high crashkernel=0,low']],
];

const PATIENCE_MS = 120_000;
const COMMAND_LINE = 'console=ttyAMA0 quiet loglevel=1 panic=-1 nokaslr';

interface Job {
  readonly suite: string;
  readonly memory: string;
  readonly crashkernel: string;
}

const KEYS = ['suite', 'memory', 'crashkernel'] as const;
const isSame = (one: Job, other: Job): boolean => KEYS.every((key) => one[key] === other[key]);

interface Recorded extends Job {
  readonly files: Readonly<Record<string, string>>;
}

const FILES = ['/proc/version', '/proc/cmdline', '/proc/iomem', '/proc/meminfo'];
const DATA = 'test/data/boot-memory.json.gz';

const isWhole = (files: Recorded['files']): boolean => FILES.every((name) => files[name] !== undefined);

const INIT = `#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
for file in ${FILES.join(' ')}; do
	echo "=== $file"
	cat $file
done
echo "==="
poweroff -f
`;

/** What a boot showed, by the files' paths. */
const boot = async ({ suite, memory, crashkernel }: Job, initrd: string): Promise<Readonly<Record<string, string>>> => {
  const append = crashkernel === '' ? COMMAND_LINE : `${COMMAND_LINE} crashkernel=${crashkernel}`;
  const machine = ['-M', 'virt', '-cpu', 'cortex-a57', '-m', memory, '-nic', 'none', '-nographic', '-no-reboot'];
  const qemu = promisify(execFile)(
    'qemu-system-aarch64',
    [...machine, '-kernel', debianKernel(suite), '-initrd', initrd, '-append', append],
    { encoding: 'latin1', timeout: PATIENCE_MS, maxBuffer: 2 ** 24 },
  );
  qemu.child.stdin?.end();
  const console = (await qemu).stdout.replaceAll('\r', '');
  return Object.fromEntries(
    [...console.matchAll(/^=== (\/\S+)\n([^]*?)(?=^===)/gm)].map(([, path, text]) => [path!, text!]),
  );
};

await runMain('record:memory', async () => {
  const work = scratchDirectory('memory');
  const initrd = join(work, 'initrd');
  writeFileSync(initrd, busyboxInitramfs(readFileSync(debianBusybox()), INIT));
  const jobs = SUITES.flatMap((suite) =>
    BOOTS.flatMap(([memory, all]) => all.map((crashkernel): Job => ({ suite, memory, crashkernel }))),
  );
  const kept = existsSync(DATA) ? (recordedJson('boot-memory') as { readonly boots: readonly Recorded[] }).boots : [];
  const boots: Recorded[] = [];
  for (const job of jobs) {
    const known = kept.find((one) => isSame(one, job) && isWhole(one.files));
    const files = known?.files ?? (await boot(job, initrd));
    if (!isWhole(files)) throw new Error(`${KEYS.map((key) => job[key]).join(' ')}: the kernel did not get to its end`);
    if (known === undefined) say(KEYS.map((key) => job[key]).join(' '));
    boots.push({ ...job, files });
    const others = kept.filter((one) => !boots.some((made) => isSame(one, made)));
    writeFileSync(DATA, gzipSync(JSON.stringify({ boots: [...boots, ...others] }), { level: 9 }));
  }
});
