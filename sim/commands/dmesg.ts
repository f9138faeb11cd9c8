/** `kexec-sim dmesg`: why the kernel refused a load, and where kexec_file_load put what (`kexec -d -s`). */
import { visible } from '../../kexec/base/format.js';
import { type SubcommandContext, type CommonArgv, openMachine } from './common/context.js';
import { formatJson } from './common/text.js';

/** Adds the subcommand to kexec-sim. */
export const addDmesgCommand = (yargs: CommonArgv, context: SubcommandContext): CommonArgv =>
  yargs.command(
    'dmesg',
    "Print what the machine's kernel has logged of loads",
    (command) => command,
    (args) => {
      const lines = openMachine(args, context).kernel.log;
      context.out(args.json ? formatJson(lines) : lines.map(({ text }) => `${visible(text)}\n`).join(''));
    },
  );
