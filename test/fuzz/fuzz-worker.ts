/** The thread in which the inputs run, so that another can see when one does not end. */
import { parentPort, workerData } from 'node:worker_threads';
import { ALL_TARGETS, fuzzTarget, type Finding } from './fuzz-run.js';

export interface Job {
  readonly target: string;
  readonly seed: number;
  /** Number of the first input, and of the first one that is not run. */
  readonly from: number;
  readonly to: number;
  /** One 32-bit number: that of the input that is running. */
  readonly current: SharedArrayBuffer;
}

export type Message =
  { readonly kind: 'finding'; readonly finding: Finding } | { readonly kind: 'end'; readonly passed: number };

const post = (message: Message): void => parentPort?.postMessage(message);

const job = workerData as Job;
const current = new Int32Array(job.current);
const target = ALL_TARGETS.find(({ name }) => name === job.target)!;
const passed = await fuzzTarget(target, job.seed, job.from, job.to, {
  onInput: (index) => Atomics.store(current, 0, index),
  onFinding: (finding) => post({ kind: 'finding', finding }),
});
post({ kind: 'end', passed });
