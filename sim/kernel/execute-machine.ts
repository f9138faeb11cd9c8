import { KexecError } from '../../kexec/error.js';
import { createCpu } from '../cpu/cpu.js';
import { describeEsr } from '../cpu/esr.js';
import { type Executed, type ExecuteOptions, type Until, execute } from './execute.js';
import type { ImageSlot } from './kexec-load.js';
import { kexecMachine } from './kexec-machine.js';
import { readLoadedKernel } from './loaded-kernel.js';
import { boardFacts } from './machine-board.js';
import { prepareKexec } from './machine-kexec.js';
import type { RecordedMachine } from './recorded-system.js';

/** How a reboot is to be carried out, and who is told. */
export interface ExecutionSettings extends Pick<ExecuteOptions, 'console' | 'out' | 'err' | 'step'> {
  /** By default what is loaded decides; `reboot`: the run ends with the system call. */
  readonly until: Until | 'reboot' | undefined;
  readonly maxInstructions: bigint | undefined;
  /** Of the host's time. */
  readonly timeoutMs: number | undefined;
  /** The object that may have been loaded as purgatory, for the names in it. */
  readonly purgatory: () => Uint8Array;
}

/** @throws KexecError when there is nothing that could be executed */
export const openExecution = (
  machine: RecordedMachine,
  image: ImageSlot,
  purgatory: Uint8Array,
): Pick<ExecuteOptions, 'facts' | 'kernel' | 'purgatory' | 'createCpu' | 'prepare' | 'describeEsr'> => {
  const { files, stateDirectory } = machine;
  if (image === undefined) throw KexecError.die('Nothing has been loaded!', { subject: stateDirectory });
  if (image === 'unknown') {
    throw KexecError.die('kexec-ts: what is loaded was loaded before the machine was recorded: nobody knows what it is', {
      subject: stateDirectory,
    });
  }
  const facts = boardFacts(files);
  const kernel = readLoadedKernel(image, stateDirectory);
  const segments = kernel.segments.map(({ memory, data }) => ({ mem: memory.start, memsz: memory.size, data }));
  const kexec = kexecMachine(machine, facts.bootEl);
  return {
    facts,
    kernel,
    purgatory,
    createCpu,
    prepare: (memory, cpu, log) => prepareKexec(kexec, { entry: image.entry, dtb: image.segments.find(({ role }) => role === 'dtb')?.mem, segments }, memory, cpu, log),
    describeEsr,
  };
};

/** Executes what is loaded on a recorded machine. @throws KexecError when there is nothing that could be */
export const executeOn = async (
  machine: RecordedMachine,
  image: ImageSlot,
  { until, maxInstructions, timeoutMs, purgatory, ...terminal }: ExecutionSettings & Pick<ExecuteOptions, 'progress'>,
  interrupted: () => boolean,
): Promise<Executed> => {
  if (until === 'reboot') return { exitCode: 0, keepsImage: false };
  const bounds = { maxInstructions, timeoutMs, interrupted };
  return execute({ ...openExecution(machine, image, purgatory()), ...terminal, until, bounds });
};
