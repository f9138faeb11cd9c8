import { Gunzip } from 'fflate';
import { Decompress } from 'fzstd';
import { OutputLimitError } from './platform.js';

/** Decompressors in plain JavaScript, for platforms that have none of their own. */

const PIECE = 64 * 1024;

/** Gathers pieces of output up to a limit. */
const gather = (limitBytes: number) => {
  const parts: Uint8Array[] = [];
  let total = 0;
  return {
    add: (part: Uint8Array): void => {
      total += part.length;
      if (total > limitBytes) throw new OutputLimitError(limitBytes);
      parts.push(part);
    },
    all: (): Uint8Array => {
      const all = new Uint8Array(total);
      let at = 0;
      for (const part of parts) {
        all.set(part, at);
        at += part.length;
      }
      return all;
    },
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

/** zstd frames, one behind the other; undefined when they are broken or end early. @throws OutputLimitError */
export const zstdDecompress = (input: Uint8Array, limitBytes: number): Uint8Array | undefined => {
  const output = gather(limitBytes);
  const stream = new Decompress((part) => output.add(part));
  try {
    for (let at = 0; at < input.length; at += PIECE) {
      stream.push(input.subarray(at, at + PIECE), at + PIECE >= input.length);
    }
  } catch (error) {
    if (error instanceof OutputLimitError) throw error;
    return undefined;
  }
  return output.all();
};
