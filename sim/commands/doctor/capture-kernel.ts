/** The kernel that is to save a dump, as far as its Image and its initrd tell of it. */
import { attemptAsync } from '../../../kexec/base/attempt.js';
import { DEFAULT_COMPAT } from '../../../kexec/base/compat.js';
import { KexecError } from '../../../kexec/base/error.js';
import { silentLog } from '../../../kexec/base/log.js';
import type { Platform } from '../../../kexec/base/platform.js';
import { decompress } from '../../../kexec/compression/decompress.js';
import type { CrashLoad } from '../../kernel/execution/crash-load.js';
import { bannerIn } from '../../kernel/facts/generations.js';
import type { RecordedFiles } from '../../kernel/facts/recorded-files.js';
import { type InitrdContent, readInitrd } from './initrd.js';

export interface LoadedCapture {
  /** "Linux version 6.1.0-50-cloud-arm64 (...", as in its Image; undefined where that tells none. */
  readonly banner: string | undefined;
  /** Its configuration, and where it comes from; undefined where nothing tells it. */
  readonly config: { readonly text: string; readonly from: string } | undefined;
  /** Undefined without an initrd, and where it cannot be looked into. */
  readonly initrd: InitrdContent | undefined;
}

/** CONFIG_IKCONFIG: the configuration by gzip, between two words (kernel/configs.c). */
const CONFIG_START = 'IKCFG_ST';
const CONFIG_END = 'IKCFG_ED';
/** An arm64 kernel's configuration has a quarter of a megabyte. */
const MAX_CONFIG_BYTES = 4 << 20;

const asBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

export const lookAtCapture = async (
  { image, initrd }: CrashLoad,
  files: RecordedFiles,
  platform: Platform,
): Promise<LoadedCapture> => ({
  banner: image && bannerIn(image),
  config: image && (await configOf(asBuffer(image), files, platform)),
  initrd: initrd && (await readInitrd(initrd, platform)),
});

const configOf = async (image: Buffer, files: RecordedFiles, platform: Platform): Promise<LoadedCapture['config']> => {
  const text = await builtInConfig(image, platform);
  if (text !== undefined) return { text, from: "the kernel's Image (CONFIG_IKCONFIG)" };
  // The line names the build by its number and time: where it is the same, so is the kernel.
  const running = files.readText('/proc/version')?.trim();
  const config = files.kernelConfig();
  return config !== undefined && running !== undefined && / #\d/.test(running) && image.includes(running, 0, 'latin1')
    ? { text: config, from: "the running kernel's configuration: its /proc/version is in the Image" }
    : undefined;
};

const builtInConfig = async (image: Buffer, platform: Platform): Promise<string | undefined> => {
  const start = image.indexOf(CONFIG_START);
  const end = image.indexOf(CONFIG_END, start);
  if (start < 0 || end < 0 || end - start > MAX_CONFIG_BYTES) return undefined;
  const unpacked = await attemptAsync(KexecError, () =>
    decompress(image.subarray(start + CONFIG_START.length, end), 'config', {
      platform,
      compat: DEFAULT_COMPAT,
      log: silentLog,
      decompressLimitBytes: MAX_CONFIG_BYTES,
    }),
  );
  return unpacked === undefined || unpacked instanceof KexecError
    ? undefined
    : new TextDecoder('latin1').decode(unpacked);
};
