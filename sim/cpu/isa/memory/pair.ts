import type { Fields, InstructionRow, Ops } from '../../language/ops.js';
import { i64, type I64 } from '../../language/value.js';
import {
  accessMemory,
  type AddressingMode,
  BASE,
  bytesOf,
  heading,
  NON_TEMPORAL,
  operandsOf,
  PAIR_MODES,
  row,
} from './addressing.js';

/** Loads and stores of two general-purpose registers: two accesses, the lower address first. */

const scaleOf = ({ wide }: Fields): number => 2 + wide!;

const sectionOf = (mode: AddressingMode): string => (mode === NON_TEMPORAL ? 'C3.2.4' : 'C3.2.3');
const letterOf = (mode: AddressingMode): string => (mode === NON_TEMPORAL ? 'NP' : 'P');

const loadTwo = (t: Ops, { Rt, Rt2 }: Fields, at: I64, scale: number, extend: (value: I64) => I64): void => {
  const first = t.load(bytesOf(scale), at, BASE);
  const second = t.load(bytesOf(scale), i64.add(at, i64.const(1 << scale)));
  // Where both are one register, which is CONSTRAINED UNPREDICTABLE, QEMU keeps the first.
  t.setX(Rt2!, extend(second));
  t.setX(Rt!, extend(first));
};

const store = (mode: AddressingMode): InstructionRow =>
  row({
    name: heading(`ST${letterOf(mode)}`, mode.title),
    section: sectionOf(mode),
    pattern: `wide:1 0 101 0 0 ${mode.bits[0]} 0 ${mode.bits[1]} Rt2:5 Rn:5 Rt:5`,
    ...operandsOf(mode, scaleOf),
    semantics: (t, fields) => {
      const scale = scaleOf(fields);
      accessMemory(t, fields, mode, scale, (at) => {
        t.store(bytesOf(scale), at, t.x(fields.Rt!), BASE);
        t.store(bytesOf(scale), i64.add(at, i64.const(1 << scale)), t.x(fields.Rt2!));
      });
    },
  });

const load = (mode: AddressingMode): InstructionRow =>
  row({
    name: heading(`LD${letterOf(mode)}`, mode.title),
    section: sectionOf(mode),
    pattern: `wide:1 0 101 0 0 ${mode.bits[0]} 1 ${mode.bits[1]} Rt2:5 Rn:5 Rt:5`,
    ...operandsOf(mode, scaleOf),
    semantics: (t, fields) => {
      const scale = scaleOf(fields);
      accessMemory(t, fields, mode, scale, (at) => loadTwo(t, fields, at, scale, (value) => value));
    },
  });

const loadSignedWords = (mode: AddressingMode): InstructionRow =>
  row({
    name: heading('LDPSW', mode.title),
    section: sectionOf(mode),
    pattern: `01 101 0 0 ${mode.bits[0]} 1 ${mode.bits[1]} Rt2:5 Rn:5 Rt:5`,
    ...operandsOf(mode, () => 2),
    semantics: (t, fields) => accessMemory(t, fields, mode, 2, (at) => loadTwo(t, fields, at, 2, i64.extend32S)),
  });

export const LOAD_STORE_PAIR: readonly InstructionRow[] = [
  ...[...PAIR_MODES, NON_TEMPORAL].flatMap((mode) => [store(mode), load(mode)]),
  ...PAIR_MODES.map(loadSignedWords),
];
