/** A kernel's symbols by the parts of its Image, as a linker would have them in sections. */
import type { ImageSymbols } from '../log/image-symbols.js';
import type { FileSection, FileSymbol } from './symbol-file.js';

interface Part {
  readonly name: string;
  readonly isCode: boolean;
  /** The symbol that it begins at; undefined for the Image's first byte. */
  readonly from: string | undefined;
}

/** In the order of vmlinux.lds.S of arm64; where a kernel does not name a start, a part goes on into the next one. */
const PARTS: readonly Part[] = [
  { name: '.text', isCode: true, from: undefined },
  { name: '.rodata', isCode: false, from: '_etext' },
  { name: '.text.init', isCode: true, from: '_sinittext' },
  { name: '.data.init', isCode: false, from: '_einittext' },
  { name: '.data', isCode: false, from: '_sdata' },
  { name: '.bss', isCode: false, from: '__bss_start' },
];

/**
 * @param base where the Image begins: what symbols are above it is added
 * @param sizeBytes of the Image in memory
 */
export const kernelSections = (symbols: ImageSymbols, base: bigint, sizeBytes: bigint): readonly FileSection[] => {
  const starts = PARTS.flatMap((part) => {
    const offset = part.from === undefined ? 0 : symbols.offsetOf(part.from);
    return offset === undefined ? [] : [{ ...part, offset }];
  }).toSorted((a, b) => a.offset - b.offset);
  return starts.map(({ name, isCode, offset }, i) => {
    const end = starts[i + 1]?.offset ?? Number(sizeBytes);
    const own = symbols.symbols.filter((symbol) => symbol.offset >= offset && symbol.offset < end);
    return {
      ...{ name: `${name}.kernel`, isCode, start: base + BigInt(offset), sizeBytes: BigInt(Math.max(0, end - offset)) },
      symbols: own.map((symbol): FileSymbol => ({
        name: symbol.name,
        address: base + BigInt(symbol.offset),
        type: symbol.type ?? (isCode ? 'T' : 'D'),
      })),
    };
  });
};
