/** Multiplications and additions that round once: WebAssembly has none, so that the system's side carries them out. */

import type { Fields, FieldsOf } from '../../language/pattern.js';
import { type InstructionRow, type SystemCpu, systemRowsOf } from '../../language/row.js';
import { DOUBLE, type FloatFormat, fusedMultiplyAdd, SINGLE } from './exact.js';

const systemRow = systemRowsOf('Floating point');

const row = <const Text extends string>(
  name: string,
  pattern: Text,
  system: (cpu: SystemCpu, fields: FieldsOf<Text>) => void,
  allocated?: (fields: FieldsOf<Text>) => boolean,
): InstructionRow =>
  systemRow<Text>({
    name,
    section: 'C7.2',
    pattern,
    fp: true,
    fpcr: true,
    system,
    ...(allocated && { allocated }),
  });

interface Lanes {
  readonly format: FloatFormat;
  readonly bits: bigint;
}

const SINGLES: Lanes = { format: SINGLE, bits: 32n };
const DOUBLES: Lanes = { format: DOUBLE, bits: 64n };
const lanesOf = (sz: number): Lanes => (sz === 1 ? DOUBLES : SINGLES);

const laneOf = ({ bits }: Lanes, vector: bigint, index: number): bigint =>
  BigInt.asUintN(Number(bits), vector >> (bits * BigInt(index)));
const negated = ({ bits }: Lanes, value: bigint): bigint => value ^ (1n << (bits - 1n));

/** What of an element-by-element operation differs from one form to another. */
interface Accumulation {
  readonly lanes: Lanes;
  /** How many elements there are. */
  readonly count: number;
  readonly subtracts: boolean;
  /** The element of the second factor that goes with one of the first. */
  readonly partner: (index: number) => number;
}

/** Rd = Rd + Rn * Rm, or Rd - Rn * Rm; what is above the last element becomes zero. */
const accumulate = (
  cpu: SystemCpu,
  { Rd, Rn, Rm }: Fields<'Rd' | 'Rn' | 'Rm'>,
  { lanes, count, subtracts, partner }: Accumulation,
): void => {
  const [d, n, m] = [Rd, Rn, Rm].map((register) => cpu.v(register)) as [bigint, bigint, bigint];
  let result = 0n;
  for (let i = 0; i < count; i++) {
    const factor = laneOf(lanes, n, i);
    const sum = fusedMultiplyAdd(
      lanes.format,
      laneOf(lanes, d, i),
      subtracts ? negated(lanes, factor) : factor,
      laneOf(lanes, m, partner(i)),
    );
    result |= sum << (lanes.bits * BigInt(i));
  }
  cpu.setV(Rd, result);
};

const countOf = (sz: number, q: number): number => (sz === 1 ? 2 : q === 1 ? 4 : 2);

const vector = (name: string, a: 0 | 1): InstructionRow =>
  row(
    `${name} (vector)`,
    `0 Q:1 0 01110 ${a} sz:1 1 Rm:5 11001 1 Rn:5 Rd:5`,
    (cpu, fields) =>
      accumulate(cpu, fields, {
        lanes: lanesOf(fields.sz),
        count: countOf(fields.sz, fields.Q),
        subtracts: a === 1,
        partner: (i) => i,
      }),
    ({ sz, Q }) => sz === 0 || Q === 1,
  );

/** The number of the one element of Rm: H and L for singles, H for doubles. */
const elementOf = ({ sz, H, L }: Fields<'sz' | 'H' | 'L'>): number => (sz === 1 ? H : 2 * H + L);

const byElement = (name: string, opcode: string, subtracts: boolean): readonly InstructionRow[] => [
  row(
    `${name} (by element)`,
    `0 Q:1 0 01111 1 sz:1 L:1 Rm:5 ${opcode} H:1 0 Rn:5 Rd:5`,
    (cpu, fields) => {
      const element = elementOf(fields);
      const count = countOf(fields.sz, fields.Q);
      accumulate(cpu, fields, { lanes: lanesOf(fields.sz), count, subtracts, partner: () => element });
    },
    ({ sz, L, Q }) => sz === 0 || (L === 0 && Q === 1),
  ),
  row(
    `${name} (by element), scalar`,
    `01 0 11111 1 sz:1 L:1 Rm:5 ${opcode} H:1 0 Rn:5 Rd:5`,
    (cpu, fields) => {
      const element = elementOf(fields);
      accumulate(cpu, fields, { lanes: lanesOf(fields.sz), count: 1, subtracts, partner: () => element });
    },
    ({ sz, L }) => sz === 0 || L === 0,
  ),
];

export const FP_FUSED: readonly InstructionRow[] = [
  row(
    'FMADD, FMSUB, FNMADD, FNMSUB',
    '000 11111 0 type:1 o1:1 Rm:5 o0:1 Ra:5 Rn:5 Rd:5',
    (cpu, { type, o1, o0, Ra, Rm, Rn, Rd }) => {
      const lanes = lanesOf(type);
      const low = (register: number): bigint => laneOf(lanes, cpu.v(register), 0);
      const addend = o1 === 1 ? negated(lanes, low(Ra)) : low(Ra);
      const factor = o1 === o0 ? low(Rn) : negated(lanes, low(Rn));
      cpu.setV(Rd, fusedMultiplyAdd(lanes.format, addend, factor, low(Rm)));
    },
  ),
  vector('FMLA', 0),
  vector('FMLS', 1),
  ...byElement('FMLA', '0001', false),
  ...byElement('FMLS', '0101', true),
];
