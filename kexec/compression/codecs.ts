/** Decompressors in plain JavaScript, for platforms that have none of their own. */
import { Gunzip } from 'fflate';
import { decompress } from 'fzstd';
import { concatBytes } from '../base/bytes.js';
import { OutputLimitError } from '../base/platform.js';
import { xxhash64 } from './xxhash64.js';
import { readZstdFrames, type ZstdFrame } from './zstd-frames.js';

const PIECE = 64 * 1024;

/** Gathers pieces of output up to a limit. */
const gather = (limitBytes: number) => {
  const parts: Uint8Array[] = [];
  let total = 0;
  return {
    size: (): number => total,
    add: (part: Uint8Array): void => {
      total += part.length;
      if (total > limitBytes) throw new OutputLimitError(limitBytes);
      parts.push(part);
    },
    all: (): Uint8Array => concatBytes(parts),
  };
};

/**
 * A gzip file's content, by fflate: member behind member. undefined when it is broken or ends early.
 * @throws OutputLimitError
 */
export const gunzipPortable = (input: Uint8Array, limitBytes: number): Uint8Array | undefined => {
  const output = gather(limitBytes);
  const last = { final: false };
  const stream = new Gunzip((part, final) => {
    output.add(part);
    last.final = final;
  });
  try {
    for (let at = 0; at < input.length; at += PIECE) {
      stream.push(input.subarray(at, at + PIECE), at + PIECE >= input.length);
    }
  } catch (error) {
    if (error instanceof OutputLimitError) throw error;
    return undefined;
  }
  return last.final ? output.all() : undefined;
};

/** Has something done that makes so many bytes at most. @throws anything when it takes far too long */
export type Guard = (mostBytes: number, action: () => void) => void;

/**
 * zstd frames, one behind the other; undefined when they are broken or end early.
 * @param guard ends what takes too long: fzstd follows sequences of lengths that no block can have, for hours
 * @throws OutputLimitError
 */
export const zstdDecompress = (
  input: Uint8Array,
  limitBytes: number,
  guard: Guard = (_mostBytes, action) => action(),
): Uint8Array | undefined => {
  const frames = readZstdFrames(input);
  if (frames === undefined) return undefined;
  const output = gather(limitBytes);
  for (const frame of frames) {
    const part = decodeFrame(input, frame, limitBytes - output.size(), guard);
    if (part === undefined) return undefined;
    output.add(part);
  }
  return output.all();
};

/**
 * libzstd decodes nothing that wants a larger window, unless it knows the content's size
 * (ZSTD_WINDOWLOG_LIMIT_DEFAULT).
 */
const MAX_WINDOW = 2 ** 27;
/** A decoder puts literals behind what it has written, as far as a block reaches. */
const MAX_BLOCK = 128 * 1024;
const EMPTY_LAST_BLOCK = [1, 0, 0] as const;

/** Memory that remembers where the last copy into it ended. */
class Output extends Uint8Array {
  static get [Symbol.species](): Uint8ArrayConstructor {
    return Uint8Array;
  }

  end = 0;

  override set(bytes: ArrayLike<number>, at = 0): void {
    super.set(bytes, at);
    this.end = at + bytes.length;
  }

  /** fzstd compares it with a number, for which all of its content would become text. */
  [Symbol.toPrimitive](): number {
    return NaN;
  }
}

/** @returns undefined when the frame is broken, or its checksum tells another content @throws OutputLimitError */
const decodeFrame = (
  input: Uint8Array,
  { start, lastBlock, end, contentSize, minOutput, maxOutput, windowSize, checksum }: ZstdFrame,
  limitBytes: number,
  guard: Guard,
): Uint8Array | undefined => {
  if (contentSize === undefined && windowSize > MAX_WINDOW) return undefined;
  if ((contentSize ?? minOutput) > limitBytes) throw new OutputLimitError(limitBytes);
  const capacity = contentSize ?? Math.min(maxOutput, limitBytes);
  // fzstd does not say how much it wrote. An empty block behind the last one makes it copy nothing to where that ends.
  const frame = new Uint8Array(end - start + EMPTY_LAST_BLOCK.length);
  frame.set(input.subarray(start, end));
  frame[lastBlock - start]! &= ~1;
  frame.set(EMPTY_LAST_BLOCK, end - start - (checksum === undefined ? 0 : 4));
  const output = new Output(capacity + Math.min(MAX_BLOCK, windowSize));
  try {
    guard(Math.min(capacity, maxOutput), () => void decompress(frame, output));
  } catch {
    if (capacity === limitBytes && maxOutput > limitBytes) throw new OutputLimitError(limitBytes);
    return undefined;
  }
  if (output.end > limitBytes) throw new OutputLimitError(limitBytes);
  if (contentSize !== undefined && output.end !== contentSize) return undefined;
  const content = new Uint8Array(output.buffer, 0, output.end);
  const isGood = checksum === undefined || checksum === Number(BigInt.asUintN(32, xxhash64(content)));
  return isGood ? content : undefined;
};
