/** What GNU objdump makes of words, as a stream: one process for each chunk, and no more of its output than a line. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as readline from 'node:readline';

const OBJDUMP = 'aarch64-linux-gnu-objdump';
/** `   c:\tf9400000 \tldr\tx0, [x0]` */
const LINE = /^ *([0-9a-f]+):\t([0-9a-f]{8}) \t(.*)$/;

export interface Line {
  readonly address: bigint;
  readonly word: number;
  readonly text: string;
}

/**
 * The text of each word.
 * @param directory for a file with the words
 * @param address of the first one
 * @throws Error where objdump fails, or leaves words out
 */
export const objdump = async function* (directory: string, words: Uint32Array, address: bigint): AsyncGenerator<Line> {
  const file = path.join(directory, 'words');
  fs.writeFileSync(file, new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
  const options = ['-D', '-z', '-b', 'binary', '-m', 'aarch64', '-EL', `--adjust-vma=0x${address.toString(16)}`];
  const child = spawn(OBJDUMP, [...options, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const failed = once(child, 'error').then(([error]) => Promise.reject(error as Error));
  const ended = Promise.race([once(child, 'close'), failed]);
  // Where it cannot be started, that is told below.
  ended.catch(() => {});
  let count = 0;
  for await (const line of readline.createInterface({ input: child.stdout })) {
    const match = LINE.exec(line);
    if (match === null) continue;
    const [, at = '', hex = '', text = ''] = match;
    const word = Number.parseInt(hex, 16);
    if (word !== words[count]) throw new Error(`objdump shows ${hex} at 0x${at}, where another word is`);
    count++;
    yield { address: BigInt(`0x${at}`), word, text };
  }
  const [status] = (await ended) as readonly (number | null)[];
  if (status !== 0 || count !== words.length) throw new Error(`objdump shows ${count} of ${words.length} words`);
};
