import { SIM_OPTIONS } from '../kexec/options.js';

/** The section of the help that is ours, as yargs formats it. */
export const simHelp = async (): Promise<string> => {
  const { default: yargs } = await import('yargs');
  const parser = yargs([]).help(false).version(false).wrap(100).usage('Options of the simulated machine (or set the variable):');
  for (const { name, variable, argument, description } of SIM_OPTIONS) {
    parser.option(name, { type: 'string', describe: `${description} [${variable}=${argument}]`, requiresArg: true });
  }
  return `${await parser.getHelp()}\n`;
};
