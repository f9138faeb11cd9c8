/** Opens a machine where a hand-over has brought it: before the new kernel's first instruction, or in a panic. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { purgatory } from '../../../kexec/arch/arm64/purgatory.js';
import { attemptAsync } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import { openExecution } from '../../kernel/execution/execute-machine.js';
import { runToEntry } from '../../kernel/execution/execute.js';
import { imageSegment, treeSegment } from '../../kernel/execution/loaded-kernel.js';
import { withInterrupts } from '../../kernel/interrupts.js';
import { describeEnd } from '../../kernel/run/end-report.js';
import type { Terminal } from '../../machine/terminal.js';
import { inScratch } from '../common/behind-dashes.js';
import type { CommonArguments, SubcommandContext } from '../common/context.js';
import { type Loaded, withLoaded } from '../common/loaded.js';
import { formatPages, loadedPagesOf } from '../common/pages.js';
import { runPanic } from '../panic/run-panic.js';
import { openSaved } from './open-saved.js';
import type { OpenedMachine } from './opened.js';
import { stoppedBoard } from '../../kernel/inspect/stopped-board.js';
import { treeText } from '../../kernel/inspect/tree-text.js';

/** Where a hand-over is stopped. */
export const STOPS = ['entry', 'panic', 'capture'] as const;
export type Stop = (typeof STOPS)[number];

/** @throws KexecError where nothing is loaded, or the machine cannot be brought there */
export const openLoaded = (at: Stop, args: CommonArguments, context: SubcommandContext): Promise<OpenedMachine> =>
  withLoaded({ args, wanted: at === 'entry' ? 'normal' : 'crash' }, context, (loaded) =>
    at === 'entry' ? atEntry(loaded, context) : inPanic(at, loaded, args, context),
  );

const textsOf = ({ machine, what, image, kernel }: Loaded): OpenedMachine['texts'] => {
  const pages = loadedPagesOf(what, image, machine.kernel.facts);
  return {
    iomem: () => machine.files.readText('/proc/iomem'),
    kimage: () => (pages === undefined ? undefined : formatPages(pages)),
    dtb: (path) => treeText(treeSegment(kernel)?.data, path),
  };
};

const atEntry = (loaded: Loaded, context: SubcommandContext): Promise<OpenedMachine> =>
  withInterrupts(async (interrupted) => {
    const { machine, image, kernel } = loaded;
    const options = openExecution(machine, image, purgatory);
    const bounds = { maxInstructions: undefined, deadline: Infinity, interrupted };
    const run = { ...options, bounds, console: () => {}, step: undefined, progress: context.progress };
    const { end, launched } = await runToEntry(run);
    const { board, processors, place } = launched;
    const where =
      end.kind === 'stop-at'
        ? `the new kernel starts at ${place(processors.current.pc)}`
        : describeEnd(end, launched, options.describeEsr);
    return {
      machine: stoppedBoard(board, [processors.current], processors.current),
      kernels: [imageSegment(kernel)?.memory.start, processors.current.pc].flatMap((start) =>
        start === undefined ? [] : [{ start }],
      ),
      texts: textsOf(loaded),
      greeting: `${machine.name}: ${where}`,
    };
  });

/** Shows nothing, and nobody types. */
const QUIET: Terminal = {
  isInteractive: false,
  isClosed: false,
  write: () => {},
  writeAside: () => {},
  listen: (_raw, _onBytes, onEnd) => {
    onEnd();
    return { pause: () => {}, resume: () => {}, close: () => {} };
  },
};

/** The machine goes to where it is looked at as `kexec-sim panic` has it go there, and is saved. */
const inPanic = (
  at: 'panic' | 'capture',
  loaded: Loaded,
  args: CommonArguments,
  context: SubcommandContext,
): Promise<OpenedMachine> =>
  inScratch('inspect', async (scratch) => {
    const save = join(scratch, 'machine');
    const wanted = {
      ...{ ...args, state: loaded.machine.stateDirectory, json: false },
      ...{ cpu: '0', cause: 'sysrq' as const, registers: undefined, 'deaf-cpu': [], corrupt: undefined, quirk: [] },
      ...{
        vmcore: undefined,
        trace: undefined,
        gdb: undefined,
        'gdb-at': undefined,
        disk: [],
        until: 'entry',
        timeout: undefined,
        save,
      },
      // One instruction of the dying kernel's last code is carried out, which changes nothing.
      'max-instructions': at === 'panic' ? '1' : undefined,
    };
    const failed = await attemptAsync(KexecError, () =>
      runPanic(wanted, { ...context, terminal: QUIET, out: () => {} }),
    );
    if (!existsSync(save)) {
      throw failed instanceof KexecError ? failed : KexecError.die('the machine could not be saved', { subject: save });
    }
    const opened = openSaved(save);
    const { name } = loaded.machine;
    const greeting =
      at === 'panic'
        ? `${name}: its kernel has died, and goes to the crash kernel`
        : `${name}: the capture kernel starts`;
    return { ...opened, texts: textsOf(loaded), greeting };
  });
