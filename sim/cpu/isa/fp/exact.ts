/** Floating point with one rounding (IEEE 754, fusedMultiplyAdd), by whole numbers of any size. */

/** A format of IEEE 754: bits of its exponent and of its fraction. */
export interface FloatFormat {
  readonly exponentBits: bigint;
  readonly fractionBits: bigint;
}

export const SINGLE: FloatFormat = { exponentBits: 8n, fractionBits: 23n };
export const DOUBLE: FloatFormat = { exponentBits: 11n, fractionBits: 52n };

type Unpacked =
  | { readonly kind: 'nan'; readonly bits: bigint; readonly quiet: boolean }
  | { readonly kind: 'infinity'; readonly negative: boolean }
  /** `mantissa * 2 ** exponent`. */
  | { readonly kind: 'finite'; readonly negative: boolean; readonly mantissa: bigint; readonly exponent: bigint };

const mask = (bits: bigint): bigint => (1n << bits) - 1n;
const signOf = ({ exponentBits, fractionBits }: FloatFormat): bigint => 1n << (exponentBits + fractionBits);
const infinityOf = ({ exponentBits, fractionBits }: FloatFormat): bigint => mask(exponentBits) << fractionBits;
/** The exponent of the last bit of a subnormal number. */
const leastExponent = ({ exponentBits, fractionBits }: FloatFormat): bigint =>
  2n - (1n << (exponentBits - 1n)) - fractionBits;

const unpack = (format: FloatFormat, bits: bigint): Unpacked => {
  const { exponentBits, fractionBits } = format;
  const negative = (bits & signOf(format)) !== 0n;
  const fraction = bits & mask(fractionBits);
  const biased = (bits >> fractionBits) & mask(exponentBits);
  if (biased === mask(exponentBits)) {
    if (fraction === 0n) return { kind: 'infinity', negative };
    return { kind: 'nan', bits, quiet: fraction >> (fractionBits - 1n) !== 0n };
  }
  const least = leastExponent(format);
  if (biased === 0n) return { kind: 'finite', negative, mantissa: fraction, exponent: least };
  return { kind: 'finite', negative, mantissa: fraction | (1n << fractionBits), exponent: least + biased - 1n };
};

/** Number of bits of a number above 0. */
const lengthOf = (value: bigint): bigint => BigInt(value.toString(2).length);

/**
 * The nearest number to `magnitude * 2 ** exponent`, of two equally near ones the even one. @param magnitude above 0
 */
const round = (format: FloatFormat, negative: boolean, magnitude: bigint, exponent: bigint): bigint => {
  const { exponentBits, fractionBits } = format;
  const sign = negative ? signOf(format) : 0n;
  const least = leastExponent(format);
  const wanted = exponent + lengthOf(magnitude) - 1n - fractionBits;
  const last = wanted < least ? least : wanted;
  const shift = last - exponent;
  let mantissa = shift <= 0n ? magnitude << -shift : magnitude >> shift;
  if (shift > 0n) {
    const rest = magnitude & mask(shift);
    const half = 1n << (shift - 1n);
    if (rest > half || (rest === half && (mantissa & 1n) === 1n)) mantissa++;
  }
  // A mantissa that became one bit longer carries into the exponent, as a subnormal one that became normal does.
  const bits = ((last - least) << fractionBits) + mantissa;
  const infinity = mask(exponentBits) << fractionBits;
  return sign | (bits >= infinity ? infinity : bits);
};

/** The first signalling NaN, quietened, or else the first quiet one (Arm ARM, FPProcessNaNs3()). */
const propagated = ({ fractionBits }: FloatFormat, operands: readonly Unpacked[]): bigint | undefined => {
  const nans = operands.flatMap((operand) => (operand.kind === 'nan' ? [operand] : []));
  const chosen = nans.find(({ quiet }) => !quiet) ?? nans[0];
  return chosen && chosen.bits | (1n << (fractionBits - 1n));
};

/**
 * `addend + first * second`, rounded once to nearest (Arm ARM, FPMulAdd() with FPCR = 0).
 * @param addend bits of a number, as are the factors and the result
 */
export const fusedMultiplyAdd = (format: FloatFormat, addend: bigint, first: bigint, second: bigint): bigint => {
  const [a, n, m] = [addend, first, second].map((bits) => unpack(format, bits)) as [Unpacked, Unpacked, Unpacked];
  const defaultNan = infinityOf(format) | (1n << (format.fractionBits - 1n));
  const isZero = (value: Unpacked): boolean => value.kind === 'finite' && value.mantissa === 0n;
  const isInvalidProduct = (n.kind === 'infinity' && isZero(m)) || (m.kind === 'infinity' && isZero(n));
  // Infinity times zero counts before a quiet addend, and behind a signalling one.
  if (isInvalidProduct && (a.kind !== 'nan' || a.quiet)) return defaultNan;
  const nan = propagated(format, [a, n, m]);
  if (nan !== undefined || a.kind === 'nan' || n.kind === 'nan' || m.kind === 'nan') return nan ?? defaultNan;
  const negative = n.negative !== m.negative;
  if (n.kind === 'infinity' || m.kind === 'infinity') {
    if (a.kind === 'infinity' && a.negative !== negative) return defaultNan;
    return (negative ? signOf(format) : 0n) | infinityOf(format);
  }
  if (a.kind === 'infinity') return (a.negative ? signOf(format) : 0n) | infinityOf(format);
  return addFinite(format, a, {
    kind: 'finite',
    negative,
    mantissa: n.mantissa * m.mantissa,
    exponent: n.exponent + m.exponent,
  });
};

type Finite = Extract<Unpacked, { kind: 'finite' }>;

const addFinite = (format: FloatFormat, a: Finite, b: Finite): bigint => {
  const exponent = a.exponent < b.exponent ? a.exponent : b.exponent;
  const aligned = ({ negative, mantissa, exponent: own }: Finite): bigint =>
    (negative ? -mantissa : mantissa) << (own - exponent);
  const sum = aligned(a) + aligned(b);
  // Of zeros, only two negative ones have a negative sum.
  if (sum === 0n) return a.mantissa === 0n && b.mantissa === 0n && a.negative && b.negative ? signOf(format) : 0n;
  return round(format, sum < 0n, sum < 0n ? -sum : sum, exponent);
};
