/** Images with nothing in them but the tables of kallsyms, as the kernel's scripts/kallsyms.c lays them out. */

/** In which order the tables are, how they are aligned, and what the offsets count from. */
export type KallsymsLayout = 'before' | 'behind' | 'own';

export interface BuiltSymbol {
  readonly offset: number;
  /** With its type before it, such as "T_stext". */
  readonly typed: string;
}

/** Tokens of more than one character, in place of codes that no name has. */
const PAIRS = ['_s', 'te', 'xt', 'log_'] as const;
const FIRST_PAIR = 0x80;

const tokens = (): readonly string[] =>
  Array.from(
    { length: 256 },
    (_, code) => PAIRS[code - FIRST_PAIR] ?? (code === 0 ? 'unused' : String.fromCharCode(code)),
  );

/** Codes of a name, the longest tokens first. */
const codesOf = (name: string): readonly number[] => {
  const codes: number[] = [];
  for (let at = 0; at < name.length;) {
    const pair = PAIRS.findIndex((candidate) => name.startsWith(candidate, at));
    codes.push(pair < 0 ? name.charCodeAt(at) : FIRST_PAIR + pair);
    at += pair < 0 ? 1 : PAIRS[pair]!.length;
  }
  return codes;
};

const u16 = (value: number): readonly number[] => [value & 0xff, value >> 8];
const u32 = (value: number): readonly number[] => [...u16(value & 0xffff), ...u16(value >>> 16)];

/** @param first bytes of other data before the tables */
export const imageWithSymbols = (
  symbols: readonly BuiltSymbol[],
  layout: KallsymsLayout,
  first = 0x1000,
): Uint8Array => {
  const alignment = layout === 'own' ? 4 : 8;
  // Before the tokens stands another table that looks like them at first: digits, one behind the other.
  const bytes: number[] = [
    ...Array.from({ length: first }, () => 0),
    ...Array.from('0123456789', (d) => [d.charCodeAt(0), 0]).flat(),
  ];
  const align = (): void => {
    while (bytes.length % alignment !== 0) bytes.push(0);
  };
  const put = (...more: readonly number[]): void => {
    align();
    bytes.push(...more);
  };
  const offsets = (): void => {
    align();
    for (const { offset } of symbols) bytes.push(...u32(layout === 'own' ? offset - bytes.length : offset));
  };
  const base = (): void => put(...u32(0x8000_0000), ...u32(0xffff_8000));

  if (layout === 'before') {
    offsets();
    base();
  }
  put(...u32(symbols.length));
  align();
  const names = bytes.length;
  const marks: number[] = [];
  symbols.forEach(({ typed }, i) => {
    if (i % 256 === 0) marks.push(bytes.length - names);
    const codes = codesOf(typed);
    bytes.push(...(codes.length < 128 ? [codes.length] : [(codes.length & 0x7f) | 0x80, codes.length >> 7]), ...codes);
  });
  put(...marks.flatMap(u32));
  align();
  const places: number[] = [];
  const start = bytes.length;
  for (const token of tokens()) {
    places.push(bytes.length - start);
    bytes.push(...Array.from(token, (character) => character.charCodeAt(0)), 0);
  }
  put(...places.flatMap(u16));
  if (layout !== 'before') offsets();
  if (layout === 'behind') base();
  align();
  return Uint8Array.from(bytes);
};
