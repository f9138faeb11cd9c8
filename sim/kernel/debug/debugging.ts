/** A machine, and whoever comes to debug it. */
import { GdbServer } from '../../gdb/server.js';
import type { Board } from '../../machine/board.js';
import type { Processors, RunMachine } from '../machine/processors.js';
import { DebuggedMachine, type FirstStop, type Past } from './debugged-machine.js';
import type { GdbSettings } from '../../gdb/options.js';
import { MachineTarget } from './machine-target.js';
import type { MachineTold } from './target-machine.js';

export interface DebuggingOptions {
  readonly board: Board;
  readonly processors: Processors;
  readonly told: MachineTold;
  readonly first: FirstStop | undefined;
  /** Tells the user something: one sentence, without its end. */
  readonly tell: (text: string) => void;
  /** See {@link DebuggedMachine}. */
  readonly run?: RunMachine;
  readonly past?: Past;
}

/** A machine that runs as gdb says. */
export interface Debugging {
  /** In place of {@link Processors.run}. */
  readonly run: RunMachine;
  /** Whether gdb has ended the machine. */
  readonly isKilled: boolean;
  /** To be called when the machine does not run any more. */
  close(): void;
}

/** Why a run is over that gdb has ended. */
export const ENDED_BY_GDB = 'ended by gdb';

/** @throws KexecError where gdb cannot come to it */
export const debug = async (settings: GdbSettings, options: DebuggingOptions): Promise<Debugging> => {
  const { board, processors, told, first, tell, run, past } = options;
  const port = await settings.open();
  const machine = new DebuggedMachine({
    processors,
    past,
    first,
    ...(run === undefined ? {} : { run }),
    onReady: () => {
      const { current: cpu } = processors;
      tell(`the machine waits at ${told.place(cpu, cpu.pc)} for gdb: ${port.command}`);
      server.start();
    },
  });
  const server = new GdbServer(port, { target: new MachineTarget({ board, processors, machine, told }), tell });
  return {
    run: machine.run,
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
