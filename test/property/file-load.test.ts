import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Fdt, isFdtError } from '../../kexec/device-tree/libfdt.js';
import { getMemRsv, getProp, numMemRsv, pathOffset } from '../../kexec/device-tree/libfdt-ro.js';
import { addMemRsv, delMemRsv, openInto } from '../../kexec/device-tree/libfdt-rw.js';
import { Range } from '../../kexec/base/range.js';
import type { KernelSegment } from '../../sim/kernel/rules/kexec-load.js';
import { addBuffer } from '../../sim/kernel/rules/mem-hole.js';
import { treeBytes } from '../support/files/fdt-support.js';

const PAGE = 4096n;
const pages = (n: number): bigint => BigInt(n) * PAGE;

const segment = (first: number, count: number): KernelSegment => ({
  mem: pages(first),
  memsz: pages(count),
  bufsz: 0n,
  source: { kind: 'zeros' },
});

/** Of a memory of some pages, those that are in holes, and those that segments have. */
const memories = fc.record({
  holes: fc.uniqueArray(fc.record({ first: fc.integer({ min: 1, max: 60 }), count: fc.integer({ min: 1, max: 12 }) }), {
    maxLength: 4,
    comparator: (a, b) => a.first < b.first + b.count + 1 && b.first < a.first + a.count + 1,
  }),
  placed: fc.array(fc.record({ first: fc.integer({ min: 1, max: 70 }), count: fc.integer({ min: 1, max: 8 }) }), {
    maxLength: 3,
  }),
});

const buffers = fc.record({
  count: fc.integer({ min: 1, max: 8 }),
  alignPages: fc.constantFrom(0, 1, 2, 4, 16),
  min: fc.integer({ min: 0, max: 40 }),
  max: fc.option(fc.integer({ min: 10, max: 80 })),
  topDown: fc.boolean(),
});

test('a place is the first or the last one that is free, aligned and within the limits', () => {
  fc.assert(
    fc.property(memories, buffers, ({ holes, placed }, { count, alignPages, min, max, topDown }) => {
      const sorted = holes
        .map(({ first, count: size }) => Range.sized(pages(first), pages(size)))
        .sort((a, b) => (a.start < b.start ? -1 : 1));
      const segments = placed.map(({ first, count: size }) => segment(first, size));
      const found = addBuffer(
        { generation: '6.12', pageSize: PAGE, holes: sorted, placed: segments },
        {
          role: 'initrd',
          bytes: new Uint8Array(1),
          memsz: pages(count) - 17n,
          align: pages(alignPages),
          min: pages(min),
          ...(max === null ? {} : { max: pages(max) - 1n }),
          topDown,
        },
      );
      const fits = Array.from({ length: 90 }, (_, page) => page).filter((page) => {
        const range = Range.sized(pages(page), pages(count));
        return (
          page % (alignPages || 1) === 0 &&
          page >= min &&
          (max === null || range.end <= pages(max)) &&
          sorted.some((hole) => hole.covers(range)) &&
          !segments.some(({ mem, memsz }) => Range.sized(mem, memsz).overlaps(range))
        );
      });
      expect(found?.mem).toBe(fits.length === 0 ? undefined : pages(topDown ? fits.at(-1)! : fits[0]!));
      if (found !== undefined) expect(found).toMatchObject({ memsz: pages(count), bufsz: 1n, role: 'initrd' });
    }),
    { numRuns: 2000 },
  );
});

test('the reserve map of a tree is a list', () => {
  const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
  const edits = fc.array(
    fc.oneof(fc.record({ address: u64, size: u64.filter((size) => size !== 0n) }), fc.record({ remove: fc.nat(5) })),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(edits, (list) => {
      const boot = new Fdt(treeBytes('virt-2g'), 'boot');
      const fdt = openInto(boot, boot.header('totalSize') + 256);
      if (isFdtError(fdt)) throw new Error(fdt);
      const bootargs = (): string =>
        Buffer.from(getProp(fdt, pathOffset(fdt, '/chosen') as number, 'bootargs') as Uint8Array).toString('latin1');
      const before = bootargs();
      const model: { address: bigint; size: bigint }[] = [];
      for (const edit of list) {
        if ('remove' in edit) {
          expect(delMemRsv(fdt, edit.remove)).toBe(edit.remove < model.length ? undefined : 'FDT_ERR_NOTFOUND');
          model.splice(edit.remove, 1);
        } else {
          expect(addMemRsv(fdt, edit)).toBeUndefined();
          model.push(edit);
        }
      }
      expect(Array.from({ length: numMemRsv(fdt) }, (_, n) => getMemRsv(fdt, n))).toEqual(model);
      expect(bootargs()).toBe(before);
    }),
  );
});

test('a tree without room keeps its reserve map', () => {
  const boot = new Fdt(treeBytes('virt-2g'), 'boot');
  const small = new Fdt(boot.trimmed(), 'small');
  small.setHeader('totalSize', small.header('stringsOffset') + small.header('stringsSize'));
  expect(addMemRsv(small, { address: 1n, size: 1n })).toBe('FDT_ERR_NOSPACE');
  expect(numMemRsv(small)).toBe(0);
});
