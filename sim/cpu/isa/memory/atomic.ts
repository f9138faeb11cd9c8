/** FEAT_LSE: a load and a store with nothing in between, as there is one processor. Acquire and release add nothing. */

import type { AccessSize, Ops } from '../../language/ops.js';
import type { InstructionRow } from '../../language/row.js';
import { i32, type I32, i64, type I64, select } from '../../language/value.js';
import { aligned, bytesOf, row } from './addressing.js';

const extendUnsigned = (sizeBytes: AccessSize, value: I64): I64 =>
  sizeBytes === 8 ? value : i64.and(value, i64.const((1n << BigInt(8 * sizeBytes)) - 1n));

const extendSigned = (sizeBytes: AccessSize, value: I64): I64 => {
  switch (sizeBytes) {
    case 1:
      return i64.extend8S(value);
    case 2:
      return i64.extend16S(value);
    case 4:
      return i64.extend32S(value);
    case 8:
      return value;
  }
};

/** What is stored; its low `sizeBytes` count. `old` is zero-extended, `operand` may have anything above them. */
type Modify = (old: I64, operand: I64, sizeBytes: AccessSize) => I64;

const oldIf =
  (compare: (a: I64, b: I64) => I32, extend: (sizeBytes: AccessSize, value: I64) => I64): Modify =>
  (old, operand, size) =>
    select(compare(extend(size, old), extend(size, operand)), old, operand);

const OPERATIONS: readonly { readonly name: string; readonly bits: string; readonly modify: Modify }[] = [
  { name: 'ADD', bits: '0 000', modify: i64.add },
  { name: 'CLR', bits: '0 001', modify: (old, operand) => i64.and(old, i64.not(operand)) },
  { name: 'EOR', bits: '0 010', modify: i64.xor },
  { name: 'SET', bits: '0 011', modify: i64.or },
  { name: 'SMAX', bits: '0 100', modify: oldIf(i64.gtS, extendSigned) },
  { name: 'SMIN', bits: '0 101', modify: oldIf(i64.ltS, extendSigned) },
  { name: 'UMAX', bits: '0 110', modify: oldIf(i64.gtU, extendUnsigned) },
  { name: 'UMIN', bits: '0 111', modify: oldIf(i64.ltU, extendUnsigned) },
];

/** Without a result and without acquire, LD is ST. */
const ofMemory = (mnemonic: string): string => {
  const stem = mnemonic.toLowerCase();
  const order = '<acquire?|a><release?|l><size?b|h||>';
  const load = `${stem}${order} <size?WWWXs>, <size?WWWXt>, [<Xn|SP>]`;
  if (!stem.startsWith('ld')) return load;
  return `st${stem.slice(2)}<release?|l><size?b|h||> <size?WWWXs>, [<Xn|SP>] if Rt=31 and acquire=0; ${load}`;
};

const modifyMemory = (mnemonic: string, bits: string, modify: Modify): InstructionRow =>
  row({
    name: `${mnemonic}, ${mnemonic}B, ${mnemonic}H`,
    section: 'C3.2.12',
    pattern: `size:2 111 0 00 acquire:1 release:1 1 Rs:5 ${bits} 00 Rn:5 Rt:5`,
    syntax: ofMemory(mnemonic),
    free: ['acquire', 'release'],
    semantics: (t, { size, Rs, Rn, Rt }) => {
      const sizeBytes = bytesOf(size);
      const at = t.xsp(Rn);
      const old = t.load(sizeBytes, at, aligned(sizeBytes));
      t.store(sizeBytes, at, modify(old, t.x(Rs), sizeBytes), aligned(sizeBytes));
      t.setX(Rt, old);
    },
  });

/** Puts back what was there when the comparison fails, as it may: permission to write is needed either way. */
const swapPair = (t: Ops, sizeBytes: 4 | 8, base: number, expected: number, desired: number): void => {
  const at = t.xsp(base);
  const next = i64.add(at, i64.const(sizeBytes));
  const low = t.load(sizeBytes, at, aligned(2 * sizeBytes));
  const high = t.load(sizeBytes, next);
  const equal = t.let(
    i32.and(
      i64.eq(low, extendUnsigned(sizeBytes, t.x(expected))),
      i64.eq(high, extendUnsigned(sizeBytes, t.x(expected + 1))),
    ),
  );
  t.store(sizeBytes, at, select(equal, t.x(desired), low), aligned(2 * sizeBytes));
  t.store(sizeBytes, next, select(equal, t.x(desired + 1), high));
  t.setX(expected, low);
  t.setX(expected + 1, high);
};

export const LOAD_STORE_ATOMIC: readonly InstructionRow[] = [
  ...OPERATIONS.map(({ name, bits, modify }) => modifyMemory(`LD${name}`, bits, modify)),
  modifyMemory('SWP', '1 000', (_old, operand) => operand),
  row({
    name: 'CAS, CASB, CASH',
    section: 'C3.2.12',
    pattern: 'size:2 001000 1 acquire:1 1 Rs:5 release:1 11111 Rn:5 Rt:5',
    syntax: 'cas<acquire?|a><release?|l><size?b|h||> <size?WWWXs>, <size?WWWXt>, [<Xn|SP>]',
    free: ['acquire', 'release'],
    semantics: (t, { size, Rs, Rn, Rt }) => {
      const sizeBytes = bytesOf(size);
      const at = t.xsp(Rn);
      const old = t.load(sizeBytes, at, aligned(sizeBytes));
      const equal = i64.eq(old, extendUnsigned(sizeBytes, t.x(Rs)));
      t.store(sizeBytes, at, select(equal, t.x(Rt), old), aligned(sizeBytes));
      t.setX(Rs, old);
    },
  }),
  row({
    name: 'CASP',
    section: 'C3.2.12',
    pattern: '0 wide:1 001000 0 acquire:1 1 Rs:5 release:1 11111 Rn:5 Rt:5',
    syntax: 'casp<acquire?|a><release?|l> <wide?WXs>, <wide?WXs+1>, <wide?WXt>, <wide?WXt+1>, [<Xn|SP>]',
    allocated: ({ Rs, Rt }) => Rs % 2 === 0 && Rt % 2 === 0,
    free: ['acquire', 'release'],
    fixed: ['Rs', 'Rt'],
    semantics: (t, { wide, Rs, Rn, Rt }) => swapPair(t, wide === 1 ? 8 : 4, Rn, Rs, Rt),
  }),
];
