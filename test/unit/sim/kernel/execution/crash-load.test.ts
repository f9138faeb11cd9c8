import { describe, expect, test } from '@jest/globals';
import { EM_AARCH64 } from '../../../../../kexec/elf/elf.js';
import { formatCore, loadHeader, noteHeader } from '../../../../../kexec/running-kernel/crashdump-elf.js';
import { Range } from '../../../../../kexec/base/range.js';
import { lookAtCrashLoad } from '../../../../../sim/kernel/execution/crash-load.js';
import { lookAtSegments } from '../../../../../sim/kernel/execution/loaded-kernel.js';
import { arm64Image, deviceTree, type TreeNode } from '../../../../support/files/kernel-files.js';

/** What a loaded crash kernel is told, read out of its segments. */

const RAM = Range.sized(0x4000_0000n, 0x2000_0000n);
const KERNEL_AT = 0x5000_0000n;
const INITRD_AT = 0x5100_0000n;
const HEADER_AT = 0x5200_0000n;
const HEADERS = [noteHeader({ address: 0x4300_0000n, size: 0x1a8n }), loadHeader(0x4000_0000n, 0x8000n, 0x1000_0000n)];
const IMAGE = arm64Image();
const CHOSEN: TreeNode = {
  'linux,elfcorehdr': [0, Number(HEADER_AT), 0, 0x400],
  'linux,usable-memory-range': [1, 0, 0, 0x1000_0000, 0, 0x5000_0000, 0, 0x800_0000],
  'linux,initrd-start': [0, Number(INITRD_AT)],
  'linux,initrd-end': [0, Number(INITRD_AT) + 3],
};

const look = (chosen: TreeNode, header = formatCore(HEADERS, 0x400, EM_AARCH64)) => {
  const segment = (start: bigint, data: Uint8Array) => ({ memory: Range.sized(start, 0x1_0000n), data });
  const tree = deviceTree({ '#address-cells': [2], '#size-cells': [2], chosen });
  const segments = [
    segment(KERNEL_AT, IMAGE),
    segment(INITRD_AT, Uint8Array.of(1, 2, 3, 4)),
    segment(HEADER_AT, header),
    segment(0x5300_0000n, tree),
  ];
  return lookAtCrashLoad(lookAtSegments(KERNEL_AT, segments), [RAM]);
};

describe('a loaded crash kernel', () => {
  test('is told of its memory, of the header of the dump, and of its initrd', () => {
    const { told, header, image, initrd, segments } = look(CHOSEN);
    expect(told?.usable.map(String)).toEqual(['[0x100000000, 0x10fffffff]', '[0x50000000, 0x57ffffff]']);
    expect(header).toEqual({
      ...{ start: HEADER_AT, sizeBytes: 0x400n, from: 'linux,elfcorehdr', programHeaders: HEADERS },
    });
    expect(image).toBe(IMAGE);
    expect(initrd).toEqual(Uint8Array.of(1, 2, 3));
    expect(segments).toHaveLength(4);
  });

  test('that is told of nothing has no dump to make', () => {
    const { told, header, initrd } = look({});
    expect([told?.usable, header, initrd]).toEqual([[], undefined, undefined]);
  });

  test.each([
    ['no ELF header', new Uint8Array(0x400), '"Core image elf header not found"'],
    ['a header of another kind of file', formatCore(HEADERS, 0x400, EM_AARCH64).with(16, 2), 'is not sane'],
    ['a header of no entries', formatCore([], 0x400, EM_AARCH64), 'is not sane'],
  ])('whose dump would begin with %s has none', (_, header, why) =>
    expect(look(CHOSEN, header).header?.programHeaders).toContain(why),
  );

  test('whose header would be where nothing is loaded, or no RAM, has none', () => {
    const at = (address: number) =>
      look({ ...CHOSEN, 'linux,elfcorehdr': [0, address, 0, 0x400] }).header?.programHeaders;
    expect(at(0x4000_0000)).toContain('"Core image elf header not found"');
    expect(at(0x1000_0000)).toBe('the elfcorehdr at 0x10000000 is not in RAM: the capture kernel dies of it');
  });

  test('with a header that is cut off has nothing behind it', () => {
    const cut = formatCore(HEADERS, 0x400, EM_AARCH64).subarray(0, 64 + 56);
    const headers = look(CHOSEN, cut).header?.programHeaders;
    expect(headers).toEqual([HEADERS[0], expect.objectContaining({ type: 0, memsz: 0n })]);
  });

  test('may be led to the header of the dump by its command line', () => {
    const chosen = { ...CHOSEN, 'linux,elfcorehdr': [0, 0x4000_0000, 0, 0x400], bootargs: 'elfcorehdr=1328M panic=1' };
    expect(look(chosen).header).toMatchObject({
      ...{ start: 0x5300_0000n, from: 'elfcorehdr=1328M' },
    });
    const own = { ...CHOSEN, bootargs: `quiet elfcorehdr=2K@0x${HEADER_AT.toString(16)}` };
    expect(look(own).header).toMatchObject({ start: HEADER_AT, sizeBytes: 0x800n, programHeaders: HEADERS });
  });
});
