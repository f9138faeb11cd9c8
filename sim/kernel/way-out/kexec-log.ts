/**
 * What a kernel tells about its end: the lines of real kernels, in their words, and lines that begin with "kexec-ts: "
 * for what a real one does without a word.
 */
import { hex16 } from '../../../kexec/base/format.js';
import type { PlacedCode } from './place-code.js';
import type { KexecMachine } from './kexec-machine.js';
import type { KexecImage } from './kexec-image.js';
import type { UndyingCpu } from '../facts/stuck-cpus.js';
import type { Kimage } from '../rules/kimage.js';

/** kernel_kexec(), kernel/kexec_core.c, up to machine_kexec(). */
export const shutdownLines = ({ bootEl, nrCpus, undyingCpu }: KexecMachine): readonly string[] => [
  'kexec-ts: no task is frozen: arm64 does not come back from a kexec',
  'kexec-ts: kernel_restart_prepare: user mode helpers are off, devices are shut down',
  ...(bootEl === 2 ? ['kvm: exiting hardware virtualization'] : []),
  'kexec_core: Starting new kernel',
  ...Array.from({ length: (undyingCpu?.cpu ?? nrCpus) - 1 }, (_, i) => `psci: CPU${i + 1} killed (polled 0 ms)`),
];

/**
 * smp_shutdown_nonboot_cpus(), kernel/cpu.c, where a processor stays on. Which line of that file it is differs from
 * release to release, and is left out.
 */
export const bugLines = ({ cpu, errno }: UndyingCpu): readonly string[] => [
  `Failed to offline CPU${cpu} - error=-${errno}`,
  '------------[ cut here ]------------',
  'kernel BUG at kernel/cpu.c!',
  'Internal error: Oops - BUG: 00000000f2000800 [#1] SMP',
];

/** kexec_image_info() and machine_kexec(), arch/arm64/kernel/machine_kexec.c: what kernels print with dynamic debug. */
export const imageInfo = (kimage: Kimage, { entry, segments }: KexecImage, relocate: PlacedCode): readonly string[] => [
  '  kexec kimage info:',
  `    type:        ${kimage.type === 'normal' ? 0 : 1}`,
  `    start:       ${entry.toString(16)}`,
  `    head:        ${kimage.head.toString(16)}`,
  `    nr_segments: ${segments.length}`,
  ...segments.map(
    ({ mem, memsz }, i) =>
      `      segment[${i}]: ${hex16(mem)} - ${hex16(mem + memsz)}, 0x${memsz.toString(16)} bytes, ` +
      `${memsz / BigInt(kimage.pageSize)} pages`,
  ),
  `machine_kexec: reboot_code_buffer_phys:  0x${hex16(relocate.at)}`,
  `machine_kexec: relocate_new_kernel_size: 0x${relocate.piece.bytes.length.toString(16)}` +
    `(${relocate.piece.bytes.length}) bytes`,
];
