/** `crashkernel=` on a command line, as Linux reads it (parse_crashkernel(), kernel/crash_reserve.c). */
import { MiB, alignUp } from '../../../kexec/base/u64.js';
import { memparse } from '../command-line/parameters.js';
import { type Generation, traitsOf } from '../facts/generations.js';

/** What a command line asks for. */
export interface WantedCrashkernel {
  /** The parameter as it stands there. */
  readonly text: string;
  /** Bytes; 0: none. */
  readonly size: bigint;
  /** Physical address that is wanted; undefined: any. */
  readonly at: bigint | undefined;
  /** Bytes to reserve below the limit of DMA beside a region that lies above. */
  readonly low: bigint;
  /** Whether the region is wanted above that limit. */
  readonly high: boolean;
}

/** DEFAULT_CRASH_KERNEL_LOW_SIZE of arm64. */
export const DEFAULT_LOW = MiB(128n);
const SUFFIXES = [',high', ',low', ',cma'];

/** The last parameter of the name with that suffix, or with none of them (get_last_crashkernel()). */
const lastOf = (cmdline: string, suffix: string | undefined): string | undefined =>
  [...cmdline.matchAll(/crashkernel=([^ ]*)/g)]
    .map(([, value]) => value!)
    .findLast((value) =>
      suffix === undefined ? !SUFFIXES.some((other) => value.endsWith(other)) : value.endsWith(suffix),
    );

/** A firmware keeps some of the memory for itself, and so the whole is rounded up (parse_crashkernel_mem()). */
const RANGE_ROUNDING = MiB(128n);

/** `START-[END]:SIZE[,...][@OFFSET]`: the size is the one of the range that the memory is in. */
const parseRanges = (text: string, ramBytes: bigint): Omit<WantedCrashkernel, 'text'> | undefined => {
  const total = alignUp(ramBytes, RANGE_ROUNDING);
  const [list, offset] = text.split('@') as [string, string | undefined];
  for (const part of list.split(',')) {
    const start = memparse(part);
    if (start === undefined || !start.rest.startsWith('-')) return undefined;
    const upTo = start.rest.slice(1);
    const end = upTo.startsWith(':') ? { value: total + 1n, rest: upTo } : memparse(upTo);
    if (end === undefined || end.value <= start.value || !end.rest.startsWith(':')) return undefined;
    const size = memparse(end.rest.slice(1));
    if (size === undefined || size.value >= total) return undefined;
    if (total < start.value || total >= end.value) continue;
    const at = offset === undefined ? undefined : memparse(offset);
    if (offset !== undefined && at === undefined) return undefined;
    return { size: size.value, at: at?.value || undefined, low: 0n, high: false };
  }
  return { size: 0n, at: undefined, low: 0n, high: false };
};

/** `SIZE[@OFFSET]`. */
const parseSimple = (text: string): Omit<WantedCrashkernel, 'text'> | undefined => {
  const size = memparse(text);
  if (size === undefined) return undefined;
  const at = size.rest.startsWith('@') ? memparse(size.rest.slice(1)) : undefined;
  if (size.rest !== '' && !size.rest.startsWith('@')) return undefined;
  return { size: size.value, at: at?.value || undefined, low: 0n, high: false };
};

/** `SIZE,high`, and its companion `SIZE,low`. */
const sizeOf = (text: string, suffix: string): bigint | undefined => {
  const size = memparse(text);
  return size?.rest === suffix ? size.value : undefined;
};

/**
 * What a kernel makes of its command line.
 * @returns undefined when there is no such parameter; 'invalid': it reserves nothing, because it does not understand it
 */
export const wantedCrashkernel = (
  cmdline: string,
  ramBytes: bigint,
  generation: Generation,
): WantedCrashkernel | 'invalid' | undefined => {
  const text = lastOf(cmdline, undefined);
  if (text !== undefined) {
    const wanted = text.includes(':') ? parseRanges(text, ramBytes) : parseSimple(text);
    return wanted === undefined ? 'invalid' : { text, ...wanted };
  }
  const high = lastOf(cmdline, ',high');
  if (high === undefined) return lastOf(cmdline, ',low') === undefined ? undefined : 'invalid';
  const size = sizeOf(high, ',high');
  const lowText = lastOf(cmdline, ',low');
  const { knowsHighCrashkernel, triesTheOtherSide } = traitsOf(generation);
  const low = lowText === undefined ? (triesTheOtherSide ? DEFAULT_LOW : 0n) : sizeOf(lowText, ',low');
  if (!knowsHighCrashkernel || size === undefined || low === undefined) return 'invalid';
  return { text: high, size, at: undefined, low, high: true };
};
