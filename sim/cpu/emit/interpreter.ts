/** The interpreter: it fetches words, finds their handlers, and calls these. A function of the runtime module. */

import { HASH_MULTIPLIER } from '../state/hash.js';
import { i32, i64, select, type I32, type I64 } from '../language/value.js';
import {
  ATTENTION,
  CONTEXT,
  FETCH_BANK,
  FETCH_ENTRIES,
  FETCH_ENTRY_SHIFT,
  FETCH_OFFSET,
  FETCH_PLACES,
  HOT_RUNS,
  JUMP_CACHE_ENTRIES,
  JUMP_CACHE_ENTRY_SHIFT,
  LEFT,
  PASSED_STOP,
  PC,
  PLACE_RUNS,
  PLACE_SHIFT,
  PLACES_BYTES,
  PLACES_HAS_STOPS,
  FORM,
  SLICE_END,
  STOPS,
  WORD_ENTRIES,
  WORD_ENTRY_SHIFT,
  WORD_FORM,
  WORDS,
} from '../state/layout.js';
import { callIndirect, FunctionBuilder, load, local, type Local } from './function-builder.js';
import { statusConstant, TYPES } from './linkage.js';

/** No page: it has low bits. */
const NO_PAGE = i64.const(1);
/** What a program counter and the address of its page have in common, if it is a multiple of 4. */
const PAGE_AND_ALIGNMENT = ~0xffcn;

/** Where the first of the two entries of the jump cache for an address is. @param jumps where the bank is */
export const jumpEntryOf = (pc: I64, jumps: I32): I32 =>
  // Bits 15..2 of the program counter, times the bytes of an entry.
  i32.add(
    i32.and(
      i32.shl(i32.wrap(pc), i32.const(JUMP_CACHE_ENTRY_SHIFT - 2)),
      i32.const((JUMP_CACHE_ENTRIES - 1) << JUMP_CACHE_ENTRY_SHIFT),
    ),
    jumps,
  );

/** Where the other one is. */
export const otherJumpEntry = (entry: I32): I32 => i32.xor(entry, i32.const(1 << JUMP_CACHE_ENTRY_SHIFT));

/** A hash (hash.ts) times the bytes of an entry. */
const hashed = (value: I32, entries: number, shift: number): I32 =>
  i32.shl(i32.shrU(i32.mul(value, i32.const(HASH_MULTIPLIER)), i32.const(32 - Math.log2(entries))), i32.const(shift));

/**
 * From the program counter on, instruction by instruction, up to the end of the slice, to something that TypeScript
 * must see to, or to a branch to code that is translated (`next`).
 */
export const interpretFunction = (): Uint8Array => new Interpreter().make();

class Interpreter extends FunctionBuilder {
  readonly #jumps = local('i32', 0);
  readonly #base = local('i32', 1);
  readonly #pc: Local<'i64'>;
  readonly #left: Local<'i32'>;
  readonly #end: Local<'i32'>;
  /** The page of the program counter, and where it is in the WebAssembly memory. */
  readonly #page: Local<'i64'>;
  readonly #origin: Local<'i32'>;
  readonly #places: Local<'i32'>;
  readonly #status: Local<'i32'>;

  constructor() {
    super(2);
    this.#pc = this.variable('i64');
    this.#left = this.variable('i32');
    this.#end = this.variable('i32');
    this.#page = this.variable('i64');
    this.#origin = this.variable('i32');
    this.#places = this.variable('i32');
    this.#status = this.variable('i32');
  }

  make(): Uint8Array {
    const pc = this.#pc;
    const base = this.#base;
    this.set(pc, load.i64('i64.load', base, PC));
    this.set(this.#left, load.i32('i32.load', base, LEFT));
    this.set(this.#end, load.i32('i32.load', base, SLICE_END));
    this.set(this.#page, NO_PAGE);
    const context = this.let(i64.shl(i64.extendU(load.i32('i32.load', base, CONTEXT)), i64.const(32)));
    const fetches = this.let(load.i32('i32.load', base, FETCH_BANK));
    this.loop((again) => {
      this.#leaveAtEnd();
      this.#fetchFromHere(fetches);
      this.if(i32.geS(this.#left, i32.const(0)), () => this.#beginBlock());
      this.loop((next) => {
        this.#instruction(context, fetches);
        this.if(i32.eqz(this.#status), () => {
          this.set(pc, i64.add(pc, i64.const(4)));
          this.branch(next);
        });
        this.if(i32.eq(this.#status, statusConstant('branched')), () => {
          this.set(pc, load.i64('i64.load', base, PC));
          this.branch(again);
        });
        this.if(i32.eq(this.#status, statusConstant('passed')), () => {
          this.set(pc, i64.add(pc, i64.const(4)));
          this.#fetchFromHere(fetches);
          this.#countRun();
          this.branch(next);
        });
        this.if(i32.eq(this.#status, statusConstant('attention')), () => {
          this.set(pc, i64.add(pc, i64.const(4)));
          this.branchIf(next, i32.eqz(load.i32('i32.load', base, ATTENTION)));
        });
      });
    });
    this.#leave(this.#status);
    this.unreachable();
    return this.code.body();
  }

  #leave(status: I32): void {
    this.store('i64.store', this.#base, this.#pc, PC);
    this.store('i32.store', this.#base, this.#left, LEFT);
    this.return(status);
  }

  #leaveAtEnd(): void {
    this.if(i32.leS(this.#left, this.#end), () => this.#leave(statusConstant('slice')));
  }

  /** Carries out the instruction at the program counter, and counts it. */
  #instruction(context: Local<'i64'>, fetches: Local<'i32'>): void {
    const pc = this.#pc;
    this.#leaveAtEnd();
    this.#fetchFromHere(fetches);
    this.if(i32.and(this.#places, i32.const(PLACES_HAS_STOPS)), () => this.#stopIfWanted());
    const inPage = this.let(i32.and(i32.wrap(pc), i32.const(0xffc)));
    const key = this.let(i64.or(i64.extendU(load.i32('i32.load', i32.add(this.#origin, inPage))), context));
    const place = this.let(this.#place());
    const form = this.let(load.i32('i32.load', place));
    this.if(i64.ne(load.i64('i64.load', form, FORM.key), key), () => {
      this.set(form, load.i32('i32.load', this.#wordEntry(key), WORDS + WORD_FORM));
      this.store('i32.store', place, form);
    });
    this.set(this.#left, i32.sub(this.#left, i32.const(1)));
    const handler = load.i32('i32.load', form, FORM.handler);
    this.set(this.#status, callIndirect('i32', TYPES.handler, handler, form, this.#base, pc));
  }

  /** Goes over to the page of the program counter; leaves if that is not known, or not aligned. */
  #fetchFromHere(fetches: Local<'i32'>): void {
    const here = i64.and(this.#pc, i64.const(PAGE_AND_ALIGNMENT));
    this.if(i64.ne(here, this.#page), () => this.#fetchFrom(here, fetches));
  }

  #fetchFrom(here: I64, fetches: Local<'i32'>): void {
    const pc = this.#pc;
    const offset = i32.and(
      i32.wrap(i64.shrU(pc, i64.const(12 - FETCH_ENTRY_SHIFT))),
      i32.const((FETCH_ENTRIES - 1) << FETCH_ENTRY_SHIFT),
    );
    const entry = this.let(i32.add(offset, fetches));
    const page = this.let(load.i64('i64.load', entry));
    this.if(i64.ne(here, page), () => this.#leave(statusConstant('miss')));
    this.set(this.#page, page);
    this.set(this.#origin, load.i32('i32.load', entry, FETCH_OFFSET));
    this.set(this.#places, load.i32('i32.load', entry, FETCH_PLACES));
  }

  #stopIfWanted(): void {
    const pc = this.#pc;
    const byteAt = i32.and(i32.wrap(i64.shrU(pc, i64.const(5))), i32.const(127));
    const bit = i32.shrU(
      load.i32('i32.load8_u', byteAt, STOPS),
      i32.and(i32.shrU(i32.wrap(pc), i32.const(2)), i32.const(7)),
    );
    const isPassed = i64.eq(load.i64('i64.load', this.#base, PASSED_STOP), pc);
    const isWanted = i32.and(i32.and(bit, i32.const(1)), i32.eqz(isPassed));
    this.if(isWanted, () => this.#leave(statusConstant('stop')));
  }

  /** Where the entry of a word and its context is, less {@link WORDS}. */
  #wordEntry(key: Local<'i64'>): Local<'i32'> {
    const mixed = i32.add(i32.wrap(key), i32.wrap(i64.shrU(key, i64.const(32))));
    const entry = this.let(hashed(mixed, WORD_ENTRIES, WORD_ENTRY_SHIFT));
    this.block((found) => {
      this.loop((probe) => {
        const there = this.let(load.i64('i64.load', entry, WORDS));
        this.branchIf(found, i64.eq(there, key));
        this.if(i64.eqz(there), () => this.#leave(statusConstant('new-word')));
        const next = i32.add(entry, i32.const(1 << WORD_ENTRY_SHIFT));
        this.set(entry, i32.and(next, i32.const((WORD_ENTRIES - 1) << WORD_ENTRY_SHIFT)));
        this.branch(probe);
      });
    });
    return entry;
  }

  /** Where the entry of the program counter is in the table of its page. */
  #place(): I32 {
    const inPage = i32.and(i32.shl(i32.wrap(this.#pc), i32.const(PLACE_SHIFT - 2)), i32.const(PLACES_BYTES - 1));
    return i32.add(i32.and(this.#places, i32.const(~PLACES_HAS_STOPS)), inPage);
  }

  /** Leaves if code at the program counter is translated, or now is to be. */
  #beginBlock(): void {
    const isHot = i32.geS(this.#countRun(), load.i32('i32.load', i32.const(0), HOT_RUNS));
    this.if(isHot, () => {
      const jump = this.let(jumpEntryOf(this.#pc, this.#jumps));
      const isIn = (entry: I32): I32 => i64.eq(load.i64('i64.load', entry), this.#pc);
      const isKnown = i32.or(isIn(jump), isIn(otherJumpEntry(jump)));
      this.#leave(select(isKnown, statusConstant('next'), statusConstant('hot')));
    });
  }

  /** Counts that code begins at the program counter once more. @returns how often that was */
  #countRun(): Local<'i32'> {
    const place = this.let(this.#place());
    const runs = this.let(i32.add(load.i32('i32.load', place, PLACE_RUNS), i32.const(1)));
    this.store('i32.store', place, runs, PLACE_RUNS);
    return runs;
  }
}
