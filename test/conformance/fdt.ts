/** Device trees for test machines: a description as data, flattened by the rules of the devicetree specification. */

export type Property = number | bigint | string | Uint8Array | readonly number[] | readonly string[];

export interface FdtNode {
  readonly properties?: Readonly<Record<string, Property>>;
  readonly children?: Readonly<Record<string, FdtNode>>;
}

export interface FdtOptions {
  readonly version?: number;
  readonly lastCompatible?: number;
  readonly magic?: number;
  /** Entries of the memory reservation block. */
  readonly reserve?: readonly (readonly [bigint, bigint])[];
  /** Names that end like another one point into it ("size" in "#size"). */
  readonly shareTails?: boolean;
  /** Free bytes behind the blocks, inside totalsize. */
  readonly padding?: number;
}

const BEGIN_NODE = 1;
const END_NODE = 2;
const PROP = 3;
const END = 9;

const u32 = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => bytes.writeUInt32BE(value >>> 0, index * 4));
  return bytes;
};

const u64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
};

const isStrings = (value: Property): value is readonly string[] =>
  Array.isArray(value) && value.length > 0 && typeof value[0] === 'string';

/** The bytes of a property: numbers are cells, bigints pairs of cells, strings end with NUL. */
export const propertyBytes = (value: Property): Buffer => {
  if (typeof value === 'number') return u32(value);
  if (typeof value === 'bigint') return u64(value);
  if (typeof value === 'string') return Buffer.from(`${value}\0`, 'latin1');
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (isStrings(value)) return Buffer.concat(value.map(propertyBytes));
  return u32(...value);
};

const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);

export const buildFdt = (root: FdtNode, options: FdtOptions = {}): Uint8Array => {
  let strings = Buffer.alloc(0);
  const offsetOf = (name: string): number => {
    const wanted = Buffer.from(`${name}\0`, 'latin1');
    let at = strings.indexOf(wanted);
    while (at > 0 && options.shareTails !== true && strings[at - 1] !== 0) at = strings.indexOf(wanted, at + 1);
    if (at >= 0) return at;
    at = strings.length;
    strings = Buffer.concat([strings, wanted]);
    return at;
  };
  const flatten = (name: string, node: FdtNode): Buffer[] => [
    u32(BEGIN_NODE),
    padded(Buffer.from(`${name}\0`, 'latin1')),
    ...Object.entries(node.properties ?? {}).flatMap(([key, value]) => {
      const bytes = propertyBytes(value);
      return [u32(PROP, bytes.length, offsetOf(key)), padded(bytes)];
    }),
    ...Object.entries(node.children ?? {}).flatMap(([key, child]) => flatten(key, child)),
    u32(END_NODE),
  ];
  const structure = Buffer.concat([...flatten('', root), u32(END)]);
  const reserve = Buffer.concat(
    [...(options.reserve ?? []), [0n, 0n] as const].flatMap(([address, size]) => [u64(address), u64(size)]),
  );
  const headerSize = 40;
  const structureAt = headerSize + reserve.length;
  const stringsAt = structureAt + structure.length;
  const total = stringsAt + strings.length + (options.padding ?? 0);
  const header = u32(
    options.magic ?? 0xd00dfeed,
    total,
    structureAt,
    stringsAt,
    headerSize,
    options.version ?? 17,
    options.lastCompatible ?? 16,
    0,
    strings.length,
    structure.length,
  );
  return Buffer.concat([header, reserve, structure, strings, Buffer.alloc(options.padding ?? 0)]);
};

/** The same description as the directories and files of /proc/device-tree. */
export const deviceTreeFiles = (root: FdtNode, at: string): [string, Uint8Array][] => [
  ...Object.entries(root.properties ?? {}).map(([name, value]): [string, Uint8Array] => [
    `${at}/${name}`,
    propertyBytes(value),
  ]),
  ...Object.entries(root.children ?? {}).flatMap(([name, child]) => deviceTreeFiles(child, `${at}/${name}`)),
];
