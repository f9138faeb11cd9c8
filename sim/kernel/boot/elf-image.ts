/**
 * The Image in a vmlinux: what the kernel's build makes of it by objcopy, where a boot loader does not load ELF files.
 */
import { readArm64ImageHeader } from '../../../kexec/arch/arm64/image-header.js';
import { silentLog } from '../../../kexec/base/log.js';
import { u64 } from '../../../kexec/base/u64.js';
import { EM_AARCH64, PT_LOAD } from '../../../kexec/elf/elf.js';
import { buildElfExecInfo } from '../../../kexec/elf/kexec-elf-exec.js';
import type { ElfInfo } from '../../../kexec/elf/kexec-elf.js';

/**
 * The segments one behind the other as their addresses say, from the Image's header on, which is at the entry point.
 * @param limit bytes that it may have at most, which keeps a hostile file from making it large
 * @returns the reason, for the end of a sentence, where there is none
 */
export const imageOfElf = (bytes: Uint8Array, limit: number): Uint8Array | string => {
  const elf = buildElfExecInfo(bytes, { log: silentLog });
  if (elf === undefined) return 'a damaged ELF file, or one that is no executable';
  if (elf.machine !== EM_AARCH64) return `an ELF file for another machine (number ${elf.machine})`;
  const base = headerAddress(elf, bytes);
  if (base === undefined) return 'an ELF file without the header of an arm64 Image at its entry point';
  // The headers of the file may lie before the Image's in a segment. Segments before it are far behind it, by
  // subtraction.
  const pieces = elf.programHeaders
    .filter(({ type, data }) => type === PT_LOAD && data.length > 0)
    .map(({ paddr, data }) => {
      const before = u64(base - paddr);
      const isHeaders = before < BigInt(data.length);
      return isHeaders ? { start: 0n, data: data.subarray(Number(before)) } : { start: u64(paddr - base), data };
    });
  const end = pieces.reduce((most, { start, data }) => {
    const last = start + BigInt(data.length);
    return last > most ? last : most;
  }, 0n);
  // Segments may lie over each other in the file, as many as there are.
  const total = pieces.reduce((sum, { data }) => sum + data.length, 0);
  if (end > BigInt(limit) || total > limit)
    return `an ELF file whose segments are not the ${limit} bytes at most behind its entry point`;
  const image = new Uint8Array(Number(end));
  for (const { start, data } of pieces) image.set(data, Number(start));
  return image;
};

/**
 * Where the header lies by the file's `p_paddr`, which in an arm64 vmlinux is no physical address, but goes on as these
 * do.
 */
const headerAddress = ({ programHeaders, entry }: ElfInfo, bytes: Uint8Array): bigint | undefined => {
  for (const { type, offset, vaddr, paddr } of programHeaders) {
    const inSegment = u64(entry - vaddr);
    const at = u64(offset + inSegment);
    if (type !== PT_LOAD || at >= BigInt(bytes.length)) continue;
    if (readArm64ImageHeader(bytes.subarray(Number(at))) !== undefined) return u64(paddr + inSegment);
  }
  return undefined;
};
