/**
 * What a kernel that takes a dump may rely on, beside what every kernel may: memory of its own, and what leads it to
 * the dump (drivers/of/fdt.c; fs/proc/vmcore.c).
 */
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import type { Range } from '../../../kexec/base/range.js';
import { PT_NOTE } from '../../../kexec/elf/elf.js';
import { type CoreHeaders, readCoreHeaders } from '../vmcore/elfcorehdr.js';
import type { Arrival, NewKernel } from './arrival.js';
import { type Rule, address, rangeText } from './rule.js';

const isIn = (range: Range, regions: readonly Range[]): boolean => regions.some((region) => region.covers(range));

/** The header of the dump, or what Linux has against it. Undefined where the tree names none. */
const headersOf = ({ memory }: Arrival, { tree }: NewKernel): CoreHeaders | KexecError | undefined => {
  const start = tree?.told?.elfcorehdr?.start;
  return start === undefined
    ? undefined
    : attempt(KexecError, () =>
        readCoreHeaders(memory, start, (why) => KexecError.die(why, { subject: 'elfcorehdr' })),
      );
};

/** Where the notes of the old kernel are that the dump begins with. */
const notePlaces = (arrival: Arrival, kernel: NewKernel): readonly bigint[] => {
  const headers = headersOf(arrival, kernel);
  if (headers === undefined || headers instanceof KexecError) return [];
  return headers.programHeaders.filter(({ type }) => type === PT_NOTE).map(({ offset }) => offset);
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
    check: (arrival, kernel) => {
      const headers = headersOf(arrival, kernel);
      if (headers === undefined) return '/chosen has no linux,elfcorehdr: there will be no /proc/vmcore';
      return headers instanceof KexecError ? headers.message : undefined;
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
