import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runKexecFor } from '../../../../host/run-kexec.js';
import { ARCHITECTURES, architectureOf, type ArchitectureEntry } from '../../../../kexec/arch/architectures.js';
import type { ArchContext, Architecture } from '../../../../kexec/architecture.js';
import { KexecError } from '../../../../kexec/base/error.js';
import { RANGE_RAM, Range } from '../../../../kexec/base/range.js';
import { WORD_32 } from '../../../../kexec/base/word.js';

type ToyValues = Readonly<{ atags?: string | undefined }>;

const RAM = Range.inclusive(0x8000_0000n, 0xffff_ffffn);

const sessionOf = ({ log, limits }: ArchContext, { atags }: ToyValues) => ({
  formats: [
    {
      name: 'toy',
      usage: '     Anything.\n',
      probe: async () => ({
        load: async () => {
          log.out(`atags ${atags}, ${limits.memMin.toString(16)} to ${limits.memMax.toString(16)}\n`);
          throw KexecError.failed('toys do not load');
        },
        fileLoad: () => {
          throw KexecError.failed('nor so');
        },
      }),
    },
  ],
  memoryRanges: () => [{ range: RAM, type: RANGE_RAM }],
});

/** An architecture of 32 bits that has an option of its own, and no other architecture's. */
const toy: Architecture<'atags', ToyValues> = {
  name: 'toy',
  machines: new Map([['armv7l', 40n << 16n]]),
  word: WORD_32,
  options: [{ id: 'atags', name: 'atags', argument: 'FILE', description: 'What the kernel is told' }],
  purgatory: new Uint8Array(),
  formatUsages: () => [{ name: 'toy', usage: '     Anything.\n' }],
  optionUsage: () => '     --atags=FILE          Tell the kernel what is in FILE.\n',
  parseOptions: (options) => ({ atags: options.findLast(({ id }) => id === 'atags')?.argument }),
  examine: (context) => ({
    isCrashkernelMemReserved: () => false,
    crashKernelLoadRange: () => undefined,
    open: (values) => sessionOf(context, values),
  }),
};

const BOTH: readonly [ArchitectureEntry, ArchitectureEntry] = [ARCHITECTURES[0], { ...toy, load: async () => toy }];

describe('an architecture of 32 bits beside arm64', () => {
  let directory = '';
  let kernel = '';

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'kexec-ts-arch-'));
    kernel = join(directory, 'kernel');
    writeFileSync(kernel, 'a toy');
    for (const [name, machine] of [
      ['toy', 'armv7l'],
      ['arm', 'aarch64'],
      ['odd', 'mips'],
    ] as const) {
      cpSync('machines/virt-2g', join(directory, name), { recursive: true });
      writeFileSync(join(directory, name, 'uname'), `Linux board 6.1.0 #1 SMP ${machine} GNU/Linux\n`);
    }
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const run = async (machine: string, ...args: readonly string[]) => {
    let out = '';
    let err = '';
    const env = { KEXEC_MACHINE: join(directory, machine), KEXEC_STATE: join(directory, 'state') };
    const code = await runKexecFor(BOTH, args, {
      env,
      out: (text) => (out += text),
      err: (text) => (err += text),
    });
    return { code, out, err };
  };

  test('is chosen by its machine, and given the values of its options', async () => {
    const { out, err } = await run('toy', '-c', '-l', kernel, '--atags=table');
    expect(out).toBe('atags table, 0 to ffffffff\n');
    expect(err).toBe(`toys do not load\nCannot load ${kernel}\n`);
  });

  test('counts in words of its own', async () => {
    expect((await run('toy', '-c', '-l', kernel, '--mem-max=0x123456789', '--mem-min=-1')).out).toBe(
      'atags undefined, ffffffff to ffffffff\n',
    );
    expect((await run('toy', '--load-preserve-context', kernel)).err).toContain('Please specify memory range');
  });

  test('has no options of another', async () => {
    const { code, err, out } = await run('toy', '-l', kernel, '--dtb=x');
    expect([code, err]).toEqual([1, "kexec: unrecognized option '--dtb=x'\n"]);
    expect(out).toContain('--atags=FILE');
    expect(out).not.toContain('--dtb');
    expect((await run('arm', '-l', kernel, '--atags=x')).err).toBe("kexec: unrecognized option '--atags=x'\n");
  });

  test('tells the kernel of its machine', async () => {
    expect((await run('toy', '-S', '-l')).code).toBe(0);
    expect(architectureOf('armv7l', BOTH).name).toBe('toy');
    expect(architectureOf('aarch64_be', BOTH).name).toBe('arm64');
  });

  test('leaves a machine of neither to the first, whose message is the original’s', async () => {
    const { code, err } = await run('odd', '-c', '-S', '-l');
    expect([code, err]).toEqual([255, 'Unsupported machine type: mips\n']);
  });

  test('entries say the same as what they load', async () => {
    for (const entry of [...ARCHITECTURES, BOTH[1]] satisfies readonly ArchitectureEntry[]) {
      const { name, machines, word, options } = await entry.load();
      expect({ name, machines, word, options }).toEqual({
        name: entry.name,
        machines: entry.machines,
        word: entry.word,
        options: entry.options,
      });
    }
  });
});
