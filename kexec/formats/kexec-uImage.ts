/** U-Boot's legacy images (kexec/kexec-uImage.c). */
import { KexecError } from '../base/error.js';
import { DEFLATED, FHCRC, RESERVED, endOfGzipFields, isGzipMagic } from '../compression/gzip-header.js';
import type { Log } from '../base/log.js';
import type { Platform } from '../base/platform.js';

/** U-Boot's legacy image (include/image.h): a big-endian header, then the data. */
export const UIMAGE_HEADER_SIZE = 64;
const IH_MAGIC = 0x27051956;
const IH_OS_LINUX = 5;
const IH_TYPE_KERNEL = 2;
const IH_TYPE_RAMDISK = 3;
const IH_TYPE_KERNEL_NOLOAD = 14;
const IH_COMP_NONE = 0;
const IH_COMP_GZIP = 1;
export const IH_ARCH_ARM64 = 22;

export interface UImage {
  readonly type: number;
  readonly compressed: boolean;
  /** Bytes of data that the header tells. */
  readonly size: number;
}

/** What a uImage is read with. */
export interface UImageReader {
  readonly platform: Platform;
  readonly log: Log;
}

/** What a uImage has to be for. */
export interface UImageWanted {
  /** IH_ARCH_*. */
  readonly arch: number;
  /** Whether the build has zlib, without which there is no CRC and no gzip. */
  readonly checksums: boolean;
}

/**
 * uImage_probe_kernel() of kexec/kexec-uImage.c.
 * @returns undefined when the bytes are something else; what is wrong with a uImage goes to stdout
 */
export const probeUImageKernel = (
  bytes: Uint8Array,
  { arch, checksums }: UImageWanted,
  { platform, log }: UImageReader,
): UImage | undefined => {
  if (bytes.length < UIMAGE_HEADER_SIZE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== IH_MAGIC) return undefined;
  const refuse = (text: string): undefined => {
    log.out(`${text}\n`);
    return undefined;
  };
  if (checksums) {
    const header = new Uint8Array(bytes.subarray(0, UIMAGE_HEADER_SIZE));
    header.fill(0, 4, 8);
    if (platform.crc32(header) !== view.getUint32(4)) return refuse('Header checksum of the uImage does not match');
  }
  const size = view.getUint32(12);
  const [os, machine, type, compression] = [28, 29, 30, 31].map((at) => view.getUint8(at)) as [
    number,
    number,
    number,
    number,
  ];
  if (![IH_TYPE_KERNEL, IH_TYPE_KERNEL_NOLOAD, IH_TYPE_RAMDISK].includes(type)) {
    return refuse(`uImage type ${type} unsupported`);
  }
  if (os !== IH_OS_LINUX) return refuse(`uImage os ${os} unsupported`);
  if (machine !== arch) return refuse(`uImage arch ${machine} unsupported`);
  if (compression !== IH_COMP_NONE && !(checksums && compression === IH_COMP_GZIP)) {
    return refuse('uImage uses unsupported compression method');
  }
  const available = bytes.length - UIMAGE_HEADER_SIZE;
  if (size > available) {
    log.out(`uImage header claims that image has ${size | 0} bytes\n`);
    return refuse(`we read only ${available} bytes.`);
  }
  if (checksums) {
    const computed = platform.crc32(bytes.subarray(UIMAGE_HEADER_SIZE, UIMAGE_HEADER_SIZE + size));
    const expected = view.getUint32(24);
    if (computed !== expected) {
      const crc = (value: number): string => value.toString(16).padStart(8, '0');
      return refuse(`uImage: The data CRC does not match. Computed: ${crc(computed)} expected ${crc(expected)}`);
    }
  }
  if (type === IH_TYPE_RAMDISK) return undefined;
  return { type, compressed: compression === IH_COMP_GZIP, size };
};

/** What inflate() returns for broken data (zlib.h). */
const Z_DATA_ERROR = -3;

/**
 * The data of a uImage, unpacked (uImage_load()). gzip's trailer is not looked at, as in the original.
 * @returns undefined when it cannot be had; the log may say why
 * @throws OutputLimitError
 * @throws KexecError when the compressed data ends early
 */
export const uImageData = async (
  bytes: Uint8Array,
  image: UImage,
  limitBytes: number,
  { platform, log }: UImageReader,
): Promise<Uint8Array | undefined> => {
  const data = bytes.subarray(UIMAGE_HEADER_SIZE);
  if (data.length !== image.size) {
    log.out("Image size doesn't match the header\n");
    return undefined;
  }
  if (!image.compressed) return data;
  if (!isGzipMagic(data)) return undefined;
  const flags = data[3] ?? 0;
  if (data[2] !== DEFLATED || (flags & RESERVED) !== 0) {
    log.out('Error: Bad gzipped data\n\n');
    return undefined;
  }
  const end = endOfGzipFields(data, 0, flags);
  if (end === undefined) return undefined;
  const skip = (flags & FHCRC) === 0 ? end : end + 2;
  const { output, ended, error } = await platform.inflateRaw(data.subarray(skip), limitBytes);
  if (error !== undefined) {
    log.out(`Error during decompression ${Z_DATA_ERROR}\n`);
    return undefined;
  }
  // The original asks for ever more memory until there is none, and says nothing.
  if (!ended) throw KexecError.die('uImage: the compressed data ends early', { subject: 'uImage' });
  return output;
};
