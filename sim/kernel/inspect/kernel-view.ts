/** The kernel that lies in a stopped machine's memory: where it is, where it runs, and its symbols. */
import { readArm64ImageHeader } from '../../../kexec/arch/arm64/image-header.js';
import { Range } from '../../../kexec/base/range.js';
import { u64 } from '../../../kexec/base/u64.js';
import { type ImageSymbol, type ImageSymbols, readImageSymbols } from '../log/image-symbols.js';
import type { MemoryView } from './memory-view.js';
import { numberAt } from './stopped.js';

/** A kernel takes so much at most, with its variables: more is no kernel. */
export const MAX_KERNEL_BYTES = 256n << 20n;
const HEADER_BYTES = 64;
/** Behind so many bytes there is code, which is mapped; the header before it is not (_stext, arch/arm64/mm/mmu.c). */
const CODE_OFFSET = 0x1_0000n;

/** Where a kernel's Image may be. */
export interface KernelPlace {
  /** Physical address. */
  readonly start: bigint;
  /** What it takes with its variables, where the Image's header does not tell: a kernel that has booted uses its memory. */
  readonly sizeBytes?: bigint | undefined;
  /** A virtual address of its code, where somebody knows one. */
  readonly running?: bigint | undefined;
}

/** A symbol with the address that it has on the machine. */
export interface PlacedSymbol {
  readonly symbol: ImageSymbol;
  readonly address: bigint;
}

export class KernelView {
  /**
   * @param memory the physical memory that the kernel's Image takes, its variables included
   * @param offset what its addresses are above physical ones; 0 as long as its MMU is off
   */
  constructor(
    readonly memory: Range,
    readonly offset: bigint,
    readonly symbols: ImageSymbols | undefined,
  ) {}

  /** Finds it out. @returns undefined where there is none */
  static at(view: MemoryView, { start, sizeBytes, running }: KernelPlace): KernelView | undefined {
    const head = view.machine.read(start, HEADER_BYTES);
    const size = (head && readArm64ImageHeader(head)?.imageSize) ?? sizeBytes;
    if (size === undefined || size === 0n || size > MAX_KERNEL_BYTES) return undefined;
    const image = view.machine.read(start, Number(size));
    if (image === undefined) return undefined;
    const symbols = readImageSymbols(image);
    const memory = Range.sized(start, size);
    return new KernelView(memory, runningOffset(view, memory, image, symbols, running), symbols);
  }

  /** Of several symbols at one place, the first. */
  symbolAt(address: bigint): (PlacedSymbol & { readonly distance: bigint }) | undefined {
    const physAddr = u64(address - this.offset);
    if (!this.memory.contains(physAddr)) return undefined;
    const symbol = this.symbols?.at(Number(physAddr - this.memory.start));
    if (symbol === undefined) return undefined;
    const placed = this.#placed(symbol);
    return { ...placed, distance: address - placed.address };
  }

  find(name: string): PlacedSymbol | undefined {
    const symbol = this.symbols?.find(name);
    return symbol && this.#placed(symbol);
  }

  /** All, in the order of their addresses. */
  get all(): readonly PlacedSymbol[] {
    return (this.symbols?.symbols ?? []).map((symbol) => this.#placed(symbol));
  }

  #placed(symbol: ImageSymbol): PlacedSymbol {
    return { symbol, address: u64(this.memory.start + BigInt(symbol.offset) + this.offset) };
  }
}

/**
 * What a kernel's addresses are above physical ones: it keeps it itself (kimage_voffset); one that says nothing of
 * variables is known by where its exception vectors are, or its code runs. Whatever is believed, the tables must say so.
 */
const runningOffset = (
  view: MemoryView,
  memory: Range,
  image: Uint8Array,
  symbols: ImageSymbols | undefined,
  running: bigint | undefined,
): bigint => {
  const { processor } = view;
  const variable = symbols?.offsetOf('kimage_voffset');
  const kept = variable === undefined ? undefined : numberAt(image.subarray(variable, variable + 8));
  const candidates = [
    running,
    kept === undefined ? undefined : memory.start + kept + CODE_OFFSET,
    ...[processor.system('VBAR_EL1'), processor.system('VBAR_EL2'), processor.pc, processor.x(30)],
  ].map((address) => (address === undefined ? undefined : u64(address)));
  for (const address of candidates) {
    if (address === undefined || address >> 48n !== 0xffffn) continue;
    const physAddr = view.translate(address);
    if (physAddr === undefined || !memory.contains(physAddr)) continue;
    return u64(address - physAddr);
  }
  return 0n;
};
