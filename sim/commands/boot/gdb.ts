/** A run that gdb debugs: what the options say, and what the machine is for it. */
import { KexecError } from '../../../kexec/base/error.js';
import { type GdbAddress, type GdbSettings, parseAt, parseGdb } from '../../gdb/options.js';
import { describeEsr } from '../../cpu/system/esr.js';
import type { BootPlaces } from '../../kernel/boot/boot-places.js';
import type { FirstStop } from '../../kernel/debug/debugged-machine.js';
import type { Debugging } from '../../kernel/debug/debugging.js';
import { kernelStop } from '../../kernel/debug/kernel-symbol.js';
import type { Console } from '../../kernel/machine/console.js';
import type { WholeMachine } from '../../kernel/machine/whole-machine.js';
import { describeEnd } from '../../kernel/run/end-report.js';
import type { ConsoleWatch } from '../../kernel/run/console-watch.js';
import type { GuestView } from '../../kernel/run/guest-view.js';
import type { Terminal } from '../../machine/terminal.js';
import type { SubcommandContext } from '../common/context.js';
import type { OpenDisk } from '../disks/file-disk.js';
import type { RunArguments } from './options.js';

const AT = '--gdb-at';

export interface GdbWish {
  readonly settings: GdbSettings;
  /** stdin and stdout are gdb's. */
  readonly isPiped: boolean;
}

/** @param otherwise where the machine waits by default @returns undefined where nobody asks for gdb @throws KexecError */
export const gdbOf = (
  args: Pick<RunArguments, 'gdb' | 'gdb-at' | 'json'>,
  { gdbPort }: SubcommandContext,
  otherwise: 'first' | 'last',
): GdbWish | undefined => {
  const at = parseAt(AT, args['gdb-at'] ?? otherwise);
  if (args.gdb === undefined) {
    if (args['gdb-at'] === undefined) return undefined;
    throw KexecError.die(`${AT}: there is no gdb to wait for: say --gdb, too`, { subject: args['gdb-at'] });
  }
  const address: GdbAddress = parseGdb('--gdb', args.gdb);
  const isPiped = address.kind === 'stdio';
  if (isPiped && args.json)
    throw KexecError.die('--gdb: stdout cannot be both for gdb and for JSON', { subject: '--gdb' });
  if (gdbPort === undefined) throw new Error('gdb needs a port');
  return { settings: { open: () => gdbPort(address), at, atOption: AT }, isPiped };
};

/** The terminal of a machine whose stdin and stdout are gdb's: the console shows beside, and nobody types. */
export const withoutStreams = (terminal: Terminal): Terminal => ({
  isInteractive: false,
  isClosed: false,
  listen: (_raw, _onBytes, onEnd) => {
    onEnd();
    return { pause: () => {}, resume: () => {}, close: () => {} };
  },
  write: (bytes) => terminal.writeAside(bytes),
  writeAside: (bytes) => terminal.writeAside(bytes),
});

/** A machine with a kernel in its memory. */
interface BootedMachine {
  readonly whole: WholeMachine;
  readonly places: BootPlaces;
  readonly disks: readonly OpenDisk[];
  readonly watch: ConsoleWatch;
  readonly console: Console;
}

/** Has gdb debug a machine that stands at its kernel's first instruction, or wherever it was saved. @throws KexecError */
export const debugBooted = async (
  booted: BootedMachine,
  gdb: GdbSettings,
  view: GuestView,
  tell: Terminal['writeAside'],
): Promise<Debugging> => {
  const { debug } = await import('../../kernel/debug/debugging.js');
  const { whole, disks, watch, console } = booted;
  const { board, processors } = whole;
  return debug(gdb, {
    machine: whole,
    disks: disks.map(({ disk }) => disk),
    watch,
    screen: console,
    first: firstStopOf(booted, gdb),
    told: {
      place: (cpu, pc) => view.place(cpu, pc),
      log: (cpu) => view.log(cpu),
      kernel: () => ({ start: booted.places.kernel.start, sizeBytes: booted.places.kernel.size }),
      tree: () => booted.places.tree.start,
      describeEnd: (end) =>
        describeEnd(end, { board, processors, place: (pc) => view.place(processors.current, pc) }, describeEsr),
    },
    tell: (text) => tell(Buffer.from(`kexec-sim: ${text}\n`)),
  });
};

const firstStopOf = ({ whole, places: { kernel } }: BootedMachine, { at }: GdbSettings): FirstStop | undefined => {
  switch (at.kind) {
    case 'first':
    case 'kernel':
      return undefined;
    case 'last':
    case 'purgatory':
      throw KexecError.die(`${AT}: "${at.kind}": no other kernel has run on the machine`, { subject: at.kind });
    case 'address':
      return { stopAt: new Set([at.address]) };
    case 'symbol': {
      if (whole.processors.current.pc !== kernel.start) {
        throw KexecError.die(`${AT}: "${at.name}": the kernel runs already, and only an address can be waited for`, {
          subject: at.name,
        });
      }
      return kernelStop(AT, at.name, whole.board.memory.read(kernel.start, Number(kernel.size)), kernel.start);
    }
  }
};
