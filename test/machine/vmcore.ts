/**
 * Real kdumps in QEMU: `npm run vmcore -- [--all] [--kernel SUITE] [--cpus N] [--record]`. Debian's kernel crashes, and
 * its capture kernel tells the head of its /proc/vmcore and a digest of the whole. What `kexec-sim vmcore` makes of the
 * same memory must be the same bytes; readelf, gdb, makedumpfile and the real vmcore-dmesg must read
 * it. With --record, what the heads are made of is kept for the tests that have no QEMU.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { Range } from '../../kexec/base/range.js';
import { replaceFile } from '../../sim/kernel/saving/replace-file.js';
import { writeSave } from '../../sim/kernel/saving/save-writer.js';
import { describeSession } from '../../sim/kernel/saving/saved-session.js';
import { notesIn } from '../../sim/kernel/vmcore/notes.js';
import { PhysicalMemory } from '../../sim/machine/memory.js';
import { scratchDirectory } from '../support/cache.js';
import { runMain, say } from '../support/run-main.js';
import { DATA } from './vmcore/cases.js';
import { KERNELS, type Kdump, RAM_START, kdumpInQemu } from './vmcore/kdump.js';
import { gdbProgramCounters, makedumpfileDmesg, readelfWarnings, realDmesg } from './vmcore/programs.js';
import { keepMemory } from './vmcore/recorded-memory.js';

const MEMORY_MIB = 512;
const CHUNK = 1 << 16;

interface Case {
  readonly suite: string;
  readonly processors: number;
}

const ALL: readonly Case[] = Object.keys(KERNELS).flatMap((suite) =>
  [1, 2].map((processors) => ({ suite, processors })),
);
/** For CI; the tests have the heads of dumps of others, too. */
const FEW: readonly Case[] = [{ suite: 'trixie', processors: 2 }];

const nameOf = ({ suite, processors }: Case): string => `${KERNELS[suite]!}-cpus${processors}`;

const IN_CRASH_KERNEL = `
echo "size: $(stat -c %s /proc/vmcore)"
echo "whole: $(md5sum < /proc/vmcore)"
echo "log: $(vmcore-dmesg /proc/vmcore | md5sum)"
`;

/** Keeps a second processor at a process: gdb gives those that are idle, all of pid 0, the registers of the first one. */
const CHATTER = 'while :; do :; done &';

/** What the capture kernel has said of its /proc/vmcore. */
const toldBy = ({ console }: Kdump, what: string): string => {
  const told = new RegExp(`^${what}: (\\w+)`, 'm').exec(console)?.[1];
  if (told === undefined) throw new Error(`the capture kernel does not tell its ${what}`);
  return told;
};

const md5 = (bytes: Uint8Array | string): string => createHash('md5').update(bytes).digest('hex');

const md5OfFile = (file: string): string => {
  const digest = createHash('md5');
  const fd = fs.openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(1 << 22);
    for (let count = fs.readSync(fd, bytes); count > 0; count = fs.readSync(fd, bytes)) {
      digest.update(bytes.subarray(0, count));
    }
  } finally {
    fs.closeSync(fd);
  }
  return digest.digest('hex');
};

/** RAM that QEMU has left in a file. */
const memoryOf = (file: string): PhysicalMemory => {
  const size = fs.statSync(file).size;
  const memory = new PhysicalMemory([Range.sized(RAM_START, BigInt(size))]);
  const fd = fs.openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(CHUNK);
    for (let at = 0; at < size; at += CHUNK) {
      fs.readSync(fd, bytes, 0, CHUNK, at);
      if (bytes.some((byte) => byte !== 0)) memory.write(RAM_START + BigInt(at), bytes);
    }
  } finally {
    fs.closeSync(fd);
  }
  return memory;
};

/** Saves a machine that is nothing but its memory. */
const save = (file: string, memory: PhysicalMemory): void => {
  const [ram] = memory.ranges as readonly [Range];
  const description = describeSession({
    setup: { tree: new Uint8Array(), ram: [ram], el: 1, sinks: [], quirks: [], entropy: false },
    places: { kernel: ram, initrd: undefined, tree: ram },
    ...{ disks: [], typed: '', end: 'off', machine: {}, console: {} },
  });
  const parts = { description, tree: new Uint8Array(), ram: memory.filled(), disks: [] };
  replaceFile(file, (write) => writeSave(parts, write));
};

const makeVmcore = (out: string, from: string, ...more: readonly string[]): void => {
  const args = ['bin/kexec-sim', 'vmcore', out, '--from', from, ...more];
  const { status, stderr, error } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`kexec-sim vmcore: ${error?.message ?? stderr}`);
};

/** struct elf_prstatus of arm64: the registers, of which the program counter is the 33rd. */
const PC_IN_PRSTATUS = 112 + 32 * 8;

const programCountersIn = (notes: Uint8Array): readonly bigint[] =>
  [...notesIn(notes)].flatMap(({ name, desc }) =>
    name === 'CORE\0' ? [Buffer.from(desc).readBigUInt64LE(PC_IN_PRSTATUS)] : [],
  );

interface Head {
  /** Up to the end of the notes' pages. */
  readonly bytes: Buffer;
  readonly notes: Buffer;
}

/** The notes are in the first program header, and the next one tells where their pages end. */
const headOf = (head: Buffer): Head => {
  const [at, size, end] = [72, 96, 72 + 56].map((field) => Number(head.readBigUInt64LE(field))) as [
    number,
    number,
    number,
  ];
  return { bytes: head.subarray(0, end), notes: head.subarray(at, at + size) };
};

const sorted = (values: readonly bigint[]): string =>
  values
    .map((value) => value.toString(16))
    .sort()
    .join(' ');

/** @returns what is wrong */
const judge = (kdump: Kdump, out: string, processors: number): readonly string[] => {
  const wrong: string[] = [];
  const same = (what: string, ours: string, theirs: string): void => {
    if (ours !== theirs) wrong.push(`${what}: ${ours}, and not ${theirs}`);
  };
  const head = headOf(kdump.head);
  same('size', String(fs.statSync(out).size), toldBy(kdump, 'size'));
  const start = Buffer.alloc(kdump.head.length);
  const fd = fs.openSync(out, 'r');
  fs.readSync(fd, start);
  fs.closeSync(fd);
  same('headers and notes', md5(start), md5(kdump.head));
  same('whole', md5OfFile(out), toldBy(kdump, 'whole'));
  same('warnings of readelf', readelfWarnings(out).join('; '), '');
  const counters = programCountersIn(head.notes);
  same('processors', String(counters.length), String(processors));
  same('program counters in gdb', sorted(gdbProgramCounters(out)), sorted(counters));
  same('log in the real vmcore-dmesg', md5(Buffer.from(realDmesg(out), 'latin1')), toldBy(kdump, 'log'));
  return wrong;
};

/** Suites whose kernels makedumpfile does not know: "PAGE SIZE 0x1000 and VA Bits 52 not supported". */
const UNKNOWN_TO_MAKEDUMPFILE = ['trixie', 'sid'];

/** The log that the kernel that died has written last of all. */
const LAST_WORDS = 'Starting crashdump kernel...';

const judgeCompressed = (core: string, saved: string, suite: string): readonly string[] => {
  if (UNKNOWN_TO_MAKEDUMPFILE.includes(suite)) return [];
  const compressed = `${core}.compressed`;
  makeVmcore(compressed, saved, '--compress');
  const [plain, packed] = [core, compressed].map(makedumpfileDmesg) as [string, string];
  const wrong = plain === packed ? [] : ['makedumpfile finds another log in what is compressed'];
  return plain.includes(LAST_WORDS) ? wrong : [...wrong, `makedumpfile finds no "${LAST_WORDS}"`];
};

const tryCase = (work: string, one: Case, record: boolean): readonly string[] => {
  const name = nameOf(one);
  const kdump = kdumpInQemu({
    ...{ work, name, ...one, memoryMiB: MEMORY_MIB, crashkernel: '192M', commandLine: '', chatter: CHATTER },
    inCrashKernel: IN_CRASH_KERNEL,
  });
  const memory = memoryOf(kdump.memory);
  const [saved, out] = [path.join(work, 'machine'), path.join(work, 'vmcore')];
  save(saved, memory);
  makeVmcore(out, saved);
  const wrong = [...judge(kdump, out, one.processors), ...judgeCompressed(out, saved, one.suite)];
  if (record && wrong.length === 0) {
    const size = BigInt(toldBy(kdump, 'size'));
    keepMemory(path.join(DATA, `${name}.memory.json.gz`), memory, headOf(kdump.head).bytes, size);
  }
  return wrong;
};

const main = (): void => {
  const { values } = parseArgs({
    options: {
      all: { type: 'boolean', default: false },
      kernel: { type: 'string' },
      cpus: { type: 'string' },
      record: { type: 'boolean', default: false },
    },
  });
  const isNarrowed = values.kernel !== undefined || values.cpus !== undefined;
  const chosen = (values.all || values.record || isNarrowed ? ALL : FEW).filter(
    ({ suite, processors }) =>
      (values.kernel ?? suite) === suite && (values.cpus ?? String(processors)) === String(processors),
  );
  if (chosen.length === 0) throw new Error(`--kernel is one of ${Object.keys(KERNELS).join(', ')}, and --cpus 1 or 2`);
  const work = scratchDirectory('vmcore');
  try {
    for (const one of chosen) {
      const started = Date.now();
      const wrong = tryCase(work, one, values.record);
      const took = `${((Date.now() - started) / 1000).toFixed(0)} s`;
      if (wrong.length > 0) process.exitCode = 1;
      say(`Linux ${nameOf(one)}: ${wrong.length === 0 ? 'the same bytes' : wrong.join('\n  ')} (${took})`);
    }
  } finally {
    fs.rmSync(work, { recursive: true });
  }
};

await runMain('vmcore', main);
