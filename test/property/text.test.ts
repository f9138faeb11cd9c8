import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { nodePlatform } from '../../host/platform-node.js';
import { ARM64_OPTIONS } from '../../kexec/arch/arm64/options-arm64.js';
import { readArm64ImageHeader } from '../../kexec/arch/arm64/image-header.js';
import { concatCmdline, removeParameter } from '../../kexec/options/command-line.js';
import { LIBRARIES, RELEASES, compatFor, parseCompat } from '../../kexec/base/compat.js';
import { decompress } from '../../kexec/compression/decompress.js';
import { getoptLong } from '../../kexec/options/getopt.js';
import { parseIomem } from '../../kexec/running-kernel/kexec-iomem.js';
import { silentLog } from '../../kexec/base/log.js';
import { optionSyntax, optionsOf } from '../../kexec/options/options.js';
import { scanDecimal, scanHex, strtoul } from '../../kexec/base/scan.js';
import { interpretOptions } from '../../kexec/options/settings.js';
import { getKernelSym } from '../../kexec/running-kernel/symbols.js';
import { U64_MAX } from '../../kexec/base/u64.js';
import { fakeSystem } from '../support/files/fake-system.js';
import { arm64Image, gzip } from '../support/files/kernel-files.js';

const u64 = fc.bigInt({ min: 0n, max: U64_MAX });
const compat = fc
  .tuple(fc.constantFrom(...RELEASES), fc.subarray([...LIBRARIES]))
  .map(([release, libraries]) => compatFor(release, libraries));
const word = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 12,
});
const byteText = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 400,
});

describe('arguments', () => {
  const names = optionsOf(compatFor('2.0.32'), ARM64_OPTIONS).map(({ name }) => `--${name}`);
  const arg = fc.oneof(
    byteText,
    fc.constantFrom('-', '--', '-l', '-t', '-tx', '-dpS', '-?', ...names, '--sim-machine', '--sim-state=x'),
    fc.constantFrom(...names).chain((name) => fc.nat(name.length).map((length) => name.slice(0, length))),
    fc.constantFrom(...names).map((name) => `${name}=5`),
  );

  test('end in tokens, whatever they are, and every one is accounted for', () => {
    fc.assert(
      fc.property(fc.array(arg, { maxLength: 12 }), compat, fc.boolean(), (args, release, posixlyCorrect) => {
        const { tokens, operands, exact } = getoptLong(
          args,
          optionSyntax(optionsOf(release, ARM64_OPTIONS), posixlyCorrect),
        );
        const remaining = [...args];
        for (const operand of operands) {
          const at = remaining.indexOf(operand);
          expect(at).toBeGreaterThanOrEqual(0);
          remaining.splice(0, at + 1);
        }
        for (const token of tokens) {
          if (token.kind === 'error') expect(token.text).toMatch(/^kexec: [^]*\n$/);
        }
        expect(exact.size).toBeLessThanOrEqual(args.length);
        interpretOptions(tokens, release);
      }),
      { numRuns: 1000 },
    );
  });

  test('that are no options are operands, all of them and in order', () => {
    const operand = byteText.filter((text) => !text.startsWith('-'));
    fc.assert(
      fc.property(
        fc.array(fc.oneof(operand, fc.constantFrom('-l', '-d', '--debug', '-tImage', '--append=x'))),
        (args) => {
          const { operands } = getoptLong(args, optionSyntax(optionsOf(compatFor('2.0.32'), ARM64_OPTIONS), false));
          expect(operands).toEqual(args.filter((text) => !text.startsWith('-')));
        },
      ),
    );
  });

  test('behind -- are operands', () => {
    fc.assert(
      fc.property(fc.array(byteText), (args) => {
        expect(getoptLong(['--', ...args], optionSyntax([], false)).operands).toEqual(args);
      }),
    );
  });

  test('that abbreviate one name mean it', () => {
    const all = optionsOf(compatFor('2.0.32'), ARM64_OPTIONS);
    fc.assert(
      fc.property(fc.constantFrom(...all), fc.nat(), (option, cut) => {
        const short = option.name.slice(0, 1 + (cut % option.name.length));
        const meant = new Set(all.filter(({ name }) => name.startsWith(short)).map(({ id }) => id));
        const [token] = getoptLong([`--${short}`, 'x'], optionSyntax(all, false)).tokens;
        if (meant.size === 1 || all.some(({ name }) => name === short)) {
          expect(token).toMatchObject({ kind: 'option', id: all.find(({ name }) => name === short)?.id ?? option.id });
        } else {
          expect(token).toMatchObject({ kind: 'error' });
        }
      }),
    );
  });
});

describe('command lines', () => {
  const line = fc.array(word, { maxLength: 8 }).map((words) => words.join(' '));

  test('lose every parameter of a name, once and for all', () => {
    fc.assert(
      fc.property(
        line,
        fc.array(fc.constantFrom('crashkernel=1G', 'crashkernel', 'quiet'), { maxLength: 5 }),
        (text, more) => {
          const clean = text.replaceAll('crash', 'x');
          const whole = [...more, clean].join(' ');
          const once = removeParameter(whole, 'crashkernel', true);
          expect(once).not.toContain('crashkernel');
          expect(removeParameter(once, 'crashkernel', true)).toBe(once);
          expect(once.split(' ').filter((part) => part === 'quiet')).toHaveLength(
            whole.split(' ').filter((part) => part === 'quiet').length,
          );
        },
      ),
    );
  });

  test('never grow, and always end', () => {
    fc.assert(
      fc.property(byteText, byteText, fc.boolean(), (text, name, every) => {
        expect(removeParameter(text, name, every).length).toBeLessThanOrEqual(text.length);
      }),
    );
  });

  test('are joined by one space', () => {
    fc.assert(
      fc.property(fc.option(line, { nil: undefined }), fc.option(line, { nil: undefined }), (base, append) => {
        const expected = [base, append].filter((part) => part !== undefined);
        expect(concatCmdline(base, append)).toBe(expected.length === 0 ? undefined : expected.join(' '));
      }),
    );
  });
});

describe('memory maps', () => {
  const entry = fc.record({ start: u64, last: u64, name: word, depth: fc.nat(4) });

  test('read back as they were written', () => {
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        const text = entries
          .map(
            ({ start, last, name, depth }) =>
              `${'  '.repeat(depth)}${start.toString(16).padStart(8, '0')}-${last.toString(16)} : ${name}\n`,
          )
          .join('');
        expect([...parseIomem(text)].map(({ range, name }) => [range.start, range.last, name])).toEqual(
          entries.map(({ start, last, name }) => [start, last, `${name}\n`]),
        );
      }),
    );
  });

  test('of any text are a list', () => {
    fc.assert(
      fc.property(byteText, (text) => {
        for (const { range, name } of parseIomem(text)) {
          expect(range.start).toBeLessThanOrEqual(U64_MAX);
          expect(name.length).toBeLessThanOrEqual(160);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('symbols', () => {
  test('are found where they are', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(u64, word), { maxLength: 20 }), u64, (others, address) => {
        const lines = [...others.filter(([, name]) => name !== '_text'), [address, '_text'] as const];
        const text = lines.map(([value, name]) => `${value.toString(16).padStart(16, '0')} T ${name}\n`).join('');
        expect(getKernelSym(fakeSystem({ '/proc/kallsyms': text }), silentLog, '_text')).toBe(address);
      }),
    );
  });

  test('of any text are numbers', () => {
    fc.assert(
      fc.property(byteText, (text) => {
        expect(getKernelSym(fakeSystem({ '/proc/kallsyms': text }), silentLog, '_text')).toBeLessThanOrEqual(U64_MAX);
      }),
    );
  });
});

describe('numbers', () => {
  test('read back in every base', () => {
    fc.assert(
      fc.property(u64, (value) => {
        for (const text of [`${value}`, `0x${value.toString(16)}`, `0${value.toString(8)}`, ` +${value}`]) {
          expect(strtoul(text)).toEqual({ value, complete: true });
        }
        expect(strtoul(`0b${value.toString(2)}`, true)).toEqual({ value, complete: true });
        expect(scanHex(value.toString(16), 0)?.value).toBe(value);
        expect(scanDecimal(`${value}`, 0)?.value).toBe(value);
      }),
    );
  });

  test('of any text are of 64 bits', () => {
    fc.assert(
      fc.property(byteText, fc.boolean(), (text, binary) => {
        const { value } = strtoul(text, binary);
        expect(value >= 0n && value <= U64_MAX).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('releases', () => {
  test('and libraries read back', () => {
    fc.assert(
      fc.property(compat, ({ release, libraries }) => {
        expect(parseCompat(`${release}:${[...libraries].join(',')}`)).toEqual(compatFor(release, libraries));
      }),
    );
  });

  test('of any text are known or none', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          byteText,
          fc.tuple(fc.constantFrom(...RELEASES), byteText).map((parts) => parts.join(':')),
        ),
        (text) => {
          const parsed = parseCompat(text);
          if (parsed !== undefined) expect(text.startsWith(parsed.release)).toBe(true);
        },
      ),
    );
  });
});

test('an Image’s header reads back', () => {
  fc.assert(
    fc.property(u64, u64, (textOffset, imageSize) => {
      expect(readArm64ImageHeader(arm64Image({ size: 64, textOffset, imageSize }))).toMatchObject({
        textOffset,
        imageSize,
      });
    }),
  );
});

test('what gzip makes is had back', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 1, maxLength: 3000 }),
      fc.uint8Array({ maxLength: 3000 }),
      async (one, two) => {
        const input = new Uint8Array([...gzip(one), ...gzip(two)]);
        const context = {
          platform: nodePlatform,
          compat: compatFor('2.0.32'),
          log: silentLog,
          decompressLimitBytes: 6000,
        };
        expect(new Uint8Array((await decompress(input, 'x', context))!)).toEqual(new Uint8Array([...one, ...two]));
      },
    ),
    { numRuns: 50 },
  );
});
