/** `kexec-sim extract-purgatory`: the purgatory that a real kexec was built with, to be used by KEXEC_PURGATORY. */
import { KexecError } from '../../kexec/base/error.js';
import { elfMachineName } from '../../kexec/elf/elf-machine.js';
import { extractPurgatory } from '../../kexec/elf/extract-purgatory.js';
import { readInput } from '../kernel/recording/input-files.js';
import { replaceFile } from '../kernel/saving/replace-file.js';
import type { SubcommandContext, CommonArgv } from './common/context.js';
import { formatJson } from './common/text.js';

/** kexec has some 200 KB. */
export const MAX_EXECUTABLE_BYTES = 256 << 20;
/** What all simulated machines are. */
const MACHINE = 'aarch64';

/** Adds the subcommand to kexec-sim. */
export const addExtractPurgatoryCommand = (yargs: CommonArgv, context: SubcommandContext): CommonArgv =>
  yargs.command(
    'extract-purgatory <kexec> <out>',
    "Copy the purgatory out of a real kexec's executable",
    (command) =>
      command
        .positional('kexec', { type: 'string', demandOption: true, describe: 'An executable of kexec-tools for arm64' })
        .positional('out', { type: 'string', demandOption: true, describe: 'Where to write the relocatable object' }),
    async (args) => {
      const purgatory = extractPurgatory(await readInput(args.kexec, MAX_EXECUTABLE_BYTES), args.kexec);
      const machine = elfMachineName(purgatory);
      if (machine !== MACHINE) {
        throw KexecError.die(`${args.kexec}: its purgatory is for ${machine}, and runs on no ${MACHINE} machine`, {
          subject: args.kexec,
        });
      }
      replaceFile(args.out, (write) => write(purgatory));
      context.out(
        args.json
          ? formatJson({ file: args.out, bytes: purgatory.length })
          : `${args.out}: ${purgatory.length} bytes\n`,
      );
    },
  );
