/** Preloaded into a command, has each of its steps that change files wait, as a slow file system does. */
import { wrapChanges } from './changes.js';

const STEP_MS = 15;

const wait = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STEP_MS);

wrapChanges((step) => {
  wait();
  const result = step();
  wait();
  return result;
});
