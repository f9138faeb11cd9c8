/** The header of an arm64 Image, and what a load takes from it. */
import type { Log } from '../../base/log.js';
import { MiB } from '../../base/u64.js';

/** The header of an arm64 Image (Linux: Documentation/arch/arm64/booting.rst, "4. Call the kernel image"). */
export interface Arm64ImageHeader {
  /** Bytes from a 2 MB boundary to the image's first byte. */
  readonly textOffset: bigint;
  /** Bytes of memory that the image needs from its first byte on; 0 before Linux 3.17. */
  readonly imageSize: bigint;
  /** Bits 2..1 are the size of pages; since Linux 4.6. */
  readonly flags: bigint;
  /** Whether it starts with "MZ", as an EFI application does. */
  readonly hasPeSignature: boolean;
  /** Where the PE header is said to be. */
  readonly peHeaderOffset: number;
}

export const ARM64_IMAGE_HEADER_SIZE = 64;

const MAGIC = [0x41, 0x52, 0x4d, 0x64] as const;
const MAGIC_OFFSET = 56;

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** @returns undefined when there is no room for a header, or no "ARM\x64" in it */
export const readArm64ImageHeader = (bytes: Uint8Array): Arm64ImageHeader | undefined => {
  if (bytes.length < ARM64_IMAGE_HEADER_SIZE) return undefined;
  if (!MAGIC.every((byte, i) => bytes[MAGIC_OFFSET + i] === byte)) return undefined;
  const view = viewOf(bytes);
  return {
    textOffset: view.getBigUint64(8, true),
    imageSize: view.getBigUint64(16, true),
    flags: view.getBigUint64(24, true),
    hasPeSignature: hasPeSignature(bytes),
    peHeaderOffset: view.getUint32(60, true),
  };
};

export const hasPeSignature = (bytes: Uint8Array): boolean => bytes[0] === 0x4d && bytes[1] === 0x5a;

/** Where the kernel goes relative to a 2 MB boundary, and how much memory it takes. */
export interface ImagePlacement {
  readonly textOffset: bigint;
  readonly imageSize: bigint;
}

/** Kernels up to 3.16 do not tell their size; this is a guess (kexec/arch/arm64/kexec-arm64.c). */
const OLD_KERNEL: ImagePlacement = { textOffset: 0x80000n, imageSize: MiB(16n) };

/** arm64_process_image_header() of kexec/arch/arm64/kexec-arm64.c. The log is warned of kernels without a size. */
export const processImageHeader = (header: Arm64ImageHeader, log: Log): ImagePlacement => {
  if (header.imageSize !== 0n) return { textOffset: header.textOffset, imageSize: header.imageSize };
  log.err(
    `kexec: arm64_process_image_header: Warning: Kernel image size set to ${OLD_KERNEL.imageSize >> 20n} MiB.\n` +
      '  Please verify compatability with lodaed kernel.\n',
  );
  return OLD_KERNEL;
};
