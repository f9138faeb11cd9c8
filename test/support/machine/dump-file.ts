/** Dumps in memory: written, and read back by other means than those under test. */
import { deflateSync, inflateSync } from 'node:zlib';
import type { Dump } from '../../../sim/kernel/vmcore/dump.js';
import { writeKdumpCompressed } from '../../../sim/kernel/vmcore/kdump-compressed.js';
import { writeVmcore } from '../../../sim/kernel/vmcore/write-vmcore.js';

const QUIET = { file: 'out', progress: undefined, breathe: async () => {} };

/** Keeps what is written where. */
class BufferSink {
  readonly #pieces: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  #end = 0;

  write(bytes: Uint8Array): void {
    this.#pieces.push({ at: this.#end, bytes: bytes.slice() });
    this.#end += bytes.length;
  }

  skip(sizeBytes: number): void {
    if (sizeBytes < 0) throw new Error('skips back');
    this.#end += sizeBytes;
  }

  writeAt(at: number, bytes: Uint8Array): void {
    this.#pieces.push({ at, bytes: bytes.slice() });
  }

  get bytes(): Buffer {
    const all = Buffer.alloc(this.#end);
    for (const { at, bytes } of this.#pieces) all.set(bytes, at);
    return all;
  }
}

/** As the ELF file that /proc/vmcore is. */
export const elfFile = async (dump: Dump): Promise<Buffer> => {
  const sink = new BufferSink();
  await writeVmcore(dump, sink, QUIET);
  return sink.bytes;
};

/** As makedumpfile compresses it. */
export const compressedFile = async (dump: Dump): Promise<Buffer> => {
  const sink = new BufferSink();
  await writeKdumpCompressed(dump, sink, (page) => deflateSync(page), QUIET);
  return sink.bytes;
};

export interface ReadDump {
  readonly release: string;
  readonly notes: Buffer;
  readonly vmcoreinfo: Buffer;
  readonly processors: number;
  /** The page of a number; undefined where there is no memory. */
  readonly page: (pfn: number) => Buffer | undefined;
}

/** Reads a file of the format kdump-compressed. */
export const readCompressed = (file: Buffer): ReadDump => {
  const blockSize = file.readInt32LE(428);
  const bitmapBytes = (file.readUInt32LE(436) / 2) * blockSize;
  const bitmap = (1 + file.readInt32LE(432)) * blockSize + bitmapBytes;
  const isSet = (pfn: number): boolean => (file[bitmap + (pfn >> 3)]! & (1 << (pfn & 7))) !== 0;
  const part = (at: number): Buffer => {
    const offset = Number(file.readBigUInt64LE(blockSize + at));
    return file.subarray(offset, offset + Number(file.readBigUInt64LE(blockSize + at + 8)));
  };
  const indexes = new Map<number, number>();
  for (let pfn = 0; pfn < bitmapBytes * 8; pfn++) if (isSet(pfn)) indexes.set(pfn, indexes.size);
  return {
    release: file.toString('latin1', 12 + 130, 12 + 195).replace(/\0.*/, ''),
    vmcoreinfo: part(32),
    notes: part(48),
    processors: file.readInt32LE(460),
    page: (pfn) => {
      const index = indexes.get(pfn);
      if (index === undefined) return undefined;
      const desc = bitmap + bitmapBytes + 24 * index;
      const offset = Number(file.readBigUInt64LE(desc));
      const bytes = file.subarray(offset, offset + file.readUInt32LE(desc + 8));
      return file.readUInt32LE(desc + 12) === 1 ? inflateSync(bytes) : bytes;
    },
  };
};
