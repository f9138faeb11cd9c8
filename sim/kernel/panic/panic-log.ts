/** What a kernel says from panic() on, in the words of its release, and what it does without a word. */
import type { Uts } from './uts.js';
import { packageId } from './uts.js';
import type { DyingTraits } from '../facts/generations.js';

/** A line, with its level as in <linux/kern_levels.h>. */
export interface PanicLine {
  readonly level: number;
  readonly text: string;
}

const line =
  (level: number) =>
  (text: string): PanicLine => ({ level, text });

export const emergency = line(0);
export const alert = line(1);
export const critical = line(2);
export const warning = line(4);
/** What the kernel does without a word; and what the recording does not tell. */
export const ours = (text: string): PanicLine => ({ level: 5, text: `kexec-ts: ${text}` });
export const info = line(6);

/** The kernel that dies, and where. */
export interface Scene {
  /** What the kernel's release does in its own way. */
  readonly traits: DyingTraits;
  readonly uts: Uts | undefined;
  /** dump_stack_arch_desc_str; undefined where nothing tells it. */
  readonly hardware: string | undefined;
  readonly cpu: number;
  readonly pid: number;
  /** Name of that process. */
  readonly comm: string;
  /** Whether a crash kernel is loaded. */
  readonly isLoaded: boolean;
}

export const SYSRQ_REASON = 'sysrq triggered crash';

/** What makes a process crash its kernel: `echo c > /proc/sysrq-trigger`. */
export const sysrqLine = (): PanicLine => info('sysrq: Trigger a crash');

export const panicLine = (reason: string): PanicLine => emergency(`Kernel panic - not syncing: ${reason}`);

/**
 * dump_stack_print_info() (lib/dump_stack.c), as Debian has it. The call trace behind it is code that is not there, and
 * so is the model of preemption that 7.2 tells.
 */
export const whereLines = (scene: Scene): readonly PanicLine[] => {
  const { traits, uts, hardware, cpu, pid, comm, isLoaded } = scene;
  const user = traits.tellsUser ? ' UID: 0' : '';
  const kdump = isLoaded ? 'Kdump: loaded ' : '';
  const what = uts === undefined ? '' : ` ${uts.release} ${uts.version.split(' ')[0]!}${packageText(traits, uts)}`;
  return [
    warning(`CPU: ${cpu}${user} PID: ${pid} Comm: ${comm} ${kdump}Not tainted${what}`),
    ...(hardware === undefined ? [] : [warning(`Hardware name: ${hardware}`)]),
  ];
};

const packageText = ({ hasBuildId }: DyingTraits, uts: Uts): string => {
  const id = packageId(uts);
  return id === '' || !hasBuildId ? id : ` ${id}`;
};

export const stoppingLine = (): PanicLine => critical('SMP: stopping secondary CPUs');
/** @param cpus a list as `%*pbl` prints it */
export const failedToStopLine = (cpus: string): PanicLine => warning(`SMP: failed to stop secondary CPUs ${cpus}`);

/** machine_kexec() (arch/arm64/kernel/machine_kexec.c), where processors did not stop; without the number of its line. */
export const staleLines = (scene: Scene): readonly PanicLine[] => [
  warning('------------[ cut here ]------------'),
  warning('Some CPUs may be stale, kdump will be unreliable.'),
  warning(`WARNING: CPU: ${scene.cpu} PID: ${scene.pid} at arch/arm64/kernel/machine_kexec.c machine_kexec`),
];

export const startingLine = (): PanicLine => info('Starting crashdump kernel...');
export const byeLine = (): PanicLine => info('Bye!');
export const endLine = (reason: string): PanicLine => emergency(`---[ end Kernel panic - not syncing: ${reason} ]---`);
export const rebootingLine = (seconds: number): PanicLine => emergency(`Rebooting in ${seconds} seconds..`);

/** Where KASLR has put a kernel. */
export interface KernelPlace {
  /** Bytes from where it would be without KASLR; 0 where there is none. */
  readonly offset: bigint;
  /** KIMAGE_VADDR, from which that counts. */
  readonly base: bigint;
  readonly physOffset: bigint | undefined;
}

/** arm64_panic_block_dump() (arch/arm64/kernel/setup.c); its line of the processors' features is told by nobody. */
export const notifierLines = (place: KernelPlace | undefined): readonly PanicLine[] => {
  if (place === undefined) return [];
  const { offset, base, physOffset } = place;
  if (offset === 0n) return [emergency('Kernel Offset: disabled')];
  return [
    emergency(`Kernel Offset: 0x${offset.toString(16)} from 0x${base.toString(16)}`),
    ...(physOffset === undefined ? [] : [emergency(`PHYS_OFFSET: 0x${physOffset.toString(16)}`)]),
  ];
};
