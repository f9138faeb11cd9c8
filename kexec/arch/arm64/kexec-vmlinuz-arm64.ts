/** The format vmlinuz: EFI zboot (kexec/arch/arm64/kexec-vmlinuz-arm64.c). */
import { pezPrepare, type ZbootKernel } from '../../formats/kexec-pe-zboot.js';
import type { ImageFormat } from '../../formats/image-format.js';
import { ARM64_IMAGE_HEADER_SIZE, hasPeSignature, readArm64ImageHeader } from './image-header.js';
import { recogniseImage } from './kexec-image-arm64.js';
import type { Arm64Session } from './session.js';

export const VMLINUZ_USAGE =
  '     An ARM64 vmlinuz, PE image of a compressed, little endian.\n     kernel, built with ZBOOT enabled.\n\n';

/** "PE" and the machine type of arm64. */
const PE_MACHINE = [0x50, 0x45, 0, 0, 0x64, 0xaa] as const;
const PE_HEADER_FIELD = 60;

/**
 * The kernel in an EFI zboot image (pez_arm64_probe(), kexec/arch/arm64/kexec-vmlinuz-arm64.c).
 * @returns undefined when the bytes are something else; the debug log says why
 */
const unpack = async (bytes: Uint8Array, session: Arm64Session): Promise<ZbootKernel | undefined> => {
  const { log } = session;
  const refuse = (why: string): undefined => {
    log.dbg(`pez_arm64_probe: ${why}\n`);
    return undefined;
  };
  log.dbg('pez_arm64_probe: PROBE.\n');
  if (bytes.length < ARM64_IMAGE_HEADER_SIZE) return refuse('Not large enough to be a PE image.');
  if (!hasPeSignature(bytes)) return refuse('Not an PE image.');
  const peOffset = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(PE_HEADER_FIELD, true);
  if (bytes.length < ARM64_IMAGE_HEADER_SIZE + peOffset) return refuse('PE image offset larger than image.');
  if (!PE_MACHINE.every((byte, i) => bytes[peOffset + i] === byte)) {
    return refuse("PE header doesn't match machine type.");
  }
  const zboot = await pezPrepare(bytes, session);
  if (zboot === undefined) return undefined;
  if (readArm64ImageHeader(zboot.kernel) === undefined) {
    return zboot.file.length < ARM64_IMAGE_HEADER_SIZE ? undefined : refuse('Bad arm64 image header.');
  }
  return zboot;
};

export const vmlinuzFormat = (session: Arm64Session): ImageFormat => ({
  name: 'vmlinuz',
  usage: VMLINUZ_USAGE,
  probe: async (bytes) => {
    const zboot = await unpack(bytes, session);
    return zboot && recogniseImage(zboot.kernel, 'image_arm64_load', session, zboot.file);
  },
});
