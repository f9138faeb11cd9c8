/**
 * What a kernel that takes a dump may rely on, beside what every kernel may: memory of its own, and what leads it to
 * the dump (drivers/of/fdt.c; fs/proc/vmcore.c).
 */
import type { Range } from '../../../kexec/base/range.js';
import {
  ELFCLASS64,
  ELFDATA2LSB,
  EM_AARCH64,
  ET_CORE,
  EV_CURRENT,
  PT_NOTE,
  hasElfMagic,
  isLittleEndian,
  readFileHeader,
  readProgramHeader,
  sizesOf,
} from '../../../kexec/elf/elf.js';
import type { Arrival, NewKernel } from './arrival.js';
import { type Rule, address, rangeText } from './rule.js';

const LAYOUT = { class: ELFCLASS64, data: ELFDATA2LSB } as const;
const { header: HEADER, programHeader: PROGRAM_HEADER } = sizesOf(LAYOUT);
/** EI_CLASS and EI_VERSION of e_ident. */
const [CLASS_AT, VERSION_AT] = [4, 6] as const;

const isIn = (range: Range, regions: readonly Range[]): boolean => regions.some((region) => region.covers(range));

/** parse_crash_elf64_headers(). @returns what is wrong with it */
const wrongWithHeader = (bytes: Uint8Array): string | undefined => {
  if (!hasElfMagic(bytes)) return 'there is no ELF header';
  if (
    bytes[CLASS_AT] !== ELFCLASS64 ||
    bytes[VERSION_AT] !== EV_CURRENT ||
    !isLittleEndian({ ...LAYOUT, data: bytes[5] ?? 0 })
  )
    return 'its ELF header is not of 64 bits, little-endian, version 1';
  const { type, machine, version, phentsize, phnum } = readFileHeader(bytes, LAYOUT);
  if (type !== ET_CORE || machine !== EM_AARCH64 || version !== EV_CURRENT) {
    return `its ELF header is of type ${type}, for machine ${machine}, version ${version}`;
  }
  if (phentsize !== PROGRAM_HEADER) return `its program headers have ${phentsize} bytes`;
  return phnum === 0 ? 'it has no program headers' : undefined;
};

/** Where the notes of the old kernel are that the dump begins with. */
const notePlaces = ({ memory }: Arrival, { tree }: NewKernel): readonly bigint[] => {
  const place = tree?.told?.elfcorehdr;
  if (place === undefined || !memory.isRam(place.start, BigInt(HEADER))) return [];
  const header = memory.read(place.start, HEADER);
  if (wrongWithHeader(header) !== undefined) return [];
  const { phoff, phnum } = readFileHeader(header, LAYOUT);
  const size = phnum * PROGRAM_HEADER;
  if (!memory.isRam(place.start + phoff, BigInt(size))) return [];
  const table = memory.read(place.start + phoff, size);
  return Array.from({ length: phnum }, (_, i) => readProgramHeader(table, LAYOUT, i * PROGRAM_HEADER))
    .filter(({ type }) => type === PT_NOTE)
    .map(({ offset }) => offset);
};

const regionText = (regions: readonly Range[]): string =>
  regions.length === 0 ? 'there is none' : `that is ${regions.map(rangeText).join(' and ')}`;

export const CAPTURE_RULES: readonly Rule[] = [
  {
    rule: "the capture kernel's memory is the old kernel's crash kernel region",
    check: ({ running }, { tree }) => {
      const usable = tree?.told?.usable ?? [];
      if (usable.length === 0)
        return '/chosen has no linux,usable-memory-range: it takes the memory that it is to dump';
      const regions = running.crashRegions ?? [];
      const outside = usable.filter((range) => !isIn(range, regions));
      return outside.length === 0
        ? undefined
        : `linux,usable-memory-range has ${outside.map(rangeText).join(', ')}: ${regionText(regions)}`;
    },
  },
  {
    rule: 'all that is loaded is in that memory',
    check: ({ segments }, { tree }) => {
      const usable = tree?.told?.usable ?? [];
      const out = segments.flatMap(({ memory }, i) =>
        memory.size === 0n || isIn(memory, usable) ? [] : [`segment ${i} (${rangeText(memory)})`],
      );
      return usable.length === 0 || out.length === 0 ? undefined : `not ${out.join(', ')}`;
    },
  },
  {
    rule: 'linux,elfcorehdr leads to the header of the dump',
    check: ({ memory }, { tree }) => {
      const place = tree?.told?.elfcorehdr;
      if (place === undefined) return '/chosen has no linux,elfcorehdr: there will be no /proc/vmcore';
      if (place.size < BigInt(HEADER) || !memory.isRam(place.start, place.size))
        return `${rangeText(place)} is not RAM`;
      const wrong = wrongWithHeader(memory.read(place.start, HEADER));
      return wrong === undefined ? undefined : `at ${address(place.start)}: ${wrong}`;
    },
  },
  {
    rule: 'the notes are there that it tells of',
    warns: true,
    check: (arrival, kernel) => {
      const { memory } = arrival;
      const empty = notePlaces(arrival, kernel).filter(
        (at) => !memory.isRam(at, 4n) || memory.read(at, 4).every((byte) => byte === 0),
      );
      return empty.length === 0 ? undefined : `there is none at ${empty.map(address).join(', ')}`;
    },
  },
  {
    rule: 'the firmware answers the processor that it runs on',
    warns: true,
    check: ({ cpu, running }, { tree }) => {
      if (cpu.affinity === 0n || tree?.told?.board.conduit === undefined) return undefined;
      return running.quirks.includes('psci-cpu0-only')
        ? `the firmware has the quirk psci-cpu0-only, and this is processor ${address(cpu.affinity)}`
        : undefined;
    },
  },
];
