/** `kexec-sim symbols`: what can be typed. */
import type { CommonArgv, SubcommandContext } from '../common/context.js';

/** Adds the subcommand to kexec-sim. */
export const addSymbolsCommand = (yargs: CommonArgv, context: SubcommandContext): CommonArgv =>
  yargs.command(
    'symbols',
    'Write an ELF file of symbols for gdb: purgatory, relocation code, kernel, at their addresses',
    (command) =>
      command
        .option('output', {
          alias: 'o',
          type: 'string',
          default: '-',
          requiresArg: true,
          describe: 'The file, which is made anew; - is stdout',
        })
        .option('crash', { type: 'boolean', default: false, describe: 'Of what is loaded, the kernel for a panic' })
        .option('from', { type: 'string', requiresArg: true, describe: 'Of the kernel in a saved machine: a file' })
        .option('kernel', { type: 'string', requiresArg: true, describe: 'Of an Image alone: a file' })
        .option('at', {
          type: 'string',
          requiresArg: true,
          describe: "Where that Image's first byte is, 0x40200000; else 0",
        })
        .parserConfiguration({ 'populate--': true })
        .example('$0 symbols -o symbols.elf -- Image --reuse-cmdline', '')
        .example('$0 symbols -o symbols.elf --from saved', '')
        .epilogue('Without --from or --kernel: of what is loaded, or what the options of kexec behind -- load.'),
    async (args) => {
      const { runSymbols } = await import('./run-symbols.js');
      await runSymbols(args, context);
    },
  );
