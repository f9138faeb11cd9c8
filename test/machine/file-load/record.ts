/**
 * Records what a real Linux with kexec_file_load(2) answers, and where it puts what: `npm run record:file-load`.
 *
 * Debian's kernels for arm64 have no such call. So they are built from Debian's source with kernel.config (some
 * minutes; flex, bison and bc are needed, and a cross compiler), booted by qemu with file-load.c in its initramfs, and
 * asked the questions of cases.ts. The bytes of a crash kernel's segments are read out of qemu's memory; those of other
 * segments, which the kernel keeps in scattered pages, are looked at by the kernel that is then started.
 *
 * `-- --release 6.1` is about another kernel than 6.12, `-- --image FILE` takes one that was built before, `-- --boot
 * NAME` records no more than that boot, `-- --machine` writes machines/virt-file-2g.tar. The result goes into
 * test/data/file-load-calls.json.gz, where it replaces what was recorded of the same boots.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';
import { debianBusybox, findFile, unpackPackage } from '../../conformance/apt.js';
import { cacheDirectory, scratchDirectory } from '../../support/cache.js';
import { recordedJson } from '../../support/recorded.js';
import { type Entry, PROGRAM, busyboxInitramfs } from '../initramfs.js';
import { BOOTS, type Boot, type Case, OLD_BOOT } from './cases.js';
import { GUEST_INIT, type Guest, startGuest } from './guest.js';
import { recordMachine } from './record-machine.js';
import { runMain, say } from '../../support/run-main.js';

const SOURCES = path.join('test', 'machine', 'file-load');
const DATA = path.join('test', 'data', 'file-load-calls.json.gz');
const COMPILER = 'aarch64-linux-gnu-';

const run = (file: string, args: readonly string[], cwd?: string): void =>
  void execFileSync(file, args, { stdio: ['ignore', 'ignore', 'inherit'], ...(cwd === undefined ? {} : { cwd }) });

interface Release {
  /** Of Debian, with the kernel's source. */
  readonly suite: string;
  /** Before 6.7: see OLD_BOOT. */
  readonly old: boolean;
}

const RELEASES: Readonly<Record<string, Release>> = {
  '5.10': { suite: 'bullseye', old: true },
  '6.1': { suite: 'bookworm', old: true },
  '6.12': { suite: 'trixie', old: false },
  '7.2': { suite: 'sid', old: false },
};

/** The one that is recorded with all its boots. */
const MAIN_RELEASE = '6.12';

/** What tells where segments are put, said with pr_debug(). */
const DEBUGGED = ['kexec_file', 'kexec_image', 'machine_kexec_file'].map((name) => `CFLAGS_${name}.o=-DDEBUG`);

/** The kernel, from the cache or built. */
const buildKernel = (release: string, { suite, old }: Release): string => {
  const cache = cacheDirectory('file-load');
  const build = path.join(cache, `linux-build-${release}`);
  const image = path.join(build, 'arch', 'arm64', 'boot', 'Image');
  if (fs.existsSync(image)) return image;
  const archive = findFile(unpackPackage(suite, `linux-source-${release}`).directory, /\.tar\.xz$/);
  const source = path.join(cache, `linux-${release}`);
  [source, build].forEach((directory) => fs.mkdirSync(directory, { recursive: true }));
  run('tar', ['-xJf', archive, '-C', source, '--strip-components=1']);
  const make = ['-s', '-j2', `O=${build}`, 'ARCH=arm64', `CROSS_COMPILE=${COMPILER}`, ...(old ? DEBUGGED : [])];
  run('make', [...make, `KCONFIG_ALLCONFIG=${path.resolve(SOURCES, 'kernel.config')}`, 'allnoconfig'], source);
  run('make', [...make, 'Image'], source);
  return image;
};

const buildProgram = (work: string): Uint8Array => {
  const program = path.join(work, 'file-load');
  run(`${COMPILER}gcc`, ['-Wall', '-Wextra', '-O1', '-static', '-o', program, path.join(SOURCES, 'file-load.c')]);
  return fs.readFileSync(program);
};

/** Files that the simulated kernel's answers depend on. */
const FACTS = [
  '/proc/version',
  '/proc/meminfo',
  '/proc/iomem',
  '/proc/cmdline',
  '/proc/cpuinfo',
  '/sys/kernel/vmcoreinfo',
  '/sys/kernel/security/lockdown',
  '/sys/kernel/debug/memblock/memory',
  '/sys/kernel/debug/memblock/reserved',
] as const;

/** Of kernels that have contiguous memory, or hand over. */
const MORE_FACTS = [
  ...['base_pfn', 'count', 'order_per_bit', 'bitmap'].map((name) => `/sys/kernel/debug/cma/reserved/${name}`),
  ...['scratch_phys', 'scratch_len'].map((name) => `/sys/kernel/debug/kho/out/${name}`),
];

/** What a command prints, byte for byte. */
const bytesFrom = async (guest: Guest, command: string): Promise<Buffer> =>
  gunzipSync(Buffer.from(await guest.run(`${command} | gzip -c | base64`), 'base64'));

const BOOT_TREE = 'cat /sys/firmware/fdt';

const recordFacts = async (guest: Guest, cpus: number) => {
  const text = async (file: string): Promise<string> => guest.run(`cat ${file}`);
  const files: Record<string, string> = {};
  for (const file of FACTS) files[file] = await text(file);
  for (const file of MORE_FACTS) {
    if ((await guest.run(`[ -f ${file} ] && echo yes`)).startsWith('yes')) files[file] = await text(file);
  }
  for (let cpu = 0; cpu < cpus; cpu++) {
    for (const name of ['crash_notes', 'crash_notes_size']) {
      const file = `/sys/devices/system/cpu/cpu${cpu}/${name}`;
      files[file] = await text(file);
    }
  }
  files['/sys/devices/system/cpu/possible'] = await text('/sys/devices/system/cpu/possible');
  const kcore = await bytesFrom(guest, 'head -c 16384 /proc/kcore');
  const fdt = await bytesFrom(guest, BOOT_TREE);
  return { files, kcore: pack(kcore), fdt: pack(fdt) };
};

/** Bytes as text that is not too long. */
const pack = (bytes: Uint8Array): string => gzipSync(bytes, { level: 9 }).toString('base64');

interface Segment {
  readonly mem: string;
  readonly memsz: string;
  readonly bufsz: string;
  /** Of the memory, zeros included. */
  readonly sha256?: string;
  /** The first bytes, when they are the kernel's own. */
  readonly data?: string;
}

const LOG_SEGMENT = /(?:segment\[\d+\]|Loading segment \d+): buf=0x\S+ bufsz=(0x\w+|0) mem=(0x\w+) memsz=(0x\w+)/;

const segmentsIn = (log: readonly string[]): readonly Segment[] =>
  log.flatMap((line) => {
    const match = LOG_SEGMENT.exec(line);
    return match === null ? [] : [{ mem: match[2]!, memsz: match[3]!, bufsz: match[1]! }];
  });

/** What lies in the crash kernel's region. The device tree and the ELF header are kept. */
const readSegment = async (guest: Guest, segment: Segment, work: string): Promise<Segment> => {
  const file = path.join(work, 'memory');
  await guest.saveMemory(BigInt(segment.mem), Number(segment.memsz), file);
  const memory = fs.readFileSync(file);
  const data = memory.subarray(0, Number(segment.bufsz));
  const isMade = data.readUInt32BE() === 0xd00dfeed || data.subarray(0, 4).toString('latin1') === '\x7fELF';
  const sha256 = createHash('sha256').update(memory).digest('hex');
  return { ...segment, sha256, ...(isMade ? { data: pack(data) } : {}) };
};

const recordCase = async (guest: Guest, { name, words, setUp, keep = false }: Case, work: string) => {
  if (setUp !== undefined) await guest.run(setUp);
  const lines = (await guest.run(`file-load ${words}`)).split('\n');
  const match = /^@@result (-?\d+) (\d) (\d)$/.exec(lines.find((line) => line.startsWith('@@result')) ?? '');
  if (match === null) throw new Error(`${name}: ${lines.join('\n')}`);
  const log = lines
    .filter((line) => line.startsWith('@@log'))
    .map((line) => line.slice(6).replace(/\[ *\d+\.\d+\] /, ''));
  const result = Number(match[1]);
  let segments = segmentsIn(log);
  if (result === 0 && match[3] === '1') {
    const read: Segment[] = [];
    for (const segment of segments) read.push(await readSegment(guest, segment, work));
    segments = read;
  }
  if (!keep) await guest.run('file-load flags=1; file-load flags=3');
  return {
    name,
    words,
    ...(setUp === undefined ? {} : { setUp }),
    ...(keep ? { keep } : {}),
    result,
    kexec_loaded: match[2],
    kexec_crash_loaded: match[3],
    // Of old kernels, these lines are no part of what they say to everybody.
    log: log.filter((line) => line.startsWith('<6>') && line.includes(': Loaded ')),
    ...(segments.length === 0 ? {} : { segments }),
  };
};

/** The names in the initramfs of the kernel that is to be started, and of its initramfs. */
const NEXT = { kernel: 'next-kernel', initrd: 'next-initrd' } as const;

/** Starts a kernel, in which the guest goes on. @returns the case, and the device tree that the kernel found */
const recordExecution = async (guest: Guest, cmdline: string, kernel: Buffer, initrd: Uint8Array, work: string) => {
  const name = `started with ${cmdline}`;
  const words = `kernel=/${NEXT.kernel} initrd=/${NEXT.initrd} "cmdline=${cmdline}" flags=8`;
  const loaded = await recordCase(guest, { name, words, keep: true }, work);
  await guest.run('file-load execute=yes');
  const [textOffset, imageSize, flags] = [8, 16, 24].map((at) => kernel.readBigUInt64LE(at));
  const image = `image:${kernel.length}:${imageSize}:${textOffset}:${flags}`;
  return {
    ...loaded,
    words: `kernel=${image} initrd=bytes:${initrd.length} cmdline=${cmdline} flags=8`,
    found: pack(await bytesFrom(guest, BOOT_TREE)),
  };
};

const qemuOf = (
  { memory, cpu, commandLine, board, cpus = 1 }: Boot,
  image: string,
  initrd: string,
): readonly string[] => [
  ...['-M', `virt${board === undefined ? '' : `,${board}`}`, '-cpu', cpu, '-m', `${memory}`, '-smp', `${cpus}`],
  ...['-kernel', image, '-initrd', initrd],
  ...['-append', `console=ttyAMA0 panic=-1 ${commandLine}`.trim()],
];

const recordBoot = async (boot: Boot, image: string, program: Uint8Array, busybox: Uint8Array, work: string) => {
  const initrd = path.join(work, 'initrd');
  const files: readonly Entry[] = [{ name: 'bin/file-load', mode: PROGRAM, data: program }];
  const kernel = fs.readFileSync(image);
  const next = busyboxInitramfs(busybox, GUEST_INIT, files);
  const more = [
    ...(boot.padding === undefined ? [] : [{ name: 'padding', mode: PROGRAM, data: new Uint8Array(boot.padding) }]),
    ...(boot.execute === undefined
      ? []
      : [
          { name: NEXT.kernel, mode: PROGRAM, data: kernel },
          { name: NEXT.initrd, mode: PROGRAM, data: next },
        ]),
  ];
  fs.writeFileSync(initrd, busyboxInitramfs(busybox, GUEST_INIT, [...files, ...more]));
  const guest = await startGuest(qemuOf(boot, image, initrd), work);
  try {
    const facts = await recordFacts(guest, boot.cpus ?? 1);
    const cases: object[] = [];
    for (const each of boot.cases) cases.push(await recordCase(guest, each, work));
    if (boot.execute !== undefined) cases.push(await recordExecution(guest, boot.execute, kernel, next, work));
    say(`${boot.name}: ${cases.length} cases`);
    return { name: boot.name, ...facts, cases };
  } finally {
    guest.stop();
  }
};

const readBoots = (): readonly { readonly name: string }[] =>
  (recordedJson('file-load-calls') as { readonly boots: readonly { readonly name: string }[] }).boots;

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      release: { type: 'string', default: MAIN_RELEASE },
      image: { type: 'string' },
      boot: { type: 'string' },
      machine: { type: 'boolean', default: false },
    },
  });
  const release = RELEASES[values.release];
  if (release === undefined) throw new Error(`--release is one of: ${Object.keys(RELEASES).join(', ')}`);
  const image = values.image ?? buildKernel(values.release, release);
  const busybox = fs.readFileSync(debianBusybox());
  // QEMU's socket lies there, whose path is 107 characters at most: the directory is named from here.
  const work = path.relative('', scratchDirectory('file-load'));
  try {
    const program = buildProgram(work);
    if (values.machine) return await recordMachine(image, busybox, work);
    const boots = new Map((fs.existsSync(DATA) ? readBoots() : []).map((boot) => [boot.name, boot]));
    const all = release.old ? [OLD_BOOT] : BOOTS.filter(({ only }) => only === undefined || only === values.release);
    for (const each of all.filter(({ name }) => values.boot === undefined || name === values.boot)) {
      const name = values.release === MAIN_RELEASE ? each.name : `${each.name}-${values.release}`;
      const recorded = await recordBoot({ ...each, name }, image, program, busybox, work);
      boots.set(recorded.name, recorded);
    }
    const what =
      'What real kernels for arm64 answered to kexec_file_load(2), and where they put what; see test/machine/file-load/.';
    fs.writeFileSync(
      DATA,
      gzipSync(`${JSON.stringify({ what, boots: [...boots.values()] }, null, 1)}\n`, { level: 9 }),
    );
  } finally {
    fs.rmSync(work, { recursive: true });
  }
};

await runMain('record:file-load', main);
