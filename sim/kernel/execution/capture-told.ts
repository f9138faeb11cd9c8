/**
 * What a kernel that is loaded for a panic is told, and what is wrong with that, whether it runs or not: the memory that
 * it has to itself, and what leads it to the header of the dump (drivers/of/fdt.c; fs/proc/vmcore.c).
 */
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import { Range } from '../../../kexec/base/range.js';
import type { ElfProgramHeader } from '../../../kexec/elf/elf.js';
import type { ToldByTree } from '../../machine/board-tree/told-by-tree.js';
import { withoutRange } from '../facts/page-allocator.js';
import { readCoreHeaders } from '../vmcore/elfcorehdr.js';
import { type HeaderPlace, headerPlace } from '../vmcore/header-place.js';
import type { MemoryView } from './arrival.js';
import { rangeText } from './rule.js';

/** The header of the dump, as Linux reads it. */
export interface ToldHeader extends HeaderPlace {
  /** Or what Linux has against it. */
  readonly programHeaders: readonly ElfProgramHeader[] | string;
}

export interface CaptureTold {
  /** linux,usable-memory-range. */
  readonly usable: readonly Range[];
  /** Undefined where nothing leads to it. */
  readonly header: ToldHeader | undefined;
  /** All memory that is loaded to. */
  readonly segments: readonly Range[];
  /** What the old kernel has set aside, and all RAM. */
  readonly crashRegions: readonly Range[];
  readonly ram: readonly Range[];
}

/** @param banner of the capture kernel, for headerPlace() */
export const toldHeader = (
  told: ToldByTree | undefined,
  banner: () => string | undefined,
  memory: MemoryView,
): ToldHeader | undefined => {
  const place = told && headerPlace(told, banner);
  if (place === undefined) return undefined;
  const headers = attempt(KexecError, () =>
    readCoreHeaders(memory, place.start, (why) => KexecError.die(why, { subject: 'elfcorehdr' })),
  );
  return { ...place, programHeaders: headers instanceof KexecError ? headers.message : headers.programHeaders };
};

/** A rule that can be judged by what is loaded alone. */
export interface ToldRule {
  readonly rule: string;
  /** @returns what is wrong */
  readonly check: (told: CaptureTold) => string | undefined;
}

/** What of some ranges is in none of others. */
const outside = (ranges: readonly Range[], others: readonly Range[]): readonly Range[] =>
  others.reduce(withoutRange, [...ranges]);

const texts = (ranges: readonly Range[]): string => ranges.map(rangeText).join(', ');

const regionText = (regions: readonly Range[]): string =>
  regions.length === 0 ? 'there is none' : `that is ${regions.map(rangeText).join(' and ')}`;

/** Bytes of an ELF file header, which is read first. */
const LEAST_HEADER = 64n;

export const TOLD_RULES: readonly ToldRule[] = [
  {
    rule: "the capture kernel's memory is the old kernel's crash kernel region",
    check: ({ usable, crashRegions, ram }) => {
      if (usable.length === 0)
        return '/chosen has no linux,usable-memory-range: it takes the memory that it is to dump';
      const strays = usable.filter((range) => outside([range], crashRegions).length > 0);
      if (strays.length > 0) return `linux,usable-memory-range has ${texts(strays)}: ${regionText(crashRegions)}`;
      const missing = outside(usable, ram);
      return missing.length === 0 ? undefined : `linux,usable-memory-range has ${texts(missing)}, which is no RAM`;
    },
  },
  {
    rule: 'all that is loaded is in that memory',
    check: ({ segments, usable }) => {
      const out = segments.flatMap((memory, i) =>
        memory.size === 0n || outside([memory], usable).length === 0 ? [] : [`segment ${i} (${rangeText(memory)})`],
      );
      return usable.length === 0 || out.length === 0 ? undefined : `not ${out.join(', ')}`;
    },
  },
  {
    rule: 'the header of the dump is where the capture kernel is told, and in that memory',
    check: ({ header, usable }) => {
      if (header === undefined) return '/chosen has no linux,elfcorehdr: there will be no /proc/vmcore';
      const { start, sizeBytes, from, programHeaders } = header;
      if (typeof programHeaders === 'string') return `${programHeaders} (${from})`;
      const memory = Range.sized(start, sizeBytes ?? LEAST_HEADER);
      return usable.length === 0 || outside([memory], usable).length === 0
        ? undefined
        : `it is at ${rangeText(memory)} (${from}), which the kernel does not map: it dies of it`;
    },
  },
];
