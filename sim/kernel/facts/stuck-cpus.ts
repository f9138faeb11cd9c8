/**
 * Processors that the kernel could not stop. For the sake of some it loads no kernel but one for a panic:
 * cpus_are_stuck_in_kernel(), arch/arm64/kernel/smp.c. Of others it learns on its way out only, and dies of them.
 */
import { attempt } from '../../../kexec/base/attempt.js';
import { Errno, KexecError } from '../../../kexec/base/error.js';
import { boardDescription, recordedEl } from './board-arm64.js';
import { type StuckCpus, countCpuList } from './facts.js';
import { type Generation, traitsOf } from './generations.js';
import { configSays, kernelParameter } from './kernel-config.js';
import type { RecordedFiles } from './recorded-files.js';

const POSSIBLE = '/sys/devices/system/cpu/possible';

/** @returns undefined where all can be stopped, as far as the recording tells */
export const stuckCpus = (files: RecordedFiles, generation: Generation, wantedEl?: 1 | 2): StuckCpus | undefined => {
  // One that did not come up the right way is counted (cpus_stuck_in_kernel).
  const lost = /^.*CPU\d{1,5}: is stuck in kernel.*$/m.exec(files.note('dmesg') ?? '')?.[0];
  if (lost !== undefined) return { why: 'lost', evidence: [`dmesg: ${lost.trim()}`] };
  const level = wantedEl ?? recordedEl(files);
  return (level === 1 ? undefined : protectedKvm(files, generation)) ?? severalWithoutWayOut(files);
};

/** have_cpu_die(): the processor that asks can be switched off itself. Those that are possible count, on or off. */
const severalWithoutWayOut = (files: RecordedFiles): StuckCpus | undefined => {
  const possible = files.readText(POSSIBLE)?.trim();
  if ((countCpuList(possible) ?? 1) <= 1) return undefined;
  const told = `${POSSIBLE}: ${possible}`;
  if (configSays(files.kernelConfig(), 'HOTPLUG_CPU') === false) {
    return { why: 'no hotplug', evidence: ['config: CONFIG_HOTPLUG_CPU is not set', told] };
  }
  // A machine whose tree has no processors has ACPI, and there PSCI. A tree that is broken is told of elsewhere.
  const board = attempt(KexecError, () => boardDescription(files));
  const first = board instanceof KexecError ? undefined : board.processors[0];
  // Of the methods, PSCI alone has a cpu_die (cpu_ops, arch/arm64/kernel/cpu_ops.c).
  if (first === undefined || first.enableMethods[0] === 'psci') return undefined;
  const [method] = first.enableMethods;
  const evidence = `${first.path}/enable-method ${method === undefined ? 'is missing' : `= "${method}"`}`;
  return { why: 'method', evidence: [evidence, told] };
};

/** is_protected_kvm_enabled(), which is asked since 5.16. */
const protectedKvm = (files: RecordedFiles, generation: Generation): StuckCpus | undefined => {
  if (!traitsOf(generation).protectedKvmForbidsLoads) return undefined;
  const asked = kernelParameter(files, 'kvm-arm.mode');
  if (asked !== 'kvm-arm.mode=protected' || configSays(files.kernelConfig(), 'KVM') === false) return undefined;
  return { why: 'protected KVM', evidence: [`/proc/cmdline: ${asked}`] };
};

/** A processor that refuses to be switched off when the kernel is about to leave. */
export interface UndyingCpu {
  readonly cpu: number;
  /** What the refusal is called, positive. */
  readonly errno: number;
  readonly evidence: readonly string[];
}

/**
 * cpu_psci_cpu_disable(), arch/arm64/kernel/psci.c. A load does not ask it: PSCI counts as a method that switches
 * processors off, whether the firmware has the call for that or not (have_cpu_die()).
 * @param nrCpus those that are on, unless the recording tells
 * @throws KexecError when the recorded device tree is broken
 */
export const undyingCpu = (files: RecordedFiles, nrCpus: number): UndyingCpu | undefined => {
  const { processors, conduit, hasCpuOff } = boardDescription(files);
  const online = countCpuList(files.readText('/sys/devices/system/cpu/online')) ?? nrCpus;
  if (online <= 1 || conduit === undefined || processors[0]?.enableMethods[0] !== 'psci') return undefined;
  if (!hasCpuOff) {
    return { cpu: 1, errno: Errno.EOPNOTSUPP, evidence: ['/psci is "arm,psci" (0.1), and has no cpu_off'] };
  }
  // psci_init_migrate(): a trusted operating system that stays on its processor.
  const [line, digits] =
    /psci: Trusted OS resident on physical CPU 0x([0-9a-f]{1,16})/.exec(files.note('dmesg') ?? '') ?? [];
  const cpu = processors.findIndex(({ affinity }) => affinity === BigInt(`0x${digits ?? '0'}`));
  if (line === undefined || cpu < 1 || cpu >= online) return undefined;
  return { cpu, errno: Errno.EPERM, evidence: [`dmesg: ${line}`] };
};
