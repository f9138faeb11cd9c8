/** The architecture that a log is of, by the flags that kexec_load is given in it. */

/** KEXEC_ARCH_* (include/uapi/linux/kexec.h): ELF's machine numbers. */
const ARCHITECTURES: Readonly<Record<number, string>> = {
  3: 'x86',
  8: 'MIPS',
  10: 'MIPS',
  15: 'PA-RISC',
  20: 'PowerPC',
  21: '64-bit PowerPC',
  22: 's390',
  40: '32-bit Arm',
  42: 'SuperH',
  50: 'IA-64',
  62: 'x86_64',
  183: 'AArch64',
  243: 'RISC-V',
  258: 'LoongArch',
};

/** @param flags of kexec_load: the architecture is in bits 31 to 16 */
export const architectureOfFlags = (flags: bigint): string => {
  const machine = Number((flags >> 16n) & 0xffffn);
  return ARCHITECTURES[machine] ?? `ELF machine ${machine}`;
};

const FLAGS = /^.*\bkexec_load: entry = \S+ flags = 0x([0-9a-f]{5,8})\b/gm;

/** What a text is a log of, where its last run says so and is not of arm64; undefined for all others. */
export const otherArchitectureIn = (text: string): string | undefined => {
  const flags = [...text.matchAll(FLAGS)].at(-1)?.[1];
  const name = flags === undefined ? undefined : architectureOfFlags(BigInt(`0x${flags}`));
  return name === 'AArch64' ? undefined : name;
};
