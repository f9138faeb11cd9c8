/** The facts about a recorded machine that its simulated kernel answers by. */
import type { Range } from '../../../kexec/base/range.js';
import type { Contiguous } from './cma.js';
import { type Generation, generationOf } from './generations.js';
import { parseResources, type Resource } from './iomem.js';
import { configSays, meminfoBytes } from './kernel-config.js';
import type { Handover } from './kho.js';
import { freeMemory } from './page-allocator.js';

/** Why the processors cannot be stopped, and what of the recording tells so. */
export interface StuckCpus {
  readonly why: 'method' | 'no hotplug' | 'protected KVM' | 'lost';
  readonly evidence: readonly string[];
}

/** What the answers of a machine's kernel depend on, besides what is loaded. */
export interface KernelFacts {
  readonly generation: Generation;
  /** Bytes. */
  readonly pageSize: bigint;
  /** totalram_pages(): pages that the kernel's allocator was given. */
  readonly totalRamPages: bigint;
  /** Bytes that programs and kernel could have had; undefined where the recording does not tell. */
  readonly availableBytes?: bigint | undefined;
  /** What the kernel's allocator hands out, in whole pages; empty when the recording does not tell. */
  readonly freeMemory: readonly Range[];
  /** Where crash images go (crashk_res); undefined when nothing is reserved. */
  readonly crashRegion: Range | undefined;
  /** Whether lockdown forbids to load what is not signed. */
  readonly lockedDown: boolean;
  /** Whether the kernel has kexec_load(2); CONFIG_KEXEC. */
  readonly hasKexecLoad: boolean;
  /** Processors that could not be stopped; asked for only where it counts, since it takes the device tree. */
  readonly stuckCpus?: (() => StuckCpus | undefined) | undefined;
  /** Kernel handover; undefined where it is off. */
  readonly handover?: Handover | undefined;
  /** Contiguous memory that kexec_file_load(2) takes; undefined for kernels before 6.17, which take none. */
  readonly contiguous?: Contiguous | undefined;
}

/** The files that the facts come from, as text; undefined where the recording has none. */
export interface FactSources {
  readonly version: string | undefined;
  readonly meminfo: string | undefined;
  readonly iomem: string | undefined;
  readonly lockdown: string | undefined;
  readonly config?: string | undefined;
}

/** MemTotal of /proc/meminfo in KiB. */
export const memTotalKiB = (meminfo: string | undefined): bigint | undefined => {
  const match = /^MemTotal:\s{0,64}(\d{1,19}) kB$/m.exec(meminfo ?? '');
  return match === null ? undefined : BigInt(match[1]!);
};

/** Bytes: MemAvailable of /proc/meminfo, or MemFree of a kernel that does not count it. */
const availableBytes = (meminfo: string | undefined): bigint | undefined =>
  meminfoBytes(meminfo, 'MemAvailable') ?? meminfoBytes(meminfo, 'MemFree');

/** The "System RAM" resources. */
export const ramOf = (resources: readonly Resource[]): readonly Range[] =>
  resources.filter(({ name }) => name === 'System RAM').map(({ range }) => range);

/** Bytes of the "System RAM" resources, reserved ones included. */
export const systemRamBytes = (resources: readonly Resource[]): bigint =>
  ramOf(resources).reduce((sum, { size }) => sum + size, 0n);

/** Memory that is set aside for a crash kernel: one region, or a high and a low one. */
export const crashRegionsOf = (resources: readonly Resource[]): readonly Range[] =>
  resources.filter(({ name, range }) => name === 'Crash kernel' && range.last > 0n).map(({ range }) => range);

/** The region that counts: of a high and a low one, both called "Crash kernel", crashk_res is the upper. */
export const crashRegionOf = (resources: readonly Resource[]): Range | undefined =>
  crashRegionsOf(resources).reduce<Range | undefined>(
    (upper, range) => (upper === undefined || range.start > upper.start ? range : upper),
    undefined,
  );

/** Never fails: what no file tells has the value that it has on an ordinary machine. */
export const kernelFacts = (sources: FactSources, pageSize: bigint): KernelFacts => {
  const resources = parseResources(sources.iomem ?? '');
  const kiB = memTotalKiB(sources.meminfo);
  // Not all RAM is the allocator's; without /proc/meminfo, all of it is the best guess.
  const ramBytes = kiB === undefined ? systemRamBytes(resources) : kiB << 10n;
  return {
    generation: generationOf(sources.version),
    pageSize,
    totalRamPages: ramBytes / pageSize,
    availableBytes: availableBytes(sources.meminfo),
    freeMemory: freeMemory(resources, pageSize),
    crashRegion: crashRegionOf(resources),
    lockedDown: /\[(integrity|confidentiality)\]/.test(sources.lockdown ?? ''),
    hasKexecLoad: configSays(sources.config, 'KEXEC') !== false,
  };
};

/** First and last numbers of a list as sysfs writes it ("0-3,8"); undefined when it is none. */
const cpuRanges = (text: string | undefined): readonly (readonly [number, number])[] | undefined => {
  const ranges: [number, number][] = [];
  for (const part of (text ?? '').trim().split(',')) {
    const match = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(part);
    if (match === null) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last < first) return undefined;
    ranges.push([first, last]);
  }
  return ranges;
};

/** CPUs in such a list. */
export const countCpuList = (text: string | undefined): number | undefined =>
  cpuRanges(text)?.reduce((count, [first, last]) => count + last - first + 1, 0);

/** More processors than any kernel's NR_CPUS. */
const MOST_CPUS = 8192;

/** The numbers in such a list; undefined also where they are more than any machine's. */
export const cpuList = (text: string | undefined): readonly number[] | undefined => {
  const ranges = cpuRanges(text);
  if (ranges === undefined || (countCpuList(text) ?? 0) > MOST_CPUS) return undefined;
  return ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
};

/** Numbers as the kernel prints them by %*pbl, in such a list. */
export const formatCpuList = (cpus: readonly number[]): string => {
  const runs: [number, number][] = [];
  for (const cpu of cpus.toSorted((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] + 1 === cpu) last[1] = cpu;
    else runs.push([cpu, cpu]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
};
