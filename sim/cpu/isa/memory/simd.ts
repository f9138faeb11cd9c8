/** Loads and stores of one or two SIMD&FP registers: B, H, S, D and Q, which are `scale` 0 to 4. */

import type { Access, Ops } from '../../language/ops.js';
import type { Fields } from '../../language/pattern.js';
import type { InstructionRow } from '../../language/row.js';
import { i64, type I64, type V128 } from '../../language/value.js';
import { low64, scalar64 } from '../vector/values.js';
import {
  accessRow,
  type AddressingMode,
  BASE,
  bytesOf,
  heading,
  LITERAL,
  NON_TEMPORAL,
  PAIR_MODES,
  POST_INDEX,
  PRE_INDEX,
  REGISTER_OFFSET,
  row,
  UNSCALED,
  UNSIGNED_OFFSET,
} from './addressing.js';

const load = (t: Ops, scale: number, at: I64, access?: Access): V128 =>
  scale === 4 ? t.load128(at, access) : scalar64(t.load(bytesOf(scale), at, access));

const store = (t: Ops, scale: number, at: I64, value: V128, access?: Access): void =>
  scale === 4 ? t.store128(at, value, access) : t.store(bytesOf(scale), at, low64(value), access);

const registerScale = ({ quad, size }: Fields<'quad' | 'size'>): number => (quad === 1 ? 4 : size);

const oneRegister = (mode: AddressingMode): readonly InstructionRow[] => {
  const letter = mode === UNSCALED ? 'UR' : 'R';
  const common = {
    section: mode === UNSCALED ? 'C3.2.9.2' : 'C3.2.9.1',
    fp: true,
    allocated: ({ quad, size }: Fields<'quad' | 'size'>) => quad === 0 || size === 0,
    scale: registerScale,
  };
  return [
    accessRow(mode, {
      ...common,
      name: heading(`ST${letter}`, mode.title, 'SIMD&FP'),
      pattern: `size:2 111 1 ${mode.bits[0]} quad:1 0 ${mode.bits[1]} Rn:5 Rt:5`,
      syntax: `st${letter.toLowerCase()} <quad,size?BHSDQt>, ${mode.operand('quad,size')}`,
      transfer: (t, { Rt }, at, scale) => store(t, scale, at, t.v(Rt), BASE),
    }),
    accessRow(mode, {
      ...common,
      name: heading(`LD${letter}`, mode.title, 'SIMD&FP'),
      pattern: `size:2 111 1 ${mode.bits[0]} quad:1 1 ${mode.bits[1]} Rn:5 Rt:5`,
      syntax: `ld${letter.toLowerCase()} <quad,size?BHSDQt>, ${mode.operand('quad,size')}`,
      transfer: (t, { Rt }, at, scale) => t.setV(Rt, load(t, scale, at, BASE)),
    }),
  ];
};

/** S, D and Q are 0, 1 and 2; 3 is not allocated. */
const wordScale = ({ opc }: Fields<'opc'>): number => 2 + opc;
const isAllocated = ({ opc }: Fields<'opc'>): boolean => opc !== 3;

const twoRegisters = (mode: AddressingMode): readonly InstructionRow[] => {
  const letter = mode === NON_TEMPORAL ? 'NP' : 'P';
  const common = {
    section: mode === NON_TEMPORAL ? 'C3.2.9.4' : 'C3.2.9.3',
    fp: true,
    allocated: isAllocated,
    scale: wordScale,
  };
  const next = (at: I64, scale: number): I64 => i64.add(at, i64.const(1 << scale));
  return [
    accessRow(mode, {
      ...common,
      name: heading(`ST${letter}`, mode.title, 'SIMD&FP'),
      pattern: `opc:2 101 1 0 ${mode.bits[0]} 0 ${mode.bits[1]} Rt2:5 Rn:5 Rt:5`,
      syntax: `st${letter.toLowerCase()} <opc?SDQt>, <opc?SDQt2>, ${mode.operand('opc+2')}`,
      transfer: (t, { Rt, Rt2 }, at, scale) => {
        store(t, scale, at, t.v(Rt), BASE);
        store(t, scale, next(at, scale), t.v(Rt2));
      },
    }),
    accessRow(mode, {
      ...common,
      name: heading(`LD${letter}`, mode.title, 'SIMD&FP'),
      pattern: `opc:2 101 1 0 ${mode.bits[0]} 1 ${mode.bits[1]} Rt2:5 Rn:5 Rt:5`,
      syntax: `ld${letter.toLowerCase()} <opc?SDQt>, <opc?SDQt2>, ${mode.operand('opc+2')}`,
      transfer: (t, { Rt, Rt2 }, at, scale) => {
        t.setV(Rt, load(t, scale, at, BASE));
        t.setV(Rt2, load(t, scale, next(at, scale)));
      },
    }),
  ];
};

export const LOAD_STORE_SIMD: readonly InstructionRow[] = [
  ...[UNSIGNED_OFFSET, POST_INDEX, PRE_INDEX, REGISTER_OFFSET, UNSCALED].flatMap(oneRegister),
  ...[...PAIR_MODES, NON_TEMPORAL].flatMap(twoRegisters),
  row({
    name: 'LDR (literal, SIMD&FP)',
    section: 'C3.2.9.1',
    fp: true,
    pattern: 'opc:2 011 1 00 imm19:19 Rt:5',
    syntax: 'ldr <opc?SDQt>, <label19>',
    allocated: isAllocated,
    free: LITERAL.free,
    immediates: LITERAL.immediates,
    semantics: (t, fields) => t.setV(fields.Rt, load(t, wordScale(fields), LITERAL.address(t))),
  }),
];
