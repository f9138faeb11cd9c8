/** What the interpreter knows of words: each is decoded once, and then carried out by the handler of its shape. */

import type { Decoded, Decoder } from '../language/decode.js';
import type { KeyedContext, TranslationContext } from '../language/context.js';
import { makeHandler, makeStatusHandler, shapeRule, type Handler, type ShapeRule } from './handler.js';
import {
  MAX_SLOTS,
  FORM,
  FORMS,
  FORMS_END,
  SINK_INDEX,
  WORD_ENTRIES,
  WORD_ENTRY_SHIFT,
  WORD_ENDS,
  WORD_FORM,
  WORDS,
  ZERO_INDEX,
} from '../state/layout.js';
import type { InstructionRow, OpsRow } from '../language/row.js';
import type { Pattern } from '../language/pattern.js';
import type { KeptHandler } from './kept-handler.js';
import type { AddedHandler, StoredHandlers } from './stored-handlers.js';
import { isForCode } from '../language/trace-instruction.js';
import { hashOf } from '../state/hash.js';

export interface WordsHost {
  readonly view: DataView;
  readonly decode: Decoder;
  /** Makes handlers of bodies that belong together, and gives their indexes in the table. */
  addHandlers(bodies: readonly Uint8Array[]): readonly number[];
  /** Those of earlier runs. */
  readonly stored: StoredHandlers;
  /** Keeps one for later runs. */
  keepHandler(handler: KeptHandler): void;
}

interface Missing {
  readonly key: number;
  readonly handler: Handler;
}

interface NewWord {
  readonly word: number;
  readonly key: number;
  readonly form: number;
  readonly ends: boolean;
}

/** Words in memory, of one page. */
export interface WordsOfPage {
  /** Of the first one, in the WebAssembly memory. */
  readonly offset: number;
  readonly count: number;
}

/** Keys of handlers that are for no row; those of rows are not negative. */
const UNDEFINED_KEY = -1;
const SYSTEM_KEY = -2;
const FP_SYSTEM_KEY = -3;

/** Words behind a new one that are looked at for shapes without a handler. */
const NEIGHBOURS = 1024;

/** So many words from a new one on, which probably run next, are decoded with it. */
const AHEAD = 64;

/** Of a form with one immediate at most, and with three. */
const FORM_BYTES = FORM.immediate + 8;
const MAX_FORM_BYTES = FORM.immediate + 24;

/** Half of the hash table's entries: in a fuller one, words are far from where they are looked for. */
const MAX_WORDS = WORD_ENTRIES / 2;

const TWO_32 = 2 ** 32;

/** Handlers are made when the first word of a shape is met, and those of the words around it in the same module. */
export class Words {
  readonly #rules = new Map<InstructionRow, ShapeRule & { readonly number: number }>();
  /** Rows by the numbers of their rules. */
  readonly #rows: OpsRow[] = [];
  /** By context. */
  readonly #handlers = new Map<number, Map<number, AddedHandler>>();
  readonly #bytes: Uint8Array;
  #next = FORMS;
  /** How many words are known. */
  #count = 0;

  constructor(private readonly host: WordsHost) {
    this.#bytes = new Uint8Array(host.view.buffer);
  }

  #clear(): void {
    this.#bytes.fill(0, WORDS, WORDS + (WORD_ENTRIES << WORD_ENTRY_SHIFT));
    this.#bytes.fill(0, FORMS, FORMS_END);
    this.#next = FORMS;
    this.#count = 0;
  }

  /** Makes known to the interpreter the first one of some words, and those behind it that it leads to. */
  add({ offset, count: available }: WordsOfPage, context: KeyedContext): void {
    if (this.#count + AHEAD > MAX_WORDS) this.#clear();
    const { view } = this.host;
    const handlers = this.#handlersOf(context);
    const added: NewWord[] = [];
    const missing: Missing[] = [];
    const most = Math.min(available, AHEAD);
    let ends = false;
    for (let i = 0; !ends && i < most; i++) {
      const word = view.getUint32(offset + 4 * i, true);
      const entry = this.#entryOf(word, context.number);
      const known = view.getInt32(entry + WORD_FORM, true);
      if (known !== 0) {
        ends = view.getInt32(entry + WORD_ENDS, true) !== 0;
        continue;
      }
      const decoded = this.host.decode(word);
      const key = this.#keyOf(decoded, word, context);
      let handler: { readonly ends: boolean } | undefined =
        handlers.get(key) ?? (missing.length === 0 ? undefined : missing.find((one) => one.key === key)?.handler);
      if (handler === undefined) {
        handler = this.#findStored(key, handlers, context);
        if (handler === undefined) {
          const made = this.#make(decoded, context);
          missing.push({ key, handler: made });
          handler = made;
        }
      }
      ({ ends } = handler);
      const form = this.#next;
      const immediates = this.#writeOperands(form, word, decoded);
      this.#next += immediates > 1 ? MAX_FORM_BYTES : FORM_BYTES;
      this.#count++;
      added.push({ word, key, form, ends });
    }
    if (missing.length > 0) this.#addNeighbours({ offset, count: available }, context, handlers, missing);
    this.#makeAll(missing, handlers, context);
    for (const { word, key, form, ends: isEnd } of added) {
      const entry = this.#entryOf(word, context.number);
      for (const at of [entry, form + FORM.key]) {
        view.setUint32(at, word, true);
        view.setInt32(at + 4, context.number, true);
      }
      view.setInt32(entry + WORD_FORM, form, true);
      view.setInt32(entry + WORD_ENDS, isEnd ? 1 : 0, true);
      view.setInt32(form + FORM.handler, handlers.get(key)!.index, true);
    }
  }

  /** Where the entry of a word is, or where it is to be. */
  #entryOf(word: number, context: number): number {
    const { view } = this.host;
    let index = hashOf(word + context, WORD_ENTRIES);
    for (;;) {
      const entry = WORDS + (index << WORD_ENTRY_SHIFT);
      const there = view.getInt32(entry + 4, true);
      if (there === 0 || (there === context && view.getUint32(entry, true) === word)) return entry;
      index = (index + 1) % WORD_ENTRIES;
    }
  }

  /** Makes handlers for what is behind new words, too: it may be met next, and each module costs time. */
  #addNeighbours(
    { offset, count }: WordsOfPage,
    context: KeyedContext,
    handlers: Map<number, AddedHandler>,
    missing: Missing[],
  ): void {
    const known = new Set(missing.map(({ key }) => key));
    for (let i = 0; i < Math.min(count, NEIGHBOURS); i++) {
      const word = this.host.view.getUint32(offset + 4 * i, true);
      const decoded = this.host.decode(word);
      const key = this.#keyOf(decoded, word, context);
      if (handlers.has(key) || known.has(key)) continue;
      known.add(key);
      if (this.#findStored(key, handlers, context) === undefined)
        missing.push({ key, handler: this.#make(decoded, context) });
    }
  }

  #handlersOf({ number }: KeyedContext): Map<number, AddedHandler> {
    let handlers = this.#handlers.get(number);
    if (handlers === undefined) {
      handlers = new Map();
      this.#handlers.set(number, handlers);
    }
    return handlers;
  }

  #makeAll(missing: readonly Missing[], handlers: Map<number, AddedHandler>, context: KeyedContext): void {
    if (missing.length === 0) return;
    const indexes = this.host.addHandlers(missing.map(({ handler }) => handler.body));
    missing.forEach(({ key, handler: { ends, body } }, i) => {
      handlers.set(key, { ends, index: indexes[i]! });
      this.host.keepHandler({ context: context.key, shape: this.#shapeOf(key), ends, body });
    });
  }

  /** @returns how many immediates the word has */
  #writeOperands(at: number, word: number, decoded: Decoded): number {
    const { view } = this.host;
    if (decoded.kind !== 'row' || !('semantics' in decoded.row)) return 0;
    const { slots } = this.#ruleOf(decoded.row, decoded.pattern);
    for (let slot = 0; slot < slots.length; slot++) {
      const { shift, width } = slots[slot]!;
      const register = (word >>> shift) & (2 ** width - 1);
      view.setUint8(at + FORM.readX + slot, register === 31 ? ZERO_INDEX : register);
      view.setUint8(at + FORM.writeX + slot, register === 31 ? SINK_INDEX : register);
      view.setUint8(at + FORM.register + slot, register);
    }
    const immediates = decoded.row.immediates?.(decoded.fields);
    if (immediates === undefined) return 0;
    for (let i = 0; i < immediates.length; i++) view.setBigUint64(at + FORM.immediate + 8 * i, immediates[i]!, true);
    return immediates.length;
  }

  #ruleOf(row: OpsRow, pattern: Pattern): ShapeRule & { readonly number: number } {
    let rule = this.#rules.get(row);
    if (rule === undefined) {
      rule = { ...shapeRule(row, pattern), number: this.#rules.size };
      if (rule.slots.length > MAX_SLOTS) throw new Error(`${row.name} has more than ${MAX_SLOTS} register fields`);
      this.#rules.set(row, rule);
      this.#rows.push(row);
    }
    return rule;
  }

  #keyOf(decoded: Decoded, word: number, context: KeyedContext): number {
    if (decoded.kind !== 'row') return UNDEFINED_KEY;
    const { row, pattern, fields } = decoded;
    if (!isForCode(row, fields, context)) return row.fp === true ? FP_SYSTEM_KEY : SYSTEM_KEY;
    const { mask, number } = this.#ruleOf(row, pattern);
    return number * TWO_32 + ((word & mask) >>> 0);
  }

  /** A handler that an earlier run made. */
  #findStored(key: number, handlers: Map<number, AddedHandler>, context: KeyedContext): AddedHandler | undefined {
    const stored = this.host.stored.find(context.key, this.#shapeOf(key));
    if (stored !== undefined) handlers.set(key, stored);
    return stored;
  }

  /** The same as a key, for runs that number rows otherwise. */
  #shapeOf(key: number): string {
    const row = this.#rows[Math.floor(key / TWO_32)];
    return row === undefined ? `${key}` : `${row.name} ${row.pattern} ${key % TWO_32}`;
  }

  #make(decoded: Decoded, context: TranslationContext): Handler {
    if (decoded.kind !== 'row') return makeStatusHandler('undefined', context);
    const { row, fields, pattern } = decoded;
    if (isForCode(row, fields, context)) return makeHandler(row, fields, this.#ruleOf(row, pattern), context);
    const trapped = row.fp === true && !context.fpEnabled;
    return makeStatusHandler(trapped ? 'fp-trap' : 'system', context);
  }
}
