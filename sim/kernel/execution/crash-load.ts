/** What a loaded crash kernel is told of the old one: which memory is its own, and where the header of the dump is. */
import { Range } from '../../../kexec/base/range.js';
import type { ToldByTree } from '../../machine/board-tree/told-by-tree.js';
import { initrdOf } from '../facts/boot-tree.js';
import { bannerIn } from '../facts/generations.js';
import { type LoadedSegment, type MemoryView, toldByBlob } from './arrival.js';
import { type ToldHeader, toldHeader } from './capture-told.js';
import { type LoadedKernel, imageSegment, treeSegment } from './loaded-kernel.js';

export interface CrashLoad {
  /** All memory that is loaded to. */
  readonly segments: readonly Range[];
  /** What the device tree says; undefined without one that can be read. */
  readonly told: ToldByTree | undefined;
  /** The header of the dump; undefined where nothing leads to it. */
  readonly header: ToldHeader | undefined;
  /** The bytes of the kernel's Image; undefined for a kernel that is none. */
  readonly image: Uint8Array | undefined;
  /** The initrd's bytes; undefined without one. */
  readonly initrd: Uint8Array | undefined;
}

/** @param ram all RAM of the machine, which has zeros where nothing is loaded */
export const lookAtCrashLoad = (kernel: LoadedKernel, ram: readonly Range[]): CrashLoad => {
  const { segments } = kernel;
  const tree = treeSegment(kernel)?.data;
  const told = tree && toldByBlob(tree);
  const image = imageSegment(kernel)?.data;
  const initrd = tree && initrdOf(tree);
  return {
    segments: segments.map(({ memory }) => memory),
    told,
    header: toldHeader(told, () => image && bannerIn(image), memoryOf(segments, ram)),
    image,
    initrd: initrd && bytesOf(segments, initrd),
  };
};

/** The bytes of a range that is all in one segment. */
const bytesOf = (segments: readonly LoadedSegment[], range: Range): Uint8Array | undefined => {
  const segment = segments.find(({ memory }) => memory.covers(range));
  const at = segment && Number(range.start - segment.memory.start);
  return at === undefined ? undefined : segment?.data.subarray(at, at + Number(range.size));
};

const memoryOf = (segments: readonly LoadedSegment[], ranges: readonly Range[]): MemoryView => ({
  isRam: (physAddr, sizeBytes) =>
    ranges.some(({ start, last }) => start <= physAddr && physAddr + (sizeBytes ?? 1n) - 1n <= last),
  read: (physAddr, sizeBytes) => {
    const bytes = new Uint8Array(sizeBytes);
    bytes.set(bytesOf(segments, Range.sized(physAddr, BigInt(sizeBytes))) ?? []);
    return bytes;
  },
});
