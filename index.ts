/**
 * kexec-tools for arm64 as a library: {@link loadKernel} computes what `kexec -l` would, {@link kexecLoad} hands it to
 * the kernel of a {@link recordedMachine}, which executes it. {@link createCpu} is the processor that does, on a
 * {@link Board}. The parsers that this builds on are in 'kexec-ts/browser', and here too.
 */
import { executeLater } from './host/execute-later.js';
import {
  type Check,
  type Fields,
  type Shape,
  answered,
  checked,
  expectFields,
  fields,
  listOf,
  oneOf,
  optional,
} from './kexec/arguments/shape.js';
import { purgatory } from './kexec/arch/arm64/purgatory.js';
import { KexecError } from './kexec/base/error.js';
import { createCpu as makeCpu } from './sim/cpu/cpu.js';
import { describeEsr as esrText } from './sim/cpu/system/esr.js';
import { CONSOLE, type ExecutionSettings } from './sim/kernel/execution-settings.js';
import { QUIRKS } from './sim/machine/quirks.js';
import {
  recordedMachine as openMachine,
  type RecordedMachineOptions as MachineOptions,
} from './sim/kernel/recorded-system.js';
import type { RecordedMachine } from './sim/kernel/recorded-machine.js';

export * from './browser.js';
export {
  kexecLoad,
  kexecUnload,
  loadKernel,
  type KexecUnloadOptions,
  type LoadKernelOptions,
} from './host/load-kernel.js';
export { createNodePlatform, nodePlatform } from './host/platform-node.js';
export type { OnProgress, Progress } from './kexec/base/progress.js';
export { runKexec, type RunKexecOptions } from './host/run-kexec.js';
export { runVmcoreDmesg, type RunVmcoreDmesgOptions } from './host/run-vmcore-dmesg.js';
export type { CpuOptions } from './sim/cpu/cpu.js';
export type {
  CpuHost,
  CpuModel,
  CpuStatistics,
  ExceptionInfo,
  Jump,
  RunLimits,
  StopReason,
} from './sim/cpu/state/model.js';
export { Board, type BoardOptions, type MappedDevice } from './sim/machine/board.js';
export type { AccessSize, Device, InterruptController, SetLine } from './sim/machine/device.js';
export { Pl011 } from './sim/machine/devices/pl011.js';
export { MachineError } from './sim/machine/error.js';
export { PhysicalMemory } from './sim/machine/memory.js';
export { QUIRKS, type Quirk } from './sim/machine/quirks.js';
export type { Keyboard, Listening } from './sim/machine/terminal.js';
export type { ExecutionSettings } from './sim/kernel/execution-settings.js';
export { bundledMachines } from './sim/kernel/recording/machines.js';
export type { RecordedMachine } from './sim/kernel/recorded-machine.js';

const CPU_HOST: Fields = {
  ...{ bus: 'object', firmwareCall: 'function', enter: 'function', connect: 'function', counter: 'function' },
  ...{ instructionsUntil: 'function', setTimer: 'function', sendEvent: 'function', broadcastTlbi: 'function' },
  ...{ counterFrequency: 'bigint', highestEl: oneOf([1, 2]) },
};

/** The processor, on a {@link Board} or another host. */
export const createCpu = checked(
  'createCpu',
  [fields(CPU_HOST), optional(fields({ hotRuns: 'number?', affinity: 'bigint?' }))],
  makeCpu,
);
/** What a syndrome (ESR_ELx) says, and with the address that goes with it. */
export const describeEsr = checked('describeEsr', ['bigint', 'bigint?'], esrText);

/** How a machine is opened; see {@link recordedMachine}. */
export interface RecordedMachineOptions extends Omit<MachineOptions, 'env' | 'execution'> {
  /** For HOME and XDG_STATE_HOME; the process's by default. */
  readonly env?: MachineOptions['env'];
  /**
   * How what is loaded is executed; without it, a reboot ends with the system call. Nothing in it must be given: `{}`
   * executes until the machine halts, for as long as that takes, and what is printed is lost.
   */
  readonly execution?: Partial<ExecutionSettings> | undefined;
}

const until: Check = (what, value) => {
  if (value === undefined || (typeof value === 'string' && value.startsWith(CONSOLE) && value !== CONSOLE)) return;
  if (!['entry', 'halt', 'reboot'].includes(value as string)) {
    throw KexecError.die(`${what} must be "entry", "halt", "reboot", or "${CONSOLE}" and a text`, { subject: what });
  }
};

const EXECUTION: Readonly<Record<keyof ExecutionSettings, Shape>> = {
  ...{ console: 'function?', keyboard: 'function?', out: 'function?', err: 'function?', step: 'function?', until },
  ...{ maxInstructions: 'bigint?', timeoutMs: 'number?', unattendedTimeoutMs: 'number?', purgatory: 'function?' },
  gdb: optional(fields({ open: 'function', at: 'object', atOption: 'string' })),
  quirks: optional(listOf(oneOf(Object.keys(QUIRKS)))),
  trace: optional(fields({ file: 'string', what: 'string' })),
};

const CHANGES: Readonly<Record<keyof NonNullable<MachineOptions['changes']>, Shape>> = {
  ...{ crashkernel: 'string?', memory: 'string?', cmdline: 'string?' },
};

const MACHINE: Readonly<Record<keyof RecordedMachineOptions, Shape>> = {
  ...{ machine: 'string?', state: 'string?', fileLoad: 'string?', record: 'string?', env: 'object?', el: 'string?' },
  ...{ random: 'function?', progress: 'function?', execution: optional(fields(EXECUTION)) },
  changes: optional(fields(CHANGES)),
  pageSize: (what, value) => {
    if (['string', 'bigint', 'undefined'].includes(typeof value)) return;
    throw KexecError.die(`${what} must be a bigint, or a string`, { subject: what });
  },
};

const unheard = (): void => {};

/** With what holds where nothing is said. */
const completed = ({
  console = unheard,
  out = unheard,
  err = unheard,
  purgatory: object = () => purgatory,
  step,
  until: end,
  maxInstructions,
  timeoutMs,
  ...others
}: Partial<ExecutionSettings>): ExecutionSettings => ({
  ...{ console, out, err, step, until: end, maxInstructions, timeoutMs, ...others },
  purgatory: () => answered('purgatory', object(), 'bytes'),
});

/**
 * A recorded machine with a simulated kernel: a bundled one by name, a directory with proc/ and sys/, or a tar file of
 * one.
 * @throws KexecError when there is none
 */
export const recordedMachine = (settings: RecordedMachineOptions = {}): RecordedMachine => {
  expectFields('recordedMachine: the options', settings, MACHINE);
  const { execution, ...options } = settings;
  return openMachine({
    env: process.env,
    ...options,
    execution: execution && { ...completed(execution), execute: executeLater },
  });
};
