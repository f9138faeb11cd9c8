/**
 * Whether kexec_file_load(2) takes a kernel for the sake of its signature: kimage_validate_signature(),
 * kernel/kexec_file.c.
 */
import { Errno } from '../../../kexec/base/error.js';
import type { SignaturePolicy } from '../facts/policies.js';
import type { Refusal } from './kexec-load.js';
import { LOCKED_DOWN } from './lockdown.js';

/**
 * A signature that is there counts: whether the kernel trusts the key is not recorded.
 * @returns undefined for a kernel that is taken
 */
export const refuseSignature = (
  policy: SignaturePolicy | undefined,
  lockedDown: boolean,
  kernel: Uint8Array,
): Refusal | undefined => {
  if (policy === undefined) return undefined;
  const errno = policy.verifiesImages ? signatureFault(kernel) : Errno.EKEYREJECTED;
  if (errno === 0) return undefined;
  if (policy.enforced) {
    return {
      errno,
      why: 'the kernel wants a signature (CONFIG_KEXEC_SIG_FORCE)',
      log: [`<5>kexec_file: Enforced kernel signature verification failed (${-errno}).`],
    };
  }
  const why = 'the kernel is locked down (/sys/kernel/security/lockdown): it wants signatures';
  return lockedDown ? { errno: Errno.EPERM, why, log: [LOCKED_DOWN] } : undefined;
};

/** The directory of a PE file's optional header that has the certificates, and where it is (pe.h, Linux). */
const CERTIFICATES = 4;
const DIRECTORIES: Readonly<Record<number, number>> = { 0x10b: 96, 0x20b: 112 };

/** pefile_parse_binary(), crypto/asymmetric_keys/verify_pefile.c. @returns a positive errno, or 0 */
export const signatureFault = (file: Uint8Array): number => {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const has = (offset: number, bytes: number): boolean => offset + bytes <= file.length;
  if (!has(0, 64) || view.getUint16(0, true) !== 0x5a4d) return Errno.ELIBBAD;
  const pe = view.getUint32(60, true);
  const optional = pe + 24;
  if (!has(pe, 26) || view.getUint32(pe, true) !== 0x4550) return Errno.ELIBBAD;
  const directories = DIRECTORIES[view.getUint16(optional, true)];
  if (directories === undefined) return Errno.ELIBBAD;
  const entry = optional + directories + 8 * CERTIFICATES;
  if (!has(entry, 8) || view.getUint32(optional + directories - 4, true) <= CERTIFICATES) return Errno.ENODATA;
  const [offset, size] = [view.getUint32(entry, true), view.getUint32(entry + 4, true)];
  if (offset === 0 || size === 0) return Errno.ENODATA;
  return has(offset, size) ? 0 : Errno.ELIBBAD;
};
