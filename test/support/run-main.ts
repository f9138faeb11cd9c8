/** What runners have in common: how they speak, and how they end. */

/** Writes a line to stdout. */
export const say = (line: string): void => void process.stdout.write(`${line}\n`);

/**
 * Runs a runner: what it throws becomes a line on stderr and the exit status 1.
 * @param name what the runner is called, for that line
 */
export const runMain = async (name: string, main: () => void | Promise<void>): Promise<void> => {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
};
