/** What the readers of kernel files are given. */
import type { Compat } from '../base/compat.js';
import type { Log } from '../base/log.js';
import type { Platform } from '../base/platform.js';
import type { System } from '../base/system.js';

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
