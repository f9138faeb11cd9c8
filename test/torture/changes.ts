/** Wraps the steps by which a command changes files. */
import fs from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

type Step = (...args: readonly unknown[]) => unknown;

const STEPS = ['mkdirSync', 'writeFileSync', 'renameSync', 'rmSync', 'unlinkSync', 'linkSync', 'appendFileSync'];

/** @param around carries out the step that it is given, and gives its result */
export const wrapChanges = (around: (step: () => unknown) => unknown): void => {
  const files = fs as unknown as Record<string, Step>;
  for (const name of STEPS) {
    const step = files[name]!;
    files[name] = (...args) => around(() => step(...args));
  }
  const open = promises.open as unknown as Step;
  promises.open = ((...args: readonly unknown[]) => around(() => open(...args))) as unknown as typeof promises.open;
  syncBuiltinESMExports();
};
