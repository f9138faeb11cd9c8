/** What all subcommands of kexec-sim have in common: their context, their options, the machine they are about. */
import type { Argv } from 'yargs';
import type { OnProgress } from '../../../kexec/base/progress.js';
import type { Platform } from '../../../kexec/base/platform.js';
import { DEFAULT_MACHINE } from '../../kernel/recording/machines.js';
import { type AllChanges, recordedMachine } from '../../kernel/recorded-system.js';
import type { RecordedMachine } from '../../kernel/recorded-machine.js';
import type { GdbAddress } from '../../gdb/options.js';
import type { GdbPort } from '../../gdb/server.js';
import type { Terminal } from '../../machine/terminal.js';

type Env = Readonly<Record<string, string | undefined>>;

/** The `kexec` command as a function. @returns its exit code */
export type RunKexec = (
  args: readonly string[],
  options: { readonly env: Env; readonly out: (text: string) => void; readonly err: (text: string) => void },
) => Promise<number>;

/** What a subcommand of kexec-sim acts through. */
export interface SubcommandContext {
  readonly env: Env;
  /** Writes to stdout, line end included. */
  out(text: string): void;
  /** Writes bytes to stdout, for subcommands whose result is a file; they want a file's name without it. */
  readonly outBytes?: (bytes: Uint8Array) => void;
  /** Whether colours are welcome on stdout; by default they are not. */
  readonly colour?: boolean;
  /** For subcommands that run kexec; they refuse to work without it. */
  readonly kexec?: RunKexec;
  /** For subcommands that run a kernel with a console. */
  readonly terminal?: Terminal;
  /** For subcommands that gdb may debug: opens where it comes from. @throws KexecError */
  readonly gdbPort?: (address: GdbAddress) => Promise<GdbPort>;
  /** For subcommands that read compressed files. */
  readonly platform?: () => Promise<Platform>;
  /** Called again and again by what takes long. */
  readonly progress?: OnProgress | undefined;
}

/** Values of the options about what is otherwise than recorded, and the variables in place of them. */
type ChangeArguments = Readonly<Record<`sim-${keyof AllChanges}`, string | undefined>>;
type ChangeVariables = Readonly<Record<`KEXEC_${Uppercase<keyof AllChanges>}`, string | undefined>>;

/** Options that every subcommand has. */
export interface CommonArguments extends ChangeArguments {
  readonly machine: string | undefined;
  readonly state: string | undefined;
  readonly json: boolean;
}

export type CommonArgv = Argv<CommonArguments>;

export const addCommonOptions = (yargs: Argv): CommonArgv =>
  yargs
    .option('machine', {
      alias: 'sim-machine',
      type: 'string',
      requiresArg: true,
      describe: `Recorded machine: a bundled one, a directory, or a tar file; ${DEFAULT_MACHINE} by default (KEXEC_MACHINE)`,
    })
    .option('state', {
      alias: 'sim-state',
      type: 'string',
      requiresArg: true,
      describe: 'Directory where its kernel keeps what is loaded (KEXEC_STATE)',
    })
    .option('sim-crashkernel', {
      type: 'string',
      requiresArg: true,
      describe: 'The machine as with this crashkernel=, such as 512M (KEXEC_CRASHKERNEL)',
    })
    .option('sim-memory', {
      type: 'string',
      requiresArg: true,
      describe: 'The machine as with so much RAM, such as 4G (KEXEC_MEMORY)',
    })
    .option('sim-cmdline', {
      type: 'string',
      requiresArg: true,
      describe: 'The machine as with this command line (KEXEC_CMDLINE)',
    })
    .option('json', { type: 'boolean', default: false, describe: 'Print JSON' });

/** The environment in which kexec acts on the machine that the options and the environment name. */
export const environmentOf = (args: CommonArguments, env: SubcommandContext['env']): SubcommandContext['env'] => ({
  ...env,
  KEXEC_MACHINE: args.machine ?? env['KEXEC_MACHINE'],
  KEXEC_STATE: args.state ?? env['KEXEC_STATE'],
  ...({
    KEXEC_CRASHKERNEL: args['sim-crashkernel'] ?? env['KEXEC_CRASHKERNEL'],
    KEXEC_MEMORY: args['sim-memory'] ?? env['KEXEC_MEMORY'],
    KEXEC_CMDLINE: args['sim-cmdline'] ?? env['KEXEC_CMDLINE'],
  } satisfies ChangeVariables),
});

/** That machine. @throws KexecError */
export const openMachine = (args: CommonArguments, { env: given, progress }: SubcommandContext): RecordedMachine => {
  const env = environmentOf(args, given);
  return recordedMachine({
    machine: env['KEXEC_MACHINE'],
    state: env['KEXEC_STATE'],
    pageSize: env['KEXEC_PAGE_SIZE'],
    fileLoad: env['KEXEC_FILE_LOAD'],
    el: env['KEXEC_EL'],
    changes: {
      crashkernel: env['KEXEC_CRASHKERNEL'],
      memory: env['KEXEC_MEMORY'],
      cmdline: env['KEXEC_CMDLINE'],
    } satisfies AllChanges,
    env: given,
    progress,
  });
};
