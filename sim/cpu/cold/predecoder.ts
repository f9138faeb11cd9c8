/** Code that has not run often: each instruction is decoded once, and then carried out by the handler of its shape. */

import type { Decoded, Decoder } from '../language/decode.js';
import type { KeyedContext, TranslationContext } from '../language/context.js';
import { makeHandler, makeStatusHandler, shapeRule, type Handler, type ShapeRule } from './handler.js';
import {
  BLOCK,
  PREDECODED,
  PREDECODED_BYTES,
  PREDECODED_END,
  PREDECODED_START,
  SINK_INDEX,
  ZERO_INDEX,
} from '../state/layout.js';
import type { InstructionRow, OpsRow } from '../language/row.js';
import type { Pattern } from '../language/pattern.js';
import { isForCode } from '../language/trace-instruction.js';

export interface PredecoderHost {
  readonly view: DataView;
  readonly decode: Decoder;
  /** Makes functions of bodies that belong together, and gives their indexes in the table. */
  addFunctions(bodies: readonly Uint8Array[]): readonly number[];
}

interface AddedHandler {
  readonly ends: boolean;
  readonly index: number;
}

/** A word that was predecoded. */
interface KnownWord {
  /** Where that is: nothing else is put there until all is forgotten. */
  readonly at: number;
  readonly key: number;
  readonly ends: boolean;
}

interface Missing {
  readonly key: number;
  readonly handler: Handler;
}

/** Words that may be decoded in one go: they lie in one page. */
export interface Words {
  readonly address: bigint;
  /** Of the first one, in the WebAssembly memory. */
  readonly offset: number;
  readonly count: number;
}

/** Keys of handlers that are for no row; those of rows are not negative. */
const END_KEY = -1;
const UNDEFINED_KEY = -2;
const SYSTEM_KEY = -3;
const FP_SYSTEM_KEY = -4;

/** Words behind a block that are looked at for shapes without a handler. */
const NEIGHBOURS = 1024;

/** Blocks longer than this are cut. */
const MAX_BLOCK = 64;

/** Handlers are made when the first instruction of a shape is met, all of a block's in one module. */
export class Predecoder {
  readonly #rules = new Map<InstructionRow, ShapeRule & { readonly number: number }>();
  readonly #handlers = new Map<string, Map<number, AddedHandler>>();
  /** Where words were predecoded before, by context: the same is to be done again. */
  readonly #known = new Map<string, Map<number, KnownWord>>();
  readonly #bytes: Uint8Array;
  #next = PREDECODED_START;
  #isForOnce = false;

  constructor(private readonly host: PredecoderHost) {
    this.#bytes = new Uint8Array(host.view.buffer);
  }

  /** Forgets all blocks. */
  clear(): void {
    this.#known.clear();
    this.#next = PREDECODED_START;
  }

  get isFull(): boolean {
    return this.#next + (MAX_BLOCK + 2) * PREDECODED_BYTES > PREDECODED_END;
  }

  /** Has a block become hot once more, when it has run so often again. */
  runAgain(block: number, runs: number): void {
    this.host.view.setInt32(block + BLOCK.runsLeft, runs, true);
  }

  /** Has a block never become hot. */
  keepCold(block: number): void {
    this.host.view.setInt32(block + BLOCK.runsLeft, 0x7fff_ffff, true);
  }

  /** Makes a block of one instruction, for once: the next one takes its place. @returns where the block is */
  decodeStep(words: Words, context: KeyedContext): number {
    const next = this.#next;
    this.#isForOnce = true;
    const { block } = this.decodeBlock({ ...words, count: 1 }, context, 1);
    this.#isForOnce = false;
    this.#next = next;
    return block;
  }

  /**
   * Makes a block from at least one word.
   * @param runs until it is worth translating
   * @returns where the block is, and how many instructions it has
   */
  decodeBlock(words: Words, context: KeyedContext, runs: number): { readonly block: number; readonly count: number } {
    const { address, offset, count: available } = words;
    const { view } = this.host;
    const handlers = this.#handlersOf(context);
    const block = this.#next;
    const known = this.#knownIn(context);
    const keys: number[] = [];
    const missing: Missing[] = [];
    const low = Number(address & 0xffff_ffffn);
    const high = Number(address >> 32n);
    const most = Math.min(available, MAX_BLOCK);
    let ends = false;
    while (!ends && keys.length < most) {
      const count = keys.length;
      const at = block + PREDECODED_BYTES * (count + 1);
      const word = view.getUint32(offset + 4 * count, true);
      const again = known.get(word);
      if (again !== undefined) {
        this.#bytes.copyWithin(at, again.at, again.at + PREDECODED_BYTES);
        view.setUint32(at + PREDECODED.pc, low + 4 * count, true);
        view.setUint32(at + PREDECODED.pc + 4, high, true);
        keys.push(again.key);
        ends = again.ends;
        continue;
      }
      const decoded = this.host.decode(word);
      const key = this.#keyOf(decoded, word, context);
      let handler: { readonly ends: boolean } | undefined =
        handlers.get(key) ?? (missing.length === 0 ? undefined : missing.find((one) => one.key === key)?.handler);
      if (handler === undefined) {
        const made = this.#make(decoded, context);
        missing.push({ key, handler: made });
        handler = made;
      }
      keys.push(key);
      ends = handler.ends;
      view.setUint32(at + PREDECODED.pc, low + 4 * count, true);
      view.setUint32(at + PREDECODED.pc + 4, high, true);
      this.#writeOperands(at, word, decoded);
      if (!this.#isForOnce) known.set(word, { at, key, ends });
    }
    const count = keys.length;
    if (!ends) {
      keys.push(END_KEY);
      if (!handlers.has(END_KEY)) missing.push({ key: END_KEY, handler: makeStatusHandler('branched', context) });
      const next = BigInt.asUintN(64, address + BigInt(4 * count));
      view.setBigUint64(block + PREDECODED_BYTES * keys.length + PREDECODED.pc, next, true);
    }
    if (missing.length > 0) this.#addNeighbours(words, context, handlers, missing);
    this.#makeAll(missing, handlers);
    this.#writeBlock(block, keys, handlers, count, runs);
    return { block, count };
  }

  /** Makes handlers for what is behind the block, too: it may be met next, and each module costs time. */
  #addNeighbours(
    { offset, count }: Words,
    context: KeyedContext,
    handlers: ReadonlyMap<number, AddedHandler>,
    missing: Missing[],
  ): void {
    const known = new Set(missing.map(({ key }) => key));
    for (let i = 0; i < Math.min(count, NEIGHBOURS); i++) {
      const word = this.host.view.getUint32(offset + 4 * i, true);
      const decoded = this.host.decode(word);
      const key = this.#keyOf(decoded, word, context);
      if (handlers.has(key) || known.has(key)) continue;
      known.add(key);
      missing.push({ key, handler: this.#make(decoded, context) });
    }
  }

  #knownIn({ key }: KeyedContext): Map<number, KnownWord> {
    let known = this.#known.get(key);
    if (known === undefined) {
      known = new Map();
      this.#known.set(key, known);
    }
    return known;
  }

  #handlersOf({ key }: KeyedContext): Map<number, AddedHandler> {
    let handlers = this.#handlers.get(key);
    if (handlers === undefined) {
      handlers = new Map();
      this.#handlers.set(key, handlers);
    }
    return handlers;
  }

  #makeAll(missing: readonly Missing[], handlers: Map<number, AddedHandler>): void {
    if (missing.length === 0) return;
    const indexes = this.host.addFunctions(missing.map(({ handler }) => handler.body));
    missing.forEach(({ key, handler }, i) => handlers.set(key, { ends: handler.ends, index: indexes[i]! }));
  }

  #writeBlock(
    block: number,
    keys: readonly number[],
    handlers: ReadonlyMap<number, AddedHandler>,
    count: number,
    runs: number,
  ): void {
    const { view } = this.host;
    view.setInt32(block + BLOCK.instructions, count, true);
    view.setInt32(block + BLOCK.runsLeft, runs, true);
    keys.forEach((key, i) => {
      const at = block + PREDECODED_BYTES * (i + 1);
      view.setInt32(at + PREDECODED.handler, handlers.get(key)!.index, true);
      view.setInt32(at + PREDECODED.behind, count - 1 - i, true);
    });
    this.#next = block + PREDECODED_BYTES * (keys.length + 1);
  }

  #writeOperands(at: number, word: number, decoded: Decoded): void {
    const { view } = this.host;
    if (decoded.kind !== 'row' || !('semantics' in decoded.row)) return;
    const { slots } = this.#ruleOf(decoded.row, decoded.pattern);
    for (let slot = 0; slot < slots.length; slot++) {
      const { shift, width } = slots[slot]!;
      const register = (word >>> shift) & (2 ** width - 1);
      view.setUint8(at + PREDECODED.readX + slot, register === 31 ? ZERO_INDEX : register);
      view.setUint8(at + PREDECODED.writeX + slot, register === 31 ? SINK_INDEX : register);
      view.setUint8(at + PREDECODED.register + slot, register);
    }
    const immediates = decoded.row.immediates?.(decoded.fields);
    if (immediates === undefined) return;
    for (let i = 0; i < immediates.length; i++)
      view.setBigUint64(at + PREDECODED.immediate + 8 * i, immediates[i]!, true);
  }

  #ruleOf(row: OpsRow, pattern: Pattern): ShapeRule & { readonly number: number } {
    let rule = this.#rules.get(row);
    if (rule === undefined) {
      rule = { ...shapeRule(row, pattern), number: this.#rules.size };
      this.#rules.set(row, rule);
    }
    return rule;
  }

  #keyOf(decoded: Decoded, word: number, context: KeyedContext): number {
    if (decoded.kind !== 'row') return UNDEFINED_KEY;
    const { row, pattern, fields } = decoded;
    if (!isForCode(row, fields, context)) return row.fp === true ? FP_SYSTEM_KEY : SYSTEM_KEY;
    const { mask, number } = this.#ruleOf(row, pattern);
    return number * 2 ** 32 + ((word & mask) >>> 0);
  }

  #make(decoded: Decoded, context: TranslationContext): Handler {
    if (decoded.kind !== 'row') return makeStatusHandler('undefined', context);
    const { row, fields, pattern } = decoded;
    if (isForCode(row, fields, context)) return makeHandler(row, fields, this.#ruleOf(row, pattern), context);
    const trapped = row.fp === true && !context.fpEnabled;
    return makeStatusHandler(trapped ? 'fp-trap' : 'system', context);
  }
}
