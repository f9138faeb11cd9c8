/** Findings about memory: the map, the holes in it, the region for a crash kernel, and what is left while loading. */
import { Errno, strerror } from '../../../kexec/base/error.js';
import { Range } from '../../../kexec/base/range.js';
import { MiB, alignUp } from '../../../kexec/base/u64.js';
import { readArm64ImageHeader } from '../../../kexec/arch/arm64/image-header.js';
import { formatSize } from '../common/text.js';
import { freeMemory, withoutRange } from '../../kernel/facts/page-allocator.js';
import { shortOfMemory } from '../../kernel/rules/doubts.js';
import type { Found, Row } from './finding.js';
import { type Seen, crashRegions, failedWith, refusedFor, runningCmdline, wordOf } from './seen.js';
import { segmentsTold } from './tell.js';

/** What kexec does not load over: all that is in RAM but the running kernel, which is over by then. */
const MAY_GO: readonly string[] = ['System RAM', 'Kernel code', 'Kernel data'];

const holesFor = ({ resources, wanted }: Seen): readonly Range[] => {
  const limits = Range.inclusive(wanted.memMin, wanted.memMax);
  const kept = resources.filter(({ name }) => !MAY_GO.includes(name)).map(({ range }) => range);
  return resources
    .filter(({ name }) => name === 'System RAM')
    .flatMap(({ range }) => kept.reduce(withoutRange, [range]))
    .flatMap((range) => range.intersect(limits) ?? []);
};

/** From the first boundary of 2 MiB on. */
const room = (range: Range): bigint => {
  const start = alignUp(range.start, MiB(2n));
  return start < range.end ? range.end - start : 0n;
};

const largest = (ranges: readonly Range[]): Range | undefined =>
  ranges.reduce<Range | undefined>(
    (best, range) => (best === undefined || room(range) > room(best) ? range : best),
    undefined,
  );

/** Memory that the kernel takes: told by its header, or at least its file. */
const kernelBytes = ({ wanted, chosen }: Seen): bigint => {
  const header = wanted.kernelFile && readArm64ImageHeader(wanted.kernelFile);
  if (header !== undefined && header.imageSize > 0n) return header.imageSize + header.textOffset;
  const [, digits] = /kernel_size: 0x([0-9a-f]{1,12})/.exec(chosen.said) ?? [];
  return digits === undefined ? BigInt(wanted.kernelFile?.length ?? 0) : BigInt(`0x${digits}`);
};

const NO_HOLE = /Could not find a free area of memory of 0x([0-9a-f]{1,16}) bytes/;
const NO_PLACE = 'Could not find any suitable kernel location!';
const ENADDR = strerror(Errno.EADDRNOTAVAIL);

const iomemText = (seen: Seen): string => seen.files.readText('/proc/iomem') ?? '';

const roundedUp = (bytes: bigint): string => `${alignUp(bytes, MiB(64n)) >> 20n}M`;

/** What goes beside kernel and initrd: the tree, the dump's header, the purgatory, boundaries. */
const BESIDE = MiB(4n);

const crashNeed = (seen: Seen): bigint =>
  alignUp(kernelBytes(seen), MiB(2n)) + BigInt(seen.wanted.initrdBytes ?? 0) + BESIDE;

export const MEMORY_ROWS: readonly Row[] = [
  {
    id: 'hidden-addresses',
    severity: 'error',
    when: 'all addresses of /proc/iomem are 0, as users other than root see them',
    example: 'All addresses of /proc/iomem are 0: they are hidden from whoever read it.',
    fixes: ['record /proc/iomem as root'],
    look: (seen) => {
      const text = iomemText(seen);
      const lines = text.split('\n').filter((line) => /^\s*[0-9a-f]+-[0-9a-f]+ : /.test(line));
      if (lines.length === 0 || lines.some((line) => !/^\s*0+-0+ : /.test(line))) return undefined;
      return {
        sentence: 'All addresses of /proc/iomem are 0: they are hidden from whoever read it.',
        evidence: [`/proc/iomem: ${lines[0]!.trim()}`],
      };
    },
  },
  {
    id: 'no-memory-map',
    severity: 'error',
    when: 'the recording has no /proc/iomem, or no line in it that Linux could have written',
    example: 'No line of /proc/iomem reads as Linux writes them.',
    fixes: ['take away what stands in front of the lines, such as "> "', 'record the machine with kexec-sim snapshot'],
    look: (seen) => {
      if (seen.resources.some(({ name }) => name === 'System RAM')) return undefined;
      const text = iomemText(seen);
      const first = text.split('\n').find((line) => line.trim() !== '');
      return {
        sentence:
          first === undefined
            ? 'The recording has no /proc/iomem, which tells where memory is.'
            : seen.resources.length === 0
              ? 'No line of /proc/iomem reads as Linux writes them.'
              : '/proc/iomem tells of no System RAM.',
        evidence: first === undefined ? [] : [`/proc/iomem: ${first}`],
      };
    },
    log: {
      pattern: /Could not get memory layout/,
      sentence: "kexec finds no System RAM in /proc/iomem: it is not root's, or not there.",
      ask: 'head /proc/iomem, as root',
    },
  },
  {
    id: 'no-crash-region',
    severity: 'error',
    when: 'a kernel is to be loaded for a panic, and no memory was set aside for that at boot',
    example: 'No memory is set aside for a crash kernel: the running kernel was booted without crashkernel=.',
    fixes: ['boot with crashkernel=256M, or what kernel and initrd need', 'load without -p'],
    look: (seen) => {
      if (!seen.wanted.onCrash || crashRegions(seen).length > 0 || seen.chosen.exitCode === 0) return undefined;
      const asked = wordOf(runningCmdline(seen), /^crashkernel=/);
      return {
        sentence:
          asked === undefined
            ? 'No memory is set aside for a crash kernel: the running kernel was booted without crashkernel=.'
            : `No memory is set aside for a crash kernel, though ${asked} asked for some: there was no room, or it was given back.`,
        evidence: ['/proc/iomem: no "Crash kernel"', `/proc/cmdline: ${runningCmdline(seen)}`],
      };
    },
    log: {
      pattern: /Memory for crashkernel is not reserved/,
      sentence: 'No memory is set aside for a crash kernel.',
      ask: 'cat /proc/cmdline; grep Crash /proc/iomem; dmesg | grep -i crashkernel',
    },
  },
  {
    id: 'crash-region-low',
    severity: 'error',
    when: 'there is a high and a low region for a crash kernel, and kexec-tools loads into the low one, while the kernel wants the high one',
    example:
      'kexec_load answers EADDRNOTAVAIL: kexec-tools 2.0.20 loads into the low crash region, the kernel wants the high one.',
    fixes: [
      'use kexec-tools 2.0.22 or later',
      'use kexec_file_load (-s)',
      'boot with one region: crashkernel=SIZE without ,high',
    ],
    isOfOneWay: true,
    look: (seen) => {
      const regions = crashRegions(seen);
      const refusal = refusedFor(seen, ENADDR);
      if (!seen.wanted.onCrash || regions.length < 2 || refusal?.call !== 'kexec_load') return undefined;
      return {
        sentence: `kexec_load answers EADDRNOTAVAIL: kexec-tools ${seen.wanted.compat.release} loads into the low crash region, the kernel wants the high one.`,
        evidence: regions.map((range) => `/proc/iomem: Crash kernel ${range.toString()}`),
      };
    },
  },
  {
    id: 'crash-region-small',
    severity: 'error',
    when: 'kernel, initrd and what goes with them do not fit into the region for a crash kernel',
    example: 'The crash region has 256.0 MiB, and kernel and initrd want 290.0 MiB: crashkernel=320M.',
    fixes: ['boot with a larger crashkernel=', 'make a smaller initrd, with what a dump needs only'],
    look: (seen) => {
      const region = crashRegions(seen).at(-1);
      if (!seen.wanted.onCrash || region === undefined || seen.chosen.exitCode === 0) return undefined;
      const failed =
        NO_HOLE.test(seen.chosen.said) ||
        /Crash kernel out of range|Could not find a free area of memory below/.test(seen.chosen.said) ||
        refusedFor(seen, ENADDR, strerror(Errno.ENOMEM)) !== undefined ||
        /Cannot load /.test(seen.chosen.said);
      const need = crashNeed(seen);
      if (!failed || need <= region.size) return undefined;
      return {
        sentence: `The crash region has ${formatSize(region.size)}, and kernel and initrd want ${formatSize(need)}: crashkernel=${roundedUp(need)}.`,
        evidence: [
          `/proc/iomem: Crash kernel ${region.toString()}`,
          `kernel ${formatSize(kernelBytes(seen))}, initrd ${formatSize(BigInt(seen.wanted.initrdBytes ?? 0))}`,
        ],
        fixes: [`boot with crashkernel=${roundedUp(need)}`, 'make a smaller initrd, with what a dump needs only'],
      };
    },
    log: {
      pattern: /Crash kernel out of range/,
      sentence: 'The kernel does not fit into the region for a crash kernel.',
      ask: 'grep Crash /proc/iomem; ls -l of kernel and initrd',
    },
  },
  {
    id: 'kho-scratch',
    severity: 'error',
    when: 'kernel handover (KHO) is on, and what is loaded by kexec_file_load must lie in its scratch areas, which are too small',
    example:
      'kexec_file_load answers EADDRNOTAVAIL: with kernel handover on, all must lie in its scratch areas, the largest of 64.0 MiB.',
    fixes: ['use kexec_load (-c), which does not ask for them', 'boot with kho=off, or with a larger kho_scratch='],
    isOfOneWay: true,
    look: (seen) => {
      const areas = seen.facts.handover?.scratch;
      if (areas === undefined || refusedFor(seen, ENADDR)?.call !== 'kexec_file_load' || seen.wanted.onCrash)
        return undefined;
      const most = areas.reduce((max, { size }) => (size > max ? size : max), 0n);
      return {
        sentence: `kexec_file_load answers EADDRNOTAVAIL: with kernel handover on, all must lie in its scratch areas, the largest of ${formatSize(most)}.`,
        evidence: [
          ...areas.map((range) => `KHO scratch: ${range.toString()}`),
          `kernel ${formatSize(kernelBytes(seen))}, initrd ${formatSize(BigInt(seen.wanted.initrdBytes ?? 0))}`,
        ],
      };
    },
  },
  {
    id: 'no-hole',
    severity: 'error',
    when: 'no hole in memory is large enough for the kernel or what goes with it',
    example:
      'The largest hole in memory has 10.7 MiB from a 2 MiB boundary on, and 26.6 MiB are wanted; cma=848M@36M took the rest.',
    fixes: [
      'boot with less memory set aside: cma=, crashkernel=, reserved memory of the device tree',
      'load a smaller kernel or initrd',
    ],
    look: (seen) => {
      if (seen.wanted.onCrash) return undefined;
      const match = failedWith(seen, NO_HOLE);
      const byFile =
        refusedFor(seen, ENADDR)?.call === 'kexec_file_load' &&
        seen.chosen.kernelLog.some((line) => line.includes(NO_PLACE));
      if (match === undefined && !byFile) return undefined;
      const holes = holesFor(seen);
      const hole = largest(holes);
      const initrd = BigInt(seen.wanted.initrdBytes ?? 0);
      const kernel = kernelBytes(seen);
      const wanted = match === undefined ? (kernel > initrd ? kernel : initrd) : BigInt(`0x${match[1]}`);
      const cma = wordOf(runningCmdline(seen), /^(cma|hugepages|mem|memmap|crashkernel)=/);
      const limited = seen.wanted.given.some((option) => option === 'mem-min' || option === 'mem-max');
      return {
        sentence:
          `The largest hole in memory has ${formatSize(hole === undefined ? 0n : room(hole))} from a 2 MiB boundary on, and ` +
          `${formatSize(wanted)} are wanted${cma === undefined ? '' : `; ${cma} took the rest`}.`,
        evidence: [
          ...(hole === undefined ? [] : [`/proc/iomem: largest hole ${hole.toString()}`]),
          ...(cma === undefined ? [] : [`/proc/cmdline: ${cma}`]),
        ],
        ...(limited && { fixes: ['leave out --mem-min and --mem-max, or give a larger window'] }),
      };
    },
    log: {
      pattern: NO_HOLE,
      sentence: 'There is no hole in memory that is large enough.',
      ask: '/proc/iomem as root, /proc/cmdline, ls -l of kernel and initrd',
    },
  },
  {
    id: 'memory-full',
    severity: 'error',
    when: 'the kernel has not enough memory for the copies that it keeps until it executes them',
    example: 'kexec_load answers ENOMEM: 120.0 MiB are to be kept, and the allocator has 90.0 MiB.',
    fixes: ['load a smaller initrd', 'free memory, and load early'],
    look: (seen) => {
      const refusal = refusedFor(seen, strerror(Errno.ENOMEM));
      if (refusal === undefined) return undefined;
      const { facts, resources } = seen;
      const free = freeMemory(resources, facts.pageSize).reduce((sum, { size }) => sum + size, 0n);
      const kept = segmentsTold(seen.chosen.said).reduce((sum, { memsz }) => sum + memsz, 0n);
      return {
        sentence: `${refusal.call} answers ENOMEM: ${formatSize(kept)} are to be kept, and the allocator has ${formatSize(free)}.`,
        evidence: seen.chosen.kernelLog.map((line) => `dmesg: ${line}`),
      };
    },
    log: {
      pattern: /kexec(?:_file)?_load failed: Cannot allocate memory/,
      sentence: 'The kernel has not enough memory for what it is to keep.',
      ask: 'cat /proc/meminfo; ls -l of kernel and initrd',
    },
  },
  {
    id: 'memory-short',
    severity: 'warning',
    when: 'loading needs more memory than was available when the machine was recorded: the files, and the copies that the kernel keeps',
    example: 'Loading takes 310.2 MiB for a moment (files and copies), and 200.0 MiB were available.',
    fixes: ['free memory before, or load a smaller initrd'],
    look: ({ chosen, facts, wanted }) => {
      const short =
        chosen.image === undefined || wanted.onCrash ? undefined : shortOfMemory(facts, chosen.image.segments);
      return (
        short && {
          sentence: `Loading takes ${formatSize(short.need)} for a moment (files and copies), and ${formatSize(short.available)} were available.`,
          evidence: [`/proc/meminfo: MemAvailable ${short.available >> 10n} kB`],
        }
      );
    },
  },
  {
    id: 'kho-unknown',
    severity: 'warning',
    when: 'kernel handover (KHO) is on, and its scratch areas are not recorded: kexec_file_load may fail there, and places are others',
    example:
      'Kernel handover is on, and its scratch areas are not recorded: kexec_file_load may answer EADDRNOTAVAIL on the machine itself.',
    fixes: [
      'use kexec_load (-c), which does not ask for them',
      'record /sys/kernel/debug/kho/out/scratch_phys and scratch_len',
      'boot with kho=off',
    ],
    look: (seen): Found | undefined => {
      const { facts, chosen, wanted } = seen;
      if (facts.handover === undefined || facts.handover.scratch !== undefined || wanted.onCrash) return undefined;
      if (chosen.image?.segments.some(({ role }) => role !== undefined) !== true) return undefined;
      return {
        sentence:
          'Kernel handover is on, and its scratch areas are not recorded: kexec_file_load may answer EADDRNOTAVAIL on the machine itself.',
        evidence: [facts.handover.evidence],
      };
    },
  },
  {
    id: 'cma-places',
    severity: 'note',
    when: 'the kernel is 6.17 or later and has contiguous memory (CMA), of which the recording does not tell where it is free: kexec_file_load puts segments there, at other places than here',
    example:
      'This kernel puts what kexec_file_load loads into contiguous memory (1.0 GiB): its places are others than those told here.',
    fixes: ['record /sys/kernel/debug/cma, as kexec-sim snapshot does for root', 'give --no-cma where places count'],
    look: ({ chosen, files, facts, wanted }) => {
      const { contiguous, handover } = facts;
      const byFile = chosen.image?.segments.some(({ role }) => role !== undefined) === true;
      const isUnknown = contiguous !== undefined && contiguous.total > 0n && contiguous.area === undefined;
      if (!byFile || !isUnknown || wanted.onCrash || wanted.given.includes('no-cma') || handover !== undefined)
        return undefined;
      return {
        sentence: `This kernel puts what kexec_file_load loads into contiguous memory (${formatSize(contiguous.total)}): its places are others than those told here.`,
        evidence: [
          `/proc/meminfo: CmaTotal ${contiguous.total >> 10n} kB`,
          files.readText('/proc/version')?.split(' (')[0] ?? '',
        ],
      };
    },
  },
];
