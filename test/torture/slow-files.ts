/** Preloaded into a command, has each of its steps that change files wait, as a slow file system does. */
import fs from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

const STEP_MS = 15;

const wait = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STEP_MS);

const slowed =
  <Arguments extends readonly unknown[], Result>(action: (...args: Arguments) => Result) =>
  (...args: Arguments): Result => {
    wait();
    const result = action(...args);
    wait();
    return result;
  };

const files = fs as unknown as Record<string, (...args: readonly unknown[]) => unknown>;
for (const name of ['mkdirSync', 'writeFileSync', 'renameSync', 'rmSync', 'unlinkSync', 'linkSync', 'appendFileSync']) {
  files[name] = slowed(files[name]!);
}
promises.open = slowed(promises.open);
syncBuiltinESMExports();
