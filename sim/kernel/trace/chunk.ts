/** Events of a trace as bytes: pieces that can each be read alone, so that the oldest can be dropped. */
import { MachineError } from '../../machine/error.js';
import type { MemoryDetail, TraceDetail, TraceEvent, TraceKind } from './events.js';

export const CHUNK_BYTES = 1 << 16;
/** More than any event takes: its name, and six numbers. */
const MOST_EVENT_BYTES = 256;

const KINDS: readonly TraceKind[] = ['branch', 'exception', 'return', 'register', 'device', 'memory'];
const ACCESSES = ['read', 'write', 'operation'] as const;
const VECTORS = ['synchronous', 'irq', 'fiq', 'serror'] as const;

/** Bits of an event's first byte: its kind, its processor, and whether the instruction's word follows. */
const PROCESSOR_SHIFT = 3;
const HAS_WORD = 0x40;
const NO_WORD = 0x80;

const HAS_FAR = 0x10;
/** Beside the number of bytes. */
const IS_WRITE = 0x40;

/** Numbers below this are written in a few steps. */
const SMALL = 0x1000_0000;

/** What reader and writer of a piece know of what came before in it. */
class Before {
  /** Of each processor. */
  readonly instructions = new Map<number, bigint>();
  readonly words = new Map<bigint, number>();
  pc = 0n;
  address = 0n;
}

export class ChunkWriter {
  readonly #bytes = new Uint8Array(CHUNK_BYTES);
  readonly #before = new Before();
  readonly #names = new Map<string, number>();
  /** Where branches and exceptions lead. */
  readonly #targets = new Set<bigint>();
  #at = 0;
  /** How many events it has. */
  events = 0;

  /** Whether another event may not find room. */
  get isFull(): boolean {
    return this.#at + MOST_EVENT_BYTES > CHUNK_BYTES;
  }

  /** The addresses of the instructions that it tells of, and where they lead. */
  get addresses(): readonly bigint[] {
    return [...this.#before.words.keys(), ...this.#targets];
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Precondition: it is not full. */
  add({ processor, instructions, pc, word, ...detail }: TraceEvent): void {
    const before = this.#before;
    const isNew = word !== undefined && before.words.get(pc) !== word;
    const flags = (isNew ? HAS_WORD : 0) | (word === undefined ? NO_WORD : 0);
    this.#byte(KINDS.indexOf(detail.kind) | (processor << PROCESSOR_SHIFT) | flags);
    this.#unsigned(instructions - (before.instructions.get(processor) ?? 0n));
    this.#signed(pc - before.pc);
    before.instructions.set(processor, instructions);
    before.pc = pc;
    if (isNew) {
      for (let shift = 0; shift < 32; shift += 8) this.#byte((word >>> shift) & 0xff);
      before.words.set(pc, word);
    }
    this.#detail(detail, pc);
    this.events++;
  }

  #detail(detail: TraceDetail, pc: bigint): void {
    switch (detail.kind) {
      case 'branch':
      case 'return':
        return this.#target(detail.to, pc);
      case 'exception':
        this.#target(detail.to, pc);
        this.#byte(detail.target | (VECTORS.indexOf(detail.vector) << 2) | (detail.far === undefined ? 0 : HAS_FAR));
        this.#unsigned(detail.esr);
        if (detail.far !== undefined) this.#unsigned(detail.far);
        return;
      case 'register':
        this.#byte(ACCESSES.indexOf(detail.access));
        this.#name(detail.name);
        return this.#unsigned(detail.value);
      case 'memory':
        this.#signed(detail.virtAddr - this.#before.address);
        this.#before.address = detail.virtAddr;
        return this.#access(detail);
      case 'device':
        return this.#access(detail);
    }
  }

  #target(to: bigint, pc: bigint): void {
    this.#targets.add(to);
    this.#signed(to - pc);
  }

  #access({ sizeBytes, isWrite, physAddr, value }: MemoryDetail): void {
    this.#byte(sizeBytes | (isWrite ? IS_WRITE : 0));
    this.#unsigned(physAddr);
    this.#unsigned(value);
  }

  #name(name: string): void {
    const known = this.#names.get(name);
    this.#unsigned(BigInt(known ?? this.#names.size));
    if (known !== undefined) return;
    this.#names.set(name, this.#names.size);
    this.#byte(name.length);
    for (let i = 0; i < name.length; i++) this.#byte(name.charCodeAt(i));
  }

  #byte(value: number): void {
    this.#bytes[this.#at++] = value;
  }

  /** Seven bits a byte, from the lowest; two's complement of 64 bits. */
  #unsigned(value: bigint): void {
    let rest = BigInt.asUintN(128, value);
    for (; rest >= SMALL; rest >>= 28n) {
      const low = Number(rest & 0xfff_ffffn);
      for (let shift = 0; shift < 28; shift += 7) this.#byte(((low >> shift) & 0x7f) | 0x80);
    }
    let low = Number(rest);
    for (; low >= 0x80; low >>= 7) this.#byte((low & 0x7f) | 0x80);
    this.#byte(low);
  }

  #signed(value: bigint): void {
    const signed = BigInt.asIntN(64, value);
    this.#unsigned(signed < 0n ? (~signed << 1n) | 1n : signed << 1n);
  }
}

/** The events of a piece. @throws MachineError when it is none */
export const readChunk = function* (bytes: Uint8Array): Generator<TraceEvent> {
  const reader = new ChunkReader(bytes);
  while (!reader.isAtEnd) yield reader.next();
};

const broken = (): MachineError => new MachineError('the trace is broken');

/** A value has at most 128 bits, a name so many characters. */
const MOST_BITS = 128n;
const MOST_NAME = 64;

class ChunkReader {
  readonly #bytes: Uint8Array;
  readonly #before = new Before();
  readonly #names: string[] = [];
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  next(): TraceEvent {
    const before = this.#before;
    const first = this.#byte();
    const kind = KINDS[first & 7];
    if (kind === undefined) throw broken();
    const processor = (first >> PROCESSOR_SHIFT) & 7;
    const instructions = (before.instructions.get(processor) ?? 0n) + this.#unsigned();
    const pc = BigInt.asUintN(64, before.pc + this.#signed());
    before.instructions.set(processor, instructions);
    before.pc = pc;
    if ((first & HAS_WORD) !== 0) {
      let word = 0;
      for (let shift = 0; shift < 32; shift += 8) word |= this.#byte() << shift;
      before.words.set(pc, word >>> 0);
    }
    const word = (first & NO_WORD) !== 0 ? undefined : before.words.get(pc);
    return { processor, instructions, pc, word, ...this.#detail(kind, pc) };
  }

  #detail(kind: TraceKind, pc: bigint): TraceDetail {
    switch (kind) {
      case 'branch':
      case 'return':
        return { kind, to: this.#target(pc) };
      case 'exception': {
        const to = this.#target(pc);
        const bits = this.#byte();
        const target = bits & 3;
        const vector = VECTORS[(bits >> 2) & 3]!;
        if (target === 3) throw broken();
        const esr = this.#unsigned();
        return {
          kind,
          to,
          target: target as 0 | 1 | 2,
          vector,
          esr,
          far: (bits & HAS_FAR) === 0 ? undefined : this.#unsigned(),
        };
      }
      case 'register': {
        const access = ACCESSES[this.#byte()];
        if (access === undefined) throw broken();
        return { kind, access, name: this.#name(), value: this.#unsigned() };
      }
      case 'memory': {
        const virtAddr = BigInt.asUintN(64, this.#before.address + this.#signed());
        this.#before.address = virtAddr;
        return { kind, virtAddr, ...this.#access() };
      }
      case 'device':
        return { kind, ...this.#access() };
    }
  }

  #access() {
    const bits = this.#byte();
    const sizeBytes = bits & 0x3f;
    if (sizeBytes < 1 || sizeBytes > 16) throw broken();
    return { sizeBytes, isWrite: (bits & IS_WRITE) !== 0, physAddr: this.#unsigned(), value: this.#unsigned() };
  }

  #target(pc: bigint): bigint {
    return BigInt.asUintN(64, pc + this.#signed());
  }

  #name(): string {
    const index = Number(this.#unsigned());
    if (index < this.#names.length) return this.#names[index]!;
    const length = this.#byte();
    if (index !== this.#names.length || length > MOST_NAME) throw broken();
    const name = String.fromCharCode(...Array.from({ length }, () => this.#byte()));
    if (!/^[\w .]*$/.test(name)) throw broken();
    this.#names.push(name);
    return name;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw broken();
    return byte;
  }

  #unsigned(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#byte();
      if (shift > MOST_BITS) throw broken();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(128, value);
    }
  }

  #signed(): bigint {
    const value = this.#unsigned();
    return (value & 1n) === 0n ? value >> 1n : ~(value >> 1n);
  }
}
