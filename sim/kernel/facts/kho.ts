/**
 * Kernel handover (KHO): where it is on, what kexec_file_load(2) loads must lie in its scratch areas, since any other
 * memory may be handed over to the next kernel (kho_locate_mem_hole(), kernel/liveupdate/kexec_handover.c).
 */
import { Range } from '../../../kexec/base/range.js';
import { configSays, kernelParameter } from './kernel-config.js';
import type { RecordedFiles } from './recorded-files.js';

export interface Handover {
  /** What tells that it is on. */
  readonly evidence: string;
  /** In the kernel's order; undefined where they are not recorded. */
  readonly scratch: readonly Range[] | undefined;
}

/** The kernel shows them to root, a number a line (CONFIG_KEXEC_HANDOVER_DEBUGFS). */
const SCRATCH = '/sys/kernel/debug/kho/out/scratch_';

/** @returns undefined where it is off */
export const handover = (files: RecordedFiles): Handover | undefined => {
  const config = files.kernelConfig();
  if (configSays(config, 'KEXEC_HANDOVER') !== true) return undefined;
  // It gives up for want of memory.
  if (files.note('dmesg')?.includes('disabling kexec handover') === true) return undefined;
  const asked = kernelParameter(files, 'kho');
  const isOn =
    asked === undefined
      ? configSays(config, 'KEXEC_HANDOVER_ENABLE_DEFAULT') === true
      : /^kho=(1|[yt]|on)/i.test(asked);
  if (!isOn) return undefined;
  const evidence = asked === undefined ? 'config: CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT=y' : `/proc/cmdline: ${asked}`;
  return { evidence, scratch: scratchAreas(files) };
};

const scratchAreas = (files: RecordedFiles): readonly Range[] | undefined => {
  const numbers = (name: string): readonly bigint[] =>
    [...(files.readText(`${SCRATCH}${name}`) ?? '').matchAll(/^0x[0-9a-f]{1,16}$/gm)].map(([digits]) => BigInt(digits));
  const [starts, sizes] = [numbers('phys'), numbers('len')];
  if (starts.length === 0 || starts.length !== sizes.length) return undefined;
  return starts.map((start, i) => Range.sized(start, sizes[i]!)).filter(({ size }) => size > 0n);
};
