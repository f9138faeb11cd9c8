/** What the tool needs of its surroundings that is pure computation, and that a platform may do faster than we can. */

/** How far a decompressor came. */
export interface DecompressOutcome {
  readonly output: Uint8Array;
  /** Bytes of input that were used. */
  readonly consumed: number;
  /** Whether the stream's end was seen. */
  readonly ended: boolean;
  /** The decompressor's own words for what was wrong with the data; undefined when nothing was. */
  readonly error?: string;
}

/** More output than allowed: a decompression bomb. Carries no file name, because a codec knows none. */
export class OutputLimitError extends Error {
  constructor(readonly limitBytes: number) {
    super(`decompresses to more than ${limitBytes} bytes`);
    this.name = 'OutputLimitError';
  }
}

export interface Digest {
  update(bytes: Uint8Array): void;
  /** Ends the computation. */
  digest(): Uint8Array;
}

/** Functions that decompress throw {@link OutputLimitError} rather than give more than `limitBytes`. */
export interface Platform {
  /**
   * One raw deflate stream (RFC 1951) from the start of `input`. A stream that ends early is no error: its output is
   * what there was. After an error, some of the output may be missing.
   */
  inflateRaw(input: Uint8Array, limitBytes: number): Promise<DecompressOutcome>;
  /** CRC-32 as of gzip and zlib. */
  crc32(bytes: Uint8Array): number;
  /** An .lzma or .xz stream; undefined when it is broken or ends early, or needs more than `memoryLimitBytes`. */
  lzma(input: Uint8Array, memoryLimitBytes: number, limitBytes: number): Promise<Uint8Array | undefined>;
  /** One or more zstd frames; undefined when they are broken or end early. */
  zstd(input: Uint8Array, limitBytes: number): Promise<Uint8Array | undefined>;
  sha256(): Digest;
}
