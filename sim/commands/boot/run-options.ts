/** The options of a run, whichever subcommand begins it. */
import type { Argv } from 'yargs';
import { WHAT } from '../../kernel/trace/wanted.js';
import { type Quirk, QUIRKS } from '../../machine/quirks.js';

/** `--quirk`, of what makes a machine. */
export const QUIRK = {
  choices: Object.keys(QUIRKS) as Quirk[],
  array: true,
  default: [] as Quirk[],
  requiresArg: true,
  describe: "What the machine's firmware does otherwise than PSCI says",
} as const;

/** @param disk what the option says of itself @param until the same */
export const withRunOptions = <T>(command: Argv<T>, disk: string, until: string) =>
  command
    .option('disk', { type: 'string', array: true, default: [], requiresArg: true, describe: disk })
    .option('until', { type: 'string', requiresArg: true, default: 'halt', describe: until })
    .option('max-instructions', { type: 'string', requiresArg: true, describe: 'End the run after so many' })
    .option('timeout', { type: 'string', requiresArg: true, describe: 'End the run after so many seconds' })
    .option('gdb', {
      type: 'string',
      requiresArg: true,
      describe: 'Wait for gdb, and run as that says: [HOST:]PORT, or stdio',
    })
    .option('gdb-at', {
      type: 'string',
      requiresArg: true,
      describe: 'Where the machine waits: first, last, purgatory, kernel, an address, or a symbol',
    })
    .option('save', {
      type: 'string',
      requiresArg: true,
      describe: 'Save the machine at the end of the run: the file that resume goes on from',
    })
    .option('trace', {
      type: 'string',
      requiresArg: true,
      describe: `Write down what the processors do, for kexec-sim trace: FILE[:${WHAT}]`,
    });
