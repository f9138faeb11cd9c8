import type { Decoded, Decoder } from '../language/decode.js';
import type { TranslationContext } from '../language/context.js';
import { makeHandler, makeStatusHandler, shapeRule, type Handler, type ShapeRule } from './handler.js';
import { RECORD, RECORD_BYTES, RECORDS, RECORDS_END, SINK_INDEX, STATUS, ZERO_INDEX } from '../state/layout.js';
import type { InstructionRow, OpsRow } from '../language/row.js';
import type { Pattern } from '../language/pattern.js';
import { isForSystem } from '../language/trace-instruction.js';

export interface InterpreterHost {
  readonly view: DataView;
  readonly decode: Decoder;
  /** Makes functions of bodies that belong together, and gives their indexes in the table. */
  place(bodies: readonly Uint8Array[]): readonly number[];
}

interface Placed {
  readonly ends: boolean;
  readonly index: number;
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

type Context = TranslationContext & { readonly key: string };

/** Keys of handlers that are for no row; those of rows are not negative. */
const END_KEY = -1;
const UNDEFINED_KEY = -2;
const SYSTEM_KEY = -3;
const FP_SYSTEM_KEY = -4;

/** Blocks longer than this are cut. */
const MAX_BLOCK = 64;

/**
 * Code that has not run often: each instruction is decoded once into a record, and carried out by the handler of its
 * shape. Handlers are made when the first instruction of a shape is met, all of a block's in one module.
 */
export class Interpreter {
  readonly #rules = new Map<InstructionRow, ShapeRule & { readonly number: number }>();
  readonly #handlers = new Map<string, Map<number, Placed>>();
  #next = RECORDS;

  constructor(private readonly host: InterpreterHost) {}

  /** Forgets all records. */
  clear(): void {
    this.#next = RECORDS;
  }

  get isFull(): boolean {
    return this.#next + (MAX_BLOCK + 2) * RECORD_BYTES > RECORDS_END;
  }

  /** Leaves a block to the interpreter for good. */
  keep(block: number): void {
    this.host.view.setInt32(block + RECORD.behind, 0x7fff_ffff, true);
  }

  /** Makes the records of one instruction, for once: the next block or instruction takes their place. */
  decodeStep(words: Words, context: Context): number {
    const next = this.#next;
    const { record } = this.decodeBlock({ ...words, count: 1 }, context, 1);
    this.#next = next;
    return record;
  }

  /**
   * Makes the records of a block, from at least one word.
   * @param runs until it is worth translating
   * @returns offset of the block's record, and how many instructions it has
   */
  decodeBlock(
    { address, offset, count: available }: Words,
    context: Context,
    runs: number,
  ): { readonly record: number; readonly count: number } {
    const { view } = this.host;
    const handlers = this.#handlersOf(context);
    const block = this.#next;
    const keys: number[] = [];
    const missing: Missing[] = [];
    const low = Number(address & 0xffff_ffffn);
    const high = Number(address >> 32n);
    const most = Math.min(available, MAX_BLOCK);
    let ends = false;
    while (!ends && keys.length < most) {
      const count = keys.length;
      const at = block + RECORD_BYTES * (count + 1);
      const word = view.getUint32(offset + 4 * count, true);
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
      view.setUint32(at + RECORD.pc, low + 4 * count, true);
      view.setUint32(at + RECORD.pc + 4, high, true);
      this.#writeOperands(at, word, decoded);
    }
    const count = keys.length;
    if (!ends) {
      keys.push(END_KEY);
      if (!handlers.has(END_KEY)) missing.push({ key: END_KEY, handler: makeStatusHandler(STATUS.branched, context) });
      const next = BigInt.asUintN(64, address + BigInt(4 * count));
      view.setBigUint64(block + RECORD_BYTES * keys.length + RECORD.pc, next, true);
    }
    this.#makeAll(missing, handlers);
    this.#writeBlock(block, keys, handlers, count, runs);
    return { record: block, count };
  }

  #handlersOf({ key }: Context): Map<number, Placed> {
    let handlers = this.#handlers.get(key);
    if (handlers === undefined) {
      handlers = new Map();
      this.#handlers.set(key, handlers);
    }
    return handlers;
  }

  #makeAll(missing: readonly Missing[], handlers: Map<number, Placed>): void {
    if (missing.length === 0) return;
    const indexes = this.host.place(missing.map(({ handler }) => handler.body));
    missing.forEach(({ key, handler }, i) => handlers.set(key, { ends: handler.ends, index: indexes[i]! }));
  }

  #writeBlock(
    block: number,
    keys: readonly number[],
    handlers: ReadonlyMap<number, Placed>,
    count: number,
    runs: number,
  ): void {
    const { view } = this.host;
    view.setInt32(block + RECORD.handler, count, true);
    view.setInt32(block + RECORD.behind, runs, true);
    keys.forEach((key, i) => {
      const at = block + RECORD_BYTES * (i + 1);
      view.setInt32(at + RECORD.handler, handlers.get(key)!.index, true);
      view.setInt32(at + RECORD.behind, count - 1 - i, true);
    });
    this.#next = block + RECORD_BYTES * (keys.length + 1);
  }

  #writeOperands(at: number, word: number, decoded: Decoded): void {
    const { view } = this.host;
    if (decoded.kind !== 'row' || !('semantics' in decoded.row)) return;
    const { slots } = this.#ruleOf(decoded.row, decoded.pattern);
    for (let slot = 0; slot < slots.length; slot++) {
      const { shift, width } = slots[slot]!;
      const register = (word >>> shift) & (2 ** width - 1);
      view.setUint8(at + RECORD.readX + slot, register === 31 ? ZERO_INDEX : register);
      view.setUint8(at + RECORD.writeX + slot, register === 31 ? SINK_INDEX : register);
      view.setUint8(at + RECORD.register + slot, register);
    }
    const immediates = decoded.row.immediates?.(decoded.fields);
    if (immediates === undefined) return;
    for (let i = 0; i < immediates.length; i++) view.setBigUint64(at + RECORD.immediate + 8 * i, immediates[i]!, true);
  }

  #ruleOf(row: OpsRow, pattern: Pattern): ShapeRule & { readonly number: number } {
    let rule = this.#rules.get(row);
    if (rule === undefined) {
      rule = { ...shapeRule(row, pattern), number: this.#rules.size };
      this.#rules.set(row, rule);
    }
    return rule;
  }

  #keyOf(decoded: Decoded, word: number, context: Context): number {
    if (decoded.kind !== 'row') return UNDEFINED_KEY;
    const { row, pattern } = decoded;
    if (isForSystem(row, context)) return row.fp === true ? FP_SYSTEM_KEY : SYSTEM_KEY;
    const { mask, number } = this.#ruleOf(row, pattern);
    return number * 2 ** 32 + ((word & mask) >>> 0);
  }

  #make(decoded: Decoded, context: TranslationContext): Handler {
    if (decoded.kind !== 'row') return makeStatusHandler(STATUS.undefined, context);
    const { row, fields, pattern } = decoded;
    if (!isForSystem(row, context)) return makeHandler(row, fields, this.#ruleOf(row, pattern), context);
    const trapped = row.fp === true && !context.fpEnabled;
    return makeStatusHandler(trapped ? STATUS.fpTrap : STATUS.system, context);
  }
}
