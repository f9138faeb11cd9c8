/** Floating point as FPCR and FPSR see it: formats, modes, cumulative flags, and what a number is made of. */

/** A format of IEEE 754, as whole numbers: masks, and what special values are made of. */
export interface FloatFormat {
  readonly bits: number;
  readonly fractionBits: number;
  /** The exponent of the last bit of a subnormal number, of which every number is a multiple. */
  readonly leastExponent: number;
  readonly sign: bigint;
  readonly fraction: bigint;
  /** The bit of the fraction that quiet NaNs have. */
  readonly quiet: bigint;
  readonly infinity: bigint;
}

const formatOf = (bits: number, exponentBits: number): FloatFormat => {
  const fractionBits = bits - 1 - exponentBits;
  const ones = (count: number): bigint => (1n << BigInt(count)) - 1n;
  return {
    bits,
    fractionBits,
    leastExponent: 2 - 2 ** (exponentBits - 1) - fractionBits,
    sign: 1n << BigInt(bits - 1),
    fraction: ones(fractionBits),
    quiet: 1n << BigInt(fractionBits - 1),
    infinity: ones(exponentBits) << BigInt(fractionBits),
  };
};

export const HALF = formatOf(16, 5);
export const SINGLE = formatOf(32, 8);
export const DOUBLE = formatOf(64, 11);

/** `odd` is FCVTXN's: what is cut off makes the last bit one. `away` is to nearest, ties away from zero. */
export type Rounding = 'even' | 'up' | 'down' | 'zero' | 'away' | 'odd';

/** What FPCR says. */
export interface FloatModes {
  readonly rounding: Rounding;
  /** Subnormal singles and doubles, as operands and results, are zeros. */
  readonly flushToZero: boolean;
  /** Every result that is a NaN is the same one. */
  readonly defaultNan: boolean;
  /** Halves have numbers in place of infinities and NaNs. */
  readonly alternativeHalf: boolean;
}

/** RMode in bits 23 and 22, and the modes above it (Arm ARM, FPCR). */
const RMODES = ['even', 'up', 'down', 'zero'] as const;
const FZ = 1 << 24;
const DN = 1 << 25;
const AHP = 1 << 26;

/** The bits of FPCR that there are: a processor that cannot trap has no others (Cortex-A57 TRM, 11.3). */
export const FPCR_MASK = AHP | DN | FZ | (3 << 22);

/** What decides how numbers are rounded; default NaNs and halves make no difference to others. */
export const FPCR_ROUNDING = FZ | (3 << 22);

export const modesOf = (fpcr: number): FloatModes => ({
  rounding: RMODES[((fpcr >> 22) & 3) as 0 | 1 | 2 | 3],
  flushToZero: (fpcr & FZ) !== 0,
  defaultNan: (fpcr & DN) !== 0,
  alternativeHalf: (fpcr & AHP) !== 0,
});

/** The cumulative flags of FPSR. */
export const FLAG = {
  invalid: 1 << 0,
  divideByZero: 1 << 1,
  overflow: 1 << 2,
  underflow: 1 << 3,
  inexact: 1 << 4,
  inputDenormal: 1 << 7,
} as const;

/** The modes that operations work under, and the flags that they have raised. */
export class FloatStatus {
  /** As in FPSR. */
  raised = 0;

  constructor(readonly modes: FloatModes) {}

  raise(flag: keyof typeof FLAG): void {
    this.raised |= FLAG[flag];
  }
}

export interface Nan {
  readonly kind: 'nan';
  readonly bits: bigint;
  readonly isQuiet: boolean;
}

export interface Infinite {
  readonly kind: 'infinity';
  readonly negative: boolean;
}

/** `mantissa * 2 ** exponent`. */
export interface Finite {
  readonly kind: 'finite';
  readonly negative: boolean;
  readonly mantissa: bigint;
  readonly exponent: number;
}

export type Unpacked = Nan | Infinite | Finite;

export const isZero = (value: Unpacked): boolean => value.kind === 'finite' && value.mantissa === 0n;

/** What bits stand for (Arm ARM, FPUnpack()). */
export const unpack = (status: FloatStatus, format: FloatFormat, bits: bigint): Unpacked => {
  const negative = (bits & format.sign) !== 0n;
  const fraction = bits & format.fraction;
  const exponentBits = bits & format.infinity;
  const { flushToZero, alternativeHalf } = status.modes;
  if (exponentBits === format.infinity && !(format === HALF && alternativeHalf)) {
    if (fraction === 0n) return { kind: 'infinity', negative };
    return { kind: 'nan', bits, isQuiet: (fraction & format.quiet) !== 0n };
  }
  if (exponentBits === 0n) {
    const isFlushed = flushToZero && format !== HALF && fraction !== 0n;
    if (isFlushed) status.raise('inputDenormal');
    return { kind: 'finite', negative, mantissa: isFlushed ? 0n : fraction, exponent: format.leastExponent };
  }
  const biased = Number(exponentBits >> BigInt(format.fractionBits));
  const mantissa = fraction | (format.fraction + 1n);
  return { kind: 'finite', negative, mantissa, exponent: format.leastExponent + biased - 1 };
};

export const signed = (format: FloatFormat, negative: boolean, bits: bigint): bigint =>
  negative ? bits | format.sign : bits;

export const zero = (format: FloatFormat, negative: boolean): bigint => signed(format, negative, 0n);

export const infinity = (format: FloatFormat, negative: boolean): bigint => signed(format, negative, format.infinity);

/** `2 ** exponent`, a normal number. */
export const power = (format: FloatFormat, exponent: number): bigint =>
  BigInt(exponent - format.leastExponent - format.fractionBits + 1) << BigInt(format.fractionBits);

export const negate = (format: FloatFormat, bits: bigint): bigint => bits ^ format.sign;

export const magnitude = (format: FloatFormat, bits: bigint): bigint => bits & ~format.sign;

/** Arm ARM, FPDefaultNaN(). */
export const defaultNan = (format: FloatFormat): bigint => format.infinity | format.quiet;

/** The result of an operation that has none: raises Invalid Operation. */
export const invalid = (status: FloatStatus, format: FloatFormat): bigint => {
  status.raise('invalid');
  return defaultNan(format);
};

/** Arm ARM, FPProcessNaN(). */
export const processNan = (status: FloatStatus, format: FloatFormat, { bits, isQuiet }: Nan): bigint => {
  if (!isQuiet) status.raise('invalid');
  return status.modes.defaultNan ? defaultNan(format) : bits | format.quiet;
};

/**
 * What comes of operands of which some are NaNs: of the first signalling one, or else of the first quiet one (Arm ARM,
 * FPProcessNaNs() and FPProcessNaNs3()). @returns undefined where none is
 */
export const processNans = (
  status: FloatStatus,
  format: FloatFormat,
  operands: readonly Unpacked[],
): bigint | undefined => {
  let chosen: Nan | undefined;
  for (const operand of operands) {
    if (operand.kind !== 'nan') continue;
    if (!operand.isQuiet) return processNan(status, format, operand);
    chosen ??= operand;
  }
  return chosen && processNan(status, format, chosen);
};

/** The bits of what {@link unpack} found, which a subnormal number that was flushed to zero is not any more. */
export const pack = (format: FloatFormat, value: Infinite | Finite): bigint => {
  if (value.kind === 'infinity') return infinity(format, value.negative);
  const exponent = BigInt(value.exponent - format.leastExponent) << BigInt(format.fractionBits);
  return signed(format, value.negative, exponent + value.mantissa);
};
