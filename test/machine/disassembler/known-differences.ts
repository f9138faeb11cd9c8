/** Where the disassembler's text is not objdump's, and is to stay so. A row that no word needs any more is told. */

export interface Difference {
  readonly name: string;
  readonly reason: string;
  /** Whether this explains that objdump has `theirs`, and ours is `ours`. */
  readonly explains: (word: number, theirs: string, ours: string) => boolean;
}

/** The Arm ARM's main table of encodings (C4.1): bits 28 to 25, and bit 31. */
const isScalable = (word: number): boolean => {
  const group = (word >>> 25) & 15;
  return group === 2 || (group === 0 && word >>> 31 === 1);
};

const isUnallocated = (text: string): boolean => text.startsWith('.inst\t');

export const KNOWN_DIFFERENCES: readonly Difference[] = [
  {
    name: 'SVE and SME',
    reason: "of them there is only what Debian's kernels contain",
    explains: (word, _theirs, ours) => isScalable(word) && isUnallocated(ours),
  },
];
