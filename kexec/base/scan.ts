/** The parts of C's text input that the original reads /proc and /sys with. Text is one byte a character. */
import { U64_MAX, u64 } from './u64.js';
import { WORD_64, wrap, type Word } from './word.js';

const isSpace = (char: string | undefined): boolean => char !== undefined && ' \t\n\v\f\r'.includes(char);

export const skipSpace = (text: string, at: number): number => {
  let end = at;
  while (isSpace(text[end])) end++;
  return end;
};

export interface Scanned {
  readonly value: bigint;
  /** Where the number ends. */
  readonly end: number;
}

/**
 * `%llx` of sscanf(): white space, a sign, "0x" and digits. Too large a number becomes 2^64 - 1; "-1" wraps.
 * @returns undefined when there is no number
 */
export const scanHex = (text: string, at: number): Scanned | undefined => {
  const match = /^([+-]?)(?:0[xX])?([0-9a-fA-F]+)/.exec(text.slice(skipSpace(text, at), at + 256));
  if (match === null) return undefined;
  const digits = match[2]!.replace(/^0+(?=.)/, '');
  const magnitude = digits.length > 16 ? U64_MAX : BigInt(`0x${digits}`);
  const negative = match[1] === '-' && digits.length <= 16;
  return { value: negative ? u64(-magnitude) : magnitude, end: skipSpace(text, at) + match[0].length };
};

/**
 * `%llu` of sscanf(): white space, a sign and digits. Too large a number becomes 2^64 - 1; "-1" wraps.
 * @returns undefined when there is no number
 */
export const scanDecimal = (text: string, at: number): Scanned | undefined => {
  const start = skipSpace(text, at);
  const match = /^[+-]?[0-9]+/.exec(text.slice(start, start + 256));
  if (match === null) return undefined;
  return { value: strtoulBase(match[0], 10).value, end: start + match[0].length };
};

/** The text's lines as fgets() gives them with a buffer of `size` bytes: longer lines come in pieces, "\n" stays. */
export function* fgetsLines(text: string, size: number): Generator<string> {
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf('\n', at);
    const end = Math.min(newline < 0 ? text.length : newline + 1, at + size - 1);
    yield text.slice(at, end);
    at = end;
  }
}

/** The text up to its first NUL: what C sees of a string. */
export const cString = (text: string): string => {
  const nul = text.indexOf('\0');
  return nul < 0 ? text : text.slice(0, nul);
};

/**
 * strtoul(text, &end, base) with base 0, as option values are read: decimal, 0x hexadecimal or 0 octal, and 0b binary
 * where the C library knows it.
 * @returns the value, at most ULONG_MAX, and whether all of the text was used
 */
export const strtoul = (
  text: string,
  readsBinary = false,
  word: Word = WORD_64,
): { readonly value: bigint; readonly complete: boolean } => {
  const match = /^[ \t\n\v\f\r]*([+-]?)(?:0[xX]([0-9a-fA-F]+)|(0[bB][01]+|0[0-7]*)|([1-9][0-9]*))/.exec(text);
  if (match === null) return { value: 0n, complete: text === '' };
  const [all, sign, hexDigits, zeroDigits, decimal] = match;
  const isBinary = zeroDigits?.[1]?.toLowerCase() === 'b';
  // Without binary numbers, "0b1" is a zero and something behind it.
  if (isBinary && !readsBinary) return { value: 0n, complete: false };
  const magnitude =
    hexDigits !== undefined
      ? parseCapped(hexDigits, '0x')
      : isBinary
        ? parseBinary(zeroDigits.slice(2))
        : zeroDigits !== undefined
          ? parseCapped(zeroDigits, '0o')
          : parseCapped(decimal!, '');
  const complete = all.length === text.length;
  if (magnitude > word.max) return { value: word.max, complete };
  return { value: sign === '-' ? wrap(-magnitude, word) : magnitude, complete };
};

/**
 * strtoul(text, &end, base): white space, a sign, for base 16 an optional "0x", and digits. No number counts as 0; too
 * large a number becomes 2^64 - 1; "-1" wraps.
 * @returns the value, and whether all of the text was used
 */
export const strtoulBase = (text: string, base: 10 | 16): { readonly value: bigint; readonly complete: boolean } => {
  const match =
    base === 10
      ? /^[ \t\n\v\f\r]*([+-]?)([0-9]+)/.exec(text)
      : /^[ \t\n\v\f\r]*([+-]?)(?:0[xX](?=[0-9a-fA-F]))?([0-9a-fA-F]+)/.exec(text);
  if (match === null) return { value: 0n, complete: text === '' };
  const [all, sign, digits] = match;
  const complete = all.length === text.length;
  const magnitude = parseCapped(digits!, base === 16 ? '0x' : '');
  if (magnitude > U64_MAX) return { value: U64_MAX, complete };
  return { value: sign === '-' ? u64(-magnitude) : magnitude, complete };
};

/** A number of many digits costs no more than one of 64 bits. */
const parseCapped = (digits: string, prefix: string): bigint => {
  const significant = digits.replace(/^0+(?=.)/, '');
  return significant.length > 22 ? U64_MAX + 1n : BigInt(prefix + significant);
};

const parseBinary = (digits: string): bigint => {
  const significant = digits.replace(/^0+(?=.)/, '');
  return significant.length > 64 ? U64_MAX + 1n : BigInt(`0b${significant}`);
};

/** Bytes as text, one character a byte. */
export const latin1 = (bytes: Uint8Array): string => {
  let text = '';
  for (let at = 0; at < bytes.length; at += 4096) {
    text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  }
  return text;
};
