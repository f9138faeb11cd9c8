import type { Compat } from './compat.js';
import type { Log } from './log.js';
import type { Platform } from './platform.js';
import type { System } from './system.js';

/** What reading a kernel file takes. */
export interface ReadContext {
  readonly system: System;
  readonly platform: Platform;
  readonly compat: Compat;
  readonly log: Log;
  /** A file that decompresses to more is refused. */
  readonly decompressLimitBytes: number;
}

/** Default of {@link ReadContext.decompressLimitBytes}. */
export const DEFAULT_DECOMPRESS_LIMIT = 2 * 1024 ** 3;
