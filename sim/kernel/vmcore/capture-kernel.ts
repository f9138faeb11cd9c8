/** What the capture kernel's /proc/vmcore depends on: its page size and its release, which are told by its Image. */
import { ARM64_IMAGE_HEADER_SIZE, readArm64ImageHeader } from '../../../kexec/arch/arm64/image-header.js';
import { Range } from '../../../kexec/base/range.js';
import { KiB, MiB, alignUp } from '../../../kexec/base/u64.js';
import type { Vmcoreinfo } from '../../../kexec/running-kernel/vmcoreinfo.js';
import { MOST_BANNER_BYTES, bannerIn, isReleaseAtLeast, kernelRelease } from '../facts/generations.js';
import type { OldMemory } from './old-memory.js';

export interface CaptureKernel {
  /** `6.12.57+deb13-cloud-arm64`; undefined where nothing tells it. */
  readonly release: string | undefined;
  readonly pageSize: bigint;
  /** p_align of the notes' program header. */
  readonly noteAlign: bigint;
  /** Whether it tells its release itself; else it is taken for one of the old kernel's. */
  readonly found: boolean;
}

/** By bits 2 and 1 of the flags in an Image's header (Linux: Documentation/arch/arm64/booting.rst). */
const PAGE_SIZES = [undefined, KiB(4n), KiB(16n), KiB(64n)] as const;
const DEFAULT_PAGE_SIZE = KiB(4n);
/** Images begin at such addresses, but for their text offset, which is 0 since Linux 5.8. */
const IMAGE_STEP = MiB(2n);
/**
 * Where the PT_NOTE header has an alignment: since "coredump, vmcore: Set p_align to 4 for PT_NOTE" (60592fb6b67c), which
 * came with Linux 6.5-rc1. Debian's 5.10.223 and 6.1.192 have phdr.p_align = 0 in merge_note_headers_elf64(), its 6.12
 * and 7.2 have 4.
 */
const NOTE_ALIGN = { major: 6, minor: 5, bytes: 4n } as const;

/** What of the capture kernel lies in its memory. */
export interface FoundKernel {
  /** "Linux version 6.1.0-50-cloud-arm64 (..."; undefined where nothing tells it. */
  readonly banner: string | undefined;
  readonly pageSize: bigint | undefined;
}

/** @param usable the memory that the capture kernel has to itself */
export const findKernel = (memory: OldMemory, usable: readonly Range[]): FoundKernel => {
  const ranges = usable.flatMap((range) => memory.ranges.flatMap((ram) => ram.intersect(range) ?? []));
  const image = findImage(memory, ranges);
  return {
    banner: findBanner(memory, image === undefined ? ranges : [image.memory]),
    pageSize: image?.pageSize,
  };
};

/** @param old what the old kernel says of itself, for what the capture kernel does not tell */
export const captureKernel = ({ banner, pageSize }: FoundKernel, old: Vmcoreinfo): CaptureKernel => {
  const release = kernelRelease(banner) ?? old.osRelease;
  const { major, minor, bytes } = NOTE_ALIGN;
  return {
    release,
    pageSize: pageSize ?? pageSizeOf(old),
    noteAlign: release === undefined || isReleaseAtLeast(release, major, minor) ? bytes : 0n,
    found: banner !== undefined,
  };
};

interface FoundImage {
  readonly memory: Range;
  readonly pageSize: bigint | undefined;
}

/**
 * The lowest one: the kernel is put before all else (arm64_image_load(), kexec/arch/arm64/kexec-image-arm64.c). Once it
 * runs, some releases have written over their header.
 */
const findImage = (memory: OldMemory, ranges: readonly Range[]): FoundImage | undefined => {
  for (const { start, end } of ranges) {
    for (let at = alignUp(start, IMAGE_STEP); at + IMAGE_STEP <= end; at += IMAGE_STEP) {
      const header = readArm64ImageHeader(memory.read(at, ARM64_IMAGE_HEADER_SIZE));
      if (header === undefined || header.imageSize === 0n || at + header.imageSize > end) continue;
      return { memory: Range.sized(at, header.imageSize), pageSize: PAGE_SIZES[Number(header.flags >> 1n) & 3] };
    }
  }
  return undefined;
};

const findBanner = (memory: OldMemory, ranges: readonly Range[]): string | undefined => {
  for (const range of ranges) {
    for (const { physAddr, bytes } of memory.filled(range)) {
      // It may begin in one piece, and end in the next one.
      const behind = range.end - physAddr - BigInt(bytes.length);
      const more = behind < BigInt(MOST_BANNER_BYTES) ? Number(behind) : MOST_BANNER_BYTES;
      const banner = bannerIn(memory.read(physAddr, bytes.length + more));
      if (banner !== undefined) return banner;
    }
  }
  return undefined;
};

const pageSizeOf = (old: Vmcoreinfo): bigint => {
  const told = old.text('PAGESIZE') ?? '';
  const size = /^\d{1,9}$/.test(told) ? BigInt(told) : DEFAULT_PAGE_SIZE;
  return PAGE_SIZES.find((known) => known === size) ?? DEFAULT_PAGE_SIZE;
};
