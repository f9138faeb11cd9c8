import { following } from '../../base/attempt.js';
import type { Range } from '../../base/range.js';
import { KexecError } from '../../base/error.js';
import { hex16 } from '../../base/format.js';
import type { Log } from '../../base/log.js';
import {
  UNPACKED_DESCRIPTOR,
  type ImageFormat,
  type KexecInfo,
  type RecognisedKernel,
} from '../../formats/image-format.js';
import { u64 } from '../../base/u64.js';
import {
  ARM64_IMAGE_HEADER_SIZE,
  processImageHeader,
  readArm64ImageHeader,
  type ImagePlacement,
} from './image-header.js';
import { followingDebug, loadOtherSegments, locateKernelSegment } from './other-segments.js';
import type { Arm64Context } from './session.js';

/** The debug log's lines about where the kernel goes; both formats have them. */
export const logPlacement = (
  log: Log,
  func: string,
  kernelSegment: bigint,
  { textOffset, imageSize }: ImagePlacement,
  physOffset: bigint,
  vpOffset: bigint,
  hasPeSignature: boolean,
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
export const loadImage = (bytes: Uint8Array, func: string, info: KexecInfo, context: Arm64Context): void => {
  const { log, onCrash, physOffset } = context;
  const header = readArm64ImageHeader(bytes);
  if (header === undefined) throw KexecError.failed('Bad arm64 image header', { subject: 'Image', text: '' });
  const placement = processImageHeader(header, log);
  following('kexec: load failed.\n', () => {
    const kernelSegment = followingDebug(log, `${func}: Kernel segment is not allocated`, () =>
      locateKernelSegment(info, placement, context),
    );
    logPlacement(log, func, kernelSegment, placement, physOffset.value, u64(-1n), header.hasPeSignature);
    const elfcorehdr = onCrash ? loadElfcorehdr(info, func, context) : undefined;
    const base = u64(kernelSegment + placement.textOffset);
    info.placement.addSegment(bytes, base, placement.imageSize);
    loadOtherSegments(info, base, placement.imageSize, elfcorehdr, context);
  });
};

/** Adds the header of the crash dump. @throws KexecError */
export const loadElfcorehdr = (info: KexecInfo, func: string, { crash, physOffset, log }: Arm64Context): Range =>
  followingDebug(log, `${func}: Creating eflcorehdr failed.`, () => crash.loadSegments(info, physOffset));

/**
 * @param unpackedFile for an image that comes out of a file of another format, which its loader never looks at again:
 * what kexec_file_load is given
 */
export const recogniseImage = (
  bytes: Uint8Array,
  func: string,
  context: Arm64Context,
  unpackedFile?: Uint8Array,
): RecognisedKernel => ({
  load: async (info, inPlaceOf = bytes) =>
    loadImage(unpackedFile === undefined ? inPlaceOf : bytes, func, info, context),
  fileLoad: () => {
    const { initrd, commandLine } = context.options();
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

export const imageFormat = (context: Arm64Context): ImageFormat => ({
  name: 'Image',
  usage: imageUsage(context.compat.compressedFormat === 'vmlinuz'),
  probe: async (bytes) =>
    probeImage(bytes, context.log) ? recogniseImage(bytes, 'image_arm64_load', context) : undefined,
});
