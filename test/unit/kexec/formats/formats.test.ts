import { describe, expect, test } from '@jest/globals';
import { nodePlatform } from '../../../../host/platform-node.js';
import { arm64 } from '../../../../kexec/arch/arm64/kexec-arm64.js';
import { RELEASES, compatFor } from '../../../../kexec/base/compat.js';
import { KexecError } from '../../../../kexec/base/error.js';
import { pezPrepare } from '../../../../kexec/formats/kexec-pe-zboot.js';
import { IH_ARCH_ARM64, probeUImageKernel, uImageData } from '../../../../kexec/formats/kexec-uImage.js';
import { createLog, silentLog } from '../../../../kexec/base/log.js';
import { endOfCertificates, peHeaderOffset, peHeaderOffsetOfFile, peSections } from '../../../../kexec/formats/pe.js';
import { OutputLimitError } from '../../../../kexec/base/platform.js';
import { fakeSystem, smallMachine } from '../../../support/files/fake-system.js';
import {
  arm64Image,
  gzip,
  smallTree,
  uImage,
  uki,
  vmlinux,
  zboot,
  type NamedSection,
  type UImageOptions,
} from '../../../support/files/kernel-files.js';
import { keepingLog } from '../../../support/files/memory-system.js';
import { runOn } from '../../../support/run-support.js';

/** What goes to stdout. */
const outLog = () => {
  let text = '';
  const log = createLog(
    true,
    (more) => (text += more),
    () => {},
  );
  return { log, text: () => text };
};

const patched = (bytes: Uint8Array, at: number, ...values: readonly number[]): Uint8Array => {
  const copy = new Uint8Array(bytes);
  copy.set(values, at);
  return copy;
};

describe('uImage', () => {
  const data = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const probe = (bytes: Uint8Array, checksums = true) => {
    const { log, text } = outLog();
    return {
      image: probeUImageKernel(bytes, { arch: IH_ARCH_ARM64, checksums }, { platform: nodePlatform, log }),
      out: text(),
    };
  };

  test.each([2, 14])('of type %d holds a kernel', (type) => {
    expect(probe(uImage(data, { type }))).toEqual({ image: { type, compressed: false, size: 8 }, out: '' });
    expect(probe(uImage(data, { type, compression: 1 })).image).toMatchObject({ compressed: true });
  });

  test('holding a ramdisk is no kernel, and nothing is said', () => {
    expect(probe(uImage(data, { type: 3 }))).toEqual({ image: undefined, out: '' });
  });

  test.each<[string, UImageOptions, string]>([
    ['another type', { type: 5 }, 'uImage type 5 unsupported\n'],
    ['another system', { os: 0 }, 'uImage os 0 unsupported\n'],
    ['another architecture', { arch: 2 }, 'uImage arch 2 unsupported\n'],
    ['another compression', { compression: 3 }, 'uImage uses unsupported compression method\n'],
    ['more data than there is', { size: 9 }, 'uImage header claims that image has 9 bytes\nwe read only 8 bytes.\n'],
    ['far more data', { size: 0xffffffff }, 'uImage header claims that image has -1 bytes\nwe read only 8 bytes.\n'],
    ['a wrong checksum of the header', { headerCrc: 1 }, 'Header checksum of the uImage does not match\n'],
    [
      'a wrong checksum of the data',
      { dataCrc: 0x12 },
      'uImage: The data CRC does not match. Computed: 3fca88c5 expected 00000012\n',
    ],
  ])('with %s is told', (_, options, out) => {
    expect(probe(uImage(data, options))).toEqual({ image: undefined, out });
  });

  test('that is none is passed over', () => {
    expect(probe(new Uint8Array(63))).toEqual({ image: undefined, out: '' });
    expect(probe(new Uint8Array(100))).toEqual({ image: undefined, out: '' });
    expect(probe(patched(uImage(data), 0, 0x28))).toEqual({ image: undefined, out: '' });
  });

  test('is not checked by a build without zlib, which cannot unpack one', () => {
    expect(probe(uImage(data, { headerCrc: 1, dataCrc: 2 }), false).image).toBeDefined();
    expect(probe(uImage(data, { compression: 1 }), false).out).toBe('uImage uses unsupported compression method\n');
  });

  test('is left as it is', () => {
    const bytes = Buffer.from(uImage(data));
    probe(bytes);
    expect(Buffer.compare(bytes, uImage(data))).toBe(0);
    expect(probe(bytes).image).toBeDefined();
  });

  describe('data', () => {
    const read = async (content: Uint8Array, limit = 1 << 20) => {
      const { log, text } = outLog();
      const bytes = uImage(content, { compression: 1 });
      const output = await uImageData(bytes, { type: 2, compressed: true, size: content.length }, limit, {
        platform: nodePlatform,
        log,
      });
      return { output: output && new Uint8Array(output), out: text() };
    };

    test('is unpacked, whatever its header has', async () => {
      expect(await read(gzip(data))).toEqual({ output: data, out: '' });
      const packed = gzip(data);
      const fields = [0x02, 0, 9, 9, 0x6e, 0, 0x63, 0, 1, 2];
      const full = new Uint8Array([
        ...packed.subarray(0, 3),
        0x1e,
        ...packed.subarray(4, 10),
        ...fields,
        ...packed.subarray(10),
      ]);
      expect(await read(full)).toEqual({ output: data, out: '' });
    });

    test('is not checked', async () => {
      const packed = gzip(data);
      expect((await read(patched(packed, packed.length - 8, 0, 0, 0, 0, 0, 0, 0, 0))).output).toEqual(data);
      expect((await read(packed.subarray(0, -8))).output).toEqual(data);
    });

    test.each<[string, Uint8Array, string]>([
      ['no gzip', data, ''],
      ['another method', patched(gzip(data), 2, 7), 'Error: Bad gzipped data\n\n'],
      ['unknown flags', patched(gzip(data), 3, 0x80), 'Error: Bad gzipped data\n\n'],
      ['an endless name', patched(gzip(data).subarray(0, 11), 3, 8), ''],
      ['broken blocks', patched(gzip(data), 10, 7), 'Error during decompression -3\n'],
    ])('of %s is refused', async (_, content, out) => {
      expect(await read(content)).toEqual({ output: undefined, out });
    });

    test('that ends early ends the command', async () => {
      await expect(read(gzip(arm64Image()).subarray(0, 1000))).rejects.toThrow(KexecError);
    });

    test('too large is refused', async () => {
      await expect(read(gzip(new Uint8Array(5000)), 1000)).rejects.toThrow(OutputLimitError);
    });
  });
});

describe('a PE', () => {
  const offsetOf = (bytes: Uint8Array) => {
    const { log, text } = outLog();
    return [peHeaderOffset(bytes, log), text()];
  };

  test('is where it says', () => {
    expect(offsetOf(arm64Image({ pe: true }))).toEqual([0x40, '']);
    expect(offsetOf(arm64Image())).toEqual([-1, 'Not a PE file\n']);
    expect(offsetOf(patched(arm64Image({ pe: true }), 60, 1, 0x10))).toEqual([
      -1,
      'PE header offset is not a reasonable value\n',
    ]);
    expect(offsetOf(patched(arm64Image({ pe: true }), 60, 0, 0, 0, 0x80))).toEqual([
      -1,
      'PE header offset is not a reasonable value\n',
    ]);
    expect(offsetOf(arm64Image({ pe: true }).subarray(0, 0x41))).toEqual([-1, 'Not a PE file\n']);
  });

  test('that is cut off is followed by zeros, and a tiny file by something else', () => {
    expect(offsetOf(arm64Image({ pe: true }).subarray(0, 0x42))).toEqual([0x40, '']);
    const { log, text } = outLog();
    for (const size of [24, 25]) expect(peHeaderOffsetOfFile(new Uint8Array(size), log)).toBe(-1);
    expect(text()).toBe('PE header offset is not a reasonable value\nNot a PE file\n');
  });

  test('ends with its certificates', () => {
    expect(endOfCertificates(arm64Image({ pe: true }), 0x40)).toBeUndefined();
    expect(endOfCertificates(arm64Image({ pe: true, peEnd: 0x3000 }), 0x40)).toBe(0x3000);
  });

  test('has sections', () => {
    const bytes = uki([
      { name: '.linux', data: new Uint8Array(5) },
      { name: '.eight88', data: new Uint8Array(3) },
    ]);
    expect(peSections(bytes, 0x40)).toEqual([
      { name: '.linux', virtualSize: 5, dataSize: 5, dataOffset: 0x400 },
      { name: '.eight88', virtualSize: 3, dataSize: 3, dataOffset: 0x405 },
    ]);
    expect(peSections(new Uint8Array(200), 0x40)).toBeUndefined();
    expect(peSections(bytes.subarray(0, 0x40 + 24 + 160 + 40 + 2), 0x40)?.at(1)).toEqual({
      name: '.e',
      virtualSize: 0,
      dataSize: 0,
      dataOffset: 0,
    });
    expect(peSections(bytes.subarray(0, 0x40 + 24 + 160 + 40), 0x40)).toHaveLength(1);
  });
});

describe('a zboot image', () => {
  const prepare = async (bytes: Uint8Array, release: '2.0.29' | '2.0.32' = '2.0.32') => {
    const log = keepingLog(true);
    const context = {
      system: fakeSystem({}),
      platform: nodePlatform,
      compat: compatFor(release),
      log,
      decompressLimitBytes: 1 << 20,
    };
    const prepared = await pezPrepare(bytes, context);
    return { kernel: prepared && new Uint8Array(prepared.kernel), file: prepared?.file.length, log: log.text() };
  };
  const image = arm64Image({ pe: true });

  test('gives its kernel', async () => {
    const { kernel, log } = await prepare(zboot(gzip(image)));
    expect(kernel).toEqual(image);
    expect(log).toContain(`pez_prepare: decompressed size ${image.length}\n`);
    expect(log.endsWith('pez_prepare: done\n')).toBe(true);
  });

  test.each([
    ['2.0.32', 'xz', 'pez_prepare: kexec can only decompress gziped, lzma and zstd images\n'],
    ['2.0.29', 'zstd', 'pez_prepare: kexec can only decompress gziped and lzma images.\n'],
    ['2.0.29', 'xzkern', 'pez_prepare: kexec can only decompress gziped and lzma images.\n'],
  ] as const)('in %s, of %s is refused', async (release, compression, log) => {
    expect(await prepare(zboot(gzip(image), compression), release)).toEqual({
      kernel: undefined,
      file: undefined,
      log,
    });
  });

  test('that is none, or cut off, is refused', async () => {
    expect((await prepare(image)).log).toBe("pez_prepare: PE doesn't contain a compressed kernel.\n");
    expect((await prepare(new Uint8Array())).kernel).toBeUndefined();
    const bytes = zboot(gzip(image));
    expect((await prepare(bytes.subarray(0, -1))).log).toBe('pez_prepare: PE too small to contain complete payload.\n');
    // The end of the payload wraps at 2^32.
    expect((await prepare(patched(bytes, 8, 0xff, 0xff, 0xff, 0xff))).log).toBe(
      "pez_prepare: Can't write the compressed file /tmp/ImageXXXXXX\n",
    );
    await expect(prepare(zboot(new Uint8Array()))).rejects.toThrow('Cannot read /tmp/ImageXXXXXX');
  });

  test('whose payload is longer than its kernel leaves the rest of it behind', async () => {
    const stored = new Uint8Array([...gzip(arm64Image({ size: 0x400, pe: true })), ...new Uint8Array(0x800)]);
    const { kernel, file } = await prepare(zboot(stored));
    expect(kernel).toHaveLength(0x400);
    expect(file).toBe(stored.length);
    const signed = new Uint8Array([
      ...gzip(arm64Image({ size: 0x400, pe: true, peEnd: 0x380 })),
      ...new Uint8Array(0x800),
    ]);
    expect((await prepare(zboot(signed))).file).toBe(0x380);
  });

  test('whose certificates lie behind its end is refused', async () => {
    expect((await prepare(zboot(gzip(arm64Image({ pe: true, peEnd: 0x4001 }))))).kernel).toBeUndefined();
  });
});

describe('a unified kernel image', () => {
  const load = async (sections: readonly NamedSection[], args = '-c') => {
    const files = { ...smallMachine('40000000-7fffffff : System RAM\n', smallTree()), '/k': uki(sections) };
    const { code, out, err } = await runOn(fakeSystem(files, { kexecFileLoad: 0 }), [...args.split(' '), '-l', '/k']);
    return { code, out, err: err.replace(/^(?:Can't open|Warning, can't get) .*\n/gm, '') };
  };
  const image = arm64Image({ pe: true });

  test('holding zboot is loaded', async () => {
    expect(await load([{ name: '.linux', data: zboot(gzip(image)) }])).toEqual({ code: 0, out: '', err: '' });
  });

  test.each<[string, Uint8Array, string, string]>([
    ['an Image', image, '', 'Cannot load /k\n'],
    ['a vmlinux', vmlinux(image), '', 'kexec: Bad elf image file, load failed.\nCannot load /k\n'],
    ['a uImage', uImage(image), "Image size doesn't match the header\n", 'Cannot load /k\n'],
  ])('holding %s is refused by kexec_load', async (_, data, out, err) => {
    expect(await load([{ name: '.linux', data }])).toEqual({ code: 255, out, err });
  });

  test('holding something else is told', async () => {
    const { code, out, err } = await load([{ name: '.linux', data: new Uint8Array(100) }]);
    expect({ code, err }).toEqual({ code: 255, err: 'Cannot determine the file type of /k\n' });
    expect(out.endsWith('Can not recognize the kernel format in .linux section\n')).toBe(true);
  });

  test('without a kernel is told', async () => {
    expect((await load([{ name: '.initrd', data: image }])).out).toBe('ERR: can not find .linux section\n');
    expect((await load([{ name: '.linux2', data: image }])).out).toBe('ERR: can not find .linux section\n');
  });

  describe('with a section beyond its end', () => {
    const sections = [
      { name: '.initrd', data: new Uint8Array(10) },
      { name: '.linux', data: image },
    ];
    const sizeOf = (index: number): number => 0x40 + 24 + 160 + index * 40 + 16;
    const loadFile = async (bytes: Uint8Array) => {
      const system = fakeSystem(
        { ...smallMachine('40000000-7fffffff : System RAM\n', smallTree()), '/k': bytes },
        { kexecFileLoad: 0 },
      );
      const { code, out, err } = await runOn(system, ['-s', '-d', '-l', '/k']);
      const told = err.split('\n').filter((line) => line.startsWith('create_tmpfd'));
      return { code, out, told, initrd: system.fileLoads[0]?.initrd?.length };
    };

    test('is refused for a kernel', async () => {
      expect(await loadFile(patched(uki(sections), sizeOf(1), 0, 0, 0, 1))).toEqual({
        code: 255,
        out: 'ERR: can not create tmp file to hold .linux section\n',
        told: ["create_tmpfd: Can't write the compressed file /tmp/KernelXXXXXX"],
        initrd: undefined,
      });
      expect(await loadFile(patched(uki(sections), sizeOf(1), 0xff, 0xff, 0xff, 0xff))).toMatchObject({
        out: 'ERR: can not find .linux section\n',
        told: [],
      });
    });

    test('goes without that initrd', async () => {
      const told = ["create_tmpfd: Can't write the compressed file /tmp/InitrdXXXXXX"];
      expect(await loadFile(patched(uki(sections), sizeOf(0), 0, 0, 0, 1))).toEqual({
        code: 0,
        out: '',
        told,
        initrd: undefined,
      });
      expect(await loadFile(patched(uki(sections), sizeOf(0), 0xff, 0xff, 0xff, 0xff))).toMatchObject({
        code: 0,
        told: [],
        initrd: 0,
      });
    });
  });

  test('in another one is not looked for', async () => {
    const inner = uki([{ name: '.linux', data: image }]);
    expect((await load([{ name: '.linux', data: inner }], '-s')).out).toBe(
      'Can not recognize the kernel format in .linux section\n',
    );
  });

  test('is given to kexec_file_load as what it holds', async () => {
    expect((await load([{ name: '.linux', data: image }], '-s')).code).toBe(0);
    expect((await load([{ name: '.linux', data: vmlinux(image) }], '-s')).err).toBe(
      'ELF executable is not supported in kexec_file\nCannot load /k\n',
    );
  });
});

test.each(RELEASES)('the help of %s has the formats that are probed', (release) => {
  const compat = compatFor(release);
  const context = { system: fakeSystem({}), platform: nodePlatform, compat, log: silentLog, decompressLimitBytes: 0 };
  const limits = { memMin: 0n, memMax: 0n };
  const load = { purgatory: new Uint8Array(), limits, onCrash: false, preservesContext: false };
  const { formats } = arm64.examine({ ...context, ...load }).open({}, false);
  expect(arm64.formatUsages(compat)).toEqual(formats.map(({ name, usage }) => ({ name, usage })));
});
