/** `kexec-sim segments --pages`: the page lists of a loaded image, as text and as JSON. */
import { KexecError } from '../../../kexec/base/error.js';
import type { KernelFacts } from '../../kernel/facts/facts.js';
import type { ImageSlot, LoadedImage } from '../../kernel/rules/kexec-load.js';
import {
  IND_DESTINATION,
  IND_DONE,
  IND_INDIRECTION,
  type Kimage,
  type KimageEntry,
  addressOf,
  flagOf,
  kimageEntries,
  layOutCrashImage,
  layOutKimage,
} from '../../kernel/rules/kimage.js';
import { createPageAllocator } from '../../kernel/facts/page-allocator.js';
import { formatAddress, formatTable } from './text.js';

/** The page lists of a loaded image. */
export interface LoadedPages {
  readonly image: 'normal' | 'crash';
  readonly kimage: Kimage;
}

/**
 * The lists as the kernel made them when the image was loaded: they follow from the machine and the segments.
 * @returns undefined when nothing is loaded, or nobody knows what
 * @throws KexecError when the machine's memory does not hold them
 */
export const loadedPagesOf = (
  image: LoadedPages['image'],
  slot: ImageSlot,
  facts: KernelFacts,
): LoadedPages | undefined => {
  if (slot === undefined || slot === 'unknown') return undefined;
  const kimage = image === 'crash' ? crashImage(slot, facts) : normalImage(slot, facts);
  if ('lacks' in kimage) {
    throw KexecError.die(`The machine's memory has no ${kimage.lacks} left for the ${image} image`, { subject: image });
  }
  return { image, kimage };
};

const normalImage = ({ segments }: LoadedImage, { freeMemory, pageSize }: KernelFacts) =>
  layOutKimage(segments, createPageAllocator(freeMemory, pageSize), pageSize);

/** What is in the crash slot was accepted because it lies in the region. */
const crashImage = ({ segments, entry }: LoadedImage, { crashRegion, pageSize }: KernelFacts) =>
  layOutCrashImage(segments, crashRegion ?? { start: entry, last: entry }, pageSize);

type Kind = 'destination' | 'indirection' | 'source' | 'done';

const kindOf = (entry: number): Kind => {
  switch (flagOf(entry)) {
    case IND_DESTINATION:
      return 'destination';
    case IND_INDIRECTION:
      return 'indirection';
    case IND_DONE:
      return 'done';
    default:
      return 'source';
  }
};

const hex = (address: number): string => formatAddress(BigInt(address));

interface Step extends KimageEntry {
  readonly kind: Kind;
  /** Where a source is copied to. */
  readonly to: number | undefined;
}

/** Each entry, and where the copying is with it. */
function* stepsOf(kimage: Kimage): Generator<Step> {
  let to = 0;
  for (const { list, entry } of kimageEntries(kimage)) {
    const kind = kindOf(entry);
    yield { list, entry, kind, to: kind === 'source' ? to : undefined };
    if (kind === 'destination') to = addressOf(entry);
    if (kind === 'source') to += kimage.pageSize;
  }
}

export const pagesToJson = ({ image, kimage }: LoadedPages) => ({
  image,
  pageSize: kimage.pageSize,
  head: hex(kimage.head),
  controlCodePage: hex(kimage.controlCodePage),
  swapPage: kimage.swapPage === undefined ? null : hex(kimage.swapPage),
  entries: Array.from(stepsOf(kimage), ({ list, entry, kind, to }) => ({
    at: list === undefined ? 'head' : hex(list),
    kind,
    page: kind === 'done' ? null : hex(addressOf(entry)),
    ...(to === undefined ? {} : { to: hex(to) }),
  })),
});

/** Sources side by side, in the list and in memory: upwards, downwards, or a single one. */
interface Run {
  readonly first: Step;
  readonly last: Step;
  readonly count: number;
}

/** @param stride bytes from a source to the next one; undefined while there is only one */
const follows = (last: Step, next: Step, stride: number | undefined, pageSize: number): boolean =>
  last.kind === 'source' &&
  next.kind === 'source' &&
  next.list === last.list! + 8 &&
  (stride === undefined ? Math.abs(next.entry - last.entry) === pageSize : next.entry - last.entry === stride);

const runsOf = (steps: Iterable<Step>, pageSize: number): readonly Run[] => {
  const runs: Run[] = [];
  let stride: number | undefined;
  for (const step of steps) {
    const run = runs.at(-1);
    if (run !== undefined && follows(run.last, step, stride, pageSize)) {
      stride = step.entry - run.last.entry;
      runs[runs.length - 1] = { ...run, last: step, count: run.count + 1 };
    } else {
      stride = undefined;
      runs.push({ first: step, last: step, count: 1 });
    }
  }
  return runs;
};

const HEADINGS = ['AT', 'ENTRY', 'PAGES', 'FROM', 'TO'];

const toCells = ({ first, last, count }: Run): readonly string[] => {
  const { list, entry, kind, to } = first;
  const span = (start: number, end: number): string => (count === 1 ? hex(start) : `${hex(start)}..${hex(end)}`);
  const at = list === undefined ? 'head' : span(list, last.list!);
  if (kind === 'source') {
    return [at, kind, `${count}`, span(addressOf(entry), addressOf(last.entry)), span(to!, last.to!)];
  }
  return [at, kind, '', kind === 'done' ? '' : hex(addressOf(entry))];
};

/** One line for sources that follow each other; both ends of a span are addresses of pages that belong to it. */
export const formatPages = ({ image, kimage }: LoadedPages): string => {
  const { head, controlCodePage, swapPage, listPages, entries, pageSize } = kimage;
  const sources = entries.filter((entry) => kindOf(entry) === 'source').length;
  const swap = swapPage === undefined ? '' : `, swap page ${hex(swapPage)}`;
  return (
    `${image}: head ${hex(head)}, control code page ${hex(controlCodePage)}${swap}; ` +
    `pages of ${pageSize} bytes: ${sources} as sources, ${listPages.length} for the list\n` +
    formatTable([HEADINGS, ...runsOf(stepsOf(kimage), pageSize).map(toCells)])
  );
};
