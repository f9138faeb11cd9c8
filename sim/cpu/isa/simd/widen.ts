/** Instructions whose results are twice or half as wide as their operands, and multiplication by one element. */

import type { InstructionRow } from '../../language/row.js';
import { i32, type V128 } from '../../language/value.js';
import { absoluteDifference } from './arithmetic.js';
import { byElement, SIGNS, simdRow, mnemonicOf } from '../vector/rows.js';
import {
  add,
  bitsOf,
  extend,
  extendMultiply,
  halfOf,
  mul,
  narrowInto,
  repeated,
  shl,
  sized,
  sub,
  type Half,
  type Part,
} from '../vector/values.js';

interface Operands {
  readonly size: number;
  readonly half: Half;
  readonly n: V128;
  readonly m: V128;
  readonly d: () => V128;
}

type Compute = (operands: Operands) => V128;

/** Advanced SIMD three different. `size` is that of the narrow elements. */
const threeDifferent = (name: string, u: number, opcode: string, largest: number, compute: Compute): InstructionRow =>
  simdRow({
    name: `${name}, ${name}2`,
    pattern: `0 Q:1 ${u} 01110 size:2 1 Rm:5 ${opcode} 00 Rn:5 Rd:5`,
    syntax: `${mnemonicOf(name)}<Q?|2> <Vd>.<Ta>, <Vn>.<${/W$/.test(name) ? 'Ta' : 'T'}>, <Vm>.<T>`,
    allocated: ({ size }) => size <= largest,
    semantics: (t, { Q, size, Rm, Rn, Rd }) => {
      const operands = { size: size, half: halfOf(Q), n: t.v(Rn), m: t.v(Rm), d: () => t.v(Rd) };
      t.setV(Rd, compute(operands));
    },
  });

const HIGH: Part = 1;

/** The high halves of wide sums or differences, rounded or not. */
const highNarrow = (name: string, u: number, opcode: string, combine: typeof add): InstructionRow =>
  simdRow({
    name: `${name}, ${name}2`,
    pattern: `0 Q:1 ${u} 01110 size:2 1 Rm:5 ${opcode} 00 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()}<Q?|2> <Vd>.<T>, <Vn>.<Ta>, <Vm>.<Ta>`,
    allocated: ({ size }) => size < 3,
    semantics: (t, { Q, size, Rm, Rn, Rd }) => {
      const exact = combine(size + 1, t.v(Rn), t.v(Rm));
      const half = repeated(size + 1, 1n << BigInt(bitsOf(size) - 1));
      t.setV(Rd, narrowInto(Q, size, t.v(Rd), u === 1 ? add(size + 1, exact, half) : exact, HIGH));
    },
  });

type Product = (q: number, size: number, n: V128, m: V128, d: () => V128) => V128;

const productByElement = (name: string, u: number, opcode: string, compute: Product): readonly InstructionRow[] =>
  byElement(
    name,
    u,
    opcode,
    /L$/.test(mnemonicOf(name).toUpperCase()) && !name.startsWith('MUL '),
    (t, { Q, Rn, Rd }, size, m) =>
      t.setV(
        Rd,
        compute(Q, size, t.v(Rn), m, () => t.v(Rd)),
      ),
  );

const signed = SIGNS.flatMap(({ sign, u, letter }): readonly InstructionRow[] => {
  const wide = (size: number, half: Half, a: V128): V128 => extend(size, sign, half, a);
  const product = ({ size, half, n, m }: Operands): V128 => extendMultiply(size, sign, half, n, m);
  // A difference of signed numbers is a magnitude, too.
  const difference = ({ size, half, n, m }: Operands): V128 =>
    extend(size, 'u', half, absoluteDifference(size, sign, n, m));
  return [
    threeDifferent(`${letter}ADDL`, u, '0000', 2, ({ size, half, n, m }) =>
      add(size + 1, wide(size, half, n), wide(size, half, m)),
    ),
    threeDifferent(`${letter}ADDW`, u, '0001', 2, ({ size, half, n, m }) => add(size + 1, n, wide(size, half, m))),
    threeDifferent(`${letter}SUBL`, u, '0010', 2, ({ size, half, n, m }) =>
      sub(size + 1, wide(size, half, n), wide(size, half, m)),
    ),
    threeDifferent(`${letter}SUBW`, u, '0011', 2, ({ size, half, n, m }) => sub(size + 1, n, wide(size, half, m))),
    threeDifferent(`${letter}ABAL`, u, '0101', 2, (o) => add(o.size + 1, o.d(), difference(o))),
    threeDifferent(`${letter}ABDL`, u, '0111', 2, difference),
    threeDifferent(`${letter}MLAL (vector)`, u, '1000', 2, (o) => add(o.size + 1, o.d(), product(o))),
    threeDifferent(`${letter}MLSL (vector)`, u, '1010', 2, (o) => sub(o.size + 1, o.d(), product(o))),
    threeDifferent(`${letter}MULL (vector)`, u, '1100', 2, product),
    ...productByElement(`${letter}MLAL (by element)`, u, '0010', (q, size, n, m, d) =>
      add(size + 1, d(), extendMultiply(size, sign, halfOf(q), n, m)),
    ),
    ...productByElement(`${letter}MLSL (by element)`, u, '0110', (q, size, n, m, d) =>
      sub(size + 1, d(), extendMultiply(size, sign, halfOf(q), n, m)),
    ),
    ...productByElement(`${letter}MULL (by element)`, u, '1010', (q, size, n, m) =>
      extendMultiply(size, sign, halfOf(q), n, m),
    ),
  ];
});

export const SIMD_WIDEN: readonly InstructionRow[] = [
  ...signed,
  highNarrow('ADDHN', 0, '0100', add),
  highNarrow('RADDHN', 1, '0100', add),
  highNarrow('SUBHN', 0, '0110', sub),
  highNarrow('RSUBHN', 1, '0110', sub),
  ...productByElement('MUL (by element)', 0, '1000', (q, size, n, m) => sized(q, mul(size, n, m))),
  ...productByElement('MLA (by element)', 1, '0000', (q, size, n, m, d) => sized(q, add(size, d(), mul(size, n, m)))),
  ...productByElement('MLS (by element)', 1, '0100', (q, size, n, m, d) => sized(q, sub(size, d(), mul(size, n, m)))),
  simdRow({
    name: 'XTN, XTN2',
    pattern: '0 Q:1 0 01110 size:2 10000 10010 10 Rn:5 Rd:5',
    syntax: 'xtn<Q?|2> <Vd>.<T>, <Vn>.<Ta>',
    allocated: ({ size }) => size < 3,
    semantics: (t, { Q, size, Rn, Rd }) => t.setV(Rd, narrowInto(Q, size, t.v(Rd), t.v(Rn))),
  }),
  simdRow({
    name: 'SHLL, SHLL2',
    pattern: '0 Q:1 1 01110 size:2 10000 10011 10 Rn:5 Rd:5',
    syntax: 'shll<Q?|2> <Vd>.<Ta>, <Vn>.<T>, #<bits>',
    allocated: ({ size }) => size < 3,
    semantics: (t, { Q, size, Rn, Rd }) =>
      t.setV(Rd, shl(size + 1, extend(size, 'u', halfOf(Q), t.v(Rn)), i32.const(bitsOf(size)))),
  }),
];
