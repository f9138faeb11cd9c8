/**
 * kexec-tools for arm64 as a library: {@link loadKernel} computes what `kexec -l` would, {@link kexecLoad} hands it to
 * the kernel of a {@link recordedMachine}, which executes it. {@link createCpu} is the processor that does, on a
 * {@link Board}. The parsers that this builds on are in 'kexec-ts/browser', and here too.
 */
import { recordedMachine as openMachine, type RecordedMachine, type RecordedMachineOptions } from './sim/kernel/recorded-system.js';

export * from './browser.js';
export { kexecLoad, kexecUnload, loadKernel, type LoadKernelOptions } from './host/load-kernel.js';
export { createNodePlatform, nodePlatform } from './host/platform-node.js';
export type { OnProgress, Progress } from './kexec/progress.js';
export { runKexec, type RunKexecOptions } from './host/run-kexec.js';
export { runVmcoreDmesg, type RunVmcoreDmesgOptions } from './host/run-vmcore-dmesg.js';
export { createCpu, type CpuOptions } from './sim/cpu/cpu.js';
export { describeEsr } from './sim/cpu/esr.js';
export type { CpuHost, CpuModel, CpuStatistics, ExceptionInfo, RunLimits, StopReason } from './sim/cpu/model.js';
export { Board, type BoardOptions } from './sim/machine/board.js';
export { PhysicalMemory } from './sim/machine/memory.js';
export type { ExecutionSettings } from './sim/kernel/execute-machine.js';
export { bundledMachines } from './sim/kernel/machines.js';
export type { RecordedMachine, RecordedMachineOptions } from './sim/kernel/recorded-system.js';

/**
 * A recorded machine with a simulated kernel: a bundled one by name, a directory with proc/ and sys/, or a tar file of one.
 * @throws KexecError when there is none
 */
export const recordedMachine = (
  options: Omit<RecordedMachineOptions, 'env'> & Partial<Pick<RecordedMachineOptions, 'env'>> = {},
): RecordedMachine => openMachine({ env: process.env, ...options });
