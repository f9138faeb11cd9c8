/** A machine's RAM. */
import type { Range } from '../../kexec/base/range.js';
import { expectElements } from '../../kexec/arguments/shape.js';
import { RANGE } from '../../kexec/arguments/shapes.js';
import { FIRST_RAM_OFFSET } from '../cpu/state/bus.js';
import { MachineError } from './error.js';
import { type LinearMemory, wasm } from '../cpu/wasm/host.js';

const PAGE = 4096;
const CHUNK = 1 << 16;
/** A WebAssembly memory has 65,536 pages at most; one less keeps every length below 2^32. */
const LINEAR_PAGES = 65_535;
export const LINEAR_BYTES = LINEAR_PAGES * CHUNK;
/** Physical addresses have 48 bits (Arm ARM D8.1). */
const ADDRESS_BITS = 48n;

/** Whether the page from a 64-bit word on is all zeros. */
const isZero = (words: BigUint64Array, first: number): boolean => {
  for (let at = first; at < first + PAGE / 8; at++) if (words[at] !== 0n) return false;
  return true;
};

/** Where the first of ascending numbers is that is not below a value. */
const indexFrom = (numbers: readonly number[], value: number): number => {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
};

/** Bytes that follow each other. */
interface Piece {
  readonly physAddr: bigint;
  readonly bytes: Uint8Array;
}

/**
 * A machine's RAM, sparse: chunks of 64 KiB get their place in one WebAssembly memory when they are first touched, and
 * cost nothing before. Reads of untouched RAM give zeros.
 */
export class PhysicalMemory {
  readonly linear: LinearMemory;
  readonly #bytes: Uint8Array;
  readonly #chunks = new Map<number, number>();
  /** The whole pages of the ranges: addresses of the first, and of what is behind the last. */
  readonly #pages: readonly { readonly first: number; readonly end: number }[];
  #next = FIRST_RAM_OFFSET;
  /** The chunks by their addresses, as far as they have been put in order. */
  #sorted: readonly number[] = [];

  /** @param ranges where there is RAM; whole pages of them count @throws MachineError when the host has no room */
  constructor(readonly ranges: readonly Range[]) {
    expectElements('PhysicalMemory: the ranges', ranges, RANGE);
    try {
      this.linear = new wasm.Memory({ initial: LINEAR_PAGES, maximum: LINEAR_PAGES });
    } catch {
      throw new MachineError('the host refuses 4 GiB of address space');
    }
    this.#bytes = new Uint8Array(this.linear.buffer);
    this.#pages = ranges.map(({ start, end }) => ({
      first: Math.ceil(Number(start) / PAGE) * PAGE,
      end: Math.floor(Number(end) / PAGE) * PAGE,
    }));
  }

  /** Bytes of the host's memory that are in use for RAM. */
  get touchedBytes(): number {
    return this.#next - FIRST_RAM_OFFSET;
  }

  isRam(physAddr: bigint, sizeBytes = 1n): boolean {
    return this.ranges.some(({ start, last }) => start <= physAddr && physAddr + sizeBytes - 1n <= last);
  }

  /** See {@link Bus.ramPage}. */
  ramPage(page: number): number | undefined {
    if (!this.#pages.some(({ first, end }) => page >= first && page < end)) return undefined;
    const chunk = Math.floor(page / CHUNK);
    return (this.#chunks.get(chunk) ?? this.#touch(chunk)) + (page % CHUNK);
  }

  /** The bytes of a page, which change with the memory's own; undefined for one that was never touched: zeros. */
  pageBytes(page: number): Uint8Array | undefined {
    const offset = this.#chunks.get(Math.floor(page / CHUNK));
    return offset === undefined
      ? undefined
      : this.#bytes.subarray(offset + (page % CHUNK), offset + (page % CHUNK) + PAGE);
  }

  #touch(chunk: number): number {
    const offset = this.#next;
    if (offset + CHUNK > LINEAR_BYTES) {
      throw new MachineError('more than 4 GiB of RAM in use');
    }
    this.#next += CHUNK;
    this.#chunks.set(chunk, offset);
    return offset;
  }

  /** A copy of `sizeBytes` bytes from a physical address. @throws MachineError where there is no RAM */
  read(physAddr: bigint, sizeBytes: number): Uint8Array {
    const bytes = new Uint8Array(sizeBytes);
    this.#each(physAddr, sizeBytes, (at, chunk, inChunk, length) => {
      const offset = this.#chunks.get(chunk);
      if (offset !== undefined) bytes.set(this.#bytes.subarray(offset + inChunk, offset + inChunk + length), at);
    });
    return bytes;
  }

  /** @throws MachineError where there is no RAM; nothing is written then */
  write(physAddr: bigint, bytes: Uint8Array): void {
    this.#each(physAddr, bytes.length, (at, chunk, inChunk, length) => {
      const offset = this.#chunks.get(chunk) ?? this.#touch(chunk);
      this.#bytes.set(bytes.subarray(at, at + length), offset + inChunk);
    });
  }

  /** Sets bytes to zero. @throws MachineError where there is no RAM */
  clear(physAddr: bigint, sizeBytes: number): void {
    this.#each(physAddr, sizeBytes, (_at, chunk, inChunk, length) => {
      const offset = this.#chunks.get(chunk);
      if (offset !== undefined) this.#bytes.fill(0, offset + inChunk, offset + inChunk + length);
    });
  }

  /** A little-endian number. */
  read64(physAddr: bigint): bigint {
    return new DataView(this.read(physAddr, 8).buffer).getBigUint64(0, true);
  }

  write64(physAddr: bigint, value: bigint): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
    this.write(physAddr, bytes);
  }

  /** Numbers of the chunks that were touched, in order. */
  get #inOrder(): readonly number[] {
    if (this.#sorted.length < this.#chunks.size) this.#sorted = [...this.#chunks.keys()].sort((a, b) => a - b);
    return this.#sorted;
  }

  /** The pieces of RAM that were touched, in order of their addresses; neighbours are joined. */
  touched(): readonly { readonly physAddr: bigint; readonly sizeBytes: bigint }[] {
    const pieces: { physAddr: bigint; sizeBytes: bigint }[] = [];
    for (const chunk of this.#inOrder) {
      const physAddr = BigInt(chunk * CHUNK);
      const last = pieces.at(-1);
      if (last !== undefined && last.physAddr + last.sizeBytes === physAddr) last.sizeBytes += BigInt(CHUNK);
      else pieces.push({ physAddr, sizeBytes: BigInt(CHUNK) });
    }
    return pieces;
  }

  /**
   * All that is not zero, in order of the addresses: pages that follow each other, 64 KiB at most.
   * The bytes are the memory's own, and change with it.
   * @param within whose whole pages are meant, if not all RAM
   */
  *filled(within?: Range): Generator<Piece> {
    const first = within === undefined ? 0 : Math.ceil(Number(within.start) / PAGE) * PAGE;
    const end = within === undefined ? Infinity : Math.floor(Number(within.end) / PAGE) * PAGE;
    const chunks = this.#inOrder;
    for (let i = indexFrom(chunks, Math.floor(first / CHUNK)); i < chunks.length; i++) {
      const start = chunks[i]! * CHUNK;
      if (start >= end) return;
      yield* this.#filledOf(start, Math.max(first - start, 0), Math.min(end - start, CHUNK));
    }
  }

  /** @param chunk its physical address @param from offset in it @param to the same */
  *#filledOf(chunk: number, from: number, to: number): Generator<Piece> {
    const offset = this.#chunks.get(chunk / CHUNK)!;
    const bytes = this.#bytes.subarray(offset, offset + CHUNK);
    const words = new BigUint64Array(bytes.buffer, offset, CHUNK / 8);
    let start = from;
    for (let end = from; end <= to; end += PAGE) {
      if (end < to && !isZero(words, end / 8)) continue;
      if (end > start) yield { physAddr: BigInt(chunk + start), bytes: bytes.subarray(start, end) };
      start = end + PAGE;
    }
  }

  #each(
    physAddr: bigint,
    sizeBytes: number,
    action: (at: number, chunk: number, inChunk: number, length: number) => void,
  ): void {
    if (sizeBytes === 0) return;
    if (physAddr >> ADDRESS_BITS !== 0n || !this.isRam(physAddr, BigInt(sizeBytes))) {
      throw new MachineError(`no RAM at 0x${physAddr.toString(16)} (${sizeBytes} bytes)`);
    }
    const start = Number(physAddr);
    for (let at = 0; at < sizeBytes;) {
      const address = start + at;
      const inChunk = address % CHUNK;
      const length = Math.min(CHUNK - inChunk, sizeBytes - at);
      action(at, Math.floor(address / CHUNK), inChunk, length);
      at += length;
    }
  }
}
