import { writeFileSync } from 'node:fs';
import { KexecError, SystemError, strerror } from '../../kexec/base/error.js';
import { extractPurgatory } from '../../kexec/elf/extract-purgatory.js';
import { errnoOf, isNodeError, readHost } from '../kernel/recording/host-files.js';
import type { CommandContext, CommonArgv } from './context.js';
import { formatJson } from './text.js';

const read = (path: string): Uint8Array => {
  try {
    return readHost(path);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw KexecError.die(`Cannot read ${path}: ${strerror(error.errno)}`, { subject: path, errno: -error.errno });
  }
};

const write = (path: string, bytes: Uint8Array): void => {
  try {
    writeFileSync(path, bytes);
  } catch (error) {
    if (!isNodeError(error)) throw error;
    throw KexecError.die(`Cannot write ${path}: ${strerror(errnoOf(error))}`, {
      subject: path,
      errno: -errnoOf(error),
    });
  }
};

/** `kexec-sim extract-purgatory`: the purgatory that a real kexec was built with, to be used by KEXEC_PURGATORY. */
export const addExtractPurgatoryCommand = (yargs: CommonArgv, context: CommandContext): CommonArgv =>
  yargs.command(
    'extract-purgatory <kexec> <out>',
    "Copy the purgatory out of a real kexec's executable",
    (command) =>
      command
        .positional('kexec', { type: 'string', demandOption: true, describe: 'An executable of kexec-tools' })
        .positional('out', { type: 'string', demandOption: true, describe: 'Where to write the relocatable object' }),
    (args) => {
      const purgatory = extractPurgatory(read(args.kexec), args.kexec);
      write(args.out, purgatory);
      context.out(
        args.json
          ? formatJson({ file: args.out, bytes: purgatory.length })
          : `${args.out}: ${purgatory.length} bytes\n`,
      );
    },
  );
