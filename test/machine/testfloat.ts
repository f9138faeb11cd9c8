/**
 * Runs Berkeley TestFloat over every operation of floating point that the processor has, through its instructions:
 * `npm run testfloat -- [--level 1|2] [--all] [--count N] [--seed N] [--function NAME]`. Each case is computed twice: with no
 * flag raised before, and with Inexact, where translated code does it by itself. `--count` is how many cases of a function
 * and rounding mode are tried at most, `--all` tries all.
 */
import { parseArgs } from 'node:util';
import { FLAG } from '../../sim/cpu/float/format.js';
import { runMain, say } from '../support/run-main.js';
import { type Result, type Tested, TESTED } from './testfloat/functions.js';
import { buildGenerator, casesOf, type GeneratorOptions } from './testfloat/generator.js';
import { type Computed, Guest } from './testfloat/guest.js';

const DEFAULT_COUNT = 5000;
/** So many wrong cases of a function are shown. */
const MOST_SHOWN = 5;

/** SoftFloat's exception flags, by their bits, as FPSR has them. */
const FLAGS = [FLAG.inexact, FLAG.underflow, FLAG.overflow, FLAG.divideByZero, FLAG.invalid] as const;

const fpsrOf = (flags: number): number =>
  FLAGS.reduce((all, bit, i) => (((flags >> i) & 1) === 1 ? all | bit : all), 0);

/** Whether a result is what it should be; any NaN stands for any other one, which TestFloat does not know (-checkNaNs). */
const isRight = (result: Result, wanted: bigint, { result: computed }: Computed): boolean => {
  switch (result.kind) {
    case 'float': {
      const isNan = (bits: bigint): boolean => (bits & (signOf(result.nanAbove) - 1n)) > result.nanAbove;
      return wanted === computed || (isNan(wanted) && isNan(computed));
    }
    case 'mask':
      return (computed !== 0n) === (wanted === 1n);
    case 'integer':
    case 'condition':
      return wanted === computed;
  }
};

/** The bit above the exponent. */
const signOf = (infinity: bigint): bigint => 1n << BigInt(infinity.toString(2).length);

const OPERANDS = 3;

/** Compares some cases. @returns those that are wrong, as sentences */
const compare = (guest: Guest, tested: Tested, lines: readonly string[]): readonly string[] => {
  const parsed = lines.map((line) => line.split(' ').map((digits) => BigInt(`0x${digits}`)));
  const operands = new BigUint64Array(OPERANDS * lines.length);
  parsed.forEach((numbers, i) => operands.set(numbers.slice(0, tested.operands), OPERANDS * i));
  return [0, FLAG.inexact].flatMap((before) =>
    guest.run(tested, operands, before).flatMap((computed, i) => {
      const numbers = parsed[i]!;
      const fpsr = fpsrOf(Number(numbers[tested.operands + 1])) | before;
      if (isRight(tested.result, numbers[tested.operands]!, computed) && fpsr === computed.fpsr) return [];
      const ours = `${computed.result.toString(16)}, FPSR ${computed.fpsr.toString(16)}`;
      return [`${lines[i]!} (FPSR ${fpsr.toString(16)}): the model has ${ours}, from FPSR ${before.toString(16)}`];
    }),
  );
};

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      level: { type: 'string', default: '1' },
      all: { type: 'boolean', default: false },
      count: { type: 'string', default: String(DEFAULT_COUNT) },
      seed: { type: 'string', default: '1' },
      function: { type: 'string', default: '' },
    },
  });
  const number = (name: string, text: string): number => {
    if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name}: "${text}" is not a whole number`);
    return Number(text);
  };
  if (values.level !== '1' && values.level !== '2') throw new Error(`--level: "${values.level}" is neither 1 nor 2`);
  const options: GeneratorOptions = {
    level: values.level === '1' ? 1 : 2,
    seed: number('seed', values.seed),
    most: values.all ? Infinity : number('count', values.count),
  };
  const functions = TESTED.filter(({ name }) => name.includes(values.function));
  if (functions.length === 0) throw new Error(`--function: no function is like "${values.function}"`);
  const program = buildGenerator();
  const guest = new Guest();
  const started = Date.now();
  let [cases, wrong] = [0, 0];
  for (const tested of functions) {
    let shown = 0;
    for await (const lines of casesOf(program, tested.args, options)) {
      cases += lines.length;
      const found = compare(guest, tested, lines);
      wrong += found.length;
      for (const one of found.slice(0, MOST_SHOWN - shown)) say(`WRONG ${tested.args.join(' ')}: ${one}`);
      shown += Math.min(found.length, MOST_SHOWN - shown);
    }
  }
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  say(
    `${functions.length} functions with their modes, ${cases} cases, each twice: ${wrong === 0 ? 'all right' : `${wrong} wrong`} (${seconds} s)`,
  );
  if (wrong > 0) process.exitCode = 1;
};

await runMain('testfloat', main);
