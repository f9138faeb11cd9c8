/** Portable Executables, as far as EFI kernels need them (include/pe.h; Microsoft's PE format, "COFF File Header"). */
import type { Log } from '../base/log.js';

const PE_OFFSET_FIELD = 0x3c;
/** "PE" and two zeros. */
const PE_SIGNATURE = 0x4550;
const MAX_PE_OFFSET = 4096;
const PE_HEADER_SIZE = 24;
const PE32PLUS_OPTIONAL_SIZE = 112;
const SECTION_HEADER_SIZE = 40;
const DATA_DIRECTORY_ENTRY_SIZE = 8;
const CERTIFICATE_DIRECTORY = 4;

/**
 * Reads little-endian numbers. What is behind the end of the bytes is zero: that is what the original finds in the rest
 * of its buffer.
 */
const reader = (bytes: Uint8Array) => {
  const byte = (at: number): number => bytes[at] ?? 0;
  const u16 = (at: number): number => byte(at) | (byte(at + 1) << 8);
  const u32 = (at: number): number => (u16(at) | (u16(at + 2) << 16)) >>> 0;
  return { u16, u32 };
};

/**
 * get_pehdr_offset() of include/pe.h.
 * @returns -1 when the bytes are no PE; stdout says why
 */
export const peHeaderOffset = (bytes: Uint8Array, log: Log): number => {
  const offset = reader(bytes).u32(PE_OFFSET_FIELD) | 0;
  if (offset < 0 || offset > MAX_PE_OFFSET) return unreasonable(log);
  if (!hasPeSignatureAt(bytes, offset)) {
    log.out('Not a PE file\n');
    return -1;
  }
  return offset;
};

const unreasonable = (log: Log): number => {
  log.out('PE header offset is not a reasonable value\n');
  return -1;
};

/** Bytes in the smallest buffer of malloc(): behind it the original reads no zeros, but what malloc() keeps there. */
const MALLOC_MINIMUM = 24;

/** {@link peHeaderOffset} of a whole file, which is in a buffer of its size. */
export const peHeaderOffsetOfFile = (bytes: Uint8Array, log: Log): number =>
  bytes.length <= MALLOC_MINIMUM ? unreasonable(log) : peHeaderOffset(bytes, log);

const hasPeSignatureAt = (bytes: Uint8Array, at: number): boolean => reader(bytes).u32(at) === PE_SIGNATURE;

/**
 * Where a signed PE ends: behind its certificates, which come last.
 * @param peOffset offset of the PE header
 * @returns undefined for a PE without certificates
 */
export const endOfCertificates = (bytes: Uint8Array, peOffset: number): number | undefined => {
  const { u32 } = reader(bytes);
  const optional = peOffset + PE_HEADER_SIZE;
  const directories = u32(optional + PE32PLUS_OPTIONAL_SIZE - 4);
  if (directories <= CERTIFICATE_DIRECTORY) return undefined;
  const entry = optional + PE32PLUS_OPTIONAL_SIZE + CERTIFICATE_DIRECTORY * DATA_DIRECTORY_ENTRY_SIZE;
  const [address, size] = [u32(entry), u32(entry + 4)];
  return address !== 0 && size !== 0 ? (address + size) >>> 0 : undefined;
};

export interface PeSection {
  /** At most eight characters. */
  readonly name: string;
  /** Offset in the file. */
  readonly dataOffset: number;
  /** Bytes in the file, padded to its unit of alignment. */
  readonly dataSize: number;
  /** Bytes in memory. */
  readonly virtualSize: number;
}

/**
 * The sections of a PE.
 * @param peOffset offset of the PE header; one that get_pehdr_offset() refused is used all the same (QUIRK-8: -1)
 * @returns undefined when there is no optional header
 */
export const peSections = (bytes: Uint8Array, peOffset: number): readonly PeSection[] | undefined => {
  const { u16, u32 } = reader(bytes);
  const optionalSize = u16(peOffset + 20);
  if (optionalSize === 0) return undefined;
  const first = peOffset + PE_HEADER_SIZE + optionalSize;
  const sections: PeSection[] = [];
  for (let i = 0; i < u16(peOffset + 6); i++) {
    const at = first + i * SECTION_HEADER_SIZE;
    if (at >= bytes.length) break;
    const name = String.fromCharCode(...bytes.subarray(at, at + 8)).split('\0', 1)[0]!;
    sections.push({ name, virtualSize: u32(at + 8), dataSize: u32(at + 16), dataOffset: u32(at + 20) });
  }
  return sections;
};
