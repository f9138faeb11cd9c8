/** The execution of what is loaded on a recorded machine, put together from its parts. */
import { KexecError } from '../../../kexec/base/error.js';
import { createCpus } from '../../cpu/cpu.js';
import { describeEsr } from '../../cpu/system/esr.js';
import { type ExecuteOptions, execute, isAttended } from './execute.js';
import type { Executed, ExecuteImage, TraceRequest } from '../execution-settings.js';
import { GuestView } from '../run/guest-view.js';
import { checkReplaceable } from '../saving/replace-file.js';
import type { Launched } from './launch.js';
import type { ImageSlot, LoadedImage } from '../rules/kexec-load.js';
import { kexecMachine } from '../way-out/kexec-machine.js';
import { tellingOfMachine } from '../machine/machine-errors.js';
import { imageSegment, readLoadedKernel } from './loaded-kernel.js';
import { boardFacts } from '../facts/board-arm64.js';
import { prepareKexec } from '../way-out/machine-kexec.js';
import type { RecordedMachine } from '../recorded-machine.js';
import { deadlineIn } from '../machine/processors.js';
import { translationsOf } from '../translations/translation-file.js';

/** @throws KexecError when there is nothing that could be executed */
export const openExecution = (
  machine: RecordedMachine,
  slot: ImageSlot,
  purgatory: Uint8Array,
): Pick<ExecuteOptions, 'facts' | 'kernel' | 'purgatory' | 'createCpus' | 'prepare' | 'describeEsr'> => {
  const { files, stateDirectory } = machine;
  const image = knownImage(machine, slot);
  if (image === undefined) throw KexecError.die('Nothing has been loaded!', { subject: stateDirectory });
  const facts = boardFacts(files, machine.bootEl);
  const kernel = readLoadedKernel(image, stateDirectory);
  const segments = kernel.segments.map(({ memory, data }, i) => ({
    mem: memory.start,
    memsz: memory.size,
    data,
    contiguous: image.segments[i]?.contiguous,
  }));
  const kexec = kexecMachine(machine, facts.bootEl);
  return {
    facts,
    kernel,
    purgatory,
    createCpus,
    prepare: (memory, cpu, log) =>
      prepareKexec(
        kexec,
        { entry: image.entry, dtb: image.segments.find(({ role }) => role === 'dtb')?.mem, segments },
        memory,
        cpu,
        log,
      ),
    describeEsr,
  };
};

/** What is loaded, if anything is. @throws KexecError where nobody knows what it is, or it is more than can be loaded */
export const knownImage = (machine: RecordedMachine, slot: ImageSlot): LoadedImage | undefined => {
  if (slot === 'unknown') {
    throw KexecError.die(
      'kexec-ts: what is loaded was loaded before the machine was recorded: nobody knows what it is',
      { subject: machine.stateDirectory },
    );
  }
  if (slot !== undefined) checkSize(slot, machine);
  return slot;
};

/**
 * A state that others wrote may take more than the kernel lets anybody load (sanity_check_segment_list()). @throws
 * KexecError
 */
const checkSize = ({ segments }: LoadedImage, { kernel: { facts }, stateDirectory }: RecordedMachine): void => {
  const taken = segments.reduce((sum, { memsz }) => sum + memsz, 0n);
  const most = (facts.totalRamPages / 2n) * facts.pageSize;
  if (taken <= most) return;
  const subject = `${stateDirectory}/state.json`;
  throw KexecError.die(
    `${subject}: what is loaded takes ${taken} bytes, of which the machine's kernel loads ${most} at most`,
    { subject },
  );
};

/** @throws KexecError when there is nothing that could be executed, or the machine has no room for it */
export const executeOn: ExecuteImage = async (machine, image, settings, interrupted) => {
  const { until, maxInstructions, timeoutMs, unattendedTimeoutMs, purgatory, keyboard: open, ...settled } = settings;
  if (until === 'reboot') return { exitCode: 0, keepsImage: false };
  const keyboard = await open?.();
  const isWatched = isAttended(keyboard, until) || settings.gdb !== undefined;
  const limit = timeoutMs ?? (isWatched ? undefined : unattendedTimeoutMs);
  const bounds = { maxInstructions, deadline: deadlineIn(limit), interrupted };
  const opened = openExecution(machine, image, purgatory());
  // Up to its entry, code of a kernel does not run.
  const started = until === 'entry' ? undefined : imageSegment(opened.kernel);
  const { translations, keep } = translationsOf(started?.data, machine.translationDirectory);
  const options: ExecuteOptions = {
    ...opened,
    createCpus: (host, affinities) => createCpus(host, affinities, { translations }),
    ...settled,
    keyboard,
    until,
    bounds,
  };
  const executed = await tellingOfMachine(() =>
    settings.trace === undefined ? execute(options) : executeTraced(options, settings.trace),
  );
  keep();
  return executed;
};

/** The trace is written whatever the end is. */
const executeTraced = async (options: ExecuteOptions, request: TraceRequest): Promise<Executed> => {
  checkReplaceable(request.file);
  const { Tracing } = await import('../trace/tracing.js');
  let finish = (): void => {};
  const onLaunch = (launched: Launched): void => {
    const tracing = new Tracing(launched, request);
    const kernel = imageSegment(options.kernel)?.memory;
    const view = kernel && new GuestView(launched.board, kernel);
    finish = () => {
      const told = tracing.finish((cpu, address) => view?.nameOf(cpu, address) ?? launched.nameOf(address));
      options.err(`kexec-ts: ${told}\n`);
    };
  };
  return execute({ ...options, onLaunch }).finally(() => finish());
};
