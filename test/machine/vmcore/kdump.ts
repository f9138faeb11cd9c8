/**
 * Kdumps in qemu-system-aarch64: a kernel of Debian's gets a crash kernel by the real kexec and panics; the crash kernel
 * tells of its /proc/vmcore, and the machine's memory, which qemu keeps in a file, is there to be looked at.
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { debianBusybox, debianKernel } from '../../conformance/apt.js';
import { prepareReal } from '../../conformance/debian.js';
import { cacheDirectory } from '../../support/cache.js';
import { DIRECTORY, PROGRAM, busyboxInitramfs, type Entry } from '../initramfs.js';
import { ADD_TEXT_SYMBOL } from '../real-kexec.js';

/** Where the RAM of QEMU's board begins. */
export const RAM_START = 0x4000_0000n;
/** Of /proc/vmcore: headers and notes fit in, whatever the size of the pages. */
const HEAD_BYTES = 1 << 18;
/** Two boots in TCG. */
const PATIENCE_MS = 400_000;

/** Debian's suites, and the releases of their kernels. */
export const KERNELS: Readonly<Record<string, string>> = {
  bullseye: '5.10',
  bookworm: '6.1',
  trixie: '6.12',
  sid: '7.2',
};

const CRASH_COMMAND_LINE = 'console=ttyAMA0 quiet maxcpus=1 reset_devices';

const init = (chatter: string): string => `#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
${ADD_TEXT_SYMBOL}
/bin/kexec -c -p /kernel --initrd=/crash.img --append="${CRASH_COMMAND_LINE}" || poweroff -f
${chatter}
echo "init: panics"
echo c > /proc/sysrq-trigger
sleep 60
poweroff -f
`;

const [BEGIN, END] = ['-----HEAD-----', '-----END-----'];

const crashInit = (more: string): string => `#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
echo
echo ${BEGIN}
head -c ${HEAD_BYTES} /proc/vmcore | gzip | base64
echo ${END}
${more}
poweroff -f
`;

export interface KdumpOptions {
  /** For this run's files: a directory of its own. */
  readonly work: string;
  /** What messages and the kept console call the run. */
  readonly name: string;
  readonly suite: string;
  readonly processors: number;
  readonly memoryMiB: number;
  /** The value of crashkernel=. */
  readonly crashkernel: string;
  /** Of the first kernel, beside what is always there. */
  readonly commandLine: string;
  /** A shell script before the panic. */
  readonly chatter: string;
  /** A shell script in the crash kernel. */
  readonly inCrashKernel: string;
}

export interface Kdump {
  readonly console: string;
  /** The start of /proc/vmcore. */
  readonly head: Buffer;
  /** The machine's RAM as it was at the end: a file. */
  readonly memory: string;
}

/** @throws Error when the crash kernel does not tell of its /proc/vmcore */
export const kdumpInQemu = (options: KdumpOptions): Kdump => {
  const { work, name, suite, processors, memoryMiB, crashkernel, commandLine } = options;
  const kernel = debianKernel(suite);
  const initrd = path.join(work, 'initrd');
  fs.writeFileSync(initrd, initramfs(kernel, options));
  const memory = path.join(work, 'memory');
  fs.rmSync(memory, { force: true });
  const machine = ['-M', 'virt,memory-backend=ram', '-cpu', 'cortex-a72', '-smp', `${processors}`];
  const backend = `memory-backend-file,id=ram,size=${memoryMiB}M,share=on,mem-path=${memory}`;
  const append = `console=ttyAMA0 crashkernel=${crashkernel} printk.devkmsg=on loglevel=4 ${commandLine}`.trim();
  const args = [
    ...machine,
    ...['-m', `${memoryMiB}M`, '-object', backend],
    ...['-nographic', '-nic', 'none', '-no-reboot'],
    ...['-kernel', kernel, '-initrd', initrd, '-append', append],
  ];
  const { stdout, error } = spawnSync('qemu-system-aarch64', args, {
    encoding: 'latin1',
    timeout: PATIENCE_MS,
    maxBuffer: 2 ** 26,
  });
  fs.writeFileSync(path.join(cacheDirectory('vmcore'), `console-${name}.txt`), stdout);
  const [, head] = new RegExp(`${BEGIN}\\r?\\n([A-Za-z0-9+/=\\s]*)${END}`).exec(stdout) ?? [];
  if (head === undefined)
    throw new Error(`${error?.message ?? 'no core file was told'}; see .cache/vmcore/console-${name}.txt`);
  return { console: stdout, head: gunzipSync(Buffer.from(head, 'base64')), memory };
};

/** The first kernel's, which has the crash kernel and its initramfs in it. */
const initramfs = (kernel: string, { chatter, inCrashKernel }: KdumpOptions): Uint8Array => {
  const busybox = fs.readFileSync(debianBusybox());
  const { program: kexec, tools } = prepareReal('2.0.32');
  const file = (entry: string, from: string): Entry => ({ name: entry, mode: PROGRAM, data: fs.readFileSync(from) });
  const libraries = fs
    .readdirSync(path.join(tools, 'lib'))
    .map((library) => file(`lib/${library}`, path.join(tools, 'lib', library)));
  const programs = [
    { name: 'lib', mode: DIRECTORY },
    ...libraries,
    file('bin/kexec', kexec),
    file('bin/vmcore-dmesg', path.join(path.dirname(kexec), 'vmcore-dmesg')),
  ];
  return busyboxInitramfs(busybox, init(chatter), [
    ...programs,
    file('kernel', kernel),
    { name: 'crash.img', mode: PROGRAM, data: busyboxInitramfs(busybox, crashInit(inCrashKernel), programs) },
  ]);
};
