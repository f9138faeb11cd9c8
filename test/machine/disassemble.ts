/** Instructions as text, by objdump. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

/** The text of each instruction, by objdump. @param address of the first one; it decides what branches name */
export const disassemble = (words: Uint32Array, address: bigint): readonly string[] => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'disassemble-'));
  try {
    const file = path.join(directory, 'code');
    fs.writeFileSync(file, new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
    const options = ['-D', '-z', '-b', 'binary', '-m', 'aarch64', `--adjust-vma=0x${address.toString(16)}`];
    const text = execFileSync('aarch64-linux-gnu-objdump', [...options, file], { encoding: 'utf8' });
    return [...text.matchAll(/^ *[0-9a-f]+:\t[0-9a-f]+ *\t(.*)$/gm)].map((line) => line[1]!.replaceAll('\t', ' '));
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
};
