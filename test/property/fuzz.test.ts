import { describe, expect, test } from '@jest/globals';
import { readFileSync, readdirSync } from 'node:fs';
import { KexecError } from '../../kexec/base/error.js';
import type { AsyncFuzzTarget } from '../fuzz/fuzz-target.js';
import { ALL_TARGETS, fuzzTarget, inputOf, sharesOf, tryInput, type Finding } from '../fuzz/fuzz-run.js';
import { createRandom, mutate, seedOf } from '../fuzz/mutate.js';

/** A share of what `npm run fuzz` does, the same on every run. */
const SEED = 20;
const INPUTS = 50;

const targetOf = (run: AsyncFuzzTarget['run']): AsyncFuzzTarget => ({
  name: 'invented',
  seeds: () => [Uint8Array.of(1, 2, 3)],
  run,
});

const findingsOf = async (
  target: AsyncFuzzTarget,
  count = 20,
): Promise<{ readonly findings: readonly Finding[]; readonly passed: number }> => {
  const findings: Finding[] = [];
  const passed = await fuzzTarget(target, SEED, 0, count, { onFinding: (finding) => findings.push(finding) });
  return { findings, passed };
};

describe('every target', () => {
  test.each(ALL_TARGETS.map((target) => [target.name, target] as const))(
    '%s withstands mutated input',
    async (_, target) => {
      expect(await findingsOf(target, INPUTS)).toEqual({ findings: [], passed: INPUTS });
    },
  );

  test('is listed', () => {
    const listed = readFileSync('test/fuzz/fuzz-run.ts', 'utf8');
    const files = readdirSync('test/fuzz', { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.fuzz.ts'),
    );
    expect(files.filter((name) => !listed.includes(`from './${name.replace(/ts$/, 'js')}'`))).toEqual([]);
  });

  test('has a name of its own, and seeds', () => {
    expect(new Set(ALL_TARGETS.map(({ name }) => name)).size).toBe(ALL_TARGETS.length);
    for (const target of ALL_TARGETS) expect([target.name, target.seeds().length > 0]).toEqual([target.name, true]);
  });
});

describe('the fuzzing', () => {
  test('gives each target its share, and nothing is lost', () => {
    const target = targetOf(() => {});
    expect(sharesOf([target, { ...target, weight: 0.5 }, target], 1000)).toEqual([400, 200, 400]);
    for (const count of [0, 1, 7, 100_000]) {
      expect(sharesOf(ALL_TARGETS, count).reduce((sum, share) => sum + share, 0)).toBe(count);
    }
  });

  test('finds what is thrown, unless it is a KexecError', async () => {
    const broken = await findingsOf(
      targetOf((input) => {
        if (input.length > 3) throw new RangeError('too long');
      }),
      200,
    );
    expect(broken.findings.length).toBeGreaterThan(0);
    expect(broken.findings.length + broken.passed).toBe(200);
    expect(broken.findings[0]!.reason).toMatch(/^RangeError: too long\n\s+at .*fuzz\.test/);
    const sound = targetOf(() => {
      throw KexecError.die('no');
    });
    expect((await findingsOf(sound)).findings).toEqual([]);
    const later = targetOf(async () => Promise.reject(new TypeError('later')));
    expect((await findingsOf(later)).passed).toBe(0);
  });

  test('finds what takes too long', async () => {
    const slow = targetOf(() => {
      const { user } = process.cpuUsage();
      while (process.cpuUsage().user - user < 60_000);
    });
    expect(await tryInput(slow, new Uint8Array(), 50)).toMatch(/^took \d+ ms$/);
  });

  test('makes the same inputs from the same seed, the seeds themselves first', () => {
    const target = ALL_TARGETS[0]!;
    const seeds = target.seeds();
    expect(inputOf(target, seeds, 5, 0)).toBe(seeds[0]);
    const inputs = (seed: number): readonly Uint8Array[] =>
      Array.from({ length: 50 }, (_, i) => inputOf(target, seeds, seed, i + 10));
    expect(inputs(5)).toEqual(inputs(5));
    expect(inputs(5)).not.toEqual(inputs(6));
    expect(seedOf(1, 'a', 2)).not.toBe(seedOf(1, 'b', 2));
  });

  test('changes no seed, and makes nothing huge', () => {
    const seeds = [new Uint8Array(2000).fill(7), new Uint8Array(), Uint8Array.of(1)];
    for (let i = 0; i < 2000; i++) expect(mutate(seeds, createRandom(i)).length).toBeLessThanOrEqual(1 << 20);
    expect(seeds[0]!.every((byte) => byte === 7)).toBe(true);
  });
});
