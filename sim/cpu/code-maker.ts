/** Code for addresses: found, or made where there is none. */

import type { Bus } from './state/bus.js';
import { CodeCache, type Code, type FetchedPage } from './code-cache.js';
import type { Decoded, Decoder } from './language/decode.js';
import type { KeyedContext } from './language/context.js';
import { type AccessKind, type Fault, type ResolvedPage, FaultStatus } from './state/fault.js';
import { BLOCK_INDEX, type Functions } from './emit/functions.js';
import { Predecoder, type Words } from './cold/predecoder.js';
import type { CpuStatistics } from './state/model.js';
import { findRegion } from './hot/region.js';
import type { Tlb } from './memory/tlb.js';
import { translateRegion } from './hot/translate.js';

/** The most that a region has: as much may be carried out behind the end of a slice. */
export const MAX_REGION_INSTRUCTIONS = 3000;

/** The most that a function has whose code is made once more as part of its caller. */
const MAX_CALLED = 200;

const PAGE = 4096;

export interface CodeMakerHost {
  readonly bus: Bus;
  readonly functions: Functions;
  readonly decode: Decoder;
  /** How often predecoded code runs before it is translated. */
  readonly hotRuns: number;
  resolve(virtAddr: bigint, access: AccessKind): ResolvedPage | Fault;
  /** Addresses that no code may run over. */
  isStop(address: bigint): boolean;
  hasStops(): boolean;
  stackPointer(): bigint;
}

interface CodePlace {
  readonly physPage: number;
  /** In the WebAssembly memory. */
  readonly offset: number;
}

/** Finds code for addresses, and makes it where there is none: predecoded at first, translated when it has run often. */
export class CodeMaker {
  readonly #cache = new CodeCache();
  readonly #predecoder: Predecoder;
  readonly #view: DataView;
  #statistics: CpuStatistics = { regions: 0, translatedInstructions: 0, translationMs: 0 };

  constructor(private readonly host: CodeMakerHost) {
    const { bus, functions, decode } = host;
    this.#view = new DataView(bus.linear.buffer);
    this.#predecoder = new Predecoder({ view: this.#view, decode, addFunctions: (bodies) => functions.add(bodies) });
  }

  get statistics(): CpuStatistics {
    return this.#statistics;
  }

  /** See {@link CodeCache.linesOf}. */
  linesOf(physPage: number): bigint {
    return this.#cache.linesOf(physPage);
  }

  /** Forgets all code. */
  clear(): void {
    this.#release(this.#cache.clear());
    this.#predecoder.clear();
  }

  /** Forgets the code of a page if bytes that are about to change are part of it. @returns whether there was any */
  overwrite(physPage: number, inPage: number, sizeBytes: number): boolean {
    const lines = this.#cache.linesOf(physPage);
    const isCode = (at: number): boolean => ((lines >> BigInt(at >> 6)) & 1n) !== 0n;
    if (!isCode(inPage) && !isCode(inPage + sizeBytes - 1)) return false;
    this.#release(this.#cache.removePage(physPage));
    return true;
  }

  #release(codes: readonly Code[]): void {
    for (const code of codes) if (code.kind === 'region') this.host.functions.release(code.index);
  }

  /** Where a page's instructions are. */
  place(virtAddr: bigint): CodePlace | Fault {
    const resolved = this.host.resolve(virtAddr, 'execute');
    if ('faultStatus' in resolved) return resolved;
    const offset = this.host.bus.ramPage(resolved.page);
    return offset === undefined ? { faultStatus: FaultStatus.externalAbort } : { physPage: resolved.page, offset };
  }

  /** The instruction at an address. @returns undefined where there is none */
  wordAt(virtAddr: bigint): number | undefined {
    const place = this.place(virtAddr);
    return 'faultStatus' in place ? undefined : this.#view.getUint32(place.offset + Number(virtAddr & 0xfffn), true);
  }

  /**
   * Puts code for an address into the jump cache.
   * @param hot whether what is there has run often
   * @returns a fault where nothing can be fetched
   */
  install(address: bigint, hot: boolean, context: KeyedContext, tlb: Tlb): Fault | undefined {
    let code = this.#find(address, context);
    if (hot && code?.kind === 'block') {
      if (this.#cache.isUnsteady(code)) this.#predecoder.keepCold(code.block);
      else code = this.#translate(address, context, tlb);
    }
    code ??= this.#predecode(address, context, tlb);
    if (code === undefined) {
      const place = this.place(address);
      if (!('faultStatus' in place)) throw new Error(`no code at 0x${address.toString(16)}`);
      return place;
    }
    if (code.kind === 'block') tlb.setJump(address, BLOCK_INDEX, code.block);
    else tlb.setJump(address, code.index, code.entries.indexOf(address));
    return undefined;
  }

  /** Code that is there, and whose pages still are where they were. */
  #find(address: bigint, { key }: KeyedContext): Code | undefined {
    const code = this.#cache.find(key, address);
    if (code === undefined) return undefined;
    const isInPlace = code.pages.every(({ virtPage, physPage }) => {
      const place = this.place(virtPage);
      return !('faultStatus' in place) && place.physPage === physPage;
    });
    if (isInPlace) return code;
    this.#cache.remove(code);
    this.#release([code]);
    return undefined;
  }

  /** Predecodes one instruction. @returns the block that it is, or a fault where nothing can be fetched */
  step(address: bigint, context: KeyedContext, tlb: Tlb): number | Fault {
    const place = this.place(address);
    if ('faultStatus' in place) return place;
    this.#makeRoom(tlb);
    return this.#predecoder.decodeStep({ address, offset: place.offset + Number(address & 0xfffn), count: 1 }, context);
  }

  #makeRoom(tlb: Tlb): void {
    if (!this.#predecoder.isFull) return;
    this.clear();
    tlb.flush();
  }

  #predecode(address: bigint, context: KeyedContext, tlb: Tlb): Code | undefined {
    const place = this.place(address);
    if ('faultStatus' in place) return undefined;
    this.#makeRoom(tlb);
    const { physPage, offset } = place;
    const inPage = Number(address & 0xfffn);
    const words: Words = { address, offset: offset + inPage, count: this.#wordsFrom(address, inPage) };
    const { block, count } = this.#predecoder.decodeBlock(words, context, this.host.hotRuns);
    const pages = [{ virtPage: address - BigInt(inPage), physPage }];
    const code: Code = { kind: 'block', start: address, block, pages, context: context.key };
    this.#cache.add(code);
    this.#cache.addBytes(code, physPage + inPage, physPage + inPage + 4 * count - 1);
    tlb.protect(physPage, offset);
    return code;
  }

  /** How many words are in the page, and in front of where a run must stop. */
  #wordsFrom(address: bigint, inPage: number): number {
    const count = (PAGE - inPage) / 4;
    if (!this.host.hasStops()) return count;
    for (let i = 1; i < count; i++) if (this.host.isStop(address + BigInt(4 * i))) return i;
    return count;
  }

  #stackHoldsCode(): boolean {
    const stack = this.host.resolve(this.host.stackPointer(), 'write');
    return !('faultStatus' in stack) && this.#cache.linesOf(stack.page) !== 0n;
  }

  #translate(address: bigint, context: KeyedContext, tlb: Tlb): Code | undefined {
    const started = performance.now();
    const places = new Map<bigint, CodePlace | Fault>();
    const fetched: number[] = [];
    const fetch = (at: bigint): Decoded | undefined => {
      const inPage = at & 0xfffn;
      let place = places.get(at - inPage);
      if (place === undefined) {
        place = this.place(at - inPage);
        places.set(at - inPage, place);
      }
      if ('faultStatus' in place) return undefined;
      fetched.push(place.physPage + Number(inPage));
      return this.host.decode(this.#view.getUint32(place.offset + Number(inPage), true));
    };
    const isElsewhere = (at: bigint, called: boolean): boolean => {
      if (this.host.isStop(at)) return true;
      const other = this.#cache.find(context.key, at);
      return other?.kind === 'region' && other.start === at && !(called && other.instructions <= MAX_CALLED);
    };
    const region = findRegion(address, { context, fetch, isElsewhere }, { maxInstructions: MAX_REGION_INSTRUCTIONS });
    if (region === undefined) return undefined;

    const [index] = this.host.functions.add([translateRegion(region, context, this.#stackHoldsCode())]);
    const pages: FetchedPage[] = [];
    for (const [virtPage, place] of places)
      if (!('faultStatus' in place)) pages.push({ virtPage, physPage: place.physPage });
    const entries = region.entries.map((block) => region.blocks[block]!.start);
    const { instructions } = region;
    const code: Code = {
      kind: 'region',
      start: address,
      index: index!,
      entries,
      instructions,
      pages,
      context: context.key,
    };
    this.#cache.add(code);
    for (const physAddr of fetched) this.#cache.addBytes(code, physAddr, physAddr + 3);
    for (const place of places.values()) if (!('faultStatus' in place)) tlb.protect(place.physPage, place.offset);
    this.#statistics = {
      regions: this.#statistics.regions + 1,
      translatedInstructions: this.#statistics.translatedInstructions + region.instructions,
      translationMs: this.#statistics.translationMs + performance.now() - started,
    };
    return code;
  }
}
