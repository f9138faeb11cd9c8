/** Words to disassemble: those of programs and kernels, and random ones. */
import * as fs from 'node:fs';
import { purgatory } from '../../../kexec/arch/arm64/purgatory.js';
import { silentLog } from '../../../kexec/base/log.js';
import { SHF_EXECINSTR } from '../../../kexec/elf/elf.js';
import { buildElfInfo } from '../../../kexec/elf/kexec-elf.js';
import type { Pattern } from '../../../sim/cpu/language/pattern.js';
import { readImageSymbols } from '../../../sim/kernel/log/image-symbols.js';
import { debianBusybox, debianKernel } from '../../conformance/apt.js';

import type { Random } from '../../fuzz/mutate.js';

/** The suites of Debian whose kernels are read, and the releases of these. */
const KERNELS: Readonly<Record<string, string>> = { bullseye: '5.10', bookworm: '6.1', trixie: '6.12', sid: '7.2' };

/** Code of somebody. */
export interface Source {
  readonly name: string;
  /** Reads its words, which may occur any number of times. */
  readonly words: () => Uint32Array;
}

/** A copy, which begins where a word may. */
const wordsIn = (bytes: Uint8Array): Uint32Array =>
  new Uint32Array(Uint8Array.from(bytes.subarray(0, bytes.length & ~3)).buffer);

const joined = (parts: readonly Uint32Array[]): Uint32Array => {
  const all = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
};

/** The executable sections of an ELF file. @throws Error for what is none */
const elfText = (name: string, bytes: Uint8Array): Uint32Array => {
  const elf = buildElfInfo(bytes, { skipFileSizeCheck: true, log: silentLog });
  if (elf === undefined) throw new Error(`${name} is no ELF file`);
  return joined(
    elf.sectionHeaders.filter(({ flags }) => (flags & SHF_EXECINSTR) !== 0n).map(({ data }) => wordsIn(data)),
  );
};

/** Where the code of a kernel begins and ends; what is written over it later is in there, too. */
const TEXTS = [
  ['_stext', '_etext'],
  ['_sinittext', '_einittext'],
] as const;

/** The code of a kernel, by its own symbols. @throws Error for a kernel without any */
const kernelText = (name: string, image: Uint8Array): Uint32Array => {
  const symbols = readImageSymbols(image);
  const placeOf = (symbol: string): number => {
    const offset = symbols?.offsetOf(symbol);
    if (offset === undefined) throw new Error(`${name} has no symbol ${symbol}`);
    return offset;
  };
  return joined(TEXTS.map(([start, end]) => wordsIn(image.subarray(placeOf(start), placeOf(end)))));
};

export const SOURCES: readonly Source[] = [
  ...Object.entries(KERNELS).map(([suite, release]): Source => {
    const name = `Linux ${release}`;
    return { name, words: () => kernelText(name, fs.readFileSync(debianKernel(suite))) };
  }),
  { name: 'busybox', words: () => elfText('busybox', fs.readFileSync(debianBusybox())) },
  { name: 'the purgatory', words: () => elfText('the purgatory', purgatory) },
];

/** Each word once, in the order of their numbers. */
export const distinct = (words: Uint32Array): Uint32Array =>
  Uint32Array.from(words)
    .sort()
    .filter((word, index, sorted) => index === 0 || word !== sorted[index - 1]);

const anyWord = (random: Random): number => random.below(2 ** 32);

/** Of such random words, one in so many has fields at their ends. */
const EDGES = 4;

/** A word that has a row's fixed bits, and random fields; now and then many of them with all bits clear or set. */
const wordOfRow = ({ mask, value, fields }: Pattern, random: Random): number => {
  const open = (value | (anyWord(random) & ~mask)) >>> 0;
  if (random.below(EDGES) > 0) return open;
  return fields.reduce((word, { shift, mask: all }) => {
    const bits = all << shift;
    const kind = random.below(4);
    return (kind === 0 ? word & ~bits : kind === 1 ? word | bits : word) >>> 0;
  }, open);
};

/** Random words: each other one of all 32 bits, and the others of all rows in turn. */
export const randomWords = (patterns: readonly Pattern[], first: number, count: number, random: Random): Uint32Array =>
  Uint32Array.from({ length: count }, (_, index) => {
    const pattern = patterns[((first + index) >> 1) % patterns.length];
    return index % 2 === 0 || pattern === undefined ? anyWord(random) : wordOfRow(pattern, random);
  });

/** So many words of each row. */
export const recordedWords = (patterns: readonly Pattern[], perRow: number, random: Random): Uint32Array =>
  Uint32Array.from(patterns.flatMap((pattern) => Array.from({ length: perRow }, () => wordOfRow(pattern, random))));
