/** What is loaded, as those see it who execute it. */
import { readArm64ImageHeader } from '../../../kexec/arch/arm64/image-header.js';
import { FDT_MAGIC } from '../../../kexec/device-tree/libfdt.js';
import { Range } from '../../../kexec/base/range.js';
import type { LoadedSegment } from './arrival.js';
import type { LoadedImage } from '../rules/kexec-load.js';
import { readSegmentData, readSegmentSums } from '../state/state.js';

/** What is loaded, as its segments show it: nobody tells the kernel what they are. */
export interface LoadedKernel {
  readonly entry: bigint;
  readonly segments: readonly LoadedSegment[];
  /** The segment that is entered first, unless that is the new kernel itself. */
  readonly purgatory: LoadedSegment | undefined;
  /** Where the new kernel's first instruction may be, physical addresses. */
  readonly kernelEntries: ReadonlySet<bigint>;
}

const WORD = 8;
const INSTRUCTION = 4n;

/** @param directory of the state, which has the segments' bytes @throws KexecError when they cannot be read */
export const readLoadedKernel = (image: LoadedImage, directory: string): LoadedKernel =>
  lookAtSegments(
    image.entry,
    image.segments.map((segment) => ({
      memory: Range.sized(segment.mem, segment.memsz),
      data: readSegmentData(directory, segment),
      sums: readSegmentSums(directory, segment),
    })),
  );

/**
 * A kernel that is entered first has the header of an Image there. Otherwise a purgatory is, and it knows the address
 * that it goes on to: that is one of the words in it which lead into another segment.
 */
export const lookAtSegments = (entry: bigint, segments: readonly LoadedSegment[]): LoadedKernel => {
  const first = segments.find(({ memory }) => memory.size > 0n && memory.contains(entry));
  if (first === undefined || isImageAt(first, entry)) {
    return { entry, segments, purgatory: undefined, kernelEntries: new Set([entry]) };
  }
  const others = segments.filter((segment) => segment !== first && segment.memory.size > 0n);
  const starts = others.map(({ memory }) => memory.start);
  const named = words(first.data).filter(
    (word) => word % INSTRUCTION === 0n && others.some(({ memory }) => memory.contains(word)),
  );
  return { entry, segments, purgatory: first, kernelEntries: new Set([...starts, ...named]) };
};

const segmentOf = (
  { segments, purgatory }: LoadedKernel,
  isIt: (data: Uint8Array) => boolean,
): LoadedSegment | undefined => segments.find((segment) => segment !== purgatory && isIt(segment.data));

/** The segment with the new kernel's Image; undefined for a kernel that is none. */
export const imageSegment = (kernel: LoadedKernel): LoadedSegment | undefined =>
  segmentOf(kernel, (data) => readArm64ImageHeader(data) !== undefined);

/** The segment with the new kernel's device tree. */
export const treeSegment = (kernel: LoadedKernel): LoadedSegment | undefined =>
  segmentOf(
    kernel,
    (data) => data.length >= 4 && new DataView(data.buffer, data.byteOffset).getUint32(0) === FDT_MAGIC,
  );

const isImageAt = ({ memory, data }: LoadedSegment, address: bigint): boolean =>
  readArm64ImageHeader(data.subarray(Number(address - memory.start))) !== undefined;

const words = (bytes: Uint8Array): readonly bigint[] => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / WORD) }, (_, i) => view.getBigUint64(i * WORD, true));
};
