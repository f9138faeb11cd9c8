/** What the processors of a machine share inside the model: code, and the monitor of exclusive accesses. */

import { CodeMaker, type CodeWatcher } from './code-maker.js';
import { Functions } from './emit/functions.js';
import type { FloatUnit } from './float/unit.js';
import { INSTRUCTIONS } from './isa/index.js';
import { createDecoder, type Decoded, type Decoder } from './language/decode.js';
import { ExclusiveMonitor } from './memory/exclusive-monitor.js';
import type { Bus } from './state/bus.js';
import { hashOf } from './state/hash.js';
import { FIRST_BASE, LAST_BASE, PROCESSOR_BYTES } from './state/layout.js';
import type { WriteWatcher } from './state/observer.js';
import type { Translations } from './translations.js';

/** A processor, as the others and what they share know it. */
export interface ClusterMember extends CodeWatcher {
  /** The slow path of its accesses. @returns not 0 if the access did not take place */
  access(kind: number): number;
  readonly float: FloatUnit;
}

/** Places for decoded words: twice as many as a kernel has different ones while it starts. */
const DECODED = 1 << 18;

/** Keeps what was decoded until another word takes its place. */
const remembering = (decode: Decoder): Decoder => {
  const words = new Uint32Array(DECODED);
  const known = new Array<Decoded | undefined>(DECODED);
  return (word) => {
    const place = hashOf(word, DECODED);
    const there = known[place];
    if (there !== undefined && words[place] === word) return there;
    words[place] = word;
    return (known[place] = decode(word));
  };
};

export class Cluster {
  /** Decodes; the same word mostly gives the same value. */
  readonly decode: Decoder = remembering(createDecoder(INSTRUCTIONS));
  readonly functions: Functions;
  readonly code: CodeMaker;
  readonly exclusives = new ExclusiveMonitor();
  readonly #members: ClusterMember[] = [];
  #writes: WriteWatcher | undefined;
  readonly #contextNumbers = new Map<string, number>();

  /** @param hotRuns how often code runs before it is translated */
  constructor(bus: Bus, hotRuns: number, translations: Translations) {
    this.functions = new Functions(bus.linear, {
      slow: (kind, base) => this.#memberAt(base).access(kind),
      float: (call, base) => this.#memberAt(base).float.run(call),
    });
    this.code = new CodeMaker({ bus, functions: this.functions, decode: this.decode, hotRuns, translations });
  }

  /** Base of the next processor's block. @throws Error when there is room for no more */
  get nextBase(): number {
    const base = FIRST_BASE + PROCESSOR_BYTES * this.#members.length;
    if (base > LAST_BASE) throw new Error(`no room for more than ${this.#members.length} processors`);
    return base;
  }

  /** Adds a processor, whose base was the next one. */
  join(member: ClusterMember): void {
    this.#members.push(member);
    this.code.addWatcher(member);
  }

  /** A number for the key of a context, from 1 on. */
  numberOf(key: string): number {
    const number = this.#contextNumbers.get(key) ?? this.#contextNumbers.size + 1;
    this.#contextNumbers.set(key, number);
    return number;
  }

  /** Who is to know of pages that change. */
  get writes(): WriteWatcher | undefined {
    return this.#writes;
  }

  /** Has somebody know of pages that change, all of them anew; nobody where it is undefined. */
  watchWrites(writes: WriteWatcher | undefined): void {
    this.#writes = writes;
    if (writes !== undefined) for (const { tlb } of this.#members) tlb.forgetWritable();
  }

  #memberAt(base: number): ClusterMember {
    const member = this.#members[(base - FIRST_BASE) / PROCESSOR_BYTES];
    if (member === undefined) throw new Error(`no processor at 0x${base.toString(16)}`);
    return member;
  }

  get isShared(): boolean {
    return this.#members.length > 1;
  }

  /** The lines of a physical page to which stores must be seen, one bit for each 64 bytes. */
  linesOf(physPage: number): bigint {
    return this.code.linesOf(physPage) | this.exclusives.linesOf(physPage);
  }

  /** Some bytes of a physical page are about to change. */
  overwrite(physPage: number, inPage: number, sizeBytes: number): void {
    this.exclusives.overwrite(physPage, inPage, sizeBytes);
    this.code.overwrite(physPage, inPage, sizeBytes);
  }
}
