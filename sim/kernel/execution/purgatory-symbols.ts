/** Names for addresses in a purgatory: the kernel is given its bytes only, but its object may be at hand. */
import { relocationsFor } from '../../../kexec/arch/arm64/kexec-elf-rel-arm64.js';
import { DEFAULT_COMPAT } from '../../../kexec/base/compat.js';
import { EM_AARCH64, SHF_EXECINSTR, SHT_SYMTAB, readSymbol, sizesOf, symbolType } from '../../../kexec/elf/elf.js';
import { KexecError } from '../../../kexec/base/error.js';
import { type RelocatableObject, loadRelocatable } from '../../../kexec/elf/kexec-elf-rel.js';
import { silentLog } from '../../../kexec/base/log.js';
import { Placement } from '../../../kexec/memory/placement.js';
import { RANGE_RAM, type Range } from '../../../kexec/base/range.js';
import { u64 } from '../../../kexec/base/u64.js';
import type { LoadedSegment } from './arrival.js';

export interface CodeSymbol {
  readonly name: string;
  readonly address: bigint;
}

/** Sections and files (ELF-64 Object File Format: STT_SECTION, STT_FILE) are no places in code. */
const NAMELESS_TYPES: readonly number[] = [3, 4];
const PAGE = 4096n;

/**
 * The symbols of an object's code, if a segment holds that object.
 * @returns in order of their addresses; undefined when the segment holds something else
 */
export const purgatorySymbols = (
  object: Uint8Array,
  { memory, data }: LoadedSegment,
): readonly CodeSymbol[] | undefined => {
  const loaded = loadAt(object, memory);
  if (loaded === undefined) return undefined;
  const code = loaded.sections.filter(({ flags }) => (flags & SHF_EXECINSTR) !== 0n);
  const isThere = code.every((section) => {
    const at = Number(section.addr - memory.start);
    return section.data.every((byte, i) => data[at + i] === byte);
  });
  return code.length > 0 && isThere ? symbolsOf(loaded) : undefined;
};

/** The object as kexec would have loaded it into this memory, and nowhere else. */
const loadAt = (object: Uint8Array, memory: Range): RelocatableObject | undefined => {
  const limits = { memMin: memory.start, memMax: memory.last };
  try {
    return loadRelocatable(object, 'purgatory', {
      machine: EM_AARCH64,
      placement: new Placement([{ range: memory, type: RANGE_RAM }], limits, PAGE, silentLog, () => 0n),
      relocations: relocationsFor(DEFAULT_COMPAT),
      log: silentLog,
      min: memory.start,
      max: memory.last,
      from: 'bottom',
    });
  } catch (error) {
    // An object that does not fit, or cannot be relocated, is not the one that is there.
    if (error instanceof KexecError) return undefined;
    throw error;
  }
};

const symbolsOf = (object: RelocatableObject): readonly CodeSymbol[] =>
  symbolsIn(object, ({ flags }) => (flags & SHF_EXECINSTR) !== 0n);

const symbolsIn = (
  { info, sections }: RelocatableObject,
  isWanted: (section: RelocatableObject['sections'][number]) => boolean,
): readonly CodeSymbol[] => {
  const { symbol: symbolSize } = sizesOf(info);
  const found: CodeSymbol[] = [];
  for (const table of sections.filter(({ type }) => type === SHT_SYMTAB)) {
    const names = sections[table.link]?.data;
    if (names === undefined) continue;
    for (let at = 0; at + symbolSize <= table.data.length; at += symbolSize) {
      const symbol = readSymbol(table.data, info, at);
      const section = sections[symbol.shndx];
      if (section === undefined || !isWanted(section)) continue;
      const name = textAt(names, symbol.name);
      // "$x" and its like only tell code from data (ELF for the Arm 64-bit Architecture, 5.5.4).
      if (NAMELESS_TYPES.includes(symbolType(symbol.info)) || name === '' || name.startsWith('$')) continue;
      found.push({ name, address: u64(section.addr + symbol.value) });
    }
  }
  return found.sort((a, b) => (a.address < b.address ? -1 : 1));
};

const textAt = (bytes: Uint8Array, offset: number): string => {
  const end = bytes.indexOf(0, offset);
  return String.fromCharCode(...bytes.subarray(offset, end < 0 ? bytes.length : end));
};

/**
 * Where the purgatory of an object sends what it prints (arm64_sink, which kexec sets), if a segment holds that object.
 */
export const purgatorySink = (object: Uint8Array, { memory, data }: LoadedSegment): bigint | undefined => {
  const loaded = loadAt(object, memory);
  const variable = loaded && symbolsIn(loaded, () => true).find(({ name }) => name === 'arm64_sink');
  const at = variable === undefined ? -1 : Number(variable.address - memory.start);
  if (at < 0 || at + 8 > data.length) return undefined;
  return new DataView(data.buffer, data.byteOffset).getBigUint64(at, true);
};

/** "purgatory+0x10": the symbol at or before an address. */
export const nameOf = (symbols: readonly CodeSymbol[], address: bigint): string | undefined => {
  const symbol = symbols.findLast((candidate) => candidate.address <= address);
  if (symbol === undefined) return undefined;
  const offset = address - symbol.address;
  return offset === 0n ? symbol.name : `${symbol.name}+0x${offset.toString(16)}`;
};
