/** What machine_kexec() is given. */
import type { FilledSegment } from '../rules/kimage.js';

/** What is loaded, with its bytes. */
export interface KexecImage {
  /** Physical address of the first instruction. */
  readonly entry: bigint;
  /** Physical address that the entry receives in x0; kexec_load(2) knows of none. */
  readonly dtb?: bigint | undefined;
  readonly segments: readonly FilledSegment[];
}
