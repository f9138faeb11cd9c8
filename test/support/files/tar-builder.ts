/** Tar archives for tests, of parts that need not fit together. */

const BLOCK = 512;

export interface TarPart {
  readonly name: string;
  /** The header's type: "0" for a file. */
  readonly type?: string;
  readonly content?: string | Uint8Array;
  readonly target?: string;
  /** What the header says of the content's size, in place of the truth. */
  readonly size?: string | Uint8Array;
  readonly prefix?: string;
}

const blocks = (bytes: Uint8Array): Buffer =>
  Buffer.concat([bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)]);

/** Writes the right checksum into a header. */
export const sumHeader = (header: Uint8Array): void => {
  const field = Buffer.from(header.buffer, header.byteOffset + 148, 8);
  field.fill(' ');
  const sum = header.reduce((total, byte) => total + byte, 0);
  field.write(`${sum.toString(8).padStart(6, '0')}\0 `, 'latin1');
};

export const tarPart = ({ name, type = '0', content = '', target = '', size, prefix = '' }: TarPart): Buffer => {
  const bytes = Buffer.from(content);
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0, 100, 'utf8');
  header.write('0000644\0', 100, 'latin1');
  header.set(Buffer.from(size ?? `${bytes.length.toString(8).padStart(11, '0')}\0`), 124);
  header.write(type, 156, 1, 'latin1');
  header.write(target, 157, 100, 'utf8');
  header.write('ustar\x0000', 257, 'latin1');
  header.write(prefix, 345, 155, 'utf8');
  sumHeader(header);
  return Buffer.concat([header, blocks(bytes)]);
};

/** An archive with its end. */
export const tarOf = (...parts: readonly TarPart[]): Buffer =>
  Buffer.concat([...parts.map(tarPart), Buffer.alloc(2 * BLOCK)]);

/** A record of pax: its length counts itself. */
export const paxRecord = (key: string, value: string): string => {
  const rest = ` ${key}=${value}\n`;
  const length = [1, 2, 3, 4, 5].find((digits) => String(digits + Buffer.byteLength(rest)).length === digits)!;
  return `${length + Buffer.byteLength(rest)}${rest}`;
};
