/** Files that are broken in one place: cut off within a field, or with one number of a header changed. */

export interface Field {
  readonly name: string;
  /** Offset in the file. */
  readonly at: number;
  /** Bytes. */
  readonly size: 1 | 2 | 4 | 8;
  readonly bigEndian?: boolean;
}

/** A file by its name. */
export type NamedFile = readonly [name: string, bytes: Uint8Array];

export const readField = (bytes: Uint8Array, { at, size, bigEndian = false }: Field): bigint => {
  const raw = Buffer.from(bytes.subarray(at, at + size));
  return BigInt(`0x${(bigEndian ? raw : raw.reverse()).toString('hex')}`);
};

/** A copy with another number in a field. */
export const withField = (bytes: Uint8Array, { at, size, bigEndian = false }: Field, value: bigint): Buffer => {
  const copy = Buffer.from(bytes);
  const raw = Buffer.from(
    BigInt.asUintN(size * 8, value)
      .toString(16)
      .padStart(size * 2, '0'),
    'hex',
  );
  (bigEndian ? raw : raw.reverse()).copy(copy, at);
  return copy;
};

/** The file cut off in the middle of each field, and in front of it. */
export const cuts = (name: string, bytes: Uint8Array, fields: readonly Field[]): readonly NamedFile[] => {
  const lengths = fields.flatMap(({ at, size }) => (size === 1 ? [at] : [at, at + size - 1]));
  return [...new Set(lengths)].map((length): NamedFile => [`${name}~cut-${length}`, bytes.subarray(0, length)]);
};

/** Sizes and offsets at which code goes wrong: around nothing, around the file's end, and around the limits of int. */
const edges = (length: number, size: number): readonly bigint[] => {
  const end = BigInt(length);
  const most = (1n << BigInt(size * 8)) - 1n;
  const values = [0n, 1n, end - 1n, end, end + 1n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, most];
  return [...new Set(values)].filter((value) => value <= most);
};

/**
 * The file with each field at each edge.
 * @param repair restores checksums, so that the field itself is looked at
 */
export const changes = (
  name: string,
  bytes: Uint8Array,
  fields: readonly Field[],
  repair: (bytes: Buffer) => Uint8Array = (changed) => changed,
): readonly NamedFile[] =>
  fields.flatMap((field) =>
    edges(bytes.length, field.size)
      .filter((value) => value !== readField(bytes, field))
      .map((value): NamedFile => [
        `${name}~${field.name}=0x${value.toString(16)}`,
        repair(withField(bytes, field, value)),
      ]),
  );
