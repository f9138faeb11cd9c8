/** The structure of zstd data (RFC 8878, section 3.1): what can be known of a frame without decoding it. */

const MAGIC = 0xfd2f_b528;
/** Frames that are to be passed over have this, with any last hexadecimal digit. */
const SKIPPABLE_MAGIC = 0x184d_2a50;
const MAX_BLOCK_SIZE = 128 * 1024;
const BLOCK_HEADER_SIZE = 3;
const CHECKSUM_SIZE = 4;

const RLE = 1;
const COMPRESSED = 2;

export interface ZstdFrame {
  /** Where it starts, where its last block does, and where it ends (exclusive). */
  readonly start: number;
  readonly lastBlock: number;
  readonly end: number;
  /** Bytes that it says to hold; undefined when it does not say. */
  readonly contentSize: number | undefined;
  /** No fewer and no more bytes come out of its blocks. */
  readonly minOutput: number;
  readonly maxOutput: number;
  /** How far back a decoder may have to look. */
  readonly windowSize: number;
  readonly checksum: number | undefined;
}

interface Header extends Pick<ZstdFrame, 'contentSize' | 'windowSize'> {
  readonly end: number;
  readonly hasChecksum: boolean;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const readNumber = (view: DataView, at: number, size: number): number => {
  switch (size) {
    case 1:
      return view.getUint8(at);
    case 2:
      return view.getUint16(at, true);
    case 4:
      return view.getUint32(at, true);
    case 8:
      return Number(view.getBigUint64(at, true));
    default:
      return 0;
  }
};

/** The header behind the magic number at `start`; undefined when it is broken, cut off, or wants a dictionary. */
const readHeader = (view: DataView, start: number): Header | undefined => {
  let at = start + 4;
  if (at >= view.byteLength) return undefined;
  const descriptor = view.getUint8(at++);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  if ((descriptor & 0x08) !== 0) return undefined;
  const dictionaryIdSize = [0, 1, 2, 4][descriptor & 3]!;
  const contentSizeFlag = descriptor >> 6;
  const contentSizeSize = contentSizeFlag > 0 ? 1 << contentSizeFlag : isSingleSegment ? 1 : 0;
  const end = at + (isSingleSegment ? 0 : 1) + dictionaryIdSize + contentSizeSize;
  if (end > view.byteLength) return undefined;

  let windowSize = 0;
  if (!isSingleSegment) {
    const window = view.getUint8(at++);
    const base = 2 ** (10 + (window >> 3));
    windowSize = base + (base / 8) * (window & 7);
  }
  if (readNumber(view, at, dictionaryIdSize) !== 0) return undefined;
  at += dictionaryIdSize;
  const contentSize =
    contentSizeSize === 0 ? undefined : readNumber(view, at, contentSizeSize) + (contentSizeSize === 2 ? 256 : 0);
  return {
    end,
    contentSize,
    windowSize: isSingleSegment ? contentSize! : windowSize,
    hasChecksum: (descriptor & 0x04) !== 0,
  };
};

/** The frame whose magic number is at `start`; undefined when it is broken or cut off. */
const readFrame = (bytes: Uint8Array, start: number): ZstdFrame | undefined => {
  const view = viewOf(bytes);
  const header = readHeader(view, start);
  if (header === undefined) return undefined;
  const maxBlock = Math.min(MAX_BLOCK_SIZE, header.windowSize);
  let minOutput = 0;
  let maxOutput = 0;
  let at = header.end;
  for (;;) {
    if (at + BLOCK_HEADER_SIZE > bytes.length) return undefined;
    const lastBlock = at;
    const blockHeader = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
    const type = (blockHeader >> 1) & 3;
    const size = blockHeader >> 3;
    if (type > COMPRESSED || size > maxBlock) return undefined;
    at += BLOCK_HEADER_SIZE + (type === RLE ? 1 : size);
    minOutput += type === COMPRESSED ? 0 : size;
    maxOutput += type === COMPRESSED ? maxBlock : size;
    if ((blockHeader & 1) === 0) continue;

    const end = at + (header.hasChecksum ? CHECKSUM_SIZE : 0);
    if (end > bytes.length) return undefined;
    const { contentSize, windowSize } = header;
    if (contentSize !== undefined && contentSize > maxOutput) return undefined;
    const checksum = header.hasChecksum ? view.getUint32(at, true) : undefined;
    return { start, lastBlock, end, contentSize, minOutput, maxOutput, windowSize, checksum };
  }
};

/** The frames of zstd data, those to be passed over left out; undefined when there is anything else. */
export const readZstdFrames = (bytes: Uint8Array): readonly ZstdFrame[] | undefined => {
  const view = viewOf(bytes);
  const frames: ZstdFrame[] = [];
  for (let at = 0; at < bytes.length;) {
    if (at + 8 > bytes.length) return undefined;
    const magic = view.getUint32(at, true);
    if ((magic & 0xffff_fff0) >>> 0 === SKIPPABLE_MAGIC) {
      at += 8 + view.getUint32(at + 4, true);
      if (at > bytes.length) return undefined;
      continue;
    }
    const frame = magic === MAGIC ? readFrame(bytes, at) : undefined;
    if (frame === undefined) return undefined;
    frames.push(frame);
    at = frame.end;
  }
  return frames;
};
