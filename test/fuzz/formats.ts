/** A kernel format for fuzz targets that stands for any other. */
import type { ImageFormat } from '../../kexec/formats/image-format.js';

/** A format that any bytes are of: stands for what a UKI may hold. */
export const acceptsAll: ImageFormat = {
  name: 'anything',
  usage: '',
  probe: async (bytes) => ({
    load: () => Promise.reject(new Error('nothing is loaded here')),
    fileLoad: () => ({ kernel: bytes, descriptorOffset: 0, initrd: undefined, cmdline: undefined }),
  }),
};
