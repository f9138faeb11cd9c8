/** Our own part of `kexec --help`, which yargs lays out. */
import yargs from 'yargs';
import type { SimOption } from '../kexec/options/options.js';

/** The section of the help about the simulated machine. */
export const simHelp = async (options: readonly SimOption[]): Promise<string> => {
  const parser = yargs([]).help(false).version(false).wrap(80);
  for (const { name, variable, argument, description } of options) {
    parser.option(name, { type: 'string', describe: `${description} [${variable}=${argument}]`, requiresArg: true });
  }
  return `${await parser.usage('Options of the simulated machine (or set the variable):').getHelp()}\n`;
};
