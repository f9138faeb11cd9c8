/** The sizes that pages of an arm64 kernel may have, and which processor knows which. */
import { KexecError } from '../../../kexec/base/error.js';
import { visible } from '../../../kexec/base/format.js';
import { KiB } from '../../../kexec/base/u64.js';
import type { RecordedFiles } from './recorded-files.js';

const PAGE_SIZES = [KiB(4n), KiB(16n), KiB(64n)];

/** A page size that arm64 has. @throws KexecError naming `subject` */
export const checkPageSize = (bytes: bigint, subject: string): bigint => {
  if (PAGE_SIZES.includes(bytes)) return bytes;
  throw KexecError.die(`${subject}: bad page size ${bytes}: must be one of ${PAGE_SIZES.join(', ')}`, { subject });
};

/** A page size that a user typed. @throws KexecError naming `subject` */
export const parsePageSize = (text: string, subject: string): bigint => {
  if (/^\d{1,9}$/.test(text)) return checkPageSize(BigInt(text), subject);
  throw KexecError.die(
    `${subject}: bad page size "${visible(text.slice(0, 64))}": must be one of ${PAGE_SIZES.join(', ')}`,
    { subject },
  );
};

/** The page size that VMCOREINFO tells, which is in a note of /proc/kcore; undefined when it is not there. */
export const pageSizeOfKcore = (kcore: string | undefined): bigint | undefined => {
  const match = /(?:^|\n)PAGESIZE=(\d{1,9})\n/.exec(kcore ?? '');
  return match === null ? undefined : BigInt(match[1]!);
};

/** Parts of Arm (MIDR_EL1) whose ID_AA64MMFR0_EL1 says that they lack pages of 16 KiB: Cortex-A53, A57 and A72. */
const WITHOUT_16K: readonly string[] = ['0xd03', '0xd07', '0xd08'];

const cpuPart = (files: RecordedFiles): string | undefined =>
  /^CPU part\s{0,16}: (0x[0-9a-f]{1,8})$/m.exec(files.readText('/proc/cpuinfo') ?? '')?.[1];

/** Whether a machine's processor knows pages of a size in bytes. */
export const hasPagesOf = (files: RecordedFiles, size: bigint): boolean =>
  size !== KiB(16n) || !WITHOUT_16K.includes(cpuPart(files) ?? '');
