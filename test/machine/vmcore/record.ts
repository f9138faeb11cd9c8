/**
 * Records core files of real kernels for the tests: `npm run record:vmcores -- [--only NAME]`. Debian's kernels run in
 * qemu-system-aarch64, get a crash kernel by the real kexec, fill their logs and panic; the crash kernel tells the head
 * of its /proc/vmcore, and the rest is taken from the machine's memory, which qemu keeps in a file. The real
 * vmcore-dmesg must have found the same log in the whole of it as ours in what is kept.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';
import { vmcoreDmesg } from '../../../vmcore-dmesg/vmcore-dmesg.js';
import { debianBusybox, debianKernel } from '../../conformance/apt.js';
import { prepareReal } from '../../conformance/debian.js';
import { cacheDirectory, scratchDirectory } from '../../support/cache.js';
import { DIRECTORY, PROGRAM, busyboxInitramfs, type Entry } from '../initramfs.js';
import { trimCore, type Memory } from './trim.js';
import { runMain, say } from '../../support/run-main.js';

const DATA = path.join('test', 'data', 'vmcore');
const RAM_START = 0x4000_0000n;
const MEMORY = '1G';
/** Of /proc/vmcore: headers and notes fit in. */
const HEAD_BYTES = 65536;
/** Two boots in TCG. */
const PATIENCE_MS = 400_000;

/** Debian's suites, and the releases of their kernels. */
const KERNELS: Readonly<Record<string, string>> = { bullseye: '5.10', bookworm: '6.1', trixie: '6.12' };

interface Scenario {
  readonly commandLine: string;
  /** What is written to the log, as a shell script. */
  readonly chatter: string;
}

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  /** The buffer inside the kernel's image, and texts of all kinds. */
  texts: {
    commandLine: '',
    chatter: String.raw`
printf 'first line\nsecond line\n\nfourth line' > /dev/kmsg
printf 'tab\there, vertical\vtab, form\ffeed, return\rend' > /dev/kmsg
printf 'escape \033[1m, bell \007, delete \177, NUL\000behind' > /dev/kmsg
printf 'UTF-8: Gr\303\274\303\237e \342\202\254 \360\237\220\247; Latin-1: \374' > /dev/kmsg
printf '<3>with a level' > /dev/kmsg
printf '' > /dev/kmsg
printf ' ' > /dev/kmsg
printf '\n' > /dev/kmsg
printf 'backslash \\x41 is no escape' > /dev/kmsg
long=0123456789abcdef
for i in 1 2 3 4 5 6; do
  printf 'long line %s\n' "$long" > /dev/kmsg
  long=$long$long
done
binary=$(for i in 1 2 3 4 5 6 7 8 9 10; do printf '\001\002\003\200\201\376\377'; done)
for i in 1 2 3; do binary=$binary$binary; done
printf 'unprintable %s' "$binary" > /dev/kmsg
`,
  },
  /** A buffer from the linear map that has been filled more than once. */
  wrapped: {
    commandLine: 'log_buf_len=256K',
    chatter: String.raw`
i=0
while [ $i -lt 9500 ]; do
  echo "filler $i" > /dev/kmsg
  [ $((i % 100)) = 0 ] && printf 'number %s\nis a line of two, and a longer one at that, so that texts end in many places' $i > /dev/kmsg
  i=$((i + 1))
done
`,
  },
};

/**
 * Debian builds 5.10 and 6.1 without CONFIG_KALLSYMS_ALL: their kallsyms lacks _text, which kexec takes addresses from.
 * It is 64 KiB before _stext (arch/arm64/kernel/vmlinux.lds.S).
 */
const ADD_TEXT_SYMBOL = String.raw`
if ! grep -q ' _text$' /proc/kallsyms; then
  stext=0x$(sed -n 's/ . _stext$//p' /proc/kallsyms)
  { cat /proc/kallsyms; printf '%x T _text\n' $((stext - 0x10000)); } > /kallsyms
  mount --bind /kallsyms /proc/kallsyms
fi
`;

const init = (chatter: string): string => `#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
${ADD_TEXT_SYMBOL}
/bin/kexec -c -p /kernel --initrd=/crash.img --append="console=ttyAMA0 quiet maxcpus=1 reset_devices" || poweroff -f
${chatter}
echo "init: panics"
echo c > /proc/sysrq-trigger
sleep 60
poweroff -f
`;

const [BEGIN, END] = ['-----HEAD-----', '-----END-----'];

const CRASH_INIT = `#!/bin/sh
/bin/busybox mount -t proc proc /proc
echo
echo ${BEGIN}
/bin/busybox head -c ${HEAD_BYTES} /proc/vmcore | /bin/busybox gzip | /bin/busybox base64
echo ${END}
/bin/vmcore-dmesg /proc/vmcore | /bin/busybox sha256sum
/bin/busybox poweroff -f
`;

const fileMemory = (file: string): Memory => {
  const fd = fs.openSync(file, 'r');
  return (address, size) => {
    const bytes = Buffer.alloc(Number(size));
    fs.readSync(fd, bytes, 0, bytes.length, address - RAM_START);
    return bytes;
  };
};

const recordOne = (work: string, name: string, suite: string, { commandLine, chatter }: Scenario): Buffer => {
  const kernel = debianKernel(suite);
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
  const initrd = path.join(work, 'initrd');
  fs.writeFileSync(
    initrd,
    busyboxInitramfs(busybox, init(chatter), [
      ...programs,
      file('kernel', kernel),
      { name: 'crash.img', mode: PROGRAM, data: busyboxInitramfs(busybox, CRASH_INIT, programs) },
    ]),
  );
  const memory = path.join(work, 'memory');
  fs.rmSync(memory, { force: true });
  const machine = [
    '-M',
    'virt,memory-backend=ram',
    '-cpu',
    'cortex-a72',
    '-smp',
    '2',
    '-m',
    MEMORY,
    '-nographic',
    '-nic',
    'none',
    '-no-reboot',
  ];
  const backend = ['-object', `memory-backend-file,id=ram,size=${MEMORY},share=on,mem-path=${memory}`];
  const append = `console=ttyAMA0 crashkernel=256M printk.devkmsg=on loglevel=4 ${commandLine}`.trim();
  const args = [...machine, ...backend, '-kernel', kernel, '-initrd', initrd, '-append', append];
  const { stdout, error } = spawnSync('qemu-system-aarch64', args, {
    encoding: 'latin1',
    timeout: PATIENCE_MS,
    maxBuffer: 2 ** 26,
  });
  fs.writeFileSync(path.join(cacheDirectory('vmcore'), `console-${name}.txt`), stdout);
  const [, head] = new RegExp(`${BEGIN}\\r?\\n([A-Za-z0-9+/=\\s]*)${END}`).exec(stdout) ?? [];
  if (head === undefined)
    throw new Error(`${error?.message ?? 'no core file was told'}; see .cache/vmcore/console-${name}.txt`);
  const core = trimCore(gunzipSync(Buffer.from(head, 'base64')), fileMemory(memory));
  const log = [
    ...vmcoreDmesg({ readAt: (_path, offset, length) => core.subarray(offset, offset + length) }, name),
  ].join('');
  const digest = createHash('sha256').update(log, 'latin1').digest('hex');
  if (!stdout.includes(digest))
    throw new Error(`${name}: the real vmcore-dmesg found another log in /proc/vmcore than is in the core file`);
  return core;
};

const main = (): void => {
  const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } });
  const work = scratchDirectory('vmcore');
  try {
    for (const [suite, release] of Object.entries(KERNELS)) {
      for (const [what, scenario] of Object.entries(SCENARIOS)) {
        const name = `${release}-${what}`;
        if (!name.includes(values.only)) continue;
        const core = recordOne(work, name, suite, scenario);
        const file = path.join(DATA, `${name}.core.gz`);
        fs.writeFileSync(file, gzipSync(core, { level: 9 }));
        say(`${file}: ${core.length} bytes, ${fs.statSync(file).size} compressed`);
      }
    }
  } finally {
    fs.rmSync(work, { recursive: true });
  }
};

await runMain('record:vmcores', main);
