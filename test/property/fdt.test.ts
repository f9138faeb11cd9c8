import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { KexecError } from '../../kexec/base/error.js';
import { compareNames } from '../../kexec/device-tree/fs2dt.js';
import { type Fdt, isFdtError } from '../../kexec/device-tree/libfdt.js';
import { numMemRsv, pathOffset } from '../../kexec/device-tree/libfdt-ro.js';
import { addSubnode, delProp, openInto, pack, setProp } from '../../kexec/device-tree/libfdt-rw.js';
import { SMALL_TREES, contents, tree } from '../support/files/fdt-support.js';
import { targets } from '../fuzz/fdt.fuzz.js';

/** Numbers that are wrong for most fields. */
const NASTY = [0, 1, 2, 3, 9, 0x28, 0x7fffffff, 0x80000000, 0xfffffff4, 0xfffffffb, 0xffffffff];

type Damage =
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'header' | 'word'; readonly at: number; readonly value: number }
  | { readonly kind: 'cut'; readonly at: number };

const place = fc.nat({ max: 0xffff });
const value = fc.oneof(fc.constantFrom(...NASTY), fc.integer({ min: 0, max: 0xffffffff }), fc.nat({ max: 2000 }));
const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: place, bit: fc.nat({ max: 7 }) }),
  fc.record({ kind: fc.constantFrom('header' as const, 'word' as const), at: place, value }),
  fc.record({ kind: fc.constant('cut' as const), at: place }),
);

/** The bytes with some harm done to them; places are taken modulo what there is. */
const harmed = (original: Uint8Array, harms: readonly Damage[]): Uint8Array =>
  harms.reduce((bytes, harm) => {
    const copy = bytes.slice();
    if (copy.length < 40) return copy;
    switch (harm.kind) {
      case 'flip':
        copy[harm.at % copy.length]! ^= 1 << harm.bit;
        return copy;
      case 'cut':
        return copy.subarray(0, harm.at % copy.length);
      case 'header':
      case 'word': {
        const words = harm.kind === 'header' ? 10 : copy.length >> 2;
        new DataView(copy.buffer).setUint32((harm.at % words) * 4, harm.value);
        return copy;
      }
    }
  }, original);

const staysCalm = (run: () => void): void => {
  try {
    run();
  } catch (error) {
    if (!(error instanceof KexecError)) throw error;
    expect(error.message).not.toBe('');
  }
};

describe.each(targets.map((target) => [target.name, target] as const))('%s', (_, target) => {
  const samples = target.seeds();

  test('takes any bytes or refuses them with a KexecError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        staysCalm(() => {
          target.run(bytes);
        });
      }),
    );
  });

  test('takes harmed trees or refuses them with a KexecError', () => {
    fc.assert(
      fc.property(fc.constantFrom(...samples), fc.array(damage, { minLength: 1, maxLength: 4 }), (sample, harms) => {
        staysCalm(() => {
          target.run(harmed(sample, harms));
        });
      }),
      { numRuns: 300 },
    );
  });
});

type Edit =
  | { readonly kind: 'set'; readonly node: string; readonly name: string; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly node: string; readonly name: string }
  | { readonly kind: 'add'; readonly node: string; readonly name: string }
  | { readonly kind: 'pack' };

const nodePath = fc.constantFrom('/', '/chosen/', '/soc@0/', '/soc@0/uart@9000/', '/new/', '/chosen/new/');
const propertyName = fc.constantFrom('reg', 'eg', 'bootargs', 'args', 'status', 'fresh', 'compatible', 'odd', 'empty');
const edits: fc.Arbitrary<Edit> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('set' as const),
      node: nodePath,
      name: propertyName,
      value: fc.uint8Array({ maxLength: 40 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), node: nodePath, name: propertyName }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('add' as const), node: nodePath, name: fc.constantFrom('new', 'chosen') }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'pack' as const }) },
);

/** Does an edit on the tree; a change for which there is no room must leave what the tree says. */
const applyToTree = (fdt: Fdt, edit: Edit): boolean => {
  if (edit.kind === 'pack') return pack(fdt) === undefined;
  const node = pathOffset(fdt, edit.node);
  if (isFdtError(node)) return false;
  switch (edit.kind) {
    case 'set':
      return setProp(fdt, node, edit.name, edit.value) === undefined;
    case 'delete':
      return delProp(fdt, node, edit.name) === undefined;
    case 'add':
      return !isFdtError(addSubnode(fdt, node, edit.name));
  }
};

const applyToModel = (model: Map<string, string>, edit: Edit): void => {
  if (edit.kind === 'pack') return;
  const path = edit.node + edit.name;
  if (edit.kind === 'set') model.set(path, Buffer.from(edit.value).toString('hex'));
  else if (edit.kind === 'add') model.set(`${path}/`, '');
  else model.delete(path);
};

const sorted = (map: ReadonlyMap<string, string>): [string, string][] =>
  [...map].sort(([a], [b]) => (a < b ? -1 : Number(a > b)));

test('a tree says what a map says after the same edits', () => {
  const sound = SMALL_TREES.filter((name) => /^(full|no-|misordered|seeded)/.test(name));
  fc.assert(
    fc.property(
      fc.constantFrom(...sound),
      fc.nat({ max: 500 }),
      fc.array(edits, { maxLength: 15 }),
      (name, room, list) => {
        const original = tree(name);
        const fdt = openInto(original, original.header('totalSize') + room);
        if (isFdtError(fdt)) return;
        const model = contents(original);
        const reservations = numMemRsv(original);
        for (const one of list) {
          const existed = one.kind !== 'pack' && model.has(one.node);
          const done = applyToTree(fdt, one);
          if (done) {
            if (one.kind !== 'pack') expect(existed).toBe(true);
            applyToModel(model, one);
          }
          expect(sorted(contents(fdt))).toEqual(sorted(model));
        }
        expect(numMemRsv(fdt)).toBe(reservations);
        expect(fdt.header('totalSize')).toBeLessThanOrEqual(fdt.bytes.length);
      },
    ),
    { numRuns: 200 },
  );
});

test('names have a total order', () => {
  const name = fc.stringMatching(/^[ab]{0,2}@?[019]{0,3}$/);
  fc.assert(
    fc.property(name, name, name, (a, b, c) => {
      expect(Math.sign(compareNames(a, b))).toBe(-Math.sign(compareNames(b, a)) || 0);
      if (compareNames(a, b) <= 0 && compareNames(b, c) <= 0) expect(compareNames(a, c)).toBeLessThanOrEqual(0);
    }),
    { numRuns: 2000 },
  );
});
