/** The Image in a kernel file, whatever it is packed in. */
import { type Arm64ImageHeader, readArm64ImageHeader } from '../../../kexec/arch/arm64/image-header.js';
import { refusingBombs } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import { slurpDecompressFile } from '../../../kexec/compression/decompress.js';
import type { ReadContext } from '../../../kexec/compression/read-context.js';
import { pezPrepare } from '../../../kexec/formats/kexec-pe-zboot.js';
import { IH_ARCH_ARM64, probeUImageKernel, uImageData } from '../../../kexec/formats/kexec-uImage.js';

export interface KernelFile {
  readonly image: Uint8Array;
  readonly header: Arm64ImageHeader;
}

const ZBOOT = 'zimg';
const ELF = '\x7fELF';

const textAt = (bytes: Uint8Array, at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4));

/** Reads an Image, an Image that is compressed, an EFI zboot image or a uImage. @throws KexecError for anything else */
export const readKernelFile = async (path: string, context: ReadContext): Promise<KernelFile> => {
  const bytes = await slurpDecompressFile(path, context);
  const image = textAt(bytes, 4) === ZBOOT ? (await pezPrepare(bytes, context))?.kernel : await unwrapped(bytes, context);
  const header = image && readArm64ImageHeader(image);
  if (image !== undefined && header !== undefined) return { image, header };
  const what = textAt(bytes, 0) === ELF ? 'an ELF file, and not the Image that is made of it' : 'no arm64 Image';
  throw KexecError.die(`${path} is ${what}`, { subject: path });
};

const unwrapped = async (bytes: Uint8Array, context: ReadContext): Promise<Uint8Array | undefined> => {
  const uImage = probeUImageKernel(bytes, { arch: IH_ARCH_ARM64, checksums: true }, context);
  if (uImage === undefined) return bytes;
  const limit = context.decompressLimitBytes;
  return refusingBombs('uImage', limit, () => uImageData(bytes, uImage, limit, context));
};
