/** Instructions that make one value of all elements of a vector. */

import type { Ops } from '../../language/ops.js';
import type { Fields } from '../../language/pattern.js';
import type { InstructionRow } from '../../language/row.js';
import type { V128 } from '../../language/value.js';
import { SIGNS, simdRow } from '../vector/rows.js';
import { add, extend, lowElement, max, min, shuffle, countOf } from '../vector/values.js';

type Combine = (size: number, a: V128, b: V128) => V128;

/** Folds a vector, or its low half, onto its lowest element. */
const fold = (t: Ops, size: number, count: number, a: V128, combine: Combine): V128 => {
  let folded = a;
  for (let distance = count / 2; distance >= 1; distance /= 2) {
    const whole = t.let(folded);
    folded = combine(
      size,
      whole,
      shuffle(size, whole, whole, (i) => (i + distance) % countOf(size)),
    );
  }
  return lowElement(size, folded);
};

type Reduced = Fields<'Q' | 'size'>;

/** Two elements are no reduction: those have the pairwise instructions. */
const allocated = ({ size, Q }: Reduced): boolean => size < 2 || (size === 2 && Q === 1);

type Reduce = (t: Ops, fields: Reduced, n: V128) => V128;

const across = (name: string, u: number, opcode: string, reduce: Reduce): InstructionRow =>
  simdRow({
    name,
    pattern: `0 Q:1 ${u} 01110 size:2 11000 ${opcode} 10 Rn:5 Rd:5`,
    syntax: `${name.toLowerCase()} <size?${name.endsWith('LV') ? 'HSD' : 'BHS'}d>, <Vn>.<T>`,
    allocated,
    semantics: (t, fields) => t.setV(fields.Rd, reduce(t, fields, t.v(fields.Rn))),
  });

const folding = (name: string, u: number, opcode: string, combine: Combine): InstructionRow =>
  across(name, u, opcode, (t, { Q, size }, n) => fold(t, size, countOf(size) >> (1 - Q), n, combine));

export const SIMD_REDUCE: readonly InstructionRow[] = [
  folding('ADDV', 0, '11011', add),
  ...SIGNS.flatMap(({ sign, u, letter }) => [
    folding(`${letter}MAXV`, u, '01010', (size, a, b) => max(size, sign, a, b)),
    folding(`${letter}MINV`, u, '11010', (size, a, b) => min(size, sign, a, b)),
    across(`${letter}ADDLV`, u, '00011', (t, { Q, size }, n) => {
      const low = extend(size, sign, 'low', n);
      const wide = Q === 1 ? add(size + 1, low, extend(size, sign, 'high', n)) : low;
      return fold(t, size + 1, countOf(size + 1), wide, add);
    }),
  ]),
];
