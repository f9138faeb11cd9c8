/** What a command of an inspection is, and how its words are taken apart. */
import type { Inspector } from './inspector.js';
import { refuse } from './inspector.js';

export interface InspectCommand {
  readonly name: string;
  /** What may be typed behind the name. */
  readonly usage: string;
  readonly what: string;
  /** Options without an argument, and with one, by their letters and words. */
  readonly flags?: readonly string[];
  readonly valued?: readonly string[];
  /** How many words there may be beside options. */
  readonly words: readonly [least: number, most: number];
  /** @returns lines, each without its end @throws KexecError in one line */
  readonly run: (inspector: Inspector, words: InspectWords) => Iterable<string>;
}

export interface InspectWords {
  readonly words: readonly string[];
  readonly flags: ReadonlySet<string>;
  readonly values: ReadonlyMap<string, string>;
}

/** The words behind a command's name. @throws KexecError for such as it does not know */
export const wordsFor = (command: InspectCommand, given: readonly string[]): InspectWords => {
  const {
    name,
    usage,
    flags: known = [],
    valued = [],
    words: [least, most],
  } = command;
  const words: string[] = [];
  const flags = new Set<string>();
  const values = new Map<string, string>();
  for (let i = 0; i < given.length; i++) {
    const word = given[i] ?? '';
    const value = given[i + 1];
    if (!/^-\D|^-(?:8|16|32|64)$/.test(word)) words.push(word);
    else if (known.includes(word)) flags.add(word);
    else if (valued.includes(word) && value !== undefined) {
      values.set(word, value);
      i++;
    } else throw refuse(`${name}: there is no option ${word}; usage: ${name} ${usage}`.trim());
  }
  if (words.length < least || words.length > most) throw refuse(`usage: ${name} ${usage}`.trim());
  return { words, flags, values };
};
