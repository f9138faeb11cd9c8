/**
 * What a kernel that takes a dump may rely on, beside what every kernel may: what it is told (capture-told.ts), the old
 * kernel's notes, and firmware that answers it.
 */
import { PT_NOTE } from '../../../kexec/elf/elf.js';
import { bannerIn } from '../facts/generations.js';
import type { Arrival, NewKernel } from './arrival.js';
import { type CaptureTold, type ToldHeader, TOLD_RULES, toldHeader } from './capture-told.js';
import { type Rule, address } from './rule.js';

const headerOf = ({ memory }: Arrival, kernel: NewKernel): ToldHeader | undefined => {
  const { start, size } = kernel.memory;
  const banner = (): string | undefined =>
    memory.isRam(start, size) ? bannerIn(memory.read(start, Number(size))) : undefined;
  return toldHeader(kernel.tree?.told, banner, memory);
};

const toldOf = (arrival: Arrival, kernel: NewKernel): CaptureTold => ({
  usable: kernel.tree?.told?.usable ?? [],
  header: headerOf(arrival, kernel),
  segments: arrival.segments.map(({ memory }) => memory),
  crashRegions: arrival.running.crashRegions ?? [],
  ram: arrival.memory.ranges,
});

/** Where the notes of the old kernel are that the dump begins with. */
const notePlaces = (arrival: Arrival, kernel: NewKernel): readonly bigint[] => {
  const headers = headerOf(arrival, kernel)?.programHeaders ?? [];
  return typeof headers === 'string' ? [] : headers.filter(({ type }) => type === PT_NOTE).map(({ offset }) => offset);
};

export const CAPTURE_RULES: readonly Rule[] = [
  ...TOLD_RULES.map(({ rule, check }): Rule => ({
    rule,
    check: (arrival, kernel) => check(toldOf(arrival, kernel)),
  })),
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
