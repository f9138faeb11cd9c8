import yargs, { type Argv } from 'yargs';
import { ARM64_OPTIONS } from '../kexec/arch/arm64/options-arm64.js';
import { DEFAULT_COMPAT } from '../kexec/compat.js';
import { SIM_OPTIONS, optionsOf } from '../kexec/options.js';

/** What yargs does with the one option table: the section of the help that is ours, and completion. */

const addSimOptions = (parser: Argv): Argv => {
  for (const { name, variable, argument, description } of SIM_OPTIONS) {
    parser.option(name, { type: 'string', describe: `${description} [${variable}=${argument}]`, requiresArg: true });
  }
  return parser;
};

/** The section of the help about the simulated machine. */
export const simHelp = async (): Promise<string> => {
  const parser = yargs([]).help(false).version(false).wrap(100);
  addSimOptions(parser.usage('Options of the simulated machine (or set the variable):'));
  return `${await parser.getHelp()}\n`;
};

/**
 * What may come next on a command line, a line each.
 * @param words the command line's words so far, the command's name first
 */
export const completions = async (words: readonly string[]): Promise<string> => {
  const parser = yargs([]).scriptName('kexec').help(false).version(false);
  for (const { name, argument, description } of optionsOf(DEFAULT_COMPAT, ARM64_OPTIONS)) {
    parser.option(name, { describe: description, type: argument === undefined ? 'boolean' : 'string' });
  }
  addSimOptions(parser).completion('completion', false);
  return (await parser.getCompletion([...words])).map((line) => `${line}\n`).join('');
};
