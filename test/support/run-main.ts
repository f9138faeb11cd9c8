/** What runners have in common: how they speak, how they tell what they do, and how they end. */
import * as fs from 'node:fs';
import * as path from 'node:path';

/** Writes a line to stdout. */
export const say = (line: string): void => void process.stdout.write(`${line}\n`);

export interface RunnerOptions {
  /** Whether `--help` is answered by the runner, which has a list of its options. */
  readonly tellsHelp?: boolean;
}

/**
 * Runs a runner: what it throws becomes a line on stderr and the exit status 1. For `--help`, what it does is told
 * instead: the comment that its source begins with.
 * @param name what the runner is called, for that line
 */
export const runMain = async (
  name: string,
  main: () => void | Promise<void>,
  { tellsHelp = false }: RunnerOptions = {},
): Promise<void> => {
  try {
    if (!tellsHelp && process.argv.includes('--help')) say(descriptionOf(sourceOf(process.argv[1] ?? '')));
    else await main();
  } catch (error) {
    process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
};

const BUILT = 'dist';

/** The TypeScript of a compiled program. */
const sourceOf = (program: string): string => {
  const file = path.relative(BUILT, program).replace(/\.js$/, '.ts');
  return fs.readFileSync(file, 'utf8');
};

/** The comment that a source begins with, without its stars. */
export const descriptionOf = (source: string): string => {
  const [, text = ''] = /^\/\*\*([^]*?)\*\//.exec(source) ?? [];
  return text.replaceAll(/^ \* ?/gm, '').trim();
};
