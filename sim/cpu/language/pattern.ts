/** Patterns of encodings, such as `sf:1 0 0 100010 sh:1 imm12:12 Rn:5 Rd:5`, and the fields that they name. */

/** An encoding pattern of {@link RowBase.pattern}, ready to be matched. */
export interface Pattern {
  /** A word matches if `(word & mask) === value`; both unsigned. */
  readonly mask: number;
  readonly value: number;
  readonly fields: readonly {
    readonly name: string;
    readonly shift: number;
    readonly width: number;
    readonly mask: number;
  }[];
}

/** Fields of an encoding by their names, unsigned. */
export type Fields<Name extends string = string> = Readonly<Record<Name, number>>;

/**
 * The field's name in a part of a pattern: `Rd` in `Rd:5`. Bits have none, nor has text that is known only at run time.
 */
type NameIn<Part extends string> = string extends Part ? never : Part extends `${infer Name}:${number}` ? Name : never;

/** The names of all fields in the text of a pattern, as {@link parsePattern} finds them. */
export type FieldNames<Text extends string> = Text extends `${infer Part} ${infer Rest}`
  ? NameIn<Part> | FieldNames<Rest>
  : NameIn<Text>;

/** The fields of a pattern, but for some. Of a choice of patterns: those that all of them have can be read. */
export type FieldsOf<Text extends string, Except extends string = never> = Text extends string
  ? Fields<Exclude<FieldNames<Text>, Except>>
  : never;

const FIELD = /^[A-Za-z]\w*:\d+$/;
const BITS = /^[01]+$/;

/** @throws Error when the pattern does not have 32 bits, or names a field twice: a mistake in a table */
export const parsePattern = (text: string): Pattern => {
  let mask = 0;
  let value = 0;
  let end = 0;
  const fields: Pattern['fields'][number][] = [];
  const append = (width: number, fixed: number, bits: number): void => {
    end += width;
    mask = mask * 2 ** width + fixed;
    value = value * 2 ** width + bits;
  };
  for (const part of text.split(' ')) {
    if (BITS.test(part)) append(part.length, 2 ** part.length - 1, Number.parseInt(part, 2));
    else if (FIELD.test(part)) {
      const colon = part.indexOf(':');
      const name = part.slice(0, colon);
      const width = Number(part.slice(colon + 1));
      if (fields.some((other) => other.name === name)) throw new Error(`pattern "${text}": two fields ${name}`);
      append(width, 0, 0);
      fields.push({ name, shift: 32 - end, width, mask: 2 ** width - 1 });
    } else throw new Error(`pattern "${text}": "${part}"`);
  }
  if (end !== 32) throw new Error(`pattern "${text}" has ${end} bits`);
  return { mask, value, fields };
};

/** Whether a word has the bits that the pattern fixes. */
export const matches = ({ mask, value }: Pattern, word: number): boolean => (word & mask) >>> 0 === value;

/** The fields of a word that matches. */
export const fieldsOf = ({ fields }: Pattern, word: number): Fields => {
  const values: Record<string, number> = {};
  for (const { name, shift, mask } of fields) values[name] = (word >>> shift) & mask;
  return values;
};

/** A field of so many bits as a signed number. */
export const signExtend = (field: number, bits: number): bigint => BigInt.asIntN(bits, BigInt(field));

const namesIn = (text: string): readonly string[] =>
  text.split(' ').flatMap((part) => (part.includes(':') ? part.slice(0, part.indexOf(':')) : []));

/**
 * Gives fields that are known by any names the type that the text of a pattern calls for, when it has checked that they
 * are there. Nothing else connects the names that the compiler reads with those that are found when the program runs.
 */
export class NamedFields<const Text extends string, Except extends string = never> {
  #areKnown = false;

  /**
   * @param text a pattern, or a part of one
   * @param except fields that need not be there
   * @param holes parts of the text that the compiler does not see, whose fields need not be there either
   */
  constructor(
    private readonly text: Text,
    private readonly except?: readonly Except[],
    private readonly holes?: readonly string[],
  ) {}

  /** @throws Error where a field is missing */
  from(fields: Fields): FieldsOf<Text, Except> {
    if (!this.#areIn(fields))
      throw new Error(`"${this.text}": a field is missing in ${Object.keys(fields).join(', ')}`);
    return fields;
  }

  #areIn(fields: Fields): fields is Fields & FieldsOf<Text, Except> {
    // The fields are always those of the same pattern.
    this.#areKnown ||= this.#neededNames().every((name) => name in fields);
    return this.#areKnown;
  }

  #neededNames(): readonly string[] {
    const dispensable: readonly string[] = [...(this.except ?? []), ...(this.holes ?? []).flatMap(namesIn)];
    return namesIn(this.text).filter((name) => !dispensable.includes(name));
  }
}
