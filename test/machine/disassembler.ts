/**
 * Holds the disassembler against GNU objdump: `npm run disassembler -- [--count N] [--seed N] [--all] [--findings N]`. The
 * words are all those in the code of Debian's kernels, of busybox and of our purgatory, each once, and random ones: half of
 * them of all 32 bits, the others of each row in turn. Without `--all` every tenth word of the kernels is taken. `--findings`
 * is how many differences are shown. `--record` keeps some words of each row, and what objdump makes of them, for the tests.
 */
import * as fs from 'node:fs';
import { parseArgs } from 'node:util';
import { disassembleInstruction, SYNTAX_ROWS } from '../../sim/cpu/disassembly/disassembler.js';
import { parsePattern } from '../../sim/cpu/language/pattern.js';
import { createRandom, seedOf } from '../fuzz/mutate.js';
import { scratchDirectory } from '../support/cache.js';
import { runMain, say } from '../support/run-main.js';
import { type Difference, KNOWN_DIFFERENCES } from './disassembler/known-differences.js';
import { objdump } from './disassembler/objdump.js';
import { distinct, randomWords, recordedWords, SOURCES } from './disassembler/words.js';

const DEFAULT_COUNT = 300_000;
const DEFAULT_FINDINGS = 20;
/** One in so many words of programs is taken without `--all`. */
const SHARE = 10;
/** Words that one process of objdump shows. */
const CHUNK = 1 << 19;
/** Where code is: at the start of memory, so that branches go below it, and where kernels are. */
const ADDRESSES = [0n, 0xffff_8000_0800_0000n, 0x4020_0000n] as const;

const PATTERNS = SYNTAX_ROWS.map(({ pattern }) => parsePattern(pattern));
const RECORD = 'test/data/disassembly.txt';

class Judge {
  readonly #excused = new Map<Difference, number>(KNOWN_DIFFERENCES.map((difference) => [difference, 0]));
  #words = 0;
  #unallocated = 0;
  #wrong = 0;
  #chunks = 0;

  constructor(
    private readonly directory: string,
    private readonly mostShown: number,
  ) {}

  /** Compares the text of words. @returns a sentence on them */
  async compare(name: string, words: Uint32Array): Promise<string> {
    const before = [this.#words, this.#wrong, this.#excusedInAll()] as const;
    for (let at = 0; at < words.length; at += CHUNK) {
      const address = ADDRESSES[this.#chunks++ % ADDRESSES.length]!;
      for await (const line of objdump(this.directory, words.subarray(at, at + CHUNK), address)) this.#judge(line);
    }
    const [count, wrong, excused] = [
      this.#words - before[0],
      this.#wrong - before[1],
      this.#excusedInAll() - before[2],
    ];
    return `${name}: ${count} words, ${wrong} differences, ${excused} excused`;
  }

  #judge({ word, address, text }: { readonly word: number; readonly address: bigint; readonly text: string }): void {
    this.#words++;
    if (text.startsWith('.inst')) this.#unallocated++;
    const ours = disassembleInstruction(word, address).text;
    if (ours === text) return;
    const known = KNOWN_DIFFERENCES.find(({ explains }) => explains(word, text, ours));
    if (known !== undefined) {
      this.#excused.set(known, this.#excused.get(known)! + 1);
      return;
    }
    this.#wrong++;
    const hex = word.toString(16).padStart(8, '0');
    if (this.#wrong <= this.mostShown) say(`DIFFERENT ${hex}: "${text}" in objdump, "${ours}" here`);
  }

  #excusedInAll(): number {
    return [...this.#excused.values()].reduce((sum, count) => sum + count, 0);
  }

  /** @returns whether all is well */
  summary(seed: number, seconds: string): boolean {
    for (const [{ name, reason }, count] of this.#excused)
      say(count === 0 ? `NOT NEEDED any more: ${name}` : `${count} excused: ${name}: ${reason}`);
    const isNeeded = [...this.#excused.values()].every((count) => count > 0);
    say(
      `${SYNTAX_ROWS.length} rows, ${this.#words} words, seed ${seed}, ${this.#unallocated} of them unallocated: ` +
        `${this.#wrong} differences, ${this.#excusedInAll()} excused (${seconds} s)`,
    );
    return this.#wrong === 0 && isNeeded;
  }
}

/** Words of each row that are kept. */
const RECORDED_PER_ROW = 4;
const RECORDED_ADDRESS = 0xffff_8000_0801_0000n;

const record = async (directory: string): Promise<void> => {
  const words = recordedWords(PATTERNS, RECORDED_PER_ROW, createRandom(seedOf(1, 'disassembler', 1)));
  const lines: string[] = [];
  for await (const { address, word, text } of objdump(directory, words, RECORDED_ADDRESS))
    lines.push(`${address.toString(16)} ${word.toString(16).padStart(8, '0')} ${text}\n`);
  fs.writeFileSync(RECORD, lines.join(''));
  say(`${lines.length} lines in ${RECORD}`);
};

const number = (name: string, text: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name}: "${text}" is not a whole number`);
  return Number(text);
};

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: String(DEFAULT_COUNT) },
      seed: { type: 'string', default: '1' },
      all: { type: 'boolean', default: false },
      findings: { type: 'string', default: String(DEFAULT_FINDINGS) },
      record: { type: 'boolean', default: false },
    },
  });
  const [count, seed] = [number('count', values.count), number('seed', values.seed)];
  const started = Date.now();
  const directory = scratchDirectory('disassembler');
  try {
    if (values.record) return await record(directory);
    const judge = new Judge(directory, number('findings', values.findings));
    for (const { name, words } of SOURCES) {
      const all = distinct(words());
      say(await judge.compare(name, values.all ? all : all.filter((_, index) => index % SHARE === seed % SHARE)));
    }
    const random = createRandom(seedOf(seed, 'disassembler', 0));
    for (let done = 0; done < count; done += CHUNK) {
      const words = randomWords(PATTERNS, done, Math.min(CHUNK, count - done), random);
      say(await judge.compare('random words', words));
    }
    if (!judge.summary(seed, ((Date.now() - started) / 1000).toFixed(1))) process.exitCode = 1;
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
};

await runMain('disassembler', main);
