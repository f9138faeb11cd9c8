/**
 * What a kernel's file is, by its first bytes: more kinds than kexec-tools loads, so that it can be said why it does
 * not.
 */
import type { Library } from '../../../kexec/base/compat.js';
import { readArm64ImageHeader } from '../../../kexec/arch/arm64/image-header.js';

export type KernelKind =
  | { readonly kind: 'Image' | 'uImage' | 'FIT' | 'UKI' | 'empty' | 'unknown' }
  /** An EFI application that unpacks itself. */
  | { readonly kind: 'zboot'; readonly compression: string; readonly library: Library | undefined }
  | { readonly kind: 'compressed'; readonly compression: string; readonly library: Library | undefined }
  | { readonly kind: 'ELF'; readonly machine: string | undefined }
  | { readonly kind: 'other architecture'; readonly machine: string };

const COMPRESSIONS: readonly {
  readonly magic: readonly number[];
  readonly name: string;
  readonly library?: Library;
}[] = [
  { magic: [0x1f, 0x8b], name: 'gzip', library: 'zlib' },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], name: 'zstd', library: 'zstd' },
  { magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], name: 'xz', library: 'lzma' },
  { magic: [0x5d, 0x00, 0x00], name: 'lzma', library: 'lzma' },
  { magic: [0x02, 0x21, 0x4c, 0x18], name: 'lz4' },
  { magic: [0x89, 0x4c, 0x5a, 0x4f], name: 'lzo' },
  { magic: [0x42, 0x5a, 0x68], name: 'bzip2' },
];

/** e_machine (ELF-64, elf-em.h). */
const ELF_MACHINES: Readonly<Record<number, string>> = {
  3: 'x86',
  40: '32-bit Arm',
  62: 'x86_64',
  243: 'RISC-V',
  21: 'PowerPC',
  22: 's390',
};
const EM_AARCH64 = 183;

/** Others' kernels: an offset, and what is there. */
const OTHERS: readonly { readonly at: number; readonly magic: readonly number[]; readonly machine: string }[] = [
  { at: 0x202, magic: [0x48, 0x64, 0x72, 0x53], machine: 'x86' },
  { at: 0x24, magic: [0x18, 0x28, 0x6f, 0x01], machine: '32-bit Arm' },
  { at: 0x38, magic: [0x52, 0x53, 0x43, 0x05], machine: 'RISC-V' },
];

const ascii = (text: string): readonly number[] => Array.from(text, (char) => char.charCodeAt(0));

export const kernelKind = (file: Uint8Array): KernelKind => {
  const has = (at: number, magic: readonly number[]): boolean => magic.every((byte, i) => file[at + i] === byte);
  if (file.length === 0) return { kind: 'empty' };
  if (readArm64ImageHeader(file) !== undefined) return { kind: 'Image' };
  if (has(0, ascii('MZ')) && has(4, ascii('zimg'))) {
    // Where the payload's compression is told, as a text (drivers/firmware/efi/libstub/zboot-header.S).
    const name = /^[a-z0-9]*/.exec(String.fromCharCode(...file.subarray(24, 32)))?.[0] ?? '';
    const library = COMPRESSIONS.find(
      (one) => one.name === name || (one.name === 'zstd' && name === 'zstd22'),
    )?.library;
    return { kind: 'zboot', compression: name, library };
  }
  if (has(0, [0x27, 0x05, 0x19, 0x56])) return { kind: 'uImage' };
  if (has(0, [0xd0, 0x0d, 0xfe, 0xed])) return { kind: 'FIT' };
  if (has(0, [0x7f, ...ascii('ELF')])) {
    const machine = (file[18] ?? 0) | ((file[19] ?? 0) << 8);
    return {
      kind: 'ELF',
      machine: machine === EM_AARCH64 ? undefined : (ELF_MACHINES[machine] ?? `ELF machine ${machine}`),
    };
  }
  const other = OTHERS.find(({ at, magic }) => has(at, magic));
  if (other !== undefined) return { kind: 'other architecture', machine: other.machine };
  if (has(0, ascii('MZ')) && sectionNames(file).includes('.linux')) return { kind: 'UKI' };
  const compression = COMPRESSIONS.find(({ magic }) => has(0, magic));
  if (compression !== undefined)
    return { kind: 'compressed', compression: compression.name, library: compression.library };
  return { kind: 'unknown' };
};

/** Names of a PE file's sections; none where it is cut off. */
export const sectionNames = (file: Uint8Array): readonly string[] => {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < 64) return [];
  const pe = view.getUint32(60, true);
  if (pe + 24 > file.length) return [];
  const table = pe + 24 + view.getUint16(pe + 20, true);
  const names: string[] = [];
  for (let n = 0; n < view.getUint16(pe + 6, true) && table + 40 * n + 8 <= file.length; n++) {
    names.push(String.fromCharCode(...file.subarray(table + 40 * n, table + 40 * n + 8)).replace(/\0.*$/s, ''));
  }
  return names;
};
