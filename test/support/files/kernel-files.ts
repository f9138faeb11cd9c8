/** Invented kernel images of every format, and device trees. */
import { crc32, gzipSync } from 'node:zlib';

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const putText = (bytes: Uint8Array, at: number, text: string): void => {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
};

export interface ImageOptions {
  /** Bytes of the file. */
  readonly size?: number;
  readonly textOffset?: bigint;
  readonly imageSize?: bigint;
  /** Whether it is an EFI application too: "MZ", and a PE header at 0x40. */
  readonly pe?: boolean;
  /** End of the PE, by its certificates, which are padded behind. */
  readonly peEnd?: number;
  readonly seed?: number;
}

const PE_OFFSET = 0x40;

/** Writes the PE header of a 64-bit arm64 program at `at`. */
const putPe = (bytes: Uint8Array, at: number, sections: number, optionalSize: number): void => {
  putText(bytes, at, 'PE\0\0');
  view(bytes).setUint16(at + 4, 0xaa64, true);
  view(bytes).setUint16(at + 6, sections, true);
  view(bytes).setUint16(at + 20, optionalSize, true);
};

/** An arm64 Image: its header, then bytes that look random. */
export const arm64Image = ({
  size = 0x4000,
  textOffset = 0n,
  imageSize = 0x5000n,
  pe = false,
  peEnd,
  seed = 1,
}: ImageOptions = {}): Uint8Array => {
  const bytes = new Uint8Array(size);
  // Jest's globals are slow to look up, and there may be millions of bytes.
  const { imul } = Math;
  let state = seed;
  for (let i = 64; i < size; i++) {
    state = (imul(state, 1103515245) + 12345) >>> 0;
    bytes[i] = state >>> 16;
  }
  // Code comes first: a branch. Zeros could be the header of an .lzma file.
  view(bytes).setUint32(0, 0x14000010, true);
  view(bytes).setBigUint64(8, textOffset, true);
  view(bytes).setBigUint64(16, imageSize, true);
  putText(bytes, 56, 'ARM\x64');
  if (pe) {
    putText(bytes, 0, 'MZ');
    view(bytes).setUint32(60, PE_OFFSET, true);
    bytes.fill(0, PE_OFFSET, 0x200);
    putPe(bytes, PE_OFFSET, 0, 160);
    if (peEnd !== undefined) {
      const optional = PE_OFFSET + 24;
      view(bytes).setUint32(optional + 108, 6, true);
      view(bytes).setUint32(optional + 112 + 32, peEnd - 0x100, true);
      view(bytes).setUint32(optional + 112 + 36, 0x100, true);
    }
  }
  return bytes;
};

/** A vmlinux: an ELF executable whose segments hold an Image, at virtual addresses. */
export const vmlinux = (
  image: Uint8Array,
  {
    entry = 0xffff_8000_0800_0000n,
    vaddr = entry,
    paddr = vaddr,
    memsz = BigInt(image.length + 0x1000),
    type = 3,
    machine = 183,
  }: Partial<Record<'entry' | 'vaddr' | 'paddr' | 'memsz', bigint> & Record<'type' | 'machine', number>> = {},
): Uint8Array => {
  const dataOffset = 0x1000;
  const bytes = new Uint8Array(dataOffset + image.length);
  const out = view(bytes);
  putText(bytes, 0, '\x7fELF\x02\x01\x01');
  out.setUint16(16, type, true);
  out.setUint16(18, machine, true);
  out.setUint32(20, 1, true);
  out.setBigUint64(24, entry, true);
  out.setBigUint64(32, 64n, true);
  [64, 56, 1, 64, 0, 0].forEach((value, i) => out.setUint16(52 + 2 * i, value, true));
  out.setUint32(64, 1, true);
  out.setUint32(68, 7, true);
  [BigInt(dataOffset), vaddr, paddr, BigInt(image.length), memsz, 0x10000n].forEach((value, i) =>
    out.setBigUint64(72 + 8 * i, value, true),
  );
  bytes.set(image, dataOffset);
  return bytes;
};

export interface UImageOptions {
  readonly type?: number;
  readonly os?: number;
  readonly arch?: number;
  readonly compression?: number;
  /** In place of the data's true size. */
  readonly size?: number;
  readonly headerCrc?: number;
  readonly dataCrc?: number;
}

/** U-Boot's legacy image around `data`. */
export const uImage = (data: Uint8Array, options: UImageOptions = {}): Uint8Array => {
  const bytes = new Uint8Array(64 + data.length);
  const out = view(bytes);
  const size = options.size ?? data.length;
  bytes.set(data, 64);
  out.setUint32(0, 0x27051956);
  out.setUint32(12, size);
  out.setUint32(24, options.dataCrc ?? crc32(bytes.subarray(64, 64 + size)));
  [options.os ?? 5, options.arch ?? 22, options.type ?? 2, options.compression ?? 0].forEach((value, i) =>
    out.setUint8(28 + i, value),
  );
  out.setUint32(4, options.headerCrc ?? crc32(bytes.subarray(0, 64)));
  return bytes;
};

/** An EFI zboot image with `payload`, compressed by what `compression` says. */
export const zboot = (payload: Uint8Array, compression = 'gzip', machine = 0xaa64): Uint8Array => {
  const payloadOffset = 0x200;
  const bytes = new Uint8Array(payloadOffset + payload.length);
  putText(bytes, 0, 'MZ\0\0zimg');
  view(bytes).setUint32(8, payloadOffset, true);
  view(bytes).setUint32(12, payload.length, true);
  putText(bytes, 24, compression);
  view(bytes).setUint32(60, PE_OFFSET, true);
  putPe(bytes, PE_OFFSET, 0, 160);
  view(bytes).setUint16(PE_OFFSET + 4, machine, true);
  bytes.set(payload, payloadOffset);
  return bytes;
};

export interface NamedSection {
  readonly name: string;
  readonly data: Uint8Array;
  /** Bytes of the data that are not padding; all without it. */
  readonly virtualSize?: number;
}

/** A unified kernel image: a PE with the kernel in one of its sections. */
export const uki = (sections: readonly NamedSection[]): Uint8Array => {
  const headersEnd = 0x400;
  const bytes = new Uint8Array(headersEnd + sections.reduce((sum, { data }) => sum + data.length, 0));
  putText(bytes, 0, 'MZ');
  view(bytes).setUint32(60, PE_OFFSET, true);
  putPe(bytes, PE_OFFSET, sections.length, 160);
  let dataOffset = headersEnd;
  sections.forEach(({ name, data, virtualSize = data.length }, i) => {
    const at = PE_OFFSET + 24 + 160 + i * 40;
    putText(bytes, at, name);
    view(bytes).setUint32(at + 8, virtualSize, true);
    view(bytes).setUint32(at + 16, data.length, true);
    view(bytes).setUint32(at + 20, dataOffset, true);
    bytes.set(data, dataOffset);
    dataOffset += data.length;
  });
  return bytes;
};

export const gzip = (bytes: Uint8Array): Uint8Array => new Uint8Array(gzipSync(bytes));

/** The properties of a node, and of nodes below it. */
export interface TreeNode {
  readonly [name: string]: string | readonly number[] | Uint8Array | TreeNode;
}

const isLeaf = (value: TreeNode[string]): value is string | readonly number[] | Uint8Array =>
  typeof value === 'string' || value instanceof Uint8Array || Array.isArray(value);

const propertyBytes = (value: string | readonly number[] | Uint8Array): Uint8Array => {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string') return Uint8Array.from(`${value}\0`, (char) => char.charCodeAt(0));
  const bytes = new Uint8Array(value.length * 4);
  value.forEach((cell, i) => view(bytes).setUint32(i * 4, cell));
  return bytes;
};

/**
 * A flattened device tree: cells are arrays of numbers, nodes are objects.
 * @param reserve entries of the reserve map: address and size
 */
export const deviceTree = (root: TreeNode, reserve: readonly (readonly [bigint, bigint])[] = []): Uint8Array => {
  const structure: number[] = [];
  const strings: number[] = [];
  const u32 = (value: number): void =>
    void structure.push(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
  const text = (list: number[], value: string): void => {
    for (const char of value) list.push(char.charCodeAt(0));
    list.push(0);
  };
  const pad = (): void => {
    while (structure.length % 4 !== 0) structure.push(0);
  };
  const node = (name: string, content: TreeNode): void => {
    u32(1);
    text(structure, name);
    pad();
    for (const [key, value] of Object.entries(content)) {
      if (!isLeaf(value)) continue;
      const bytes = propertyBytes(value);
      u32(3);
      u32(bytes.length);
      u32(strings.length);
      text(strings, key);
      for (const byte of bytes) structure.push(byte);
      pad();
    }
    for (const [key, value] of Object.entries(content)) if (!isLeaf(value)) node(key, value);
    u32(2);
  };
  node('', root);
  u32(9);
  const [header, reserved] = [40, 16 * (reserve.length + 1)];
  const total = header + reserved + structure.length + strings.length;
  const bytes = new Uint8Array(total);
  const stringsAt = header + reserved + structure.length;
  [0xd00dfeed, total, header + reserved, stringsAt, header, 17, 16, 0, strings.length, structure.length].forEach(
    (value, i) => view(bytes).setUint32(i * 4, value),
  );
  reserve.flat().forEach((value, i) => view(bytes).setBigUint64(header + 8 * i, value));
  bytes.set(structure, header + reserved);
  bytes.set(strings, stringsAt);
  return bytes;
};

/** A tree that a kernel would start with, and `more` in /chosen. */
export const smallTree = (more: TreeNode = {}): Uint8Array =>
  deviceTree({
    '#address-cells': [2],
    '#size-cells': [2],
    compatible: 'linux,dummy-virt',
    chosen: { bootargs: 'root=/dev/vda', 'kaslr-seed': [0, 0], ...more },
    'memory@40000000': { device_type: 'memory', reg: [0, 0x40000000, 2, 0] },
  });
