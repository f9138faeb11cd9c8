/** The format uImage (kexec/arch/arm64/kexec-uImage-arm64.c). */
import { KexecError } from '../../base/error.js';
import { IH_ARCH_ARM64, probeUImageKernel, uImageData } from '../../formats/kexec-uImage.js';
import { refusingBombs } from '../../base/attempt.js';
import type { ImageFormat } from '../../formats/image-format.js';
import { loadImage } from './kexec-image-arm64.js';
import type { Arm64Session } from './session.js';

export const UIMAGE_USAGE = '     An ARM64 U-boot uImage file, compressed or not, big or little endian.\n\n';

/** U-Boot images (kexec/arch/arm64/kexec-uImage-arm64.c). */
export const uImageFormat = (session: Arm64Session): ImageFormat => ({
  name: 'uImage',
  usage: UIMAGE_USAGE,
  probe: async (bytes) => {
    const { compat, decompressLimitBytes: limit } = session;
    const image = probeUImageKernel(bytes, { arch: IH_ARCH_ARM64, checksums: compat.libraries.has('zlib') }, session);
    if (image === undefined) return undefined;
    return {
      load: async (placement, inPlaceOf = bytes) => {
        const data = await refusingBombs('uImage', limit, () => uImageData(inPlaceOf, image, limit, session));
        if (data === undefined) throw KexecError.failed('Bad data in the uImage', { subject: 'uImage', text: '' });
        return loadImage(data, 'image_arm64_load', placement, session);
      },
      fileLoad: () => {
        throw KexecError.failed('uImage is not supported in kexec_file', { subject: 'uImage' });
      },
    };
  },
});
