import { cString, latin1 } from '../../scan.js';
import type { ImageFormat } from '../../types.js';
import type { Arm64Context } from './session.js';

export const ZIMAGE_USAGE =
  '     An ARM64 zImage, compressed, big or little endian.\n     Typically an Image.gz or Image.lzma file.\n\n';

/**
 * Compressed Images until 2.0.27 (kexec/arch/arm64/kexec-zImage-arm64.c). Its probe wants a file's name; for
 * kexec_load it is given the kernel's bytes.
 * QUIRK-10: the debug log shows those bytes, up to the first NUL, as the name of a file that cannot be opened.
 */
export const zImageFormat = ({ log, compat }: Arm64Context): ImageFormat => ({
  name: 'zImage',
  usage: ZIMAGE_USAGE,
  probe: async (bytes) => {
    if (log.debug) {
      if (compat.libraries.has('zlib')) log.dbg(`Cannot open \`${cString(latin1(bytes))}': (null)\n`);
      log.dbg('zImage_arm64_probe: Not an zImage file (Image.gz).\n');
    }
    return undefined;
  },
});
