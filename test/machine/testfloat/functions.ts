/** The functions of TestFloat, and the instructions that compute them. */

import { encode } from '../../support/processor/assemble.js';

/** What is computed: by which instruction, under which mode, and what TestFloat is asked. */
export interface Tested {
  readonly name: string;
  /** TestFloat's function and options. */
  readonly args: readonly string[];
  readonly operands: 1 | 2 | 3;
  /** From D0, D1 and D2, or X4, to D3, X5 or the flags. */
  readonly word: number;
  readonly fpcr: number;
  readonly result: Result;
}

export type Result =
  | { readonly kind: 'float'; readonly nanAbove: bigint }
  | { readonly kind: 'integer' }
  /** Ones for true. */
  | { readonly kind: 'mask' }
  /** True if a condition holds. */
  | { readonly kind: 'condition'; readonly condition: number };

/** Formats by their field, and what is above infinity in them. */
const FORMATS = [
  { name: 'f32', sz: 0, nanAbove: 0x7f80_0000n },
  { name: 'f64', sz: 1, nanAbove: 0x7ffn << 52n },
] as const;
const HALF_NAN_ABOVE = 0x7c00n;

/** TestFloat's options for the modes of FPCR.RMode. */
const MODES = ['-rnear_even', '-rmax', '-rmin', '-rminMag'] as const;
const modes = MODES.map((option, i) => ({ option, fpcr: i << 22 }));

/** The letters of instructions that say how they round. */
const LETTERS = { N: '-rnear_even', P: '-rmax', M: '-rmin', Z: '-rminMag', A: '-rnear_maxMag' } as const;

const INTEGERS = [
  { name: 'i32', letter: 'S', sf: 0 },
  { name: 'i64', letter: 'S', sf: 1 },
  { name: 'ui32', letter: 'U', sf: 0 },
  { name: 'ui64', letter: 'U', sf: 1 },
] as const;

const EQ = 0;
const MI = 4;
const LS = 9;

const floats = FORMATS.flatMap(({ name, sz, nanAbove }): readonly Tested[] => {
  const result = { kind: 'float', nanAbove } as const;
  const two = (row: string): number => encode(row, { sz, Rm: 1, Rn: 0, Rd: 3 });
  const one = (row: string): number => encode(row, { sz, Rn: 0, Rd: 3 });
  const underModes = (
    f: string,
    operands: Tested['operands'],
    word: number,
    options: readonly string[] = [],
  ): readonly Tested[] =>
    modes.map(({ option, fpcr }) => ({
      name: `${name}_${f}`,
      args: [`${name}_${f}`, option, ...options],
      operands,
      word,
      fpcr,
      result,
    }));
  const integral = Object.entries(LETTERS).map(([letter, option]): Tested => ({
    name: `${name}_roundToInt`,
    args: [`${name}_roundToInt`, option, '-notexact'],
    operands: 1,
    word: one(`FRINT${letter} (scalar)`),
    fpcr: 0,
    result,
  }));
  const comparison = (f: string, word: number, compared: Result): Tested => ({
    name: `${name}_${f}`,
    args: [`${name}_${f}`],
    operands: 2,
    word,
    fpcr: 0,
    result: compared,
  });
  const compare = (signalling: 0 | 1): number => encode('FCMP, FCMPE', { sz, Rm: 1, Rn: 0, signalling });
  const condition = (number: number): Result => ({ kind: 'condition', condition: number });
  const swapped = (row: string): number => encode(row, { sz, Rm: 0, Rn: 1, Rd: 3 });
  const mask: Result = { kind: 'mask' };
  return [
    ...underModes('add', 2, two('FADD (scalar)')),
    ...underModes('sub', 2, two('FSUB (scalar)')),
    ...underModes('mul', 2, two('FMUL (scalar)')),
    ...underModes('div', 2, two('FDIV (scalar)')),
    ...underModes('sqrt', 1, one('FSQRT (scalar)')),
    ...underModes(
      'mulAdd',
      3,
      encode('FMADD, FMSUB, FNMADD, FNMSUB', { sz, o1: 0, o0: 0, Ra: 2, Rm: 1, Rn: 0, Rd: 3 }),
    ),
    ...underModes('roundToInt', 1, one('FRINTX (scalar)'), ['-exact']),
    ...underModes('roundToInt', 1, one('FRINTI (scalar)'), ['-notexact']),
    ...integral,
    comparison('eq', compare(0), condition(EQ)),
    comparison('le_quiet', compare(0), condition(LS)),
    comparison('lt_quiet', compare(0), condition(MI)),
    comparison('eq_signaling', compare(1), condition(EQ)),
    comparison('le', compare(1), condition(LS)),
    comparison('lt', compare(1), condition(MI)),
    comparison('eq', two('FCMEQ (register), scalar'), mask),
    comparison('le', swapped('FCMGE (register), scalar'), mask),
    comparison('lt', swapped('FCMGT (register), scalar'), mask),
    ...INTEGERS.flatMap((integer): readonly Tested[] => [
      ...modes.map(({ option, fpcr }): Tested => ({
        name: `${integer.name}_to_${name}`,
        args: [`${integer.name}_to_${name}`, option],
        operands: 1,
        word: encode(`${integer.letter}CVTF (scalar, integer)`, { sf: integer.sf, sz, Rn: 4, Rd: 3 }),
        fpcr,
        result,
      })),
      ...Object.entries(LETTERS).map(([letter, option]): Tested => ({
        name: `${name}_to_${integer.name}`,
        args: [`${name}_to_${integer.name}`, option, '-exact'],
        operands: 1,
        word: encode(`FCVT${letter}${integer.letter} (scalar, integer)`, { sf: integer.sf, sz, Rn: 0, Rd: 5 }),
        fpcr: 0,
        result: { kind: 'integer' },
      })),
    ]),
  ];
});

const conversion = (from: string, to: string, row: string, fields: { readonly sz?: number }): readonly Tested[] =>
  modes.map(({ option, fpcr }) => ({
    name: `${from}_to_${to}`,
    args: [`${from}_to_${to}`, option],
    operands: 1,
    word: encode(row, { ...fields, Rn: 0, Rd: 3 }),
    fpcr,
    result: { kind: 'float', nanAbove: FORMATS.find(({ name }) => name === to)?.nanAbove ?? HALF_NAN_ABOVE },
  }));

export const TESTED: readonly Tested[] = [
  ...floats,
  ...conversion('f32', 'f64', 'FCVT, double from single', {}),
  ...conversion('f64', 'f32', 'FCVT, single from double', {}),
  ...FORMATS.flatMap(({ name, sz }) => [
    ...conversion(name, 'f16', 'FCVT, half from single or double', { sz }),
    ...conversion('f16', name, 'FCVT, single or double from half', { sz }),
  ]),
  {
    name: 'f64_to_f32',
    args: ['f64_to_f32', '-rodd'],
    operands: 1,
    word: encode('FCVTXN, scalar', { Rn: 0, Rd: 3 }),
    fpcr: 0,
    result: { kind: 'float', nanAbove: FORMATS[0].nanAbove },
  },
];
