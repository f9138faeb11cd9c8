/** A dump that a capture kernel saved: whether it is what the capture kernel had, and what other programs say of it. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { silentLog } from '../../../kexec/base/log.js';
import { buildElfInfo } from '../../../kexec/elf/kexec-elf.js';
import type { DebianRelease } from '../../conformance/debian.js';
import { vmcoreDmesg } from '../../../vmcore-dmesg/vmcore-dmesg.js';
import { FILE, makeRoot, realOutcome } from '../vmcore/real.js';
import type { Kdump } from './boots.js';
import { prepareMakedumpfile, takeFromDisk } from './files.js';
import { SAVED } from './scripts.js';

const MiB = 2 ** 20;
/** Of a dump: headers and notes fit in. */
const HEAD_BYTES = MiB;
/** It reads the logs of all kernels. */
const NEWEST: DebianRelease = '2.0.32';

/** What a capture kernel left: its console, and its disk. */
export interface Captured {
  readonly console: string;
  readonly disk: string;
}

/** @param work a directory of this run alone @returns what is wrong; empty where nothing is */
export const faultsOfDump = async (
  kdump: Kdump,
  { console, disk }: Captured,
  work: string,
): Promise<readonly string[]> => {
  const root = path.join(work, 'root');
  makeRoot(root, [NEWEST]);
  const file = path.join(root, FILE);
  takeFromDisk(disk, SAVED.vmcore, file);
  const log = await realOutcome(root, NEWEST);
  return [
    ...faultsOfBytes(console, file),
    ...faultsOfNotes(kdump, console, file),
    ...faultsOfReadelf(file),
    ...(log === undefined ? ['vmcore-dmesg was killed'] : faultsOfLog(console, file, log.stdout + log.stderr)),
    ...(kdump.makedumpfile && log !== undefined ? faultsOfMakedumpfile(kdump, console, disk, root, log.stdout) : []),
  ];
};

const bytesAt = (file: string, offset: number, length: number): Buffer => {
  const descriptor = fs.openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, fs.readSync(descriptor, bytes, 0, length, offset));
  } finally {
    fs.closeSync(descriptor);
  }
};

/** The size, and the hashes that the capture kernel told of pieces. */
const faultsOfBytes = (console: string, file: string): readonly string[] => {
  const size = Number(/^vmcore: (\d+) bytes/m.exec(console)?.[1]);
  const found = fs.statSync(file).size;
  const pieces = [...console.matchAll(/^vmcore at (\d+) MiB, (\d+) MiB: (\w+)/gm)];
  const other = pieces.filter(([, at, length, hash]) => {
    const bytes = bytesAt(file, Number(at) * MiB, Number(length) * MiB);
    return createHash('sha256').update(bytes).digest('hex') !== hash;
  });
  return [
    ...(size === found ? [] : [`/proc/vmcore has ${size} bytes, what cp saved ${found}`]),
    ...(pieces.length > 0 ? [] : ['no piece of /proc/vmcore was hashed']),
    ...other.map(([line]) => `cp saved other bytes than: ${line}`),
  ];
};

const PRSTATUS = { type: 1, size: 392, pid: 32, pc: 112 + 32 * 8 } as const;
/** __crash_kexec() is shorter in all kernels. */
const LONGEST_FUNCTION = 0x400n;

/** A note of each processor, in their order, of which the one that panicked is in __crash_kexec(), and VMCOREINFO. */
const faultsOfNotes = ({ cpus, panicsOn }: Kdump, console: string, file: string): readonly string[] => {
  const elf = buildElfInfo(bytesAt(file, 0, HEAD_BYTES), { skipFileSizeCheck: true, log: silentLog });
  if (elf === undefined) return ['what cp saved is no ELF file'];
  const names = elf.notes.map(({ name, type, desc }) => `${name} ${type} ${name === 'CORE' ? desc.length : ''}`.trim());
  const wanted = [...Array.from({ length: cpus }, () => `CORE ${PRSTATUS.type} ${PRSTATUS.size}`), 'VMCOREINFO 0'];
  if (names.join() !== wanted.join()) return [`the notes are ${names.join()}, not ${wanted.join()}`];
  const desc = Buffer.from(elf.notes[panicsOn]!.desc);
  const pc = desc.readBigUInt64LE(PRSTATUS.pc);
  const start = BigInt(`0x${/^([0-9a-f]{16}) \w __crash_kexec\r*$/m.exec(console)?.[1] ?? '0'}`);
  const [pid, said] = [desc.readInt32LE(PRSTATUS.pid), Number(/ PID: (\d+) Comm: sh /.exec(console)?.[1])];
  return [
    ...(pc >= start && pc < start + LONGEST_FUNCTION
      ? []
      : [`the pc of the panic, 0x${pc.toString(16)}, is elsewhere`]),
    ...(pid === said ? [] : [`the note is of process ${pid}, the panic of ${said}`]),
  ];
};

const faultsOfReadelf = (file: string): readonly string[] => {
  const { status, stderr } = spawnSync('aarch64-linux-gnu-readelf', ['-aW', file], {
    encoding: 'latin1',
    maxBuffer: 2 ** 26,
  });
  return status === 0 && stderr === '' ? [] : [`readelf ends with ${status ?? 'a signal'}: ${stderr}`];
};

/** A line of printk()'s on a console. */
const MESSAGE = /^\[ *\d+\.\d{6}\] .*$/gm;
/** vmcore-dmesg shows it before the first line of a message only. */
const TIME = /^\[.*?\] /;

/** The log in the dump has what the first kernel's console had, and ours finds the same as the real vmcore-dmesg. */
const faultsOfLog = (console: string, file: string, real: string): readonly string[] => {
  const source = { readAt: (_path: string, offset: number, length: number) => bytesAt(file, offset, length) };
  const ours = [...vmcoreDmesg(source, FILE)].join('');
  const found = new Set(real.split('\n').map((line) => line.trimEnd()));
  const first = console.slice(0, console.search(/\] Bye!\r*$/m));
  const messages = (first.match(MESSAGE) ?? []).map((line) => line.trimEnd());
  const missing = messages.filter((line) => !found.has(line) && !found.has(line.replace(TIME, '')));
  return [
    ...(ours === real ? [] : ['ours finds another log in the dump than the real vmcore-dmesg']),
    ...(messages.length > 0 ? [] : ['the console has no message of the first kernel']),
    ...missing.map((line) => `the log in the dump lacks: ${line}`),
  ];
};

/** Since Linux 6.12, whose virtual addresses have 52 bits, it says that it cannot. */
const faultsOfMakedumpfile = (
  { suite }: Kdump,
  console: string,
  disk: string,
  root: string,
  log: string,
): readonly string[] => {
  if (/VA Bits 52 not supported/.test(console)) return [];
  const tools = path.join(root, 'tools');
  fs.cpSync(prepareMakedumpfile(suite), tools, { recursive: true });
  fs.copyFileSync('/usr/bin/qemu-aarch64-static', path.join(tools, 'qemu'));
  takeFromDisk(disk, SAVED.dump, path.join(root, SAVED.dump));
  fs.mkdirSync(path.join(root, 'tmp'));
  const qemu = ['/tools/qemu', '-L', '/tools', '-E', 'LD_LIBRARY_PATH=/tools/lib', '/tools/makedumpfile'];
  const command = ['chroot', root, ...qemu, '--dump-dmesg', '-f', `/${SAVED.dump}`, '/log'];
  const { status, stdout, stderr } = spawnSync('unshare', ['-n', ...command], { encoding: 'latin1' });
  if (status !== 0) return [`makedumpfile --dump-dmesg ends with ${status ?? 'a signal'}: ${stdout}${stderr}`];
  const found = fs.readFileSync(path.join(root, 'log'), 'latin1');
  return found === log ? [] : ['makedumpfile saved another log than is in what cp saved'];
};
