/** What has a name in the syntax of instructions, and the fields that it is made of. */

import type { Fields } from '../language/pattern.js';

/** The words of a text, as a type. */
type Words<Text extends string> = Text extends `${infer Word} ${infer Rest}` ? Word | Words<Rest> : Text;

/** Something that is made of fields. */
export interface Named<Result> {
  readonly needs: readonly string[];
  readonly make: (fields: Fields, address: bigint) => Result;
}

/** Makes something of the fields that `names` are, divided by blanks. */
export const named = <const Names extends string, Result>(
  names: Names,
  make: (fields: Fields<Words<Names>>, address: bigint) => Result,
): Named<Result> => {
  const needs = names.split(' ');
  const hasAll = (fields: Fields): fields is Fields & Fields<Words<Names>> => needs.every((name) => name in fields);
  return {
    needs,
    make: (fields, address) => {
      if (!hasAll(fields)) throw new Error(`one of the fields ${names} is missing`);
      return make(fields, address);
    },
  };
};

/** The one with a name. Undefined if there is none. @throws Error for a field that the pattern does not have */
export const find = <Result>(
  all: Readonly<Record<string, Named<Result>>>,
  name: string,
  widths: Readonly<Record<string, number>>,
): Named<Result>['make'] | undefined => {
  const found = Object.hasOwn(all, name) ? all[name] : undefined;
  const missing = found?.needs.find((field) => !(field in widths));
  if (missing !== undefined) throw new Error(`${name} needs the field ${missing}`);
  return found?.make;
};
