/** The format zImage of old releases: a compressed Image by its name (kexec/arch/arm64/kexec-zImage-arm64.c). */
import { cString, latin1 } from '../../base/scan.js';
import type { CompressedFile, ImageFormat, RecognisedKernel } from '../../formats/image-format.js';
import { ARM64_IMAGE_HEADER_SIZE, readArm64ImageHeader } from './image-header.js';
import { recogniseImage } from './kexec-image-arm64.js';
import type { Arm64Session } from './session.js';

export const ZIMAGE_USAGE =
  '     An ARM64 zImage, compressed, big or little endian.\n     Typically an Image.gz or Image.lzma file.\n\n';

/** The Image in a compressed file that is known by name, as kexec_file_load gets it. */
const probeFile = async (file: CompressedFile, session: Arm64Session): Promise<RecognisedKernel | undefined> => {
  const { log } = session;
  log.dbg('zImage_arm64_probe: ');
  const kernel = await file.read();
  if (kernel.length < ARM64_IMAGE_HEADER_SIZE) {
    log.dbg('zImage_arm64_probe: No arm64 image header.\n');
    return undefined;
  }
  if (readArm64ImageHeader(kernel) === undefined) {
    log.dbg('zImage_arm64_probe: Bad arm64 image header.\n');
    return undefined;
  }
  return recogniseImage(kernel, 'zImage_arm64_load', session);
};

/**
 * Compressed Images until 2.0.27 (kexec/arch/arm64/kexec-zImage-arm64.c). Its probe wants a file's name; for
 * kexec_load it is given the kernel's bytes.
 * QUIRK-10: the debug log shows those bytes, up to the first NUL, as the name of a file that cannot be opened.
 */
export const zImageFormat = (session: Arm64Session): ImageFormat => ({
  name: 'zImage',
  usage: ZIMAGE_USAGE,
  probe: async (bytes, compressed) => {
    if (compressed !== undefined) return probeFile(compressed, session);
    const { log, compat } = session;
    if (log.debug) {
      if (compat.libraries.has('zlib')) log.dbg(`Cannot open \`${cString(latin1(bytes))}': (null)\n`);
      log.dbg('zImage_arm64_probe: Not an zImage file (Image.gz).\n');
    }
    return undefined;
  },
});
