/** What a recording tells of the rules by which its kernel refuses to load at all. */
import { configSays } from './kernel-config.js';
import type { RecordedFiles } from './recorded-files.js';

/** How kexec_file_load(2) judges the signatures of kernels. */
export interface SignaturePolicy {
  /** CONFIG_KEXEC_IMAGE_VERIFY_SIG: without it, no signature is any good. */
  readonly verifiesImages: boolean;
  /** CONFIG_KEXEC_SIG_FORCE. */
  readonly enforced: boolean;
}

/** @returns undefined for a kernel without CONFIG_KEXEC_SIG, or one that does not tell and is not locked down */
export const signaturePolicy = (files: RecordedFiles, lockedDown: boolean): SignaturePolicy | undefined => {
  const config = files.kernelConfig();
  const enforced = configSays(config, 'KEXEC_SIG_FORCE') === true;
  if (configSays(config, 'KEXEC_SIG') === false || !(configSays(config, 'KEXEC_SIG') ?? (enforced || lockedDown))) {
    return undefined;
  }
  return { verifiesImages: configSays(config, 'KEXEC_IMAGE_VERIFY_SIG') !== false, enforced };
};
