/** Builds harness.c and runs batches of sequences in it, under qemu. */

import { execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type Batch, CodePages, groupsOf, newState, type Outcome, STATE_BYTES } from './sequence.js';

/** LSE atomics need more than a Cortex-A57; SVE would put the vector registers elsewhere in a signal's frame. */
const QEMU = ['qemu-aarch64-static', '-cpu', 'neoverse-n1'] as const;
const COMPILE = [
  '-Wall',
  '-Wextra',
  '-Werror',
  '-O2',
  '-static',
  '-nostdlib',
  '-ffreestanding',
  '-fno-stack-protector',
  '-funroll-loops',
  // Where no sequence comes upon it by chance.
  '-Wl,-Ttext-segment=0x2b5a6c000000',
];

const ORDER_BYTES = 8 + STATE_BYTES;
const REPORT_BYTES = 16 + STATE_BYTES;

/** Builds the harness. @returns the program */
export const buildHarness = (cache: string): string => {
  fs.mkdirSync(cache, { recursive: true });
  const program = path.join(cache, 'harness');
  execFileSync('aarch64-linux-gnu-gcc', [...COMPILE, '-o', program, path.join('test', 'machine', 'user', 'harness.c')]);
  return program;
};

const bytesOf = (array: BigUint64Array | Uint32Array | Uint8Array): Buffer =>
  Buffer.from(array.buffer, array.byteOffset, array.byteLength);

const ORDERS = ['run', 'code', 'window'] as const;

const order = (kind: (typeof ORDERS)[number], words: number, state = newState()): Buffer => {
  const bytes = Buffer.alloc(ORDER_BYTES);
  bytes.writeUInt32LE(ORDERS.indexOf(kind), 0);
  bytes.writeUInt32LE(words, 4);
  bytes.set(bytesOf(state), 8);
  return bytes;
};

const encode = (batch: Batch): Buffer => {
  const pages = new CodePages();
  return Buffer.concat([
    order('window', 0),
    batch.window,
    ...groupsOf(batch).flatMap((group) => [
      ...pages.place(group).flatMap(({ words, state }) => [order('code', words.length, state), bytesOf(words)]),
      ...group.map(({ state }) => order('run', 0, state)),
    ]),
  ]);
};

const wordsOf = (bytes: Buffer): BigUint64Array => new BigUint64Array(new Uint8Array(bytes).buffer);

const decode = (bytes: Buffer): Outcome[] => {
  const outcomes: Outcome[] = [];
  for (let at = 0; at + REPORT_BYTES <= bytes.length;) {
    const end = at + REPORT_BYTES + 16 * bytes.readUInt32LE(at + 4);
    outcomes.push({
      signal: bytes.readUInt32LE(at),
      faultAddress: bytes.readBigUInt64LE(at + 8),
      state: wordsOf(bytes.subarray(at + 16, at + REPORT_BYTES)),
      changes: wordsOf(bytes.subarray(at + REPORT_BYTES, end)),
    });
    at = end;
  }
  return outcomes;
};

/** A batch that does not end is given up; it takes about a second, and far more on a machine that is busy. */
const PATIENCE_MS = 600_000;

/**
 * Runs a batch under qemu, in a process of its own: it goes on while the caller computes.
 * @throws when it ends early, which only the harness itself can be blamed for
 */
export const runUnderQemu = async (
  program: string,
  batch: Batch,
  command: readonly string[] = QEMU,
): Promise<Outcome[]> => {
  const directory = fs.mkdtempSync(`${program}-`);
  const [input, output] = [path.join(directory, 'in'), path.join(directory, 'out')];
  fs.writeFileSync(input, encode(batch));
  const descriptors = [fs.openSync(input, 'r'), fs.openSync(output, 'w')] as const;
  try {
    const child = spawn(command[0]!, [...command.slice(1), program], {
      stdio: [...descriptors, 'inherit'],
      timeout: PATIENCE_MS,
    });
    const status = await new Promise<string>((resolve, reject) => {
      child.on('error', reject).on('exit', (code, signal) => resolve(signal ?? String(code)));
    });
    const outcomes = decode(fs.readFileSync(output));
    if (status !== '0' || outcomes.length !== batch.sequences.length) {
      throw new Error(
        `${command.join(' ')} ended with ${status} after ${outcomes.length} of ${batch.sequences.length} sequences`,
      );
    }
    return outcomes;
  } finally {
    descriptors.forEach((descriptor) => fs.closeSync(descriptor));
    fs.rmSync(directory, { recursive: true });
  }
};
