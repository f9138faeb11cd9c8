import { describe, expect, test } from '@jest/globals';
import { KexecError } from '../../../../kexec/base/error.js';
import { cells32, cells64, stringValue } from '../../../../kexec/device-tree/fdt-values.js';
import { FDT_END, FDT_PROP, Fdt, checkHeader, isFdtError, nextTag } from '../../../../kexec/device-tree/libfdt.js';
import {
  getMemRsv,
  getProp,
  numMemRsv,
  numMemRsvInside,
  pathOffset,
  subnodeOffset,
} from '../../../../kexec/device-tree/libfdt-ro.js';
import { addSubnode, delProp, openInto, pack, setProp } from '../../../../kexec/device-tree/libfdt-rw.js';
import { MACHINES, contents, tree, treeBytes } from '../../../support/files/fdt-support.js';

const node = (fdt: Fdt, path: string): number => {
  const offset = pathOffset(fdt, path);
  if (isFdtError(offset)) throw new Error(`${path}: ${offset}`);
  return offset;
};

const opened = (name: string, room = 256): Fdt => {
  const fdt = tree(name);
  const copy = openInto(fdt, fdt.header('totalSize') + room);
  if (isFdtError(copy)) throw new Error(copy);
  return copy;
};

const text = (value: unknown): string =>
  value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value);

const changed = (name: string, change: (fdt: Fdt) => void): Fdt => {
  const fdt = tree(name);
  change(fdt);
  return fdt;
};

describe('the header', () => {
  test.each(MACHINES)('of %s is sound', (machine) => expect(checkHeader(tree(machine))).toBeUndefined());

  test.each([
    ['no bytes', new Uint8Array(), 'FDT_ERR_BADMAGIC'],
    ['three bytes', Uint8Array.of(0xd0, 0x0d, 0xfe), 'FDT_ERR_BADMAGIC'],
    ['another file', treeBytes('not-a-tree'), 'FDT_ERR_BADMAGIC'],
    ['version 15', treeBytes('old-version'), 'FDT_ERR_BADVERSION'],
    ['version 18 that is compatible with 16', treeBytes('next-version'), undefined],
    ['an unfinished tree', cells32(0x2ff20112, 0, 0, 0, 0, 0, 0, 0, 0, 0), 'FDT_ERR_BADSTATE'],
    ['an unfinished tree with a structure', cells32(0x2ff20112, 0, 0, 0, 0, 0, 0, 0, 0, 4), undefined],
  ])('%s', (_, bytes, answer) => expect(checkHeader(new Fdt(bytes, 'x'))).toBe(answer));

  test('that ends behind its magic names the tree', () => {
    const fdt = new Fdt(treeBytes('full').subarray(0, 20), 'dtb_user');
    expect(() => checkHeader(fdt)).toThrow(
      'kexec: dtb_user: the device tree is cut off or damaged: it has 20 bytes, but refers to 4 bytes at 0x14.',
    );
  });
});

describe('finding', () => {
  test.each([
    ['/', 0],
    ['//', 0],
    ['chosen', 'FDT_ERR_BADPATH'],
    ['', 'FDT_ERR_BADPATH'],
    ['/chosen', expect.any(Number)],
    ['//chosen/', expect.any(Number)],
    ['/chosen@0', 'FDT_ERR_NOTFOUND'],
    ['/cho', 'FDT_ERR_NOTFOUND'],
    ['/soc/uart', expect.any(Number)],
  ])('the node %j', (path, answer) => expect(pathOffset(tree('full'), path)).toEqual(answer));

  test('a node without its unit address', () => {
    const fdt = tree('full');
    expect(node(fdt, '/soc')).toBe(node(fdt, '/soc@0'));
    expect(subnodeOffset(fdt, node(fdt, '/soc'), 'uart')).toBe(node(fdt, '/soc@0/uart@9000'));
    expect(subnodeOffset(fdt, 0, 'uart')).toBe('FDT_ERR_NOTFOUND');
  });

  test.each(MACHINES)('every property of %s', (machine) => {
    const fdt = tree(machine);
    for (const [path, value] of contents(fdt)) {
      if (path.endsWith('/')) continue;
      const slash = path.lastIndexOf('/');
      const found = getProp(fdt, node(fdt, path.slice(0, slash) || '/'), path.slice(slash + 1));
      expect(Buffer.from(found as Uint8Array).toString('hex')).toBe(value);
    }
  });

  test('no property', () => {
    const fdt = tree('full');
    expect(getProp(fdt, 0, 'bootargs')).toBe('FDT_ERR_NOTFOUND');
    expect(getProp(fdt, 0, 'model-')).toBe('FDT_ERR_NOTFOUND');
    expect(getProp(fdt, 4, 'compatible')).toBe('FDT_ERR_BADOFFSET');
    expect(getProp(fdt, 2, 'compatible')).toBe('FDT_ERR_BADOFFSET');
    expect(getProp(fdt, -4, 'compatible')).toBe('FDT_ERR_BADOFFSET');
  });

  test('an empty property', () => {
    const fdt = tree('full');
    expect(getProp(fdt, node(fdt, '/soc/uart'), 'empty')).toEqual(new Uint8Array());
  });

  test('the reserve map', () => {
    const fdt = tree('full');
    expect(numMemRsv(fdt)).toBe(2);
    expect(getMemRsv(fdt, 1)).toEqual({ address: 0x40000000n, size: 0x100000n });
    expect(getMemRsv(fdt, 2)).toEqual({ address: 0n, size: 0n });
  });
});

describe('changes', () => {
  test('of a value keep everything else', () => {
    const fdt = opened('virt-2g');
    const before = contents(fdt);
    expect(setProp(fdt, node(fdt, '/chosen'), 'bootargs', stringValue('root=/dev/vda'))).toBeUndefined();
    expect(pack(fdt)).toBeUndefined();
    const bytes = fdt.trimmed();
    expect(bytes.length).toBeLessThan(0x3000);
    before.set('/chosen/bootargs', Buffer.from('root=/dev/vda\0').toString('hex'));
    expect(contents(new Fdt(bytes, 'x'))).toEqual(before);
  });

  test('add a property as the first one, and its name at the end', () => {
    const fdt = opened('full');
    const strings = fdt.header('stringsSize');
    expect(setProp(fdt, 0, 'new', cells32(1, 2))).toBeUndefined();
    expect(fdt.header('stringsSize')).toBe(strings + 4);
    expect([...contents(fdt).keys()][1]).toBe('/new');
  });

  test('take the end of a longer name for a name', () => {
    const fdt = opened('no-cells');
    const strings = fdt.header('stringsSize');
    expect(setProp(fdt, 0, 'bootargs', cells32(1))).toBeUndefined();
    expect(fdt.header('stringsSize')).toBe(strings);
    expect(contents(fdt).get('/bootargs')).toBe('00000001');
  });

  test('make a value shorter, longer and empty', () => {
    const fdt = opened('full');
    for (const value of [cells64(1n, 2n, 3n), Uint8Array.of(1), new Uint8Array(), Uint8Array.of(1, 2, 3, 4, 5)]) {
      expect(setProp(fdt, node(fdt, '/soc/uart'), 'reg', value)).toBeUndefined();
      expect(getProp(fdt, node(fdt, '/soc/uart'), 'reg')).toEqual(value);
      expect(contents(fdt).get('/soc@0/uart@9000/odd')).toBe('010203');
    }
  });

  test('remove a property', () => {
    const fdt = opened('full');
    expect(delProp(fdt, node(fdt, '/chosen'), 'bootargs')).toBeUndefined();
    expect(delProp(fdt, node(fdt, '/chosen'), 'bootargs')).toBe('FDT_ERR_NOTFOUND');
    expect(contents(fdt).has('/chosen/stdout-path')).toBe(true);
  });

  test('add a node behind the properties', () => {
    const fdt = opened('no-chosen');
    const offset = addSubnode(fdt, 0, 'chosen');
    expect(offset).toBe(node(fdt, '/chosen'));
    expect(addSubnode(fdt, 0, 'chosen')).toBe('FDT_ERR_EXISTS');
    expect([...contents(fdt).keys()].slice(0, 5)).toEqual([
      '/',
      '/#address-cells',
      '/#size-cells',
      '/model',
      '/chosen/',
    ]);
  });

  test('need room', () => {
    const fdt = opened('full', 8);
    expect(setProp(fdt, 0, 'new', cells32(1))).toBe('FDT_ERR_NOSPACE');
    expect(addSubnode(fdt, 0, 'new')).toBe('FDT_ERR_NOSPACE');
    expect(text(getProp(fdt, node(fdt, '/chosen'), 'stdout-path'))).toBe('/soc@0/uart@9000\0');
  });

  test('need a tree that was opened', () => {
    expect(setProp(tree('full-v16'), 0, 'new', cells32(1))).toBe('FDT_ERR_BADVERSION');
    expect(pack(tree('misordered'))).toBe('FDT_ERR_BADLAYOUT');
    expect(delProp(tree('not-a-tree'), 0, 'x')).toBe('FDT_ERR_BADMAGIC');
  });
});

describe('opening', () => {
  test.each(['full-v16', 'misordered', 'next-version'])('makes version 17 in order of %s', (name) => {
    const fdt = opened(name);
    expect(fdt.header('version')).toBe(17);
    expect(setProp(fdt, 0, 'new', cells32(1))).toBeUndefined();
    expect(pack(fdt)).toBeUndefined();
    const expected = contents(tree('full')).set('/new', '00000001');
    expect(contents(new Fdt(fdt.trimmed(), 'x'))).toEqual(expected);
    expect(numMemRsv(fdt)).toBe(2);
  });

  test('into too small a buffer', () => {
    expect(openInto(tree('full'), 100)).toBe('FDT_ERR_NOSPACE');
    expect(openInto(tree('misordered'), 100)).toBe('FDT_ERR_NOSPACE');
  });

  test('a tree that is cut off takes no memory', () => {
    const lying = changed('full', (fdt) => {
      fdt.setHeader('totalSize', 0x7fffffff);
    });
    expect(() => openInto(lying, 0x7fffffff)).toThrow(/is cut off: it has \d+ bytes, its header says 2147483647/);
  });
});

describe('broken trees', () => {
  test('a reserve map without end', () => {
    const fdt = changed('full', (broken) => {
      broken.setHeader('reserveMapOffset', broken.bytes.length - 20);
    });
    expect(() => numMemRsv(fdt)).toThrow(KexecError);
  });

  const atTheEnd = (field: 'reserveMapOffset' | 'stringsOffset', before: number): Fdt =>
    changed('full', (broken) => broken.setHeader(field, broken.bytes.length - before));

  test.each([
    ['a reserve map', atTheEnd('reserveMapOffset', 20)],
    ['strings', atTheEnd('stringsOffset', 0)],
  ])('%s over the end of the buffer can be copied, and the copy be looked at, but not be had', (_, fdt) => {
    const { length } = fdt.bytes;
    const copy = openInto(fdt, 2 * length) as Fdt;
    expect(pathOffset(copy, '/chosen')).toBe(pathOffset(fdt, '/chosen'));
    expect(pack(copy)).toBeUndefined();
    expect(() => copy.trimmed()).toThrow(
      new RegExp(`is cut off or damaged: it has ${length} bytes, but refers to \\d+ bytes at 0x`),
    );
  });

  test.each(['reserveMapOffset', 'stringsOffset'] as const)('a block that begins behind the buffer: %s', (field) => {
    const fdt = atTheEnd(field, -1);
    expect(() => openInto(fdt, 2 * fdt.bytes.length)).toThrow(/is cut off or damaged/);
  });

  test('whole entries of a reserve map without end', () => {
    expect(numMemRsvInside(atTheEnd('reserveMapOffset', 20))).toBe(1);
    expect(numMemRsvInside(atTheEnd('reserveMapOffset', 15))).toBe(0);
    expect(numMemRsvInside(tree('full'))).toBe(numMemRsv(tree('full')));
  });

  test('a structure that ends too early reads as its end', () => {
    const fdt = changed('full', (broken) => {
      broken.setHeader('structSize', 4);
    });
    expect(nextTag(fdt, 0)).toEqual({ tag: FDT_END, next: 0 });
    expect(pathOffset(fdt, '/chosen')).toBe('FDT_ERR_BADOFFSET');
  });

  /** Gives the root's first property a length. */
  const withLength = (length: number): Fdt =>
    changed('full', (broken) => {
      const position = broken.header('structOffset') + 8;
      expect(broken.u32At(position)).toBe(FDT_PROP);
      broken.setU32(position + 4, length);
    });

  test('a length that leads behind the structure', () => {
    expect(getProp(withLength(0x7ffffff0), 0, 'compatible')).toBe('FDT_ERR_TRUNCATED');
    expect(getProp(withLength(0x7ffffff0), 0, '#address-cells')).toBe('FDT_ERR_BADSTRUCTURE');
    expect(getProp(withLength(0x80000000), 0, 'compatible')).toBe('FDT_ERR_TRUNCATED');
  });

  test('a length that would make the original run in circles', () => {
    expect(() => getProp(withLength(0xfffffff4), 0, 'compatible')).toThrow(
      /property at offset 0x8 .* length that wraps/,
    );
  });

  test('an unknown tag', () => {
    expect(pathOffset(tree('bad-tag'), '/chosen')).toBe('FDT_ERR_BADOFFSET');
    const fdt = changed('full', (broken) => {
      broken.setU32(broken.header('structOffset') + 8, 7);
    });
    expect(pathOffset(fdt, '/chosen')).toBe('FDT_ERR_BADSTRUCTURE');
    expect(getProp(fdt, 0, 'x')).toBe('FDT_ERR_BADSTRUCTURE');
  });

  test('a name that is not in the buffer', () => {
    const fdt = changed('full', (broken) => {
      broken.setU32(broken.header('structOffset') + 16, 0x7000_0000);
    });
    expect(() => getProp(fdt, 0, 'compatible')).toThrow(KexecError);
  });
});
