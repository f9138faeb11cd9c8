/** Telling what a segment holds from its first bytes. */

interface Signature {
  readonly offset: number;
  readonly bytes: readonly number[];
  readonly name: string;
}

const ascii = (text: string): readonly number[] => Array.from(text, (char) => char.charCodeAt(0));

const SIGNATURES: readonly Signature[] = [
  // Documentation/arch/arm64/booting.rst: magic of the image header.
  { offset: 56, bytes: [...ascii('ARM'), 0x64], name: 'arm64 Image' },
  { offset: 0, bytes: [0xd0, 0x0d, 0xfe, 0xed], name: 'device tree' },
  { offset: 0, bytes: ascii('070701'), name: 'initramfs (cpio)' },
  { offset: 0, bytes: ascii('070702'), name: 'initramfs (cpio)' },
  { offset: 0, bytes: [0x1f, 0x8b], name: 'gzip data (initramfs?)' },
  { offset: 0, bytes: [0x28, 0xb5, 0x2f, 0xfd], name: 'zstd data (initramfs?)' },
  { offset: 0, bytes: [0xfd, ...ascii('7zXZ'), 0], name: 'xz data (initramfs?)' },
  { offset: 0, bytes: [0x02, 0x21, 0x4c, 0x18], name: 'lz4 data (initramfs?)' },
];

const matches = (bytes: Uint8Array, { offset, bytes: wanted }: Signature): boolean =>
  wanted.every((byte, i) => bytes[offset + i] === byte);

const ELF_MAGIC: Signature = { offset: 0, bytes: [0x7f, ...ascii('ELF')], name: 'ELF' };
/** e_type of a core dump, little endian: the headers that describe a crashed kernel's memory. */
const ET_CORE: Signature = { offset: 16, bytes: [4, 0], name: 'ELF core headers (vmcore)' };

/** @param holdsEntry whether the kernel jumps into these bytes first: then they are a purgatory, unless known better */
export const describeContent = (bytes: Uint8Array, holdsEntry: boolean): string => {
  const known = SIGNATURES.find((signature) => matches(bytes, signature));
  if (known !== undefined) return known.name;
  if (matches(bytes, ELF_MAGIC)) return matches(bytes, ET_CORE) ? ET_CORE.name : ELF_MAGIC.name;
  if (holdsEntry) return 'purgatory';
  return bytes.some((byte) => byte !== 0) ? 'data' : 'zeros';
};
