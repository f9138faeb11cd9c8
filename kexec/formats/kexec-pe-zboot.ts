/** EFI zboot images: a PE that holds a compressed kernel (kexec/kexec-pe-zboot.c). */
import { concatBytes } from '../base/bytes.js';
import { decompress } from '../compression/decompress.js';
import type { ReadContext } from '../compression/read-context.js';
import { endOfCertificates, peHeaderOffset } from './pe.js';
import { cannotRead } from '../base/slurp.js';

/**
 * EFI zboot images: a PE that holds a compressed kernel (Linux: drivers/firmware/efi/libstub/zboot-header.S;
 * kexec/kexec-pe-zboot.c).
 */

const text = (bytes: Uint8Array, at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4));

/** The original unpacks by way of a temporary file, whose name its messages show. */
const TEMPORARY_NAME = '/tmp/ImageXXXXXX';

export interface ZbootKernel {
  readonly kernel: Uint8Array;
  /**
   * What kexec_file_load is given. QUIRK-14: the kernel is written over the payload in the temporary file, which is
   * emptied before for a signed kernel only: of a payload that is longer than the kernel, the rest stays behind it.
   */
  readonly file: Uint8Array;
}

/**
 * Unpacks the kernel in a zboot image (pez_prepare()).
 * @returns undefined when the bytes are something else, or broken; the debug log says why
 * @throws KexecError for a payload without bytes, and for a decompression bomb
 */
export const pezPrepare = async (bytes: Uint8Array, context: ReadContext): Promise<ZbootKernel | undefined> => {
  const { log, compat } = context;
  const refuse = (why: string): undefined => {
    log.dbg(`pez_prepare: ${why}\n`);
    return undefined;
  };
  if (text(bytes, 4) !== 'zimg') return refuse("PE doesn't contain a compressed kernel.");
  const known = compat.hasZstd ? ['gzip', 'zstd', 'lzma'] : ['gzip', 'lzma'];
  if (!known.includes(text(bytes, 24))) {
    return refuse(
      compat.hasZstd
        ? 'kexec can only decompress gziped, lzma and zstd images'
        : 'kexec can only decompress gziped and lzma images.',
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const offset = view.getUint32(8, true);
  const size = view.getUint32(12, true);
  if ((offset + size) >>> 0 > bytes.length) return refuse('PE too small to contain complete payload.');
  // The sum wraps at 2^32 in the original, which then cannot write so much.
  if (offset + size > bytes.length) return refuse(`Can't write the compressed file ${TEMPORARY_NAME}`);

  const payload = bytes.subarray(offset, offset + size);
  const kernel = (await decompress(payload, TEMPORARY_NAME, context)) ?? payload;
  if (size === 0) throw cannotRead(TEMPORARY_NAME, compat);
  log.dbg(`pez_prepare: decompressed size ${kernel.length}\n`);
  // A signed kernel is padded with zeros, which are not part of the PE (since 2.0.30).
  let signedEnd: number | undefined;
  if (compat.trimsSignedKernels) {
    const peOffset = peHeaderOffset(kernel, log);
    if (peOffset < 0) return undefined;
    signedEnd = endOfCertificates(kernel, peOffset);
  }
  const end = signedEnd ?? kernel.length;
  if (end > kernel.length) return refuse(`Can't write the decompressed file ${TEMPORARY_NAME}`);
  log.dbg('pez_prepare: done\n');
  const whole = kernel.subarray(0, end);
  const rest = signedEnd === undefined ? payload.subarray(end) : payload.subarray(0, 0);
  return { kernel: whole, file: rest.length === 0 ? whole : concatBytes([whole, rest]) };
};
