import { describe, expect, test } from '@jest/globals';
import { conditionOf } from '../../../../../sim/cpu/emit/flags.js';
import { FunctionBuilder, local } from '../../../../../sim/cpu/emit/function-builder.js';
import { FUNCTION_TYPES, handlerImports, TYPES } from '../../../../../sim/cpu/emit/linkage.js';
import { Functions } from '../../../../../sim/cpu/emit/functions.js';
import { FLAG_KINDS, type FlagKind } from '../../../../../sim/cpu/state/layout.js';
import { wasm } from '../../../../../sim/cpu/wasm/host.js';
import { encodeModule } from '../../../../../sim/cpu/wasm/writer.js';
import { createRandom, type Random } from '../../../../fuzz/mutate.js';
import { flagsOf, holds } from '../../../../support/processor/flags.js';

const PAGES = 1;
const memory = new wasm.Memory({ initial: PAGES, maximum: PAGES });
const { runtime, runtimeTable } = new Functions(memory, { slow: () => 0, float: () => 0 });

const bitsOf = (kind: FlagKind): number => (kind.endsWith('32') ? 32 : 64);

/** Any number, and often one beside a power of two or beside another operand. */
const operand = (random: Random, bits: number, near: bigint): bigint => {
  const offset = BigInt(random.below(3)) - 1n;
  const any = (BigInt(random.below(2 ** 32)) << 32n) | BigInt(random.below(2 ** 32));
  const value = [any, (1n << BigInt(random.below(bits + 1))) + offset, near + offset, 0n][random.below(4)]!;
  return BigInt.asUintN(bits, value);
};

const operands = (random: Random, kind: FlagKind): readonly [bigint, bigint] => {
  if (kind === 'nzcv') return [BigInt(random.below(16)), 0n];
  const a = operand(random, bitsOf(kind), 0n);
  return [a, operand(random, bitsOf(kind), a)];
};

test('the flags function gives what AddWithCarry() gives', () => {
  const random = createRandom(9);
  const cases = Array.from({ length: 20_000 }, (_, i) => {
    const kind = FLAG_KINDS[i % FLAG_KINDS.length]!;
    const [a, b] = operands(random, kind);
    return { kind, a, b, nzcv: flagsOf(kind, a, b) };
  });
  const wrong = cases.filter(({ kind, a, b, nzcv }) => runtime.nzcv(FLAG_KINDS.indexOf(kind), a, b) !== nzcv);
  expect(wrong).toEqual([]);
});

describe.each(FLAG_KINDS)('conditions after %s', (kind) => {
  const CONDITIONS = Array.from({ length: 14 }, (_, condition) => condition);
  const bodyOf = (condition: number, isKnown: boolean): Uint8Array => {
    const f = new FunctionBuilder(3);
    const flags = { kind: local('i32', 0), a: local('i64', 1), b: local('i64', 2) };
    return f.finish(conditionOf(flags, isKnown ? kind : undefined, condition));
  };
  const compile = (isKnown: boolean) => {
    const module = encodeModule({
      types: FUNCTION_TYPES,
      imports: handlerImports(PAGES),
      functions: CONDITIONS.map((condition) => ({
        type: TYPES.flags,
        name: `condition${condition}`,
        body: bodyOf(condition, isKnown),
      })),
    });
    const { exports } = new wasm.Instance(new wasm.Module(module), { env: { memory, runtime: runtimeTable } });
    return CONDITIONS.map((condition) => exports[`condition${condition}`]!);
  };

  test.each([
    ['known', true],
    ['not known', false],
  ])('hold as ConditionHolds() says, the kind being %s', (_name, isKnown) => {
    const functions = compile(isKnown);
    const random = createRandom(10);
    for (let i = 0; i < 500; i++) {
      const [a, b] = operands(random, kind);
      const nzcv = flagsOf(kind, a, b);
      const found = functions.map((run) => run(FLAG_KINDS.indexOf(kind), a, b));
      expect({ a, b, found }).toEqual({ a, b, found: CONDITIONS.map((condition) => Number(holds(condition, nzcv))) });
    }
  });
});
