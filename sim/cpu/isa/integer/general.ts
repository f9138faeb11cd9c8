/** Instructions on general-purpose registers that do the same at both widths, written once for both. */

import type { Ops } from '../../language/ops.js';
import { type FieldNames, type Fields, type FieldsOf, NamedFields } from '../../language/pattern.js';
import { type OpsParts, opsRow, type OpsRow } from '../../language/row.js';
import { type I32, i32, i64, type Integer, type Value } from '../../language/value.js';

/** The general-purpose registers and the operations on them at one of their two widths. */
export interface General<T extends 'i32' | 'i64'> extends Integer<T> {
  readonly bits: 32 | 64;
  /** W or X, or zero for 31. */
  get(register: number): Value<T>;
  /** W or X, or the stack pointer for 31. */
  getSp(register: number): Value<T>;
  set(register: number, value: Value<T>): void;
  setSp(register: number, value: Value<T>): void;
  imm(index: number): Value<T>;
  /** As zero- or sign-extended from 32 bits where the width is 64. */
  widenU(value: I32): Value<T>;
  widenS(value: I32): Value<T>;
  /** The low 32 bits. */
  low(value: Value<T>): I32;
  setFlags(kind: 'add' | 'sub', a: Value<T>, b: Value<T>): void;
  setLogicFlags(result: Value<T>): void;
  let: Ops['let'];
}

/** The operations are inherited, not copied: this is made anew for each instruction that is translated. */
const over = <T extends 'i32' | 'i64'>(
  operations: Integer<T>,
  registers: Omit<General<T>, keyof Integer<T>>,
): General<T> => Object.assign(Object.create(operations) as Integer<T>, registers);

const wide = (t: Ops): General<'i64'> =>
  over(i64, {
    bits: 64,
    get: (register) => t.x(register),
    getSp: (register) => t.xsp(register),
    set: (register, value) => t.setX(register, value),
    setSp: (register, value) => t.setXsp(register, value),
    imm: (index) => t.imm(index),
    widenU: i64.extendU,
    widenS: i64.extendS,
    low: i32.wrap,
    setFlags: (kind, a, b) => t.setFlags(`${kind}64`, a, b),
    setLogicFlags: (result) => t.setFlags('logic64', result),
    let: (value) => t.let(value),
  });

const narrow = (t: Ops): General<'i32'> =>
  over(i32, {
    bits: 32,
    get: (register) => t.w(register),
    getSp: (register) => t.wsp(register),
    set: (register, value) => t.setW(register, value),
    setSp: (register, value) => t.setWsp(register, value),
    imm: (index) => i32.wrap(t.imm(index)),
    widenU: (value) => value,
    widenS: (value) => value,
    low: (value) => value,
    setFlags: (kind, a, b) => t.setFlags(`${kind}32`, a, b),
    setLogicFlags: (result) => t.setFlags('logic32', result),
    let: (value) => t.let(value),
  });

/** What an instruction does at either width. */
export type GeneralSemantics<F> = <T extends 'i32' | 'i64'>(g: General<T>, fields: F, t: Ops) => void;

/** The group of data processing without immediates. */
export const REGISTER_GROUP = 'Data processing (register)';

/** Width of the operands in bits, as `sf` says. */
export const widthOf = ({ sf }: Fields<'sf'>): 32 | 64 => (sf === 1 ? 64 : 32);

const width = new NamedFields('sf:1');

/**
 * Gives the function that makes rows of a group whose semantics are the same for both widths, of which `sf` chooses.
 */
export const generalRowsOf =
  (group: string) =>
  <const Text extends `sf:1 ${string}`, const Free extends FieldNames<Text> = never>({
    general,
    ...parts
  }: Omit<OpsParts<Text, Free>, 'group' | 'semantics'> & {
    readonly general: GeneralSemantics<FieldsOf<Text, Free>>;
  }): OpsRow =>
    opsRow<Text, Free>({
      group,
      ...parts,
      semantics: (t, fields) =>
        widthOf(width.from(fields)) === 64 ? general(wide(t), fields, t) : general(narrow(t), fields, t),
    });
