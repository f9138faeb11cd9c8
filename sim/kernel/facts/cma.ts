/**
 * Contiguous memory (CMA), into which kexec_file_load(2) of Linux 6.17 and later puts what it loads, where there is
 * room: kexec_alloc_contig(), kernel/kexec_file.c; cma_alloc(), mm/cma.c. What lies there need not be copied at the
 * reboot.
 */
import { Range } from '../../../kexec/base/range.js';
import { isAtLeast } from './generations.js';
import { meminfoBytes } from './kernel-config.js';
import type { RecordedFiles } from './recorded-files.js';

/** The area that devices without one of their own are served from: its place, and what of it is taken. */
export interface ContiguousArea {
  readonly range: Range;
  readonly taken: readonly Range[];
  /** The most that an allocation is aligned to, in bytes (CONFIG_CMA_ALIGNMENT). */
  readonly mostAlignment: bigint;
}

export interface Contiguous {
  /** Bytes of all areas; 0 where there are none. */
  readonly total: bigint;
  /** Undefined where there is none, or the recording does not tell. */
  readonly area: ContiguousArea | undefined;
}

/** A directory for each area, which root may read (CONFIG_CMA_DEBUGFS). */
const DEBUG = '/sys/kernel/debug/cma';
/** The area that cma= or the configuration asks for is called so; one of the device tree has its node's name. */
const DEFAULT_NAMES = ['reserved', 'linux,cma'];

/** @returns undefined for a kernel before 6.17, or one that does not tell */
export const contiguousMemory = (files: RecordedFiles, pageSize: bigint): Contiguous | undefined => {
  if (!isAtLeast(files.readText('/proc/version'), 6, 17)) return undefined;
  const meminfo = files.readText('/proc/meminfo');
  const bytes = (name: string): bigint => meminfoBytes(meminfo, name) ?? 0n;
  const total = bytes('CmaTotal');
  if (total === 0n) return { total, area: undefined };
  const [, order = '8'] = /^CONFIG_CMA_ALIGNMENT=(\d{1,2})$/m.exec(files.kernelConfig() ?? '') ?? [];
  const place = areaOfDebugfs(files, pageSize) ?? (bytes('CmaFree') === total ? areaOfLog(files, total) : undefined);
  return { total, area: place && { ...place, mostAlignment: pageSize << BigInt(order) } };
};

type Place = Pick<ContiguousArea, 'range' | 'taken'>;

const areaOfDebugfs = (files: RecordedFiles, pageSize: bigint): Place | undefined => {
  for (const name of DEFAULT_NAMES) {
    const number = (file: string): bigint | undefined => {
      const text = files.readText(`${DEBUG}/${name}/${file}`)?.trim() ?? '';
      return /^\d{1,15}$/.test(text) ? BigInt(text) : undefined;
    };
    const [base, count, order] = [number('base_pfn'), number('count'), number('order_per_bit')];
    const bitmap = files.readText(`${DEBUG}/${name}/bitmap`);
    if (base === undefined || count === undefined || count === 0n || order === undefined || order > 20n) continue;
    if (bitmap === undefined || files.kind(`${DEBUG}/${name}/ranges/1`) !== undefined) continue;
    const range = Range.sized(base * pageSize, count * pageSize);
    const taken = takenOf(bitmap, range, pageSize << order);
    return taken && { range, taken };
  }
  return undefined;
};

const WORD_BITS = 32n;

/**
 * @param bitmap words of 32 bits, as decimal numbers
 * @param unit bytes that a bit stands for
 * @returns undefined where it is no bitmap of that range
 */
const takenOf = (bitmap: string, range: Range, unit: bigint): readonly Range[] | undefined => {
  const bits = (range.size + unit - 1n) / unit;
  const texts = bitmap.trim().split(/\s+/);
  const words = texts.map((text) => (/^\d{1,10}$/.test(text) ? Number(text) : NaN));
  const isMissing = BigInt(words.length) < (bits + WORD_BITS - 1n) / WORD_BITS;
  if (isMissing || !words.every((word) => word < 2 ** Number(WORD_BITS))) return undefined;
  const taken: Range[] = [];
  for (let bit = 0n; bit < bits; bit++) {
    const word = words[Number(bit / WORD_BITS)]!;
    if (((word >>> Number(bit % WORD_BITS)) & 1) === 0) continue;
    const start = range.start + bit * unit;
    const last = taken.at(-1);
    if (last?.end === start) taken[taken.length - 1] = Range.between(last.start, start + unit);
    else taken.push(Range.sized(start, unit));
  }
  return taken;
};

/** Where the log tells of one area only, which nobody has taken anything of. */
const areaOfLog = (files: RecordedFiles, total: bigint): Place | undefined => {
  const pattern = /(?:cma: Reserved|created CMA memory pool at) (?:\d{1,9} MiB at )?0x([0-9a-f]{1,16})/g;
  const [first, ...others] = [...(files.note('dmesg') ?? '').matchAll(pattern)];
  if (first === undefined || others.length > 0) return undefined;
  return { range: Range.sized(BigInt(`0x${first[1]}`), total), taken: [] };
};
