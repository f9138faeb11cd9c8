/** The format Image, which other formats unpack to (kexec/arch/arm64/kexec-image-arm64.c). */
import { following } from '../../base/attempt.js';
import type { Range } from '../../base/range.js';
import { KexecError } from '../../base/error.js';
import { hex16 } from '../../base/format.js';
import type { Log } from '../../base/log.js';
import {
  UNPACKED_DESCRIPTOR,
  type ImageFormat,
  type LoadedKernel,
  type RecognisedKernel,
} from '../../formats/image-format.js';
import { U64_MAX, u64 } from '../../base/u64.js';
import type { Placement } from '../../memory/placement.js';
import {
  ARM64_IMAGE_HEADER_SIZE,
  processImageHeader,
  readArm64ImageHeader,
  type ImagePlacement,
} from './image-header.js';
import { followingDebug, loadOtherSegments, locateKernelSegment } from './other-segments.js';
import type { Arm64Session } from './session.js';

/** Where a kernel goes: addresses are physical. */
interface PlacedKernel {
  /** The 2 MB boundary that the image starts `textOffset` behind. */
  readonly kernelSegment: bigint;
  readonly image: ImagePlacement;
  readonly physOffset: bigint;
  /** What is subtracted from an address in the file to have one relative to the start of memory. */
  readonly vpOffset: bigint;
  readonly hasPeSignature: boolean;
}

/** The debug log's lines about where the kernel goes; both formats have them. */
export const logPlacement = (
  log: Log,
  func: string,
  { kernelSegment, image: { textOffset, imageSize }, physOffset, vpOffset, hasPeSignature }: PlacedKernel,
): void => {
  log.dbg(`${func}: kernel_segment: ${hex16(kernelSegment)}\n`);
  log.dbg(`${func}: text_offset:    ${hex16(textOffset)}\n`);
  log.dbg(`${func}: image_size:     ${hex16(imageSize)}\n`);
  log.dbg(`${func}: phys_offset:    ${hex16(physOffset)}\n`);
  log.dbg(`${func}: vp_offset:      ${hex16(vpOffset)}\n`);
  log.dbg(`${func}: PE format:      ${hasPeSignature ? 'yes' : 'no'}\n`);
};

/**
 * Loads an Image, however it was packed (image_arm64_load(), kexec/arch/arm64/kexec-image-arm64.c).
 * @param func the function that the debug log names
 * @throws KexecError
 */
export const loadImage = (
  bytes: Uint8Array,
  func: string,
  placement: Placement,
  session: Arm64Session,
): LoadedKernel => {
  const { log, onCrash, memory } = session;
  const header = readArm64ImageHeader(bytes);
  if (header === undefined) throw KexecError.failed('Bad arm64 image header', { subject: 'Image', text: '' });
  const image = processImageHeader(header, log);
  return following('kexec: load failed.\n', () => {
    const kernelSegment = followingDebug(log, `${func}: Kernel segment is not allocated`, () =>
      locateKernelSegment(placement, image, session),
    );
    logPlacement(log, func, {
      kernelSegment,
      image,
      physOffset: memory().physOffset.value,
      vpOffset: U64_MAX,
      hasPeSignature: header.hasPeSignature,
    });
    const elfcorehdr = onCrash ? loadElfcorehdr(placement, func, session) : undefined;
    const imageBase = u64(kernelSegment + image.textOffset);
    placement.addSegment(bytes, imageBase, image.imageSize);
    return loadOtherSegments({ placement, imageBase, imageSize: image.imageSize, elfcorehdr }, session);
  });
};

/** Adds the header of the crash dump. @throws KexecError */
export const loadElfcorehdr = (placement: Placement, func: string, session: Arm64Session): Range =>
  followingDebug(session.log, `${func}: Creating eflcorehdr failed.`, () =>
    session.crash.loadSegments(placement, { ...session, physOffset: session.memory().physOffset }),
  );

/**
 * @param unpackedFile for an image that comes out of a file of another format, which its loader never looks at again:
 * what kexec_file_load is given
 */
export const recogniseImage = (
  bytes: Uint8Array,
  func: string,
  session: Arm64Session,
  unpackedFile?: Uint8Array,
): RecognisedKernel => ({
  load: async (placement, inPlaceOf = bytes) =>
    loadImage(unpackedFile === undefined ? inPlaceOf : bytes, func, placement, session),
  fileLoad: () => {
    const { initrd, commandLine } = session.options;
    const descriptorOffset = unpackedFile === undefined ? 0 : UNPACKED_DESCRIPTOR;
    return { kernel: unpackedFile ?? bytes, descriptorOffset, initrd, cmdline: commandLine };
  },
});

export const imageUsage = (compressedToo: boolean): string =>
  `     An ARM64 binary image, ${compressedToo ? 'compressed or not' : 'uncompressed'}, big or little endian.\n` +
  '     Typically an Image file.\n\n';

/** image_arm64_probe(). */
const probeImage = (bytes: Uint8Array, log: Log): boolean => {
  if (bytes.length < ARM64_IMAGE_HEADER_SIZE) {
    log.dbg('image_arm64_probe: No arm64 image header.\n');
    return false;
  }
  if (readArm64ImageHeader(bytes) === undefined) {
    log.dbg('image_arm64_probe: Bad arm64 image header.\n');
    return false;
  }
  return true;
};

export const imageFormat = (session: Arm64Session): ImageFormat => ({
  name: 'Image',
  usage: imageUsage(session.arm64Compat.compressedFormat === 'vmlinuz'),
  probe: async (bytes) =>
    probeImage(bytes, session.log) ? recogniseImage(bytes, 'image_arm64_load', session) : undefined,
});
