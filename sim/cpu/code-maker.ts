/** Code for addresses: what the interpreter needs there, and translations of what has run often. */

import type { Bus } from './state/bus.js';
import { CodeCache, placesOf, type Code, type FetchedPage } from './code-cache.js';
import type { Decoded, Decoder } from './language/decode.js';
import type { KnownTraces } from './language/trace-instruction.js';
import type { KeyedContext } from './language/context.js';
import { i32, type I32 } from './language/value.js';
import { type AccessKind, type Fault, type ResolvedPage, FaultStatus } from './state/fault.js';
import type { Functions, NewFunction } from './emit/functions.js';
import { BASE } from './emit/linkage.js';
import { StoredHandlers } from './cold/stored-handlers.js';
import { Words } from './cold/words.js';
import { HOT_RUNS, STOPS, STOPS_BYTES } from './state/layout.js';
import { runsOf, setRuns } from './state/places.js';
import type { CpuStatistics } from './state/model.js';
import { type WordRun, wordRuns } from './hot/kept-region.js';
import { findRegion } from './hot/region.js';
import type { CodePlace, Tlb } from './memory/tlb.js';
import { translateRegion } from './hot/translate.js';
import { StoredRegions, type StoredRegion } from './stored-regions.js';
import type { Translations } from './translations.js';

/** The most that a region has; fewer than {@link EXACT_END}. */
const MAX_REGION_INSTRUCTIONS = 3000;

/** So many regions are translated each at once; later ones wait for others. */
const EAGER_REGIONS = 16;
/** Addresses that wait to be translated together, at most. */
const MAX_WAITING = 16;
/** How often code may run on while it waits. */
const WAITING_RUNS = 100;
/** How many times as often as for the first regions code must have run for later ones. */
const PATIENCE = 16;
/** Code that runs less often than hot code by more than this is not worth having beside it. */
const COOLNESS = 4;
/** So many addresses that nobody wants to stop at any more are kept as such: whoever sets them sets them again. */
const MAX_FORMER_STOPS = 64;
/** So often code stops for nothing at one of them. */
const MOST_VAIN_STOPS = 1000;
/** Runs of code that never becomes hot. */
const NEVER = -0x8000_0000;
const MAX_RUNS = 0x4000_0000;

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
const pageNumber = (virtAddr: bigint): number => Number(virtAddr >> 12n);

export interface CodeMakerHost {
  readonly bus: Bus;
  readonly functions: Functions;
  readonly decode: Decoder;
  /** How often code runs before it is translated. */
  readonly hotRuns: number;
  readonly translations: Translations;
}

/** A processor, as one that hears of what happens to code. */
export interface CodeWatcher {
  /** Where its block is; see layout.ts. */
  readonly base: number;
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
 * Finds code for addresses, and makes it where there is none: handlers for the interpreter at first, translations of
 * what has run often. The code is that of all processors of a machine: each finds what another had made, and what is
 * forgotten is forgotten for all.
 */
export class CodeMaker {
  readonly #cache = new CodeCache();
  readonly #words: Words;
  readonly #view: DataView;
  /** All processors. */
  readonly #users: CodeWatcher[] = [];
  /** Numbers of the virtual pages that code was translated from. */
  readonly #codePages = new Set<number>();
  readonly #traces: KnownTraces = new WeakMap();
  /** Addresses to stop at: those that are asked for, those of breakpoints, and some of breakpoints that there were. */
  #stops: ReadonlySet<bigint> = new Set();
  #wantedStops: ReadonlySet<bigint> = new Set();
  readonly #breakpoints = new Map<CodeWatcher, readonly bigint[]>();
  /** How often code has stopped at addresses at which nobody wants that any more. */
  readonly #vainStops = new Map<bigint, number>();
  /** Numbers of the pages that they are in. */
  #stopPages: ReadonlySet<bigint> = new Set();
  /** Addresses of code that waits to be translated, and its context. */
  readonly #waiting = new Set<bigint>();
  #waitingIn = 0;
  readonly #stored: StoredRegions;
  /** Pages whose places were found since regions of earlier runs were looked for. */
  readonly #found: bigint[] = [];
  #isTakingIn = false;
  #statistics: CpuStatistics = { regions: 0, takenIn: 0, translatedInstructions: 0, translationMs: 0 };

  constructor(private readonly host: CodeMakerHost) {
    const { bus, functions, decode, translations } = host;
    this.#view = new DataView(bus.linear.buffer);
    this.#stored = new StoredRegions(translations.earlier.regions, functions);
    const stored = new StoredHandlers(translations.earlier.handlers, functions);
    if (!stored.isValid || !this.#stored.isValid) translations.forgetEarlier();
    this.#words = new Words({
      view: this.#view,
      decode,
      stored,
      addHandlers: (bodies) => functions.addHandlers(bodies),
      keepHandler: (handler) => translations.addHandler(handler),
    });
    this.#noteHotRuns();
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
    // What was translated for the only processor knows its base.
    if (this.#users.length === 2) this.clear();
  }

  get #isAlone(): boolean {
    return this.#users.length === 1;
  }

  /** What regions find the processor's state by. */
  get #base(): I32 {
    return this.#isAlone ? i32.const(this.#users[0]!.base) : BASE;
  }

  /** Sets the addresses that no code may run over. */
  setStops(stops: ReadonlySet<bigint>): void {
    const wanted = this.#wantedStops;
    if (stops.size === wanted.size && [...stops].every((address) => wanted.has(address))) return;
    this.#wantedStops = new Set(stops);
    this.#updateStops();
  }

  /** Sets the addresses at which a processor has breakpoints. */
  setBreakpoints(user: CodeWatcher, addresses: readonly bigint[]): void {
    this.#breakpoints.set(user, addresses);
    this.#updateStops();
  }

  /** Whether code may not run over some address. */
  get hasStops(): boolean {
    return this.#stops.size > 0;
  }

  /**
   * Code that runs over a new one is forgotten. One that is taken away, which debuggers do again and again, stays an
   * address to stop at: to forget code costs more than to stop for nothing (see {@link noteStop}).
   */
  #updateStops(): void {
    const wanted = new Set([...this.#wantedStops, ...[...this.#breakpoints.values()].flat()]);
    const added = [...wanted].filter((address) => !this.#stops.has(address));
    for (const address of wanted) this.#vainStops.delete(address);
    if (added.length === 0) return;
    const former = [...this.#stops].filter((address) => !wanted.has(address)).slice(-MAX_FORMER_STOPS);
    this.#placeStops(new Set([...former, ...wanted]));
    this.#forgetOver(added);
  }

  /** Code has stopped at an address. */
  noteStop(address: bigint): void {
    const isWanted =
      this.#wantedStops.has(address) || [...this.#breakpoints.values()].some((all) => all.includes(address));
    if (isWanted || !this.#stops.has(address)) return;
    const times = (this.#vainStops.get(address) ?? 0) + 1;
    if (times < MOST_VAIN_STOPS) {
      this.#vainStops.set(address, times);
      return;
    }
    this.#vainStops.delete(address);
    this.#placeStops(new Set([...this.#stops].filter((other) => other !== address)));
  }

  /** Has the interpreter know where to stop. */
  #placeStops(stops: ReadonlySet<bigint>): void {
    const before = this.#stopPages;
    this.#stops = stops;
    this.#stopPages = new Set([...stops].map((address) => address >> 12n));
    const bits = new Uint8Array(this.#view.buffer, STOPS, STOPS_BYTES).fill(0);
    for (const address of stops) {
      const number = Number(address & 0xfffn) >> 2;
      bits[number >> 3]! |= 1 << (number & 7);
    }
    const changed = [...new Set([...before, ...this.#stopPages])].filter(
      (page) => before.has(page) !== this.#stopPages.has(page),
    );
    // It looks for stops in pages alone that were found to have some.
    for (const { tlb } of this.#users) for (const page of changed) tlb.flushRange(page << 12n, PAGE);
  }

  /** Forgets the code of the pages that some addresses are in; it has run often, and is translated again at once. */
  #forgetOver(addresses: readonly bigint[]): void {
    const pages = new Set(addresses.map((address) => address & ~0xfffn));
    for (const address of addresses) this.#waiting.delete(address);
    const removed = this.#cache.removeVirtual((virtPage) => pages.has(virtPage));
    this.#release(removed);
    for (const { tlb } of this.#users)
      for (const { entries } of removed) for (const address of entries) tlb.forgetJump(address);
  }

  /** Forgets all code, and what the TLBs hold. */
  clear(): void {
    this.#waiting.clear();
    this.#release(this.#cache.clear());
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
    const addresses = removed.flatMap(({ entries }) => entries);
    for (const code of removed) for (const place of placesOf(code)) setRuns(this.#view, place, 0);
    for (const { tlb, codeChanged } of this.#users) {
      for (const address of addresses) tlb.forgetJump(address);
      codeChanged();
    }
  }

  #release(codes: readonly Code[]): void {
    for (const { index } of codes) if (!this.#stored.release(index)) this.host.functions.release(index);
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
    user.tlb.noteFetch(bank, virtAddr, place, this.#stopPages.has(virtAddr >> 12n));
    this.#found.push(virtAddr - (virtAddr & 0xfffn));
    this.#useStored(user);
    return place;
  }

  /** Takes in what earlier runs made of code that begins in pages whose places were found, where it is in memory. */
  #useStored(user: CodeUser): void {
    // To look for a region's pages finds others: their turn comes here, too.
    if (this.#isTakingIn) return;
    this.#isTakingIn = true;
    try {
      const key = this.#keptKey(user.codeContext());
      for (let page = this.#found.pop(); page !== undefined; page = this.#found.pop())
        this.#stored.useIn(key, page, (region) => this.#takeIn(user, region));
    } finally {
      this.#isTakingIn = false;
    }
  }

  /** @returns whether the region's code is in memory, and now may be run */
  #takeIn(user: CodeUser, { kept, index, pages }: StoredRegion): boolean {
    if (this.hasStops && kept.words.some((run) => this.#runsOverStop(run))) return false;
    const places = new Map<bigint, CodePlace>();
    for (const page of pages) {
      const place = this.#place(user, page);
      if ('faultStatus' in place) return false;
      places.set(page, place);
    }
    const isThere = kept.words.every(({ address, words }) => {
      const inPage = address & 0xfffn;
      const at = places.get(address - inPage)!.offset + Number(inPage);
      return words.every((word, i) => this.#view.getUint32(at + 4 * i, true) === word);
    });
    if (!isThere) return false;
    const { start, entries, instructions, words } = kept;
    this.#addCode(user, { start, index, entries, instructions }, places, words);
    this.#statistics = { ...this.#statistics, takenIn: this.#statistics.takenIn + 1 };
    this.#noteHotRuns();
    this.host.translations.noteUse(kept);
    return true;
  }

  #runsOverStop({ address, words }: WordRun): boolean {
    const end = address + 4n * BigInt(words.length);
    for (const stop of this.#stops) if (stop >= address && stop < end) return true;
    return false;
  }

  /** What must be alike for a region of an earlier run to be one of this. */
  #keptKey({ key }: KeyedContext): string {
    return this.#isAlone ? key : `${key} shared`;
  }

  /** The instruction at an address. @returns undefined where there is none */
  wordAt(user: CodeUser, virtAddr: bigint): number | undefined {
    const place = this.#place(user, virtAddr);
    return 'faultStatus' in place ? undefined : this.#view.getUint32(place.offset + Number(virtAddr & 0xfffn), true);
  }

  /** Has the interpreter know where an address' page is. @returns a fault where nothing can be fetched */
  fetch(user: CodeUser, address: bigint): Fault | undefined {
    const place = this.#place(user, address);
    return 'faultStatus' in place ? place : undefined;
  }

  /** Has the interpreter know the word at an address, whose page it knows, and those behind it. */
  addWords(user: CodeUser, address: bigint): void {
    const place = this.#place(user, address);
    if ('faultStatus' in place) throw new Error(`no instruction at 0x${address.toString(16)}`);
    const inPage = Number(address & 0xfffn);
    this.#words.add({ offset: place.offset + inPage, count: (PAGE - inPage) / 4 }, user.codeContext());
  }

  /** Puts translated code for an address that has run often into the processor's jump cache, if it is worth it. */
  install(user: CodeUser, address: bigint): void {
    const { tlb } = user;
    const { bank } = user.codeContext();
    if (this.#stops.has(address)) return this.#cool(user, address, this.#hotRuns - WAITING_RUNS);
    if (tlb.restoreJump(bank, address)) return;
    const code = this.#find(user, address) ?? this.#translateIfDue(user, address);
    if (code !== undefined) tlb.setJump(bank, address, code.index, code.entries.indexOf(address));
  }

  /**
   * Has the interpreter go on with what it was to return for. @param runs as often as it counts as having begun there
   */
  #cool(user: CodeUser, address: bigint, runs: number): void {
    const place = this.#place(user, address);
    if (!('faultStatus' in place)) setRuns(this.#view, place.physPage + Number(address & 0xfffn), runs);
  }

  /** Code that is there, and whose pages are where they were. */
  #find(user: CodeUser, address: bigint): Code | undefined {
    const place = this.#place(user, address);
    if ('faultStatus' in place) return undefined;
    return this.#cache.find(user.codeContext().number, address, place.physPage + Number(address & 0xfffn), (page) =>
      this.#isInPlace(user, page),
    );
  }

  #isInPlace(user: CodeUser, { virtPage, physPage }: FetchedPage): boolean {
    const place = this.#place(user, virtPage);
    return !('faultStatus' in place) && place.physPage === physPage;
  }

  /** Whether code was translated from some bytes from an address on: multiples of a page. */
  isCode(virtAddr: bigint, sizeBytes: number): boolean {
    const first = pageNumber(virtAddr);
    const pages = sizeBytes / PAGE;
    if (pages > this.#codePages.size) {
      for (const page of this.#codePages) if (page >= first && page < first + pages) return true;
      return false;
    }
    for (let i = 0; i < pages; i++) if (this.#codePages.has(first + i)) return true;
    return false;
  }

  /** Has all processors' stores to lines of a page seen that now are more. */
  protect(physPage: number): void {
    for (const { tlb } of this.#users) tlb.protect(physPage);
  }

  #stackHoldsCode(user: CodeUser): boolean {
    const stack = user.resolve(user.sp, 'write');
    return !('faultStatus' in stack) && this.#cache.linesOf(stack.page) !== 0n;
  }

  /**
   * Translates code that has run often, and what waits: all goes into one module, since each module costs time. Code
   * that runs on while it waits is due.
   */
  #translateIfDue(user: CodeUser, address: bigint): Code | undefined {
    const place = this.#place(user, address);
    const isUnsteady = 'faultStatus' in place || this.#cache.isUnsteady(place.physPage);
    const code = !isUnsteady && this.#isDue(user, address) ? this.#translateAll(user, address) : undefined;
    if (code === undefined) this.#cool(user, address, isUnsteady ? NEVER : this.#hotRuns - WAITING_RUNS);
    return code;
  }

  #isDue(user: CodeUser, address: bigint): boolean {
    const { number } = user.codeContext();
    if (this.#waitingIn !== number) this.#waiting.clear();
    this.#waitingIn = number;
    if (this.#waiting.has(address) || this.#isFirst) return true;
    this.#waiting.add(address);
    return this.#waiting.size >= MAX_WAITING;
  }

  /** Translates what waits, and what an address begins. @returns the code for that */
  #translateAll(user: CodeUser, address: bigint): Code | undefined {
    const started = performance.now();
    const made = [...new Set([address, ...this.#waiting])].flatMap((start) =>
      start === address || this.#find(user, start) === undefined ? (this.#translate(user, start) ?? []) : [],
    );
    this.#waiting.clear();
    this.host.functions.addRegions(made);
    this.#noteHotRuns();
    const translationMs = this.#statistics.translationMs + performance.now() - started;
    this.#statistics = { ...this.#statistics, translationMs };
    return this.#find(user, address);
  }

  /**
   * Whether what is translated now is among the first: all that follows is taken in, and the code is quick rather than
   * short.
   */
  get #isFirst(): boolean {
    return this.host.hotRuns <= 1 || this.#isEager;
  }

  /** Whether there are few regions so far. */
  get #isEager(): boolean {
    return this.#statistics.regions + this.#statistics.takenIn < EAGER_REGIONS;
  }

  /** How often code is to run until it is worth translating: the more is translated, the more is asked of the rest. */
  get #hotRuns(): number {
    const { hotRuns } = this.host;
    return this.#isFirst ? hotRuns : Math.min(hotRuns * PATIENCE, 0x7fff_ffff);
  }

  #noteHotRuns(): void {
    this.#view.setInt32(HOT_RUNS, this.#hotRuns, true);
  }

  #runsOf(user: CodeUser, address: bigint): number {
    const place = this.#place(user, address);
    return 'faultStatus' in place ? 0 : runsOf(this.#view, place.physPage + Number(address & 0xfffn));
  }

  /** Translates a region, and makes it known; its function is to be added before anybody runs. */
  #translate(user: CodeUser, address: bigint): NewFunction | undefined {
    const isFirst = this.#isFirst;
    const { maxCaller, maxCalled } = isFirst ? FIRST_LIMITS : LATER_LIMITS;
    const context = user.codeContext();
    const places = new Map<bigint, CodePlace | Fault>();
    const words = new Map<bigint, number>();
    const fetch = (at: bigint): Decoded | undefined => {
      const inPage = at & 0xfffn;
      let place = places.get(at - inPage);
      if (place === undefined) {
        place = this.#place(user, at - inPage);
        places.set(at - inPage, place);
      }
      if ('faultStatus' in place) return undefined;
      const word = this.#view.getUint32(place.offset + Number(inPage), true);
      words.set(at, word);
      return this.host.decode(word);
    };
    const isElsewhere = (at: bigint, called: boolean): boolean => {
      if (this.#stops.has(at)) return true;
      const other = this.#find(user, at);
      return other?.start === at && !(called && other.instructions <= maxCalled);
    };
    const leastRuns = this.#hotRuns / COOLNESS;
    const isWarm = (at: bigint): boolean => isFirst || this.#runsOf(user, at) >= leastRuns;
    const region = findRegion(
      address,
      { context, traces: this.#traces, fetch, isWarm, isElsewhere },
      { maxInstructions: MAX_REGION_INSTRUCTIONS, maxCaller },
    );
    if (region === undefined) return undefined;

    const body = translateRegion(region, context, {
      stackHoldsCode: this.#stackHoldsCode(user),
      isCompact: !isFirst,
      base: this.#base,
    });
    const entries = region.entries.map((block) => region.blocks[block]!.start);
    const { instructions } = region;
    const [index] = this.host.functions.reserve(1) as [number];
    const found = new Map(
      [...places].flatMap(([page, place]) => ('faultStatus' in place ? [] : [[page, place] as const])),
    );
    const runs = wordRuns(words);
    this.#addCode(user, { start: address, index, entries, instructions }, found, runs);
    const kept = { context: this.#keptKey(context), start: address, entries, instructions };
    this.host.translations.add({ ...kept, words: runs, body });
    this.#statistics = {
      ...this.#statistics,
      regions: this.#statistics.regions + 1,
      translatedInstructions: this.#statistics.translatedInstructions + region.instructions,
    };
    return { index, body };
  }

  /** Makes known a region's code, whose function is in the table, or will be before anybody runs. */
  #addCode(
    user: CodeUser,
    { start, index, entries, instructions }: Omit<Code, 'pages' | 'context'>,
    places: ReadonlyMap<bigint, CodePlace>,
    words: readonly WordRun[],
  ): void {
    const pages = [...places].map(([virtPage, { physPage }]) => ({ virtPage, physPage }));
    const code: Code = { start, index, entries, instructions, pages, context: user.codeContext().number };
    this.#cache.add(code);
    for (const { virtPage } of pages) this.#codePages.add(pageNumber(virtPage));
    // When it is not in the jump cache any more, it is to be put there at once.
    const runs = Math.min(2 * PATIENCE * this.host.hotRuns, MAX_RUNS);
    for (const physAddr of placesOf(code)) setRuns(this.#view, physAddr, runs);
    for (const { address, words: run } of words) {
      const inPage = address & 0xfffn;
      const first = places.get(address - inPage)!.physPage + Number(inPage);
      this.#cache.addBytes(code, first, first + 4 * run.length - 1);
    }
    for (const { physPage } of pages) this.protect(physPage);
  }
}
