import type { Access, Fields, InstructionRow, Ops } from '../../language/ops.js';
import { constant, i64, type I64, operation, type V128 } from '../../language/value.js';
import {
  accessMemory,
  type AddressingMode,
  BASE,
  bytesOf,
  heading,
  LITERAL,
  NON_TEMPORAL,
  operandsOf,
  PAIR_MODES,
  POST_INDEX,
  PRE_INDEX,
  REGISTER_OFFSET,
  row,
  UNSCALED,
  UNSIGNED_OFFSET,
} from './addressing.js';

/** Loads and stores of one or two SIMD&FP registers: B, H, S, D and Q, which are `scale` 0 to 4. */

const ZERO = constant('v128', 0n);

/** 64 bits, and zeros above. */
export const lowHalf = (value: I64): V128 => operation('v128', 'i64x2.replace_lane', [ZERO, value], [0]);

/** @param lane 0 for the low half, 1 for the high one */
export const lane64 = (value: V128, lane: number): I64 => operation('i64', 'i64x2.extract_lane', [value], [lane]);

const load = (t: Ops, scale: number, at: I64, access?: Access): V128 =>
  scale === 4 ? t.load128(at, access) : lowHalf(t.load(bytesOf(scale), at, access));

const store = (t: Ops, scale: number, at: I64, value: V128, access?: Access): void =>
  scale === 4 ? t.store128(at, value, access) : t.store(bytesOf(scale), at, lane64(value, 0), access);

const registerScale = ({ quad, size }: Fields): number => (quad === 1 ? 4 : size!);

const oneRegister = (mode: AddressingMode): readonly InstructionRow[] => {
  const letter = mode === UNSCALED ? 'UR' : 'R';
  const common = {
    section: mode === UNSCALED ? 'C3.2.9.2' : 'C3.2.9.1',
    fp: true,
    allocated: ({ quad, size }: Fields) => quad === 0 || size === 0,
    ...operandsOf(mode, registerScale),
  };
  const pattern = (isLoad: 0 | 1) => `size:2 111 1 ${mode.bits[0]} quad:1 ${isLoad} ${mode.bits[1]} Rn:5 Rt:5`;
  return [
    row({
      ...common,
      name: heading(`ST${letter}`, mode.title, 'SIMD&FP'),
      pattern: pattern(0),
      semantics: (t, fields) => {
        const scale = registerScale(fields);
        accessMemory(t, fields, mode, scale, (at) => store(t, scale, at, t.v(fields.Rt!), BASE));
      },
    }),
    row({
      ...common,
      name: heading(`LD${letter}`, mode.title, 'SIMD&FP'),
      pattern: pattern(1),
      semantics: (t, fields) => {
        const scale = registerScale(fields);
        accessMemory(t, fields, mode, scale, (at) => t.setV(fields.Rt!, load(t, scale, at, BASE)));
      },
    }),
  ];
};

/** S, D and Q are 0, 1 and 2; 3 is not allocated. */
const wordScale = ({ opc }: Fields): number => 2 + opc!;
const isAllocated = ({ opc }: Fields): boolean => opc !== 3;

const twoRegisters = (mode: AddressingMode): readonly InstructionRow[] => {
  const letter = mode === NON_TEMPORAL ? 'NP' : 'P';
  const common = {
    section: mode === NON_TEMPORAL ? 'C3.2.9.4' : 'C3.2.9.3',
    fp: true,
    allocated: isAllocated,
    ...operandsOf(mode, wordScale),
  };
  const pattern = (isLoad: 0 | 1) => `opc:2 101 1 0 ${mode.bits[0]} ${isLoad} ${mode.bits[1]} Rt2:5 Rn:5 Rt:5`;
  return [
    row({
      ...common,
      name: heading(`ST${letter}`, mode.title, 'SIMD&FP'),
      pattern: pattern(0),
      semantics: (t, fields) => {
        const scale = wordScale(fields);
        accessMemory(t, fields, mode, scale, (at) => {
          store(t, scale, at, t.v(fields.Rt!), BASE);
          store(t, scale, i64.add(at, i64.const(1 << scale)), t.v(fields.Rt2!));
        });
      },
    }),
    row({
      ...common,
      name: heading(`LD${letter}`, mode.title, 'SIMD&FP'),
      pattern: pattern(1),
      semantics: (t, fields) => {
        const scale = wordScale(fields);
        accessMemory(t, fields, mode, scale, (at) => {
          t.setV(fields.Rt!, load(t, scale, at, BASE));
          t.setV(fields.Rt2!, load(t, scale, i64.add(at, i64.const(1 << scale))));
        });
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
    allocated: isAllocated,
    free: LITERAL.free!,
    immediates: LITERAL.immediates!,
    semantics: (t, fields) => t.setV(fields.Rt!, load(t, wordScale(fields), LITERAL.address(t))),
  }),
];
