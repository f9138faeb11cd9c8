/** The Image in a kernel file, whatever it is packed in. */
import { type Arm64ImageHeader, hasPeSignature, readArm64ImageHeader } from '../../../kexec/arch/arm64/image-header.js';
import { refusingBombs } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import { silentLog } from '../../../kexec/base/log.js';
import { latin1 } from '../../../kexec/base/scan.js';
import { slurpDecompressFile } from '../../../kexec/compression/decompress.js';
import type { ReadContext } from '../../../kexec/compression/read-context.js';
import { pezPrepare } from '../../../kexec/formats/kexec-pe-zboot.js';
import { IH_ARCH_ARM64, probeUImageKernel, uImageData } from '../../../kexec/formats/kexec-uImage.js';
import { peHeaderOffsetOfFile, peSections } from '../../../kexec/formats/pe.js';
import { imageOfElf } from './elf-image.js';

export interface KernelFile {
  readonly image: Uint8Array;
  readonly header: Arm64ImageHeader;
  /** What a unified kernel image has beside the kernel. */
  readonly initrd?: Uint8Array | undefined;
  /** One byte a character. */
  readonly commandLine?: string | undefined;
}

const ZBOOT = 'zimg';
const ELF = '\x7fELF';

const textAt = (bytes: Uint8Array, at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4));

/**
 * Reads an Image, an Image that is compressed, an EFI zboot image, a uImage, a unified kernel image or a vmlinux.
 * @throws KexecError for anything else
 */
export const readKernelFile = async (path: string, context: ReadContext): Promise<KernelFile> => {
  const bytes = await slurpDecompressFile(path, context);
  const unified = unifiedParts(bytes);
  const image = await imageIn(unified?.kernel ?? bytes, context);
  const header = typeof image === 'string' ? undefined : readArm64ImageHeader(image);
  if (typeof image === 'string' || header === undefined) {
    const what = typeof image === 'string' ? image : 'no arm64 Image';
    throw KexecError.die(`${path} is ${what}`, { subject: path });
  }
  return { image, header, initrd: unified?.initrd, commandLine: unified?.commandLine };
};

/** @returns what else it is, for the end of a sentence, where that is known */
const imageIn = async (bytes: Uint8Array, context: ReadContext): Promise<Uint8Array | string> => {
  if (textAt(bytes, 4) === ZBOOT) return (await pezPrepare(bytes, context))?.kernel ?? 'a damaged EFI zboot image';
  if (textAt(bytes, 0) === ELF) return imageOfElf(bytes, context.decompressLimitBytes);
  const uImage = probeUImageKernel(bytes, { arch: IH_ARCH_ARM64, checksums: true }, context);
  if (uImage === undefined) return bytes;
  const limit = context.decompressLimitBytes;
  const data = await refusingBombs('uImage', limit, () => uImageData(bytes, uImage, limit, context));
  return data ?? 'a damaged uImage';
};

interface UnifiedParts {
  readonly kernel: Uint8Array;
  readonly initrd: Uint8Array | undefined;
  readonly commandLine: string | undefined;
}

/** The sections that systemd's stub hands to the kernel (UAPI Group Specifications, Unified Kernel Image). */
const unifiedParts = (bytes: Uint8Array): UnifiedParts | undefined => {
  const peOffset = hasPeSignature(bytes) ? peHeaderOffsetOfFile(bytes, silentLog) : -1;
  const sections = peOffset < 0 ? undefined : peSections(bytes, peOffset);
  const part = (wanted: string): Uint8Array | undefined => {
    const found = sections?.find(({ name }) => name === wanted);
    if (found === undefined) return undefined;
    const { dataOffset, dataSize, virtualSize } = found;
    return bytes.subarray(dataOffset, dataOffset + Math.min(dataSize, virtualSize));
  };
  const kernel = part('.linux');
  if (kernel === undefined) return undefined;
  const commandLine = part('.cmdline');
  return {
    kernel,
    initrd: part('.initrd'),
    commandLine: commandLine && latin1(commandLine).replace(/\0.*$/s, '').trim(),
  };
};
