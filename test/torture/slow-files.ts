/**
 * Makes a command slow, as a slow file system would: each step that changes files waits. Preloaded into the command.
 */
import { wrapChanges } from './changes.js';

const STEP_MS = 15;

const wait = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STEP_MS);

wrapChanges((step) => {
  wait();
  const result = step();
  wait();
  return result;
});
