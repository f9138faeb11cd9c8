import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { crc32, deflateRawSync, gunzipSync } from 'node:zlib';
import { nodePlatform } from '../../../../host/platform-node.js';
import { gunzipPortable, zstdDecompress } from '../../../../kexec/compression/codecs.js';
import { compatFor, parseCompat, type Compat } from '../../../../kexec/base/compat.js';
import { decompress, slurpDecompressFile } from '../../../../kexec/compression/decompress.js';
import type { ReadContext } from '../../../../kexec/compression/read-context.js';
import { KexecError } from '../../../../kexec/base/error.js';
import { OutputLimitError } from '../../../../kexec/base/platform.js';
import { gunzip } from '../../../../kexec/compression/zlib.js';
import { arm64Image } from '../../../support/files/kernel-files.js';
import { keepingLog, memorySystem } from '../../../support/files/memory-system.js';

const PATH = '/boot/kernel';
const LIMIT = 1 << 24;

const fromHex = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g)!, (byte) => Number.parseInt(byte, 16));
const ascii = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
const join = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));

/** What the samples hold; they were made by xz 5.4 and zstd 1.5. */
const TEXT = ascii('kexec boots Linux\n'.repeat(300));
const LZMA = fromHex(
  '5d00008000ffffffffffffffff0035994b76e68e65bb44e5e380436e96a90916c0417d712638ea5f3b289ea85562365c9d2868a5701cf5ab19a99a61a2e3840fffff96a80000',
);
const XZ = fromHex(
  'fd377a585a000004e6d6b4460200210116000000742fe5a3e0151700325d0035994b76e68e65bb44e5e380436e96a90916c0417d712638ea5f3b289ea85562365c9d2868a5701cf5ab19a99a61a1c10800000000e72f7d4bc20e5abf00014e982a0000004a9cfed8b1c467fb020000000004595a',
);
const ZSTD = fromHex('28b52ffd641814d50000906b6578656320626f6f7473204c696e75780a010006aafa19063a65683d');
/** Without its size in the header. */
const ZSTD_STREAM = fromHex('28b52ffd0458d50000906b6578656320626f6f7473204c696e75780a010006aafa19063a65683d');

interface MemberOptions {
  readonly flags?: number;
  readonly method?: number;
  /** What stands between the fixed header and the data. */
  readonly extra?: Uint8Array;
  readonly crc?: number;
  readonly length?: number;
}

/** One gzip member (RFC 1952). */
const member = (
  data: Uint8Array,
  { flags = 0, method = 8, extra = new Uint8Array(), crc, length }: MemberOptions = {},
): Uint8Array => {
  const trailer = new DataView(new ArrayBuffer(8));
  trailer.setUint32(0, crc ?? crc32(data), true);
  trailer.setUint32(4, length ?? data.length, true);
  return join(
    Uint8Array.of(0x1f, 0x8b, method, flags, 0, 0, 0, 0, 0, 3),
    extra,
    new Uint8Array(deflateRawSync(data)),
    new Uint8Array(trailer.buffer),
  );
};

interface Result {
  readonly output: Uint8Array | undefined;
  readonly log: string;
}

const contextOf = (compat: Compat, files: Readonly<Record<string, Uint8Array>>, limit = LIMIT) => {
  const log = keepingLog(true);
  const context: ReadContext = {
    system: memorySystem(files),
    platform: nodePlatform,
    compat,
    log,
    decompressLimitBytes: limit,
  };
  return { context, log };
};

const unpack = async (
  input: Uint8Array | undefined,
  compat: Compat = compatFor('2.0.32'),
  limit?: number,
): Promise<Result> => {
  const { context, log } = contextOf(compat, {}, limit);
  const output = await decompress(input, PATH, context);
  return { output: output && new Uint8Array(output), log: log.text() };
};

/** Builds with an old zlib, and with one of 1.3.2. */
const OLD_ZLIB = compatFor('2.0.29', ['zlib']);
const NEW_ZLIB = compatFor('2.0.32', ['zlib']);
const TRY = 'Try gzip decompression.\n';

describe('gzip', () => {
  test.each<[string, Uint8Array]>([
    ['a member', member(TEXT)],
    ['two members', join(member(TEXT.subarray(0, 1000)), member(TEXT.subarray(1000)))],
    ['an empty member in front', join(member(new Uint8Array()), member(TEXT))],
    ['a name', member(TEXT, { flags: 8, extra: ascii('Image\0') })],
    ['a comment', member(TEXT, { flags: 16, extra: ascii('a kernel\0') })],
    ['a name and a comment', member(TEXT, { flags: 24, extra: ascii('Image\0a kernel\0') })],
    ['an extra field', member(TEXT, { flags: 4, extra: Uint8Array.of(3, 0, 1, 0, 2) })],
    ['an empty extra field', member(TEXT, { flags: 4, extra: Uint8Array.of(0, 0) })],
    ['the flag of text', member(TEXT, { flags: 1 })],
    ['garbage behind', join(member(TEXT), ascii('garbage'))],
    ['zeros behind', join(member(TEXT), new Uint8Array(512))],
    ['a single byte behind', join(member(TEXT), Uint8Array.of(0x1f))],
  ])('with %s', async (_, input) => {
    expect(await unpack(input)).toEqual({ output: TEXT, log: TRY });
  });

  test('with every field at once, and the header’s checksum', async () => {
    const extra = join(Uint8Array.of(2, 0, 9, 9), ascii('n\0c\0'));
    const fixed = Uint8Array.of(0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 3);
    const crc = crc32(join(fixed, extra)) & 0xffff;
    const good = member(TEXT, { flags: 0x1e, extra: join(extra, Uint8Array.of(crc & 255, crc >> 8)) });
    expect((await unpack(good)).output).toEqual(TEXT);
    const bad = member(TEXT, { flags: 0x1e, extra: join(extra, Uint8Array.of(crc & 255, (crc >> 8) ^ 1)) });
    expect(await unpack(bad, OLD_ZLIB)).toEqual({
      output: undefined,
      log: `${TRY}Read on ${PATH} of 65536 bytes failed: ${PATH}: header crc mismatch\n`,
    });
  });

  test.each<[string, Uint8Array, string]>([
    ['another method', member(TEXT, { method: 7 }), 'unknown compression method'],
    ['unknown flags', member(TEXT, { flags: 0x20 }), 'unknown header flags set'],
    ['a wrong checksum', member(TEXT, { crc: 1 }), 'incorrect data check'],
    ['a wrong checksum and half a trailer', member(TEXT, { crc: 1 }).subarray(0, -3), 'incorrect data check'],
    ['a wrong length', member(TEXT, { length: 1 }), 'incorrect length check'],
    ['a broken second member', join(member(TEXT), member(TEXT, { crc: 1 })), 'incorrect data check'],
    [
      'an unknown kind of block',
      join(Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 7), TEXT),
      'invalid block type',
    ],
  ])('with %s is not decompressed', async (_, input, reason) => {
    expect(await unpack(input, OLD_ZLIB)).toEqual({
      output: undefined,
      log: `${TRY}Read on ${PATH} of 65536 bytes failed: ${PATH}: ${reason}\n`,
    });
    expect((await unpack(input, NEW_ZLIB)).output).toBeUndefined();
  });

  test.each([{ method: 7 }, { flags: 0x20 }])('with %j is no gzip to a new zlib', async (options) => {
    expect(await unpack(member(TEXT, options), NEW_ZLIB)).toEqual({ output: undefined, log: TRY });
  });

  test('whose fault a new zlib meets later has asked for less', async () => {
    const log = `${TRY}Read on ${PATH} of ${65536 - TEXT.length} bytes failed: ${PATH}: incorrect data check\n`;
    expect(await unpack(member(TEXT, { crc: 1 }), NEW_ZLIB)).toEqual({ output: undefined, log });
  });

  test('that breaks later tells how much was asked for then', async () => {
    const large = arm64Image({ size: 300_000 });
    const broken = member(large, { crc: 1 });
    expect((await unpack(broken, OLD_ZLIB)).log).toContain(' of 262144 bytes failed: ');
  });

  test.each([3, 4, 8, 9])('that lacks its last %d bytes is taken as far as it goes', async (missing) => {
    const whole = member(TEXT);
    for (const [compat, log] of [
      [OLD_ZLIB, `${TRY} Close of ${PATH} failed: \n`],
      [NEW_ZLIB, TRY],
    ] as const) {
      const result = await unpack(whole.subarray(0, whole.length - missing), compat);
      expect(result.log).toBe(log);
      const output = result.output!;
      expect(TEXT.subarray(0, output.length)).toEqual(output);
      expect(output.length).toBeGreaterThan(missing > 8 ? 0 : TEXT.length - 1);
    }
  });

  test.each([2, 3, 5, 9, 10])('of %d bytes holds nothing', async (size) => {
    const { output, log } = await unpack(member(TEXT, { flags: 8, extra: ascii('name') }).subarray(0, size), OLD_ZLIB);
    expect(output).toBeUndefined();
    expect(log).toBe(`${TRY} Close of ${PATH} failed: \n`);
  });

  test('whose second member’s header breaks off keeps the first', async () => {
    expect((await unpack(join(member(TEXT), Uint8Array.of(0x1f, 0x8b, 8)))).output).toEqual(TEXT);
  });

  test('that holds nothing counts as not compressed', async () => {
    expect((await unpack(member(new Uint8Array()), NEW_ZLIB)).output).toBeUndefined();
  });

  test('of many small members holds them all', async () => {
    const input = join(...Array.from({ length: 2000 }, () => member(Uint8Array.of(1))));
    expect((await unpack(input)).output).toHaveLength(2000);
  });
});

/**
 * What zlib 1.3.1 and 1.3.2 do, asked for files that end or break where a buffer is full or a piece of the file ends.
 */
describe('gzip that ends with a full buffer', () => {
  const PIECE = 8192;

  /** A member whose name is so long that a piece of the file ends so many bytes behind the deflated data. */
  const placed = (data: Uint8Array, pieceEnd: number, options: MemberOptions = {}): Uint8Array => {
    const free = PIECE - ((11 + deflateRawSync(data).length + pieceEnd) % PIECE);
    return member(data, { ...options, flags: 8, extra: join(new Uint8Array(free).fill(0x6e), Uint8Array.of(0)) });
  };
  const log = async (input: Uint8Array, compat: Compat): Promise<string> =>
    (await unpack(input, compat)).log.slice(TRY.length);
  const readFailed = (bytes: number, reason = 'incorrect data check'): string =>
    `Read on ${PATH} of ${bytes} bytes failed: ${PATH}: ${reason}\n`;
  const CLOSE_FAILED = ` Close of ${PATH} failed: \n`;

  test.each([
    [65535, 65536, 1],
    [65536, 65536, 65536],
    [65537, 65536, 65535],
    [131072, 65536, 131072],
    [262144, 131072, 262144],
  ])('and a wrong checksum behind %d bytes fails in the call that has filled it', async (size, old, now) => {
    const input = member(new Uint8Array(size), { crc: 1 });
    expect(await log(input, OLD_ZLIB)).toBe(readFailed(old));
    expect(await log(input, NEW_ZLIB)).toBe(readFailed(now));
  });

  test.each([0, 2])('fails in the next call where another piece of the file has the fault', async (pieceEnd) => {
    const input = placed(new Uint8Array(131072), pieceEnd, { crc: 1 });
    expect(await log(input, OLD_ZLIB)).toBe(readFailed(131072));
    expect(await log(input, NEW_ZLIB)).toBe(readFailed(131072));
  });

  test('the same holds for the length, which is behind the checksum', async () => {
    const data = new Uint8Array(131072);
    const reason = 'incorrect length check';
    expect(await log(placed(data, 8, { length: 1 }), OLD_ZLIB)).toBe(readFailed(65536, reason));
    expect(await log(placed(data, 5, { length: 1 }), OLD_ZLIB)).toBe(readFailed(131072, reason));
  });

  test('the start of a member goes through a buffer of zlib, which may meet a fault that nobody has come to', async () => {
    const input = join(member(new Uint8Array(120_000)), member(new Uint8Array(15_000), { crc: 1 }));
    expect(await log(input, OLD_ZLIB)).toBe(readFailed(65536));
    expect(await log(input, NEW_ZLIB)).toBe(readFailed(131072));
  });

  test('a member that breaks before its first byte is no member to a new zlib', async () => {
    const input = join(member(TEXT), member(TEXT, { method: 7 }));
    expect(await log(input, OLD_ZLIB)).toBe(readFailed(65536, 'unknown compression method'));
    expect(await unpack(input, NEW_ZLIB)).toEqual({ output: TEXT, log: TRY });
  });

  test('one that ends in the trailer closes well when all that there is was asked for', async () => {
    const input = member(new Uint8Array(65536)).subarray(0, -2);
    expect(await log(input, OLD_ZLIB)).toBe('');
    expect(await log(placed(new Uint8Array(65536), 2).subarray(0, -2), OLD_ZLIB)).toBe(CLOSE_FAILED);
    expect(await log(member(new Uint8Array(65535)).subarray(0, -2), OLD_ZLIB)).toBe(CLOSE_FAILED);
  });

  test('a new zlib looks for another member in a file that may go on', async () => {
    const input = placed(new Uint8Array(65536), 8);
    expect(input.length % PIECE).toBe(0);
    expect(await log(input, NEW_ZLIB)).toBe(CLOSE_FAILED);
    expect(await log(join(input, ascii('garbage')), NEW_ZLIB)).toBe('');
    expect(await log(member(new Uint8Array(65536)), NEW_ZLIB)).toBe('');
    expect(await log(input, OLD_ZLIB)).toBe('');
  });

  test.each([OLD_ZLIB, NEW_ZLIB])('what a last copy has for the next call is lost with the trailer', async (compat) => {
    // A run of zeros is one copy after the other.
    const { output, log: text } = await unpack(member(new Uint8Array(65600)).subarray(0, -8), compat);
    expect(output).toHaveLength(65536);
    expect(text).toBe(TRY);
  });
});

describe('a bomb', () => {
  test.each<[string, Uint8Array, Compat]>([
    ['gzip', member(new Uint8Array(1 << 20)), compatFor('2.0.32')],
    ['gzip in two members', join(member(new Uint8Array(9000)), member(new Uint8Array(9000))), compatFor('2.0.32')],
    ['zstd', join(ZSTD, ZSTD, ZSTD), compatFor('2.0.32')],
    ['lzma', LZMA, compatFor('2.0.32')],
    ['xz', XZ, compatFor('2.0.20')],
  ])('of %s is refused', async (name, input, compat) => {
    const limit = name.startsWith('gzip') ? 10_000 : 5_000;
    await expect(unpack(input, compat, limit)).rejects.toThrow(
      `Cannot read ${PATH}: it decompresses to more than ${limit} bytes`,
    );
    await expect(unpack(input, compat, limit)).rejects.toBeInstanceOf(KexecError);
  });

  test('of exactly the limit is none', async () => {
    expect((await unpack(member(TEXT), undefined, TEXT.length)).output).toEqual(TEXT);
  });
});

describe('zstd', () => {
  test('is read since 2.0.30', async () => {
    expect(await unpack(ZSTD)).toEqual({
      output: TEXT,
      log: `${TRY}Try zstd decompression.\nzstd decompressed input=${ZSTD.length} to output=${TEXT.length}\n`,
    });
    expect((await unpack(ZSTD, compatFor('2.0.29'))).output).toBeUndefined();
    expect((await unpack(ZSTD, compatFor('2.0.32', ['zlib', 'lzma']))).output).toBeUndefined();
  });

  test('may leave its size open, which the log tells', async () => {
    const { output, log } = await unpack(ZSTD_STREAM);
    expect(output).toEqual(TEXT);
    expect(log).toContain('original zstd size unknown!\n');
  });

  test('may come in several frames', async () => {
    expect((await unpack(join(ZSTD, ZSTD))).output).toEqual(join(TEXT, TEXT));
  });

  test.each<[string, Uint8Array]>([
    ['ends early', ZSTD.subarray(0, -5)],
    ['is followed by something else', join(ZSTD, ascii('garbage'))],
    ['is broken', join(ZSTD.subarray(0, 10), Uint8Array.of(0xff, 0xff, 0xff), ZSTD.subarray(13))],
  ])('that %s is not decompressed', async (_, input) => {
    expect((await unpack(input)).output).toBeUndefined();
  });

  test.each([
    [Uint8Array.of(1, 2, 3), 'short file\n'],
    [ascii('MZ some kernel'), 'Not zstd compressed\n'],
  ])('is not %j', async (input, text) => {
    expect((await unpack(input)).log).toContain(`Try zstd decompression.\n${text}`);
  });
});

describe('memory', () => {
  /** By how much an action makes the process grow, in MiB. */
  const growth = async (action: () => Promise<unknown>): Promise<number> => {
    const before = process.memoryUsage.rss();
    let most = before;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage.rss());
    }, 10);
    await action();
    // What goes on in another thread after all.
    await new Promise((resolve) => setTimeout(resolve, 300));
    clearInterval(watch);
    return (most - before) / 2 ** 20;
  };

  test('of a bomb of lzma ends at the limit', async () => {
    const bomb = gunzipSync(readFileSync('test/data/gigabyte-of-zeros.lzma.gz'));
    const unpacking = (): Promise<void> =>
      expect(nodePlatform.lzma(bomb, 1 << 30, 1 << 20)).rejects.toThrow(OutputLimitError);
    expect(await growth(unpacking)).toBeLessThan(200);
  });

  test('of many small gzip members is that of what they hold', async () => {
    const one = member(ascii('a'));
    const many = new Uint8Array(one.length * 100_000);
    for (let at = 0; at < many.length; at += one.length) many.set(one, at);
    const unpacking = async (): Promise<void> => {
      expect((await gunzip(many, nodePlatform, LIMIT, compatFor('2.0.32'))).output).toHaveLength(100_000);
    };
    expect(await growth(unpacking)).toBeLessThan(200);
  });

  test('of .xz streams one behind the other, wherever a piece of them ends', async () => {
    for (const padding of [0, 4]) {
      const stream = join(XZ, new Uint8Array(padding));
      const count = Math.ceil(20_000 / stream.length);
      const output = await nodePlatform.lzma(join(...Array.from({ length: count }, () => stream)), 1 << 30, 1 << 30);
      expect(output).toHaveLength(TEXT.length * count);
    }
  });
});

describe('lzma', () => {
  test.each(['2.0.20', '2.0.25', '2.0.29', '2.0.32'] as const)('.lzma is read by %s', async (release) => {
    expect((await unpack(LZMA, compatFor(release))).output).toEqual(TEXT);
  });

  test('.xz is read by 2.0.20 only', async () => {
    expect((await unpack(XZ, compatFor('2.0.20'))).output).toEqual(TEXT);
    for (const release of ['2.0.25', '2.0.29', '2.0.32'] as const) {
      expect((await unpack(XZ, compatFor(release))).output).toBeUndefined();
    }
  });

  test('what follows the end is ignored', async () => {
    expect((await unpack(join(LZMA, ascii('garbage')))).output).toEqual(TEXT);
  });

  test.each<[string, Uint8Array]>([
    ['ends early', LZMA.subarray(0, -8)],
    ['is a header only', LZMA.subarray(0, 13)],
    ['is broken', join(LZMA.subarray(0, 20), Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff), LZMA.subarray(25))],
  ])('that %s is not decompressed', async (_, input) => {
    const { output, log } = await unpack(input);
    expect(output).toBeUndefined();
    expect(log).toContain(`lzma_decompress_file: read on ${PATH} of 65536 bytes failed\n`);
  });

  test.each<[string, Uint8Array]>([
    ['too many literal bits', join(Uint8Array.of(0x7f), LZMA.subarray(1))],
    ['a number that is none', join(Uint8Array.of(225), LZMA.subarray(1))],
    ['a file too small', LZMA.subarray(0, 12)],
  ])('properties of %s are none since 2.0.25', async (_, input) => {
    expect((await unpack(input)).log.endsWith('Try LZMA decompression.\n')).toBe(true);
  });

  test('is not tried by a build without it', async () => {
    expect((await unpack(LZMA, parseCompat('2.0.32:zlib,zstd'))).output).toBeUndefined();
  });
});

describe('a build', () => {
  test.each([
    ['2.0.32', 'Try gzip decompression.\nTry zstd decompression.\nNot zstd compressed\nTry LZMA decompression.\n'],
    ['2.0.29', 'Try gzip decompression.\nTry LZMA decompression.\n'],
    ['2.0.32:zlib', 'Try gzip decompression.\n'],
    ['2.0.32:zstd', 'Try zstd decompression.\nNot zstd compressed\n'],
    ['2.0.32:lzma', 'Try LZMA decompression.\n'],
    ['2.0.32:', ''],
  ])('%s tries what it has', async (compat, log) => {
    expect(await unpack(ascii('MZ no compressed kernel'), parseCompat(compat))).toEqual({ output: undefined, log });
  });

  test('says that there is no file', async () => {
    expect((await unpack(undefined)).log).toBe(
      `Try gzip decompression.\nCannot open \`${PATH}': (null)\nTry zstd decompression.\nCannot stat \`${PATH}'\nTry LZMA decompression.\n`,
    );
    expect((await unpack(undefined, compatFor('2.0.20', ['lzma']))).log).toBe(
      `Try LZMA decompression.\nCannot open \`${PATH}'\n`,
    );
  });
});

describe('reading a kernel', () => {
  const slurp = async (bytes: Uint8Array | undefined, compat = compatFor('2.0.32')): Promise<Uint8Array> =>
    new Uint8Array(
      await slurpDecompressFile(PATH, contextOf(compat, bytes === undefined ? {} : { [PATH]: bytes }).context),
    );

  test.each<[string, Uint8Array]>([
    ['gzip', member(TEXT)],
    ['zstd', ZSTD],
    ['lzma', LZMA],
    ['nothing', TEXT],
  ])('that is compressed by %s', async (_, bytes) => {
    expect(await slurp(bytes)).toEqual(TEXT);
  });

  test.each<[string, Uint8Array]>([
    ['broken gzip', member(TEXT, { crc: 1 })],
    ['gzip of nothing', member(new Uint8Array())],
    ['xz', XZ],
    ['half a zstd', ZSTD.subarray(0, 20)],
    ['what looks like lzma', new Uint8Array(100).fill(1)],
    ['one byte', Uint8Array.of(0x1f)],
  ])('that is %s gives the file itself', async (_, bytes) => {
    expect(await slurp(bytes)).toEqual(bytes);
  });

  test('that is not there, or empty, ends the command', async () => {
    await expect(slurp(undefined)).rejects.toMatchObject({
      text: `Cannot open \`${PATH}': No such file or directory\n`,
      exitCode: 1,
    });
    await expect(slurp(new Uint8Array())).rejects.toMatchObject({ text: `Cannot read ${PATH}\n`, exitCode: 1 });
    await expect(slurp(new Uint8Array(), compatFor('2.0.25'))).rejects.toMatchObject({
      text: `Cannot read ${PATH}`,
      exitCode: 1,
    });
  });
});

describe('decompressors for any platform', () => {
  test('gzip', () => {
    expect(gunzipPortable(member(TEXT), LIMIT)).toEqual(TEXT);
    expect(gunzipPortable(join(member(TEXT), member(TEXT)), LIMIT)).toEqual(join(TEXT, TEXT));
    expect(gunzipPortable(member(TEXT).subarray(0, 30), LIMIT)).toBeUndefined();
    expect(gunzipPortable(TEXT, LIMIT)).toBeUndefined();
    expect(gunzipPortable(new Uint8Array(), LIMIT)).toBeUndefined();
    expect(() => gunzipPortable(member(new Uint8Array(1 << 20)), 1000)).toThrow(OutputLimitError);
  });

  test('zstd', () => {
    expect(zstdDecompress(ZSTD, LIMIT)).toEqual(TEXT);
    expect(zstdDecompress(ZSTD.subarray(0, 30), LIMIT)).toBeUndefined();
    expect(() => zstdDecompress(ZSTD, 1000)).toThrow(OutputLimitError);
  });

  test('agree with the fast ones on what is good', async () => {
    const image = arm64Image({ size: 200_000 });
    const { output, fault } = await gunzip(member(image), nodePlatform, LIMIT, NEW_ZLIB);
    expect(fault).toBeUndefined();
    expect(gunzipPortable(member(image), LIMIT)).toEqual(new Uint8Array(output));
  });
});
