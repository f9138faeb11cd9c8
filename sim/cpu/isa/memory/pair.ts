/** Loads and stores of two general-purpose registers: two accesses, the lower address first. */

import type { Ops } from '../../language/ops.js';
import type { Fields } from '../../language/pattern.js';
import type { InstructionRow } from '../../language/row.js';
import { i64, type I64 } from '../../language/value.js';
import { accessRow, type AddressingMode, BASE, bytesOf, heading, NON_TEMPORAL, PAIR_MODES } from './addressing.js';

const scaleOf = ({ wide }: Fields<'wide'>): number => 2 + wide;

const sectionOf = (mode: AddressingMode): string => (mode === NON_TEMPORAL ? 'C3.2.4' : 'C3.2.3');
const letterOf = (mode: AddressingMode): string => (mode === NON_TEMPORAL ? 'NP' : 'P');

type Pair = Fields<'Rt' | 'Rt2'>;

const loadTwo = (t: Ops, { Rt, Rt2 }: Pair, at: I64, scale: number, extend: (value: I64) => I64): void => {
  const first = t.load(bytesOf(scale), at, BASE);
  const second = t.load(bytesOf(scale), i64.add(at, i64.const(1 << scale)));
  // Where both are one register, which is CONSTRAINED UNPREDICTABLE, QEMU keeps the first.
  t.setX(Rt2, extend(second));
  t.setX(Rt, extend(first));
};

const store = (mode: AddressingMode): InstructionRow =>
  accessRow(mode, {
    name: heading(`ST${letterOf(mode)}`, mode.title),
    section: sectionOf(mode),
    pattern: `wide:1 0 101 0 0 ${mode.bits[0]} 0 ${mode.bits[1]} Rt2:5 Rn:5 Rt:5`,
    syntax: `st${letterOf(mode).toLowerCase()} <wide?WXt>, <wide?WXt2>, ${mode.operand('wide+2')}`,
    scale: scaleOf,
    transfer: (t, { Rt, Rt2 }, at, scale) => {
      t.store(bytesOf(scale), at, t.x(Rt), BASE);
      t.store(bytesOf(scale), i64.add(at, i64.const(1 << scale)), t.x(Rt2));
    },
  });

const load = (mode: AddressingMode): InstructionRow =>
  accessRow(mode, {
    name: heading(`LD${letterOf(mode)}`, mode.title),
    section: sectionOf(mode),
    pattern: `wide:1 0 101 0 0 ${mode.bits[0]} 1 ${mode.bits[1]} Rt2:5 Rn:5 Rt:5`,
    syntax: `ld${letterOf(mode).toLowerCase()} <wide?WXt>, <wide?WXt2>, ${mode.operand('wide+2')}`,
    scale: scaleOf,
    transfer: (t, fields, at, scale) => loadTwo(t, fields, at, scale, (value) => value),
  });

/** What would load into one register twice, or into its base register, has no syntax. */
const signedWordsSyntax = (mode: AddressingMode): string => {
  const syntax = `ldpsw <Xt>, <Xt2>, ${mode.operand('2')} if Rt!=Rt2`;
  return mode.title === 'signed offset' ? syntax : `${syntax} and Rn=31; ${syntax} and Rt!=Rn and Rt2!=Rn`;
};

const loadSignedWords = (mode: AddressingMode): InstructionRow =>
  accessRow(mode, {
    name: heading('LDPSW', mode.title),
    section: sectionOf(mode),
    pattern: `01 101 0 0 ${mode.bits[0]} 1 ${mode.bits[1]} Rt2:5 Rn:5 Rt:5`,
    syntax: signedWordsSyntax(mode),
    scale: () => 2,
    transfer: (t, fields, at, scale) => loadTwo(t, fields, at, scale, i64.extend32S),
  });

export const LOAD_STORE_PAIR: readonly InstructionRow[] = [
  ...[...PAIR_MODES, NON_TEMPORAL].flatMap((mode) => [store(mode), load(mode)]),
  ...PAIR_MODES.map(loadSignedWords),
];
