/** Numbers and bytes as the protocol writes them. */

/** A number in hex, as addresses are written: big end first. @returns undefined for what is none, or has over 64 bits */
export const parseHex = (text: string): bigint | undefined =>
  /^[0-9a-fA-F]{1,16}$/.test(text) ? BigInt(`0x${text}`) : undefined;

/** The same for what is a size or a number of something. */
export const parseSmallHex = (text: string): number | undefined =>
  /^[0-9a-fA-F]{1,8}$/.test(text) ? parseInt(text, 16) : undefined;

/** Two digits a byte. */
export const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** @returns undefined for what is no such text */
export const fromHex = (text: string): Uint8Array | undefined =>
  text.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(text)
    ? Uint8Array.from({ length: text.length / 2 }, (_, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16))
    : undefined;

/** A register's value: little end first. */
export const valueToHex = (value: bigint, bits: number): string =>
  toHex(Uint8Array.from({ length: bits / 8 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn)));

export const valueFromHex = (text: string, bits: number): bigint | undefined => {
  const bytes = text.length === bits / 4 ? fromHex(text) : undefined;
  return bytes?.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
};

/** One byte a character. */
export const bytesOfText = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));
export const textOfBytes = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
