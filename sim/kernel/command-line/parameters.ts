/** A command line as Linux takes it apart: its parameters, and the sizes in them. */
import { GiB, KiB, MiB, u64 } from '../../../kexec/base/u64.js';

export interface Parameter {
  readonly name: string;
  /** Behind the first `=`; undefined without one. */
  readonly value: string | undefined;
}

/** COMMAND_LINE_SIZE (arch/arm64/include/uapi/asm/setup.h), without the NUL. */
const MOST_CHARACTERS = 2047;

/**
 * The parameters that the kernel itself takes, up to a `--`: next_arg() (lib/cmdline.c) and parse_args()
 * (kernel/params.c). White space in quotes is part of a parameter; quotes around one, or around its value, are not.
 */
export function* parametersOf(line: string): Generator<Parameter> {
  const words = line.slice(0, MOST_CHARACTERS).matchAll(/(?:[^\s"]|"[^"]*(?:"|$))+/g);
  for (const [word] of words) {
    const isQuoted = word.startsWith('"');
    const text = isQuoted ? withoutEnd(word.slice(1)) : word;
    const equals = text.indexOf('=');
    const value = equals > 0 ? text.slice(equals + 1) : undefined;
    if (text === '--') return;
    yield {
      name: equals > 0 ? text.slice(0, equals) : text,
      value: value?.startsWith('"') === true ? withoutEnd(value.slice(1)) : value,
    };
  }
}

const withoutEnd = (text: string): string => (text.endsWith('"') ? text.slice(0, -1) : text);

const UNITS: Readonly<Record<string, bigint>> = {
  '': 1n,
  k: KiB(1n),
  m: MiB(1n),
  g: GiB(1n),
  t: KiB(GiB(1n)),
  p: MiB(GiB(1n)),
  e: GiB(GiB(1n)),
};

/**
 * memparse(), lib/cmdline.c: a number in C's notation and a unit, of which 64 bits are kept.
 * @returns undefined without a number, for which Linux takes 0
 */
export const memparse = (text: string): { readonly value: bigint; readonly rest: string } | undefined => {
  const match = /^(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)([kmgtpe]?)/i.exec(text);
  if (match === null) return undefined;
  const [whole, digits, unit] = match as unknown as [string, string, string];
  const number = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  return { value: u64(number * UNITS[unit.toLowerCase()]!), rest: text.slice(whole.length) };
};
