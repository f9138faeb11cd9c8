/** Code for addresses: found, or made where there is none. */

import type { Bus } from './state/bus.js';
import { CodeCache, entriesOf, type Code, type FetchedPage } from './code-cache.js';
import type { Decoded, Decoder } from './language/decode.js';
import type { KnownTraces } from './language/trace-instruction.js';
import type { KeyedContext } from './language/context.js';
import { type AccessKind, type Fault, type ResolvedPage, FaultStatus } from './state/fault.js';
import { BLOCK_INDEX, type Functions, type NewFunction } from './emit/functions.js';
import { Predecoder, type Words } from './cold/predecoder.js';
import type { CpuStatistics } from './state/model.js';
import { findRegion } from './hot/region.js';
import type { CodePlace, Tlb } from './memory/tlb.js';
import { translateRegion } from './hot/translate.js';

/** The most that a region has: as much may be carried out behind the end of a slice. */
export const MAX_REGION_INSTRUCTIONS = 3000;

/** So many regions are translated each at once; later ones wait for others. */
const EAGER_REGIONS = 64;
/** Blocks that wait to be translated together, at most. */
const MAX_WAITING = 16;
/** How often a block may run on while it waits. */
const WAITING_RUNS = 100;
/** How many times as often as for the first regions a block must have run for later ones. */
const PATIENCE = 8;

/** What of calls is made part of a region. */
interface CallLimits {
  /** Functions that are called become part of it while it has fewer instructions than this. */
  readonly maxCaller: number;
  /** The most that a function has whose code is made once more as part of its caller. */
  readonly maxCalled: number;
}

/** The first regions are all there is of a small program; where there are many, the same code is not made often. */
const FIRST_LIMITS: CallLimits = { maxCaller: 300, maxCalled: 200 };
const LATER_LIMITS: CallLimits = { maxCaller: 60, maxCalled: 30 };

const PAGE = 4096;

export interface CodeMakerHost {
  readonly bus: Bus;
  readonly functions: Functions;
  readonly decode: Decoder;
  /** How often predecoded code runs before it is translated. */
  readonly hotRuns: number;
}

/** A processor, as one that hears of what happens to code. */
export interface CodeWatcher {
  readonly tlb: Tlb;
  /** Code was forgotten that may be running. */
  readonly codeChanged: () => void;
}

/** A processor, as the one that code is found for. */
export interface CodeUser {
  readonly tlb: Tlb;
  readonly sp: bigint;
  /** What its state demands of code now. */
  codeContext(): KeyedContext;
  /** Where an access of its own would go. */
  resolve(virtAddr: bigint, access: AccessKind): ResolvedPage | Fault;
}

/**
 * Finds code for addresses, and makes it where there is none: predecoded at first, translated when it has run often. The
 * code is that of all processors of a machine: each finds what another had made, and what is forgotten is forgotten for
 * all.
 */
export class CodeMaker {
  readonly #cache = new CodeCache();
  readonly #predecoder: Predecoder;
  readonly #view: DataView;
  /** All processors. */
  readonly #users: CodeWatcher[] = [];
  /** Numbers of the virtual pages that instructions were fetched from. */
  readonly #codePages = new Set<bigint>();
  readonly #traces: KnownTraces = new WeakMap();
  #stops: ReadonlySet<bigint> = new Set();
  /** Addresses of blocks that wait to be translated, and their context. */
  readonly #waiting = new Set<bigint>();
  #waitingIn = '';
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

  /** Has one more processor hear of what happens to code. */
  addWatcher(user: CodeWatcher): void {
    this.#users.push(user);
  }

  /** Sets the addresses that no code may run over. */
  setStops(stops: ReadonlySet<bigint>): void {
    if (stops.size === this.#stops.size && [...stops].every((address) => this.#stops.has(address))) return;
    this.#stops = new Set(stops);
    this.clear();
  }

  /** Forgets all code, and what the TLBs hold. */
  clear(): void {
    this.#waiting.clear();
    this.#release(this.#cache.clear());
    this.#predecoder.clear();
    this.#flushTlbs();
  }

  #flushTlbs(): void {
    for (const { tlb } of this.#users) tlb.flush();
  }

  /** Forgets the code of a page if bytes that are about to change are part of it. */
  overwrite(physPage: number, inPage: number, sizeBytes: number): void {
    const lines = this.#cache.linesOf(physPage);
    const isCode = (at: number): boolean => ((lines >> BigInt(at >> 6)) & 1n) !== 0n;
    if (!isCode(inPage) && !isCode(inPage + sizeBytes - 1)) return;
    const removed = this.#cache.removePage(physPage);
    this.#release(removed);
    const addresses = removed.flatMap(entriesOf);
    for (const { tlb, codeChanged } of this.#users) {
      for (const address of addresses) tlb.forgetJump(address);
      codeChanged();
    }
  }

  #release(codes: readonly Code[]): void {
    for (const code of codes) if (code.kind === 'region') this.host.functions.release(code.index);
  }

  /** Where a page's instructions are. */
  #place(user: CodeUser, virtAddr: bigint): CodePlace | Fault {
    const { bank } = user.codeContext();
    const known = user.tlb.fetchedFrom(bank, virtAddr);
    if (known !== undefined) return known;
    const resolved = user.resolve(virtAddr, 'execute');
    if ('faultStatus' in resolved) return resolved;
    const offset = this.host.bus.ramPage(resolved.page);
    if (offset === undefined) return { faultStatus: FaultStatus.externalAbort };
    const place: CodePlace = { physPage: resolved.page, offset };
    user.tlb.noteFetch(bank, virtAddr, place);
    this.#codePages.add(virtAddr >> 12n);
    return place;
  }

  /** The instruction at an address. @returns undefined where there is none */
  wordAt(user: CodeUser, virtAddr: bigint): number | undefined {
    const place = this.#place(user, virtAddr);
    return 'faultStatus' in place ? undefined : this.#view.getUint32(place.offset + Number(virtAddr & 0xfffn), true);
  }

  /**
   * Puts code for an address into the processor's jump cache.
   * @param hot whether what is there has run often
   * @returns a fault where nothing can be fetched
   */
  install(user: CodeUser, address: bigint, hot: boolean): Fault | undefined {
    const { tlb } = user;
    if (!hot && tlb.restoreJump(user.codeContext().bank, address)) return undefined;
    let code = this.#find(user, address);
    if (hot && code?.kind === 'block') {
      if (this.#cache.isUnsteady(code)) this.#predecoder.keepCold(code.block);
      else if (this.#isDue(user, code)) code = this.#translateAll(user, address);
    }
    code ??= this.#predecode(user, address);
    if (code === undefined) {
      const place = this.#place(user, address);
      if (!('faultStatus' in place)) throw new Error(`no code at 0x${address.toString(16)}`);
      return place;
    }
    const { bank } = user.codeContext();
    if (code.kind === 'block') tlb.setJump(bank, address, BLOCK_INDEX, code.block);
    else tlb.setJump(bank, address, code.index, code.entries.indexOf(address));
    return undefined;
  }

  /** Code that is there, and whose pages are where they were. */
  #find(user: CodeUser, address: bigint): Code | undefined {
    const place = this.#place(user, address);
    if ('faultStatus' in place) return undefined;
    return this.#cache.find(user.codeContext().key, address, place.physPage + Number(address & 0xfffn), (page) =>
      this.#isInPlace(user, page),
    );
  }

  #isInPlace(user: CodeUser, { virtPage, physPage }: FetchedPage): boolean {
    const place = this.#place(user, virtPage);
    return !('faultStatus' in place) && place.physPage === physPage;
  }

  /** Whether instructions were fetched from some bytes from an address on: multiples of a page. */
  isCode(virtAddr: bigint, sizeBytes: number): boolean {
    const first = virtAddr >> 12n;
    const pages = sizeBytes / PAGE;
    if (pages > this.#codePages.size) {
      for (const page of this.#codePages) if (page >= first && page < first + BigInt(pages)) return true;
      return false;
    }
    for (let i = 0; i < pages; i++) if (this.#codePages.has(first + BigInt(i))) return true;
    return false;
  }

  /** Predecodes one instruction. @returns the block that it is, or a fault where nothing can be fetched */
  step(user: CodeUser, address: bigint): number | Fault {
    const place = this.#place(user, address);
    if ('faultStatus' in place) return place;
    if (this.#predecoder.isFull) this.clear();
    const words: Words = { address, offset: place.offset + Number(address & 0xfffn), count: 1 };
    return this.#predecoder.decodeStep(words, user.codeContext());
  }

  #predecode(user: CodeUser, address: bigint): Code | undefined {
    const place = this.#place(user, address);
    if ('faultStatus' in place) return undefined;
    if (this.#predecoder.isFull) this.clear();
    const context = user.codeContext();
    const { physPage, offset } = place;
    const inPage = Number(address & 0xfffn);
    const words: Words = { address, offset: offset + inPage, count: this.#wordsFrom(address, inPage) };
    const { block, count } = this.#predecoder.decodeBlock(words, context, this.#hotRuns);
    const pages = [{ virtPage: address - BigInt(inPage), physPage }];
    const code: Code = { kind: 'block', start: address, block, pages, context: context.key };
    this.#cache.add(code);
    this.#cache.addBytes(code, physPage + inPage, physPage + inPage + 4 * count - 1);
    this.protect(physPage, offset);
    return code;
  }

  /** Has all processors' stores to lines of a page seen that now are more. @param offset of the page in the memory */
  protect(physPage: number, offset: number): void {
    for (const { tlb } of this.#users) tlb.protect(physPage, offset);
  }

  /** How many words are in the page, and in front of where a run must stop. */
  #wordsFrom(address: bigint, inPage: number): number {
    const count = (PAGE - inPage) / 4;
    if (this.#stops.size === 0) return count;
    for (let i = 1; i < count; i++) if (this.#stops.has(address + BigInt(4 * i))) return i;
    return count;
  }

  #stackHoldsCode(user: CodeUser): boolean {
    const stack = user.resolve(user.sp, 'write');
    return !('faultStatus' in stack) && this.#cache.linesOf(stack.page) !== 0n;
  }

  /**
   * Whether a block that has run often is to be translated now, with those that wait: all go into one module, since each
   * module costs time. A block that runs on while it waits is due.
   */
  #isDue(user: CodeUser, { block, start }: Extract<Code, { kind: 'block' }>): boolean {
    const { key } = user.codeContext();
    if (this.#waitingIn !== key) this.#waiting.clear();
    this.#waitingIn = key;
    if (this.#waiting.has(start) || this.#statistics.regions < EAGER_REGIONS) return true;
    this.#waiting.add(start);
    if (this.#waiting.size >= MAX_WAITING) return true;
    this.#predecoder.runAgain(block, WAITING_RUNS);
    return false;
  }

  /** Translates what waits, and what an address begins. @returns the code for that */
  #translateAll(user: CodeUser, address: bigint): Code | undefined {
    const started = performance.now();
    const made = [...new Set([address, ...this.#waiting])].flatMap((start) => {
      const code = start === address ? undefined : this.#find(user, start);
      return start === address || code?.kind === 'block' ? (this.#translate(user, start) ?? []) : [];
    });
    this.#waiting.clear();
    this.host.functions.addAt(made);
    const translationMs = this.#statistics.translationMs + performance.now() - started;
    this.#statistics = { ...this.#statistics, translationMs };
    return this.#find(user, address);
  }

  /** Whether what is translated now is among the first: all that follows is taken in, and the code is quick rather than short. */
  get #isFirst(): boolean {
    return this.host.hotRuns <= 1 || this.#statistics.regions < EAGER_REGIONS;
  }

  /** How often a block is to run until it is worth translating: the more is translated, the more is asked of the rest. */
  get #hotRuns(): number {
    const { hotRuns } = this.host;
    return this.#isFirst ? hotRuns : Math.min(hotRuns * PATIENCE, 0x7fff_ffff);
  }

  /** Translates a region, and makes it known; its function is to be added before anybody runs. */
  #translate(user: CodeUser, address: bigint): NewFunction | undefined {
    const isFirst = this.#isFirst;
    const { maxCaller, maxCalled } = isFirst ? FIRST_LIMITS : LATER_LIMITS;
    const context = user.codeContext();
    const places = new Map<bigint, CodePlace | Fault>();
    const fetched: number[] = [];
    const fetch = (at: bigint): Decoded | undefined => {
      const inPage = at & 0xfffn;
      let place = places.get(at - inPage);
      if (place === undefined) {
        place = this.#place(user, at - inPage);
        places.set(at - inPage, place);
      }
      if ('faultStatus' in place) return undefined;
      fetched.push(place.physPage + Number(inPage));
      return this.host.decode(this.#view.getUint32(place.offset + Number(inPage), true));
    };
    const isElsewhere = (at: bigint, called: boolean): boolean => {
      if (this.#stops.has(at)) return true;
      const other = this.#find(user, at);
      return other?.kind === 'region' && other.start === at && !(called && other.instructions <= maxCalled);
    };
    const hasRun = (at: bigint): boolean => isFirst || this.#find(user, at) !== undefined;
    const region = findRegion(
      address,
      { context, traces: this.#traces, fetch, hasRun, isElsewhere },
      { maxInstructions: MAX_REGION_INSTRUCTIONS, maxCaller },
    );
    if (region === undefined) return undefined;

    const body = translateRegion(region, context, { stackHoldsCode: this.#stackHoldsCode(user), isCompact: !isFirst });
    const pages: FetchedPage[] = [];
    for (const [virtPage, place] of places)
      if (!('faultStatus' in place)) pages.push({ virtPage, physPage: place.physPage });
    const entries = region.entries.map((block) => region.blocks[block]!.start);
    const { instructions } = region;
    const [index] = this.host.functions.reserve(1) as [number];
    const code: Code = { kind: 'region', start: address, index, entries, instructions, pages, context: context.key };
    this.#cache.add(code);
    for (const physAddr of fetched) this.#cache.addBytes(code, physAddr, physAddr + 3);
    for (const place of places.values()) if (!('faultStatus' in place)) this.protect(place.physPage, place.offset);
    this.#statistics = {
      ...this.#statistics,
      regions: this.#statistics.regions + 1,
      translatedInstructions: this.#statistics.translatedInstructions + region.instructions,
    };
    return { index, body };
  }
}
