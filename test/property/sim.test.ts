import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { KexecError } from '../../kexec/base/error.js';
import { U64_MAX } from '../../kexec/base/u64.js';
import { type CallEntry, CALLERS, callToJson, parseCalls } from '../../sim/kernel/calls/calls.js';
import type { KernelFacts } from '../../sim/kernel/facts/facts.js';
import { Range } from '../../kexec/base/range.js';
import { formatLines } from '../../sim/kernel/state/json.js';
import { INITIAL_STATE, type KernelState, answerKexecLoad } from '../../sim/kernel/rules/kexec-load.js';
import { formatState, parseState } from '../../sim/kernel/state/state-json.js';
import { targets } from '../fuzz/sim.fuzz.js';

const u64 = fc.bigInt({ min: 0n, max: U64_MAX });
const pages = fc.integer({ min: 0, max: 64 }).map((count) => BigInt(count) << 12n);
const fileName = fc.stringMatching(/^[a-z0-9-]{1,12}\.bin$/);

const mutation = (seed: Uint8Array): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    fc.nat(seed.length).map((length) => seed.subarray(0, length)),
    fc.array(fc.tuple(fc.nat(seed.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }).map((changes) => {
      const copy = seed.slice();
      for (const [at, value] of changes) copy[at] = value;
      return copy;
    }),
    fc.uint8Array({ maxLength: 200 }),
  );

describe.each(targets.map((target) => [target.name, target] as const))('%s', (_, target) => {
  test('takes its seeds', () => {
    for (const seed of target.seeds()) expect(() => target.run(seed)).not.toThrow();
  });

  test('ends on any input, with KexecError at most', () => {
    for (const seed of target.seeds()) {
      fc.assert(
        fc.property(mutation(seed), (input) => {
          try {
            target.run(input);
          } catch (error) {
            if (!(error instanceof KexecError)) throw error;
            expect(error.message).not.toContain('\n');
          }
        }),
        { numRuns: 500 },
      );
    }
  });
});

test('deep nesting is no stack overflow', () => {
  const deep = '['.repeat(200_000);
  for (const text of [deep, deep + ']'.repeat(200_000), '{"a":'.repeat(100_000)]) {
    expect(() => parseCalls(text, 'x')).toThrow(KexecError);
    expect(() => parseState(text, 'x')).toThrow(KexecError);
  }
});

const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });
const who = optional(fc.constantFrom(...CALLERS));
const pointer = fc.constantFrom('valid' as const, 'null' as const, 'bad' as const);

const call: fc.Arbitrary<CallEntry> = fc.oneof(
  fc.record({
    call: fc.constant('kexec_load' as const),
    entry: u64,
    flags: u64,
    segments: fc.array(
      fc.record({
        bufsz: u64,
        mem: u64,
        memsz: u64,
        buffer: fc.oneof(fc.record({ file: fileName }), fc.record({ pointer })),
      }),
      { maxLength: 18 },
    ),
    nrSegments: optional(u64),
    segmentsPtr: optional(pointer),
    who,
  }),
  fc.record({
    call: fc.constant('kexec_file_load' as const),
    flags: u64,
    cmdline: fc.option(fc.string()),
    cmdlineLen: fc.nat(),
    kernelFile: fc.option(fileName),
    initrdFile: fc.option(fileName),
    who,
  }),
  fc.record({ call: fc.constant('reboot' as const), cmd: u64, magic1: optional(u64), magic2: optional(u64), who }),
  fc.record({ call: fc.constant('read' as const), path: fc.string() }),
  fc.record({ call: fc.constant('write' as const), path: fc.string(), data: fc.string() }),
);

test('calls read back as they were written', () => {
  fc.assert(
    fc.property(fc.array(call, { maxLength: 5 }), (calls) => {
      expect(parseCalls(formatLines(calls.map(callToJson), 'x'), 'x')).toEqual(calls);
    }),
  );
});

const image = fc.record({
  entry: u64,
  flags: u64,
  segments: fc.array(
    fc.tuple(u64, u64, u64, fc.boolean()).map(([mem, a, b, zeros]) => ({
      mem,
      memsz: a > b ? a : b,
      bufsz: a > b ? b : a,
      source: zeros ? { kind: 'zeros' as const } : { kind: 'file' as const, name: 'segment-1-a.bin' },
    })),
    { maxLength: 16 },
  ),
});

const state: fc.Arbitrary<KernelState> = fc.record({
  normal: fc.oneof(image, fc.constant('unknown' as const), fc.constant(undefined)),
  crash: fc.oneof(image, fc.constant('unknown' as const), fc.constant(undefined)),
  loadDisabled: fc.boolean(),
  limitReboot: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
  limitPanic: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
  interfaces: fc.array(fc.record({ name: fc.string(), up: fc.boolean() }, { noNullPrototype: true })),
});

test('states read back as they were written', () => {
  fc.assert(fc.property(state, (one) => expect(parseState(formatState(one), 'x')).toEqual(one)));
});

test('what a kernel accepts lies apart, in pages, and fits', () => {
  const facts: KernelFacts = {
    generation: '6.1',
    pageSize: 4096n,
    totalRamPages: 100n,
    freeMemory: [],
    crashRegion: Range.sized(0x10000n, 0x40000n),
    lockedDown: false,
    hasKexecLoad: true,
  };
  const segment = fc.record({
    mem: pages,
    memsz: pages,
    bufsz: fc.constant(0n),
    source: fc.constant({ kind: 'zeros' as const }),
  });
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 4 }), fc.constantFrom(0n, 1n), (segments, flags) => {
      const outcome = answerKexecLoad(facts, INITIAL_STATE, {
        entry: 0x10000n,
        flags,
        nrSegments: BigInt(segments.length),
        segments,
      });
      if (outcome.result !== 0 || segments.length === 0) return;
      const used = segments.filter(({ memsz }) => memsz > 0n).sort((a, b) => Number(a.mem - b.mem));
      used.slice(1).forEach((one, i) => expect(used[i]!.mem + used[i]!.memsz).toBeLessThanOrEqual(one.mem));
      expect(used.reduce((sum, { memsz }) => sum + memsz, 0n)).toBeLessThanOrEqual(50n << 12n);
      if (flags === 1n)
        for (const one of used) expect(facts.crashRegion!.covers(Range.sized(one.mem, one.memsz))).toBe(true);
      expect(outcome.state[flags === 1n ? 'crash' : 'normal']).toBeDefined();
    }),
    { numRuns: 1000 },
  );
});
