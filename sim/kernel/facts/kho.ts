/**
 * Kernel handover (KHO): where it is on, what kexec_file_load(2) loads must lie in its scratch areas, since any other
 * memory may be handed over to the next kernel (kho_locate_mem_hole(), kernel/liveupdate/kexec_handover.c).
 */
import { Range } from '../../../kexec/base/range.js';
import { isAtLeast, kernelRelease } from './generations.js';
import { configSays, kernelParameter } from './kernel-config.js';
import type { RecordedFiles } from './recorded-files.js';

/** `struct kho_scratch`. */
export interface ScratchArea {
  readonly start: bigint;
  /** Bytes; 0 for an area that there is none of. */
  readonly size: bigint;
}

export interface Handover {
  /** What tells that it is on. */
  readonly evidence: string;
  /** In the kernel's order; undefined where they are not recorded. */
  readonly areas: readonly ScratchArea[] | undefined;
  /** Those that have room. */
  readonly scratch: readonly Range[] | undefined;
  /** Of which images the next kernel is told of it, by a segment with the areas and by its device tree. */
  readonly toldTo: Readonly<Record<'normal' | 'crash', boolean>>;
}

/** The kernel shows itself to root there (CONFIG_KEXEC_HANDOVER_DEBUGFS). */
const OUT = '/sys/kernel/debug/kho/out';

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
  const areas = scratchAreas(files);
  const scratch = areas?.flatMap(({ start, size }) => (size > 0n ? [Range.sized(start, size)] : []));
  return { evidence, areas, scratch, toldTo: toldTo(files) };
};

const scratchAreas = (files: RecordedFiles): readonly ScratchArea[] | undefined => {
  const numbers = (name: string): readonly bigint[] =>
    [...(files.readText(`${OUT}/${name}`) ?? '').matchAll(/^0x[0-9a-f]{1,16}$/gm)].map(([digits]) => BigInt(digits));
  const [starts, sizes] = [numbers('scratch_phys'), numbers('scratch_len')];
  if (starts.length === 0 || starts.length !== sizes.length) return undefined;
  return starts.map((start, i) => ({ start, size: sizes[i]! }));
};

/**
 * kho_fill_kimage(). Before 6.19 it waits until root has finalized what is to be handed over; the first kernels of 6.16
 * and 6.17 did not, and are not told from the others. Crash images are left out since 7.1, and 7.0.11.
 */
const toldTo = (files: RecordedFiles): Handover['toldTo'] => {
  const version = files.readText('/proc/version');
  const isFinal = (files.readText(`${OUT}/finalize`) ?? '').trim() === '1';
  const normal = isAtLeast(version, 6, 19) || isFinal;
  const [, patch] = /^7\.0\.(\d{1,4})\b/.exec(kernelRelease(version) ?? '') ?? [];
  return { normal, crash: normal && !isAtLeast(version, 7, 1) && Number(patch ?? 0) < 11 };
};
