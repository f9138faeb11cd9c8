/**
 * The symbols of a kernel, out of its Image alone: the tables from which it makes /proc/kallsyms (scripts/kallsyms.c,
 * kernel/kallsyms.c). Nothing says where they are; they are found by what they must look like.
 */

export interface ImageSymbol {
  /** Bytes from the Image's first one. */
  readonly offset: number;
  readonly name: string;
  /** The letter that nm has for it: T and t for code; undefined where nobody said. */
  readonly type?: string;
}

/** The symbols of an Image, in the order of their places. */
export class ImageSymbols {
  readonly #byName: ReadonlyMap<string, number>;

  /** @param symbols in the order of their offsets */
  constructor(readonly symbols: readonly ImageSymbol[]) {
    this.#byName = new Map(symbols.map(({ name }, index) => [name, index]));
  }

  /** The symbol of a name: of several, the last. */
  find(name: string): ImageSymbol | undefined {
    const index = this.#byName.get(name);
    return index === undefined ? undefined : this.symbols[index];
  }

  /** Bytes from the Image's first one to a symbol; undefined where it has none of that name. */
  offsetOf(name: string): number | undefined {
    return this.find(name)?.offset;
  }

  /** Bytes from a symbol to the next one, which its own are among. */
  roomOf(name: string): number | undefined {
    const index = this.#byName.get(name);
    if (index === undefined) return undefined;
    const start = this.symbols[index]!.offset;
    const next = this.symbols.slice(index + 1).find(({ offset }) => offset > start);
    return next && next.offset - start;
  }

  /** `vprintk+0x10`; undefined for what lies before the first symbol or behind the last one. */
  nameAt(offset: number): string | undefined {
    const found = this.at(offset);
    return found && `${found.name}+0x${(offset - found.offset).toString(16)}`;
  }

  /** The symbol at an offset or before it; undefined for what lies before the first symbol or behind the last one. */
  at(offset: number): ImageSymbol | undefined {
    const { symbols } = this;
    const last = symbols.at(-1);
    if (last === undefined || offset > last.offset) return undefined;
    let [low, high] = [-1, symbols.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (symbols[middle]!.offset <= offset) low = middle;
      else high = middle;
    }
    // Of several at one place the first is the best known.
    while (low > 0 && symbols[low - 1]!.offset === symbols[low]!.offset) low--;
    return symbols[low];
  }
}

/** Tokens that names are made of, by their codes. */
const TOKENS = 256;
/** The digits are tokens by themselves in every kernel's table, one behind the other as in ASCII. */
const DIGITS = Uint8Array.from(Array.from('0123456789', (digit) => [digit.charCodeAt(0), 0]).flat());
const FIRST_DIGIT = 0x30;
/** Bytes of all tokens: more than any kernel's have. */
const MAX_TOKENS_BYTES = 1 << 14;
/** The second table has the place in the first of each token, two bytes each. */
const INDEX_BYTES = 2 * TOKENS;

/** Symbols that a kernel may have; the smallest that boots has ten thousand or so, the largest less than a million. */
const MIN_SYMBOLS = 16;
const MAX_SYMBOLS = 1 << 21;
/** Every 256th name's place is in a table. */
const MARKED = 256;
/** Tables are aligned so (ALGN of scripts/kallsyms.c): to 8 bytes up to Linux 6.x, to 4 since 7.0. */
const ALIGNMENTS = [8, 4] as const;
const LEAST_ALIGNMENT = 4;

const aligned = (position: number, alignment: number): number => Math.ceil(position / alignment) * alignment;

interface TokenTable {
  readonly tokens: readonly string[];
  readonly start: number;
  /** Behind both tables. */
  readonly end: number;
}

interface NameTable {
  readonly alignment: number;
  /** Where the number of symbols is. */
  readonly start: number;
  readonly count: number;
  /** Where the names begin. */
  readonly names: number;
}

/**
 * The symbols of an Image; undefined where it has no such tables (CONFIG_KALLSYMS). Whatever the bytes are, it ends.
 */
export const readImageSymbols = (image: Uint8Array): ImageSymbols | undefined => {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  for (let hit = find(image, DIGITS, 0); hit >= 0; hit = find(image, DIGITS, hit + 1)) {
    const tokens = tokenTableAt(image, view, hit);
    const names = tokens && namesBefore(image, view, tokens.start);
    if (tokens === undefined || names === undefined) continue;
    const offsets = offsetsOf(view, names, tokens);
    if (offsets !== undefined) return decode(image, names, tokens, offsets);
  }
  return undefined;
};

const find = (image: Uint8Array, wanted: Uint8Array, from: number): number => {
  for (let at = image.indexOf(wanted[0]!, from); at >= 0; at = image.indexOf(wanted[0]!, at + 1)) {
    if (wanted.every((byte, i) => image[at + i] === byte)) return at;
  }
  return -1;
};

/** @param digits where the tokens "0", "1" and so on are */
const tokenTableAt = (image: Uint8Array, view: DataView, digits: number): TokenTable | undefined => {
  const last = Math.min(digits + MAX_TOKENS_BYTES, image.length - INDEX_BYTES);
  for (let index = aligned(digits + DIGITS.length, LEAST_ALIGNMENT); index <= last; index += LEAST_ALIGNMENT) {
    if (view.getUint16(index, true) !== 0) continue;
    const start = digits - view.getUint16(index + 2 * FIRST_DIGIT, true);
    if (start < 0) continue;
    const tokens = tokensOf(image, view, start, index);
    if (tokens !== undefined) return { tokens, start, end: index + INDEX_BYTES };
  }
  return undefined;
};

const tokensOf = (image: Uint8Array, view: DataView, start: number, index: number): readonly string[] | undefined => {
  const tokens: string[] = [];
  let at = start;
  for (let code = 0; code < TOKENS; code++) {
    if (start + view.getUint16(index + 2 * code, true) !== at) return undefined;
    const end = image.indexOf(0, at);
    if (end < 0 || end >= index) return undefined;
    tokens.push(String.fromCharCode(...image.subarray(at, end)));
    at = end + 1;
  }
  return tokens;
};

/**
 * The names lie before the tokens, the number of symbols before the names, and the places of some names behind them:
 * what passes for all three is them.
 */
const namesBefore = (image: Uint8Array, view: DataView, tokens: number): NameTable | undefined => {
  for (let start = aligned(tokens, LEAST_ALIGNMENT) - ALIGNMENTS[0]; start >= 0; start -= LEAST_ALIGNMENT) {
    const count = view.getUint32(start, true);
    if (count < MIN_SYMBOLS || count > MAX_SYMBOLS) continue;
    for (const alignment of ALIGNMENTS) {
      const table = { alignment, start, count, names: start + alignment };
      if (hasMarkers(image, view, table, tokens)) return table;
    }
  }
  return undefined;
};

const hasMarkers = (image: Uint8Array, view: DataView, table: NameTable, limit: number): boolean => {
  const { alignment, start, count, names } = table;
  if (start % alignment !== 0) return false;
  const marks: number[] = [];
  let at = names;
  for (let i = 0; i < count; i++) {
    if (i % MARKED === 0) marks.push(at - names);
    const { length, bytes } = lengthAt(image, at);
    at += length + bytes;
    if (length === 0 || at > limit) return false;
  }
  const markers = aligned(at, alignment);
  return (
    markers + 4 * marks.length <= limit && marks.every((mark, i) => view.getUint32(markers + 4 * i, true) === mark)
  );
};

/** How many tokens a name has; since Linux 6.1, those of more than 127 have a second byte. */
const lengthAt = (image: Uint8Array, at: number): { readonly length: number; readonly bytes: number } => {
  const first = image[at] ?? 0;
  return first < 0x80
    ? { length: first, bytes: 1 }
    : { length: (first & 0x7f) | ((image[at + 1] ?? 0) << 7), bytes: 2 };
};

/** Where symbols are, from the Image's first byte or from another one, the same for all. */
type Offsets = (index: number) => number;

/**
 * Up to Linux 6.3 the offsets are before all else, with the address that they count from behind them; since then they
 * are behind the tokens. Since 7.0 each counts from its own place.
 */
const offsetsOf = (view: DataView, names: NameTable, { end }: TokenTable): Offsets | undefined => {
  const { alignment, start, count } = names;
  const before = start - alignment - aligned(4 * count, alignment);
  const after = aligned(end, alignment);
  const candidates: readonly { readonly table: number; readonly own: boolean }[] = [
    { table: after, own: false },
    { table: after, own: true },
    { table: before, own: false },
  ];
  for (const { table, own } of candidates) {
    if (table < 0 || table + 4 * count > view.byteLength) continue;
    const offsets: Offsets = own
      ? (index) => table + 4 * index + view.getInt32(table + 4 * index, true)
      : (index) => view.getUint32(table + 4 * index, true);
    if (isSorted(offsets, count)) return offsets;
  }
  return undefined;
};

/** Most symbols have a place of their own; of what is no table, most places would be the same. */
const isSorted = (offsets: Offsets, count: number): boolean => {
  let places = 1;
  for (let i = 1; i < count; i++) {
    const step = offsets(i) - offsets(i - 1);
    if (step < 0) return false;
    if (step > 0) places++;
  }
  return places > count / 2;
};

/**
 * Symbols whose places are known: the Image's first byte, and, where a kernel has names of functions only
 * (CONFIG_KALLSYMS_ALL), the first one behind the header's 64 KiB (SEGMENT_ALIGN, arch/arm64/kernel/vmlinux.lds.S).
 */
const KNOWN: readonly ImageSymbol[] = [
  { name: '_text', offset: 0 },
  { name: '_stext', offset: 0x1_0000 },
];

const decode = (
  image: Uint8Array,
  { count, names }: NameTable,
  { tokens }: TokenTable,
  offsets: Offsets,
): ImageSymbols | undefined => {
  const found: ImageSymbol[] = [];
  let at = names;
  for (let i = 0; i < count; i++) {
    const { length, bytes } = lengthAt(image, at);
    at += bytes;
    let text = '';
    for (const end = at + length; at < end; at++) text += tokens[image[at]!]!;
    // The first character is the symbol's type.
    found.push({ offset: offsets(i), name: text.slice(1), type: text.slice(0, 1) });
  }
  for (const known of KNOWN) {
    const symbol = found.find(({ name }) => name === known.name);
    if (symbol === undefined) continue;
    const start = symbol.offset - known.offset;
    return new ImageSymbols(found.map((one) => ({ ...one, offset: one.offset - start })));
  }
  return undefined;
};
