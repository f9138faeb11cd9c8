/**
 * What the new kernel is told by its device tree, against where it lies and what the running kernel was told: without
 * it, the kernel starts and gets no further, or not as far as the old one did.
 */
import type { Range } from '../../../kexec/base/range.js';
import { GiB, alignDown, alignUp } from '../../../kexec/base/u64.js';
import type { ToldByTree } from '../../machine/board-tree/told-by-tree.js';
import { withoutRange } from '../facts/page-allocator.js';
import type { Arrival, NewKernel } from './arrival.js';
import { type Rule, rangeText } from './rule.js';

/** What of a range is in none of the others. */
const outside = (range: Range, others: readonly Range[]): readonly Range[] => others.reduce(withoutRange, [range]);

/** The largest page: what is reserved in whole pages reaches beyond its bytes. */
const PAGE = 0x1_0000n;

/** Whether a reservation is one of what is loaded, whole: the initrd's, the tree's, the dump header's. */
const isOfLoad = (reserved: Range, { segments }: Arrival, { memory, tree }: NewKernel): boolean =>
  [...segments.map((segment) => segment.memory), tree?.initrd, tree?.memory].some(
    (range) =>
      range !== undefined &&
      !range.overlaps(memory) &&
      alignDown(range.start, PAGE) <= reserved.start &&
      reserved.end <= alignUp(range.end, PAGE),
  );

/**
 * Whether the new kernel is told the same of memory as the running one, for which it was enough: where a recording
 * tells of memory elsewhere, it is not whole.
 */
const isAsBefore = ({ running }: Arrival, { board }: ToldByTree): boolean =>
  board.memory.length === running.memory.length &&
  board.memory.every((range, i) => running.memory[i]?.equals(range) === true);

const hasWord = (line: string | undefined, pattern: RegExp): boolean =>
  (line ?? '').split(/\s+/).some((word) => pattern.test(word));

export const TREE_RULES: readonly Rule[] = [
  {
    rule: "the device tree, or UEFI's memory map, tells of memory",
    check: (arrival, { tree }) => {
      const told = tree?.told;
      if (told === undefined || told.hasUefiMap || told.board.memory.length > 0) return undefined;
      if (arrival.running.uefi.size === 0 && isAsBefore(arrival, told)) return undefined;
      return 'no /memory node has a size, and /chosen has no linux,uefi-mmap-start';
    },
  },
  {
    rule: 'the kernel, the initrd and the device tree are in that memory',
    check: (arrival, { memory, tree }) => {
      const told = tree?.told;
      if (told === undefined || told.hasUefiMap || told.board.memory.length === 0) return undefined;
      if (isAsBefore(arrival, told)) return undefined;
      const out = (
        [
          ['the kernel', memory],
          ['the initrd', tree?.initrd],
          ['the device tree', tree?.memory],
        ] as const
      ).flatMap(([name, range]) => {
        const parts = range === undefined ? [] : outside(range, told.board.memory);
        return parts.length === 0 ? [] : [`${name} is not: ${parts.map(rangeText).join(', ')}`];
      });
      return out.length === 0 ? undefined : out.join('; ');
    },
  },
  {
    rule: 'no segment is in memory that the device tree reserves',
    check: (arrival, kernel) => {
      const { tree } = kernel;
      const reserved = [
        ...(tree?.reservations ?? []).map((range) => ({ path: '/memreserve/', range })),
        ...(tree?.told?.reserved ?? []),
      ].filter(({ range }) => !isOfLoad(range, arrival, kernel));
      const found = arrival.segments.flatMap(({ memory }, i) =>
        reserved
          .filter(({ range }) => memory.size > 0n && range.overlaps(memory))
          .map(({ path, range }) => `segment ${i} (${rangeText(memory)}) is in ${path} (${rangeText(range)})`),
      );
      return found.length === 0 ? undefined : found.join('; ');
    },
  },
  {
    rule: "UEFI's tables are handed on as the running kernel has them",
    check: ({ running }, { tree }) => {
      if (tree?.told === undefined) return undefined;
      const { uefi } = tree.told;
      const lost = [...running.uefi].filter(([name, value]) => uefi.get(name)?.toString() !== value.toString());
      return lost.length === 0
        ? undefined
        : `/chosen has not the running kernel's ${lost.map(([name]) => name).join(', ')}`;
    },
  },
  {
    rule: 'a console is named',
    warns: true,
    check: (_, { tree }) => {
      const told = tree?.told;
      if (told === undefined || told.hasStdout || told.hasUefiMap) return undefined;
      if (hasWord(told.bootargs, /^(console=|earlycon)/)) return undefined;
      return 'no stdout-path leads anywhere, and the command line has no console=: what the kernel says is not seen';
    },
  },
  {
    rule: "tables of a GIC's ITS are handed on",
    warns: true,
    check: (_, { tree }) => {
      const told = tree?.told;
      const gic = told?.board.gic;
      if (gic?.version !== 3 || gic.its.length === 0 || told?.uefi.has('linux,uefi-system-table') === true)
        return undefined;
      if (hasWord(told?.bootargs, /^irqchip\.gicv3_nolpi=[1yY]/)) return undefined;
      return "only UEFI tells a kernel where the old one's LPI tables are: they stay live in memory that the new kernel takes for free";
    },
  },
  {
    rule: 'the other processors can be started',
    warns: true,
    check: ({ cpu, running }, { memory, tree }) => {
      const processors = tree?.told?.board.processors ?? [];
      const others = processors.filter(({ affinity }) => affinity !== cpu.affinity);
      if (others.length === 0 || hasWord(tree?.told?.bootargs, ALONE)) return undefined;
      const hasPsci = tree?.told?.board.conduit !== undefined;
      const lost = others.filter(({ start }) => start === undefined || (start.method === 'psci' && !hasPsci));
      if (lost.length > 0) return `the device tree tells no way for ${lost.map(({ path }) => path).join(', ')}`;
      const isHigh = memory.last >= GiB(1n);
      const refusing = running.quirks.filter((quirk) => quirk !== 'cpu-on-below-1g' || isHigh);
      return refusing.length === 0 || others.every(({ start }) => start?.method !== 'psci')
        ? undefined
        : `the firmware has the quirk ${refusing.join(', ')}`;
    },
  },
];

/** Parameters of a kernel that starts no others. */
const ALONE = /^(maxcpus=[01]|nr_cpus=1|nosmp)$/;
