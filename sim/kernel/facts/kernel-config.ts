/** What a kernel says of itself: its configuration, its command line, /proc/meminfo. */
import type { RecordedFiles } from './recorded-files.js';

/**
 * Whether an option is on; undefined where the configuration does not tell. One that names the architecture is a whole
 * one, which says no by silence: what an option depends on hides it.
 * @param name without `CONFIG_`
 */
export const configSays = (config: string | undefined, name: string): boolean | undefined => {
  if (config === undefined) return undefined;
  if (new RegExp(`^CONFIG_${name}=[ym]$`, 'm').test(config)) return true;
  const isWhole = /^CONFIG_ARM64=y$/m.test(config);
  return isWhole || new RegExp(`^# CONFIG_${name} is not set$`, 'm').test(config) ? false : undefined;
};

/** The last parameter of a name on the command line, such as `kho=on`; undefined without one. */
export const kernelParameter = (files: RecordedFiles, name: string): string | undefined =>
  (files.readText('/proc/cmdline') ?? '').split(/\s/).findLast((word) => word.startsWith(`${name}=`));

/** A line of /proc/meminfo, such as MemAvailable, in bytes; undefined without one. */
export const meminfoBytes = (meminfo: string | undefined, name: string): bigint | undefined => {
  const [, kiB] = new RegExp(`^${name}:\\s{0,64}(\\d{1,15}) kB$`, 'm').exec(meminfo ?? '') ?? [];
  return kiB === undefined ? undefined : BigInt(kiB) << 10n;
};
