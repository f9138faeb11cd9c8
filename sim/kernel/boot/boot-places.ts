/** Where a boot loader puts things (Linux Documentation/arch/arm64/booting.rst), as QEMU does. */
import { KexecError } from '../../../kexec/base/error.js';
import { Range } from '../../../kexec/base/range.js';
import { GiB, MiB } from '../../../kexec/base/u64.js';

export interface BootSizes {
  /** Bytes from a 2 MB boundary to the Image's first byte. */
  readonly textOffset: bigint;
  /** Bytes of memory that the kernel takes, its variables included. */
  readonly kernelBytes: bigint;
  /** 0 without an initramfs. */
  readonly initrdBytes: bigint;
  readonly treeBytes: bigint;
}

export interface BootPlaces {
  readonly kernel: Range;
  /** Undefined without an initramfs. */
  readonly initrd: Range | undefined;
  readonly tree: Range;
}

const PAGE = 4096n;
/** The kernel's base, and the device tree, which must not cross such a boundary. */
const ALIGNMENT = MiB(2n);
/** QEMU has a boot loader of its own in the first 4 KiB. */
const LOADER_BYTES = 4096n;
/** The initramfs lies behind so much memory or half of it, so that the kernel can unpack itself before it. */
const MAX_BEFORE_INITRD = MiB(128n);
/** The initramfs and the kernel lie in a window of this size. */
const WINDOW = GiB(32n);

const alignUp = (address: bigint, alignment: bigint): bigint => ((address + alignment - 1n) / alignment) * alignment;

/** @param ram where there is RAM that is nobody's @throws KexecError where there is no room */
export const placesFor = (ram: readonly Range[], sizes: BootSizes): BootPlaces => {
  for (const range of ram) {
    const places = placesIn(range, sizes);
    if (range.covers(places.kernel) && range.covers(places.tree) && fitsWindow(places)) return places;
  }
  const { kernelBytes, initrdBytes, treeBytes } = sizes;
  const largest = ram.reduce((most, { size }) => (size > most ? size : most), 0n);
  throw KexecError.die(
    `the machine's memory has no room for a kernel of ${kernelBytes} bytes` +
      `${initrdBytes === 0n ? '' : `, an initramfs of ${initrdBytes} bytes`} and a device tree of ${treeBytes} bytes: ` +
      `its largest piece has ${largest} bytes`,
    { subject: 'memory' },
  );
};

/** The device tree is the last of them: with it the others are inside, too. */
const placesIn = (range: Range, sizes: BootSizes): BootPlaces => {
  const base = alignUp(range.start, ALIGNMENT);
  const offset = sizes.textOffset < LOADER_BYTES ? sizes.textOffset + ALIGNMENT : sizes.textOffset;
  const kernel = Range.sized(base + offset, sizes.kernelBytes);
  const half = range.size / 2n;
  const earliest = range.start + (half < MAX_BEFORE_INITRD ? half : MAX_BEFORE_INITRD);
  const initrdStart = alignUp(earliest > kernel.end ? earliest : kernel.end, PAGE);
  const treeStart = alignUp(initrdStart + sizes.initrdBytes, ALIGNMENT);
  return {
    kernel,
    initrd: sizes.initrdBytes === 0n ? undefined : Range.sized(initrdStart, sizes.initrdBytes),
    tree: Range.sized(treeStart, sizes.treeBytes),
  };
};

const fitsWindow = ({ kernel, initrd }: BootPlaces): boolean => {
  const windowStart = kernel.start - (kernel.start % GiB(1n));
  return initrd === undefined || initrd.last < windowStart + WINDOW;
};
