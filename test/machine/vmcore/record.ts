/**
 * Records core files of real kernels for the tests: `npm run record:vmcores -- [--only NAME]`. Debian's kernels run in
 * qemu-system-aarch64, get a crash kernel by the real kexec, fill their logs and panic; the crash kernel tells the head
 * of its /proc/vmcore, and the rest is taken from the machine's memory, which qemu keeps in a file. The real
 * vmcore-dmesg must have found the same log in the whole of it as ours in what is kept.
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { vmcoreDmesg } from '../../../vmcore-dmesg/vmcore-dmesg.js';
import { scratchDirectory } from '../../support/cache.js';
import { KERNELS, RAM_START, kdumpInQemu } from './kdump.js';
import { trimCore, type Memory } from './trim.js';
import { runMain, say } from '../../support/run-main.js';

const DATA = path.join('test', 'data', 'vmcore');
/** Of which core files are kept. */
const RECORDED = ['bullseye', 'bookworm', 'trixie'];

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

const fileMemory = (file: string): Memory => {
  const fd = fs.openSync(file, 'r');
  return (address, size) => {
    const bytes = Buffer.alloc(Number(size));
    fs.readSync(fd, bytes, 0, bytes.length, address - RAM_START);
    return bytes;
  };
};

const recordOne = (work: string, name: string, suite: string, scenario: Scenario): Buffer => {
  const { console, head, memory } = kdumpInQemu({
    ...{ work, name, suite, ...scenario },
    ...{ processors: 2, memoryMiB: 1024, crashkernel: '256M' },
    inCrashKernel: 'vmcore-dmesg /proc/vmcore | sha256sum',
  });
  const core = trimCore(head, fileMemory(memory));
  const log = [
    ...vmcoreDmesg({ readAt: (_path, offset, length) => core.subarray(offset, offset + length) }, name),
  ].join('');
  const digest = createHash('sha256').update(log, 'latin1').digest('hex');
  if (!console.includes(digest))
    throw new Error(`${name}: the real vmcore-dmesg found another log in /proc/vmcore than is in the core file`);
  return core;
};

const main = (): void => {
  const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } });
  const work = scratchDirectory('vmcore');
  try {
    for (const suite of RECORDED) {
      for (const [what, scenario] of Object.entries(SCENARIOS)) {
        const name = `${KERNELS[suite]!}-${what}`;
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
