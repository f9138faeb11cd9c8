/** A machine, and whoever comes to debug it. */
import { GdbServer } from '../../gdb/server.js';
import type { RunMachine } from '../machine/processors.js';
import type { HistoryOptions, MachineWithPast } from '../history/history.js';
import { MachinePast } from './machine-past.js';
import { DebuggedMachine, type FirstStop } from './debugged-machine.js';
import type { GdbSettings } from '../../gdb/options.js';
import { MachineTarget } from './machine-target.js';
import type { MachineTold } from './target-machine.js';

export interface DebuggingOptions {
  readonly machine: MachineWithPast;
  readonly disks: HistoryOptions['disks'];
  /** Who looks at what the machine sends. */
  readonly watch: HistoryOptions['watch'];
  /** Who shows it. */
  readonly screen: HistoryOptions['screen'];
  readonly told: MachineTold;
  readonly first: FirstStop | undefined;
  /** Tells the user something: one sentence, without its end. */
  readonly tell: (text: string) => void;
}

/** A machine that runs as gdb says. */
export interface Debugging {
  /** In place of {@link Processors.run}. */
  readonly run: RunMachine;
  /** What is to be typed into in place of the machine's console. */
  readonly console: HistoryOptions['machine']['console'];
  /** Whether gdb has ended the machine. */
  readonly isKilled: boolean;
  /** To be called when the machine does not run any more. */
  close(): void;
}

/**
 * From now on the machine runs as gdb says, and can be gone back, unless there is a disk whose file is written to.
 * @throws KexecError where gdb cannot come to it
 */
export const debug = async (settings: GdbSettings, options: DebuggingOptions): Promise<Debugging> => {
  const { machine: whole, disks, watch, screen, told, first, tell } = options;
  const { board, processors } = whole;
  const port = await settings.open();
  const hasPast = disks.every(({ past }) => past !== undefined);
  const past = hasPast ? new MachinePast({ machine: whole, disks, watch, screen }) : undefined;
  if (past === undefined) tell('a disk is written to, so there is no way back');
  const machine = new DebuggedMachine({
    processors,
    past,
    first,
    ...(past === undefined ? {} : { run: past.run }),
    onReady: () => {
      const { current: cpu } = processors;
      tell(`the machine waits at ${told.place(cpu, cpu.pc)} for gdb: ${port.command}`);
      server.start();
    },
  });
  const server = new GdbServer(port, { target: new MachineTarget({ board, processors, machine, told }), tell });
  return {
    run: machine.run,
    console: past === undefined ? whole.console : past.console,
    get isKilled() {
      return machine.isKilled;
    },
    close: () => {
      machine.close();
      // What gdb is told of that is to go out before.
      setImmediate(() => server.close());
    },
  };
};
