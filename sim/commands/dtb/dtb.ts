/** `kexec-sim dtb`: what can be typed. */
import type { CommonArgv, SubcommandContext } from '../common/context.js';

/** Adds the subcommand to kexec-sim. */
export const addDtbCommand = (yargs: CommonArgv, context: SubcommandContext): CommonArgv =>
  yargs.command(
    'dtb [out]',
    "Write the machine's device tree, or the one that its next kernel is given",
    (command) =>
      command
        .positional('out', { type: 'string', default: '-', describe: 'The file, which is made anew; - is stdout' })
        .option('new', {
          type: 'boolean',
          default: false,
          describe: 'The tree that is loaded, or that the options of kexec behind -- would load',
        })
        .option('crash', {
          type: 'boolean',
          default: false,
          describe: 'Of what is loaded, the one for a panic',
        })
        .option('dts', { type: 'boolean', default: false, describe: 'As source, in place of a blob' })
        .parserConfiguration({ 'populate--': true })
        .example('$0 dtb --dts', '')
        .example('$0 dtb --new --dts -- Image --reuse-cmdline', ''),
    async (args) => {
      const { runDtb } = await import('./run-dtb.js');
      await runDtb(args, context);
    },
  );
