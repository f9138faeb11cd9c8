/**
 * A recorded machine with another crash kernel's region, other memory or another command line: the files that differ.
 */
import { KexecError } from '../../../kexec/base/error.js';
import { hex } from '../../../kexec/base/format.js';
import { Range } from '../../../kexec/base/range.js';
import { GiB, KiB, MiB } from '../../../kexec/base/u64.js';
import { crashRegionOf, memTotalKiB } from '../facts/facts.js';
import { dmaReach } from '../facts/dma-reach.js';
import { bootInitrd } from '../facts/file-load-machine.js';
import { type Generation, generationOf } from '../facts/generations.js';
import { type Resource, parseResources } from '../facts/iomem.js';
import { withoutRange } from '../facts/page-allocator.js';
import type { RecordedFiles } from '../facts/recorded-files.js';
import { type WantedCrashkernel, wantedCrashkernel } from './crashkernel.js';
import {
  type CrashRegions,
  type RecordedMemory,
  dmaLimitOf,
  regionsOf,
  reserveCrashkernel,
  reservedBeside,
  resized,
  sizeOf,
  takeApart,
} from './boot-memory.js';
import { changedTree } from './changed-tree.js';

/** What the user wants otherwise; undefined and empty: as it was recorded. */
export interface MachineChanges {
  /** As behind `crashkernel=` on the kernel's command line. */
  readonly crashkernel?: string | undefined;
  /** Bytes of RAM, as "4G". */
  readonly memory?: string | undefined;
  /** The kernel's command line. */
  readonly cmdline?: string | undefined;
}

const IOMEM = '/proc/iomem';
const CMDLINE = '/proc/cmdline';
const MEMINFO = '/proc/meminfo';
const CRASH_SIZE = '/sys/kernel/kexec_crash_size';

type Files = ReadonlyMap<string, Uint8Array>;

const latin1 = (files: RecordedFiles, path: string): string =>
  files.kind(path) === 'file' ? new TextDecoder('latin1').decode(files.readFile(path)) : '';
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

/** What a recording is about, before anything is changed. */
interface Recorded {
  readonly files: RecordedFiles;
  readonly generation: Generation;
  readonly resources: readonly Resource[];
  readonly cmdline: string;
}

const isSet = (text: string | undefined): text is string => text !== undefined && text !== '';

/**
 * The files of a machine that differ, by their paths on it; none where nothing is to be changed.
 * @throws KexecError when the kernel would not do what is wanted, or the recording does not tell enough
 */
export const changedFiles = (files: RecordedFiles, changes: MachineChanges): Files => {
  if (!Object.values(changes).some(isSet)) return new Map();
  const recorded: Recorded = {
    files,
    generation: generationOf(files.readText('/proc/version')),
    resources: parseResources(files.readText(IOMEM) ?? ''),
    cmdline: latin1(files, CMDLINE).replace(/\n$/, ''),
  };
  const cmdline = changedCommandLine(recorded.cmdline, changes);
  const text = cmdline === recorded.cmdline ? [] : ([[CMDLINE, bytesOf(`${cmdline}\n`)]] as const);
  const { layout, ram } = changedLayout(recorded, cmdline, changes);
  return new Map([
    ...text,
    ...layout,
    ...changedTree(files, { cmdline: cmdline === recorded.cmdline ? undefined : cmdline, ram }),
  ]);
};

const WORD = /^[\x21-\x7e]+$/;
const PARAMETER = /(^| +)crashkernel=[^ ]*/g;

/** The command line that the kernel would have been started with. */
const changedCommandLine = (recorded: string, { cmdline = '', crashkernel = '' }: MachineChanges): string => {
  const whole = cmdline === '' ? recorded : cmdline;
  if (/[\n\0]/.test(whole)) throw refuse('KEXEC_CMDLINE', whole, 'one line');
  if (crashkernel === '') return whole;
  if (!WORD.test(crashkernel)) throw refuse('KEXEC_CRASHKERNEL', crashkernel, 'what may stand behind crashkernel=');
  return `${whole.replaceAll(PARAMETER, '')} crashkernel=${crashkernel}`.trimStart();
};

const refuse = (variable: string, text: string, wanted: string): KexecError =>
  KexecError.die(`${variable}: "${text}" is not ${wanted}`, { subject: variable });

interface Layout {
  readonly layout: readonly (readonly [string, Uint8Array])[];
  /** Undefined where the RAM stays. */
  readonly ram: readonly Range[] | undefined;
}

const changedLayout = (recorded: Recorded, cmdline: string, changes: MachineChanges): Layout => {
  const { generation, resources, files } = recorded;
  const ramThen = ramOf(resources);
  const ram = isSet(changes.memory) ? changedRam(ramThen, changes.memory, files.path) : ramThen;
  const before = wantedCrashkernel(recorded.cmdline, sizeOf(ramThen), generation) ?? sameRegion(resources);
  const wanted = wantedCrashkernel(cmdline, sizeOf(ram), generation) ?? (isSet(changes.cmdline) ? undefined : before);
  const staysSo = ram === ramThen && JSON.stringify(wanted, stringOfBigint) === JSON.stringify(before, stringOfBigint);
  if (staysSo) return { layout: [], ram: undefined };

  const memory = takeApart(memoryFacts(recorded, ramThen));
  const changed = ram === ramThen ? memory : resized(memory, ram, dmaLimitOf(ram, dmaReach(files)));
  const crash = reserve(changed, wanted, changes);
  const reserved = reservedBeside(changed, crash);
  const crashThen = crashRegionOf(resources)?.size ?? 0n;
  const crashNow = crash?.region.size ?? 0n;
  const managed =
    sizeOf(ram) - sizeOf(ramThen) - (sizeOf(reserved) - sizeOf(reservedOf(resources))) - (crashNow - crashThen);
  return {
    layout: [
      [IOMEM, bytesOf(changedIomem(files.readText(IOMEM) ?? '', { ram, reserved, crash }))],
      ...changedMeminfo(files, managed / 1024n),
      ...(files.kind(CRASH_SIZE) === 'file' ? [[CRASH_SIZE, bytesOf(`${crashNow}\n`)] as const] : []),
    ],
    ram: ram === ramThen ? undefined : ram,
  };
};

const stringOfBigint = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}` : value);

/** Where the recording does not show the command line, the region that there is tells what was asked for. */
const sameRegion = (resources: readonly Resource[]): WantedCrashkernel | undefined => {
  const size = crashRegionOf(resources)?.size;
  return size === undefined ? undefined : { text: `${size}`, size, at: undefined, low: 0n, high: false };
};

const reserve = (
  memory: RecordedMemory,
  wanted: WantedCrashkernel | 'invalid' | undefined,
  changes: MachineChanges,
): CrashRegions | undefined => {
  if (wanted === undefined || (wanted !== 'invalid' && wanted.size === 0n)) return undefined;
  const crash = wanted === 'invalid' ? undefined : reserveCrashkernel(memory, wanted);
  if (crash !== undefined) return crash;
  const variable = isSet(changes.crashkernel)
    ? 'KEXEC_CRASHKERNEL'
    : isSet(changes.cmdline)
      ? 'KEXEC_CMDLINE'
      : 'KEXEC_MEMORY';
  const why =
    wanted === 'invalid'
      ? 'does not understand this crashkernel='
      : `finds no place for crashkernel=${wanted.text} in ${sizeOf(memory.ram) >> 20n} MiB of memory`;
  throw KexecError.die(`${variable}: Linux ${memory.generation} ${why}, and would reserve nothing`, {
    subject: variable,
  });
};

const ramOf = (resources: readonly Resource[]): readonly Range[] =>
  resources.filter(({ name }) => name === 'System RAM').map(({ range }) => range);

/** What lies in RAM and is not the crash kernel's; what lies inside of another such resource counts with that. */
const reservedOf = (resources: readonly Resource[]): readonly Range[] => {
  const ram = ramOf(resources);
  const inside = resources
    .filter(
      ({ name, range }) => name !== 'System RAM' && name !== 'Crash kernel' && ram.some((each) => each.covers(range)),
    )
    .map(({ range }) => range);
  return inside.filter((range) => !inside.some((other) => other !== range && other.covers(range)));
};

const memoryFacts = ({ files, generation, resources }: Recorded, ram: readonly Range[]) => {
  if (ram.length === 0) throw KexecError.die(`${files.path}: ${IOMEM} tells of no memory`, { subject: IOMEM });
  const initrd = bootInitrd(files);
  return {
    generation,
    ram,
    reserved: [...reservedOf(resources), ...(initrd === undefined ? [] : [initrd])],
    crash: resources.filter(({ name }) => name === 'Crash kernel').map(({ range }) => range),
    dmaLimit: dmaLimitOf(ram, dmaReach(files)),
    cma: contiguousBytes(files),
  };
};

const UNITS: Readonly<Record<string, bigint>> = { M: MiB(1n), G: GiB(1n) };

/** The RAM with its end elsewhere, so that there is as much as wanted. */
const changedRam = (ram: readonly Range[], text: string, machine: string): readonly Range[] => {
  const [, number, unit] = /^([1-9]\d{0,6})([MG])$/.exec(text) ?? [];
  if (number === undefined) throw refuse('KEXEC_MEMORY', text, 'a size such as 512M or 4G');
  const wanted = BigInt(number) * UNITS[unit!]!;
  const last = ram.reduce((highest, range) => (range.start > highest.start ? range : highest), ram[0]!);
  const size = last.size + wanted - sizeOf(ram);
  if (size <= 0n) {
    throw KexecError.die(
      `KEXEC_MEMORY: "${text}": ${machine} has ${(sizeOf(ram) - last.size) >> 20n} MiB before the last bank`,
      {
        subject: 'KEXEC_MEMORY',
      },
    );
  }
  return ram.map((range) => (range === last ? Range.sized(range.start, size) : range));
};

const CMA_TOTAL = /^CmaTotal:\s{0,64}(\d{1,19}) kB$/m;
const contiguousBytes = (files: RecordedFiles): bigint =>
  KiB(BigInt(CMA_TOTAL.exec(files.readText(MEMINFO) ?? '')?.[1] ?? 0));

/** @param more KiB that the kernel's allocator has more than before */
const changedMeminfo = (files: RecordedFiles, more: bigint): Layout['layout'] => {
  const text = files.readText(MEMINFO);
  if (text === undefined || memTotalKiB(text) === undefined) return [];
  const changed = text.replaceAll(
    /^(MemTotal|MemFree|MemAvailable):( +)(\d{1,19}) kB$/gm,
    (_, name: string, space: string, digits: string) => {
      const value = BigInt(digits) + more;
      return `${name}:${`${value > 0n ? value : 0n}`.padStart(space.length + digits.length)} kB`;
    },
  );
  return [[MEMINFO, bytesOf(changed)]];
};

interface Resources {
  readonly ram: readonly Range[];
  readonly reserved: readonly Range[];
  readonly crash: CrashRegions | undefined;
}

/** A line of /proc/iomem (r_show(), kernel/resource.c). */
const iomemLine = (depth: number, { start, last }: Range, name: string): string => {
  const number = (value: bigint): string => hex(value).padStart(8, '0');
  return `${'  '.repeat(depth)}${number(start)}-${number(last)} : ${name}`;
};

/** The text with other RAM and other resources in it; the kernel itself and what is no RAM keep their lines. */
const changedIomem = (text: string, { ram, reserved, crash }: Resources): string => {
  const lines = text.split('\n').filter((line) => line !== '');
  const isRam = (line: string): boolean => / : System RAM$/.test(line);
  const outside = lines.filter((line, i) => !isRam(line) && !isInRam(lines, i));
  const named = parseResources(lines.filter((_, i) => isInRam(lines, i)).join('\n')).filter(
    ({ name }) => name !== 'reserved' && name !== 'Crash kernel',
  );
  const inside = [
    ...named,
    ...regionsOf(crash).map((range) => ({ range, name: 'Crash kernel' })),
    ...named
      .map(({ range }) => range)
      .reduce(withoutRange, [...reserved])
      .map((range) => ({ range, name: 'reserved' })),
  ].sort((a, b) => (a.range.start < b.range.start ? -1 : 1));
  const banks = ram.map((bank) => ({
    start: bank.start,
    lines: [
      iomemLine(0, bank, 'System RAM'),
      ...inside.filter(({ range }) => bank.covers(range)).map(({ range, name }) => iomemLine(1, range, name)),
    ],
  }));
  const others = groupsOf(outside);
  return `${[...banks, ...others]
    .sort((a, b) => (a.start < b.start ? -1 : 1))
    .flatMap((group) => group.lines)
    .join('\n')}\n`;
};

/** Whether a line lies below one of RAM. */
const isInRam = (lines: readonly string[], index: number): boolean => {
  if (!lines[index]!.startsWith(' ')) return false;
  const parent = lines.slice(0, index).findLast((line) => !line.startsWith(' '));
  return parent !== undefined && / : System RAM$/.test(parent);
};

/** Lines without indentation, each with what belongs to it. */
const groupsOf = (lines: readonly string[]): { readonly start: bigint; readonly lines: string[] }[] => {
  const groups: { readonly start: bigint; readonly lines: string[] }[] = [];
  for (const line of lines) {
    const start = /^([0-9a-f]{1,16})-/.exec(line)?.[1];
    if (start === undefined) groups.at(-1)?.lines.push(line);
    else groups.push({ start: BigInt(`0x${start}`), lines: [line] });
  }
  return groups;
};
