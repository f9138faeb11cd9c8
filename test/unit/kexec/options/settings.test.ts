import { describe, expect, test } from '@jest/globals';
import { ARM64_OPTIONS, parseArm64Options } from '../../../../kexec/arch/arm64/options-arm64.js';
import { compatFor, type Release } from '../../../../kexec/base/compat.js';
import { getoptLong } from '../../../../kexec/options/getopt.js';
import { optionSyntax, optionsOf } from '../../../../kexec/options/options.js';
import { interpretOptions, type Interpreted, type Settings } from '../../../../kexec/options/settings.js';
import { U64_MAX } from '../../../../kexec/base/u64.js';

const interpret = (line: string, release: Release = '2.0.32'): Interpreted => {
  const compat = compatFor(release);
  const args = line.split(' ').filter((arg) => arg !== '');
  return interpretOptions(getoptLong(args, optionSyntax(optionsOf(compat, ARM64_OPTIONS), false)).tokens, compat);
};

const settingsOf = (line: string, release?: Release): Settings => {
  const interpreted = interpret(line, release);
  if (interpreted.kind !== 'run') throw new Error(`${line}: ${interpreted.kind}`);
  return interpreted.settings;
};

test.each(ARM64_OPTIONS)('--$name of arm64 is a value of it', ({ id }) => {
  expect(Object.keys(parseArm64Options([{ kind: 'option', id, argument: 'x' }]))).toHaveLength(1);
});

const CRASH = 1n;
const PRESERVE = 2n;

describe('what is done', () => {
  test('without options: load, shut down', () => {
    expect(settingsOf('Image')).toMatchObject({
      doLoad: true,
      doExec: false,
      doShutdown: true,
      doSync: true,
      doIfdown: false,
    });
  });

  test.each([
    ['-l', { doLoad: true, doExec: false, doShutdown: false, doSync: true, hasOptLoad: true, flags: 0n }],
    ['-e', { doLoad: false, doExec: true, doShutdown: false, doSync: true, doIfdown: true }],
    ['-f', { doLoad: true, doExec: true, doShutdown: false, doSync: true, doIfdown: true }],
    ['-u', { doLoad: false, doUnload: true, doShutdown: false, doSync: false, fileFlags: 1n, flags: 0n }],
    ['-p', { doLoad: true, doExec: false, doShutdown: false, doSync: false, flags: CRASH, fileFlags: 2n }],
    ['-p -u', { doLoad: false, doUnload: true, flags: CRASH, fileFlags: 3n }],
    ['-u -p', { doLoad: true, doUnload: true, flags: CRASH, fileFlags: 3n }],
    ['-l -e', { doLoad: false, doExec: true, hasOptLoad: true, doIfdown: true }],
    ['-e -l', { doLoad: true, doExec: false, doIfdown: true }],
    ['-p -l', { doLoad: true, flags: CRASH, hasOptLoad: true }],
    ['-f -x', { doIfdown: false, doSync: true }],
    ['-x -f', { doIfdown: false, doSync: true }],
    ['-f -y', { doIfdown: true, doSync: false }],
    ['-y -f', { doIfdown: true, doSync: false }],
    ['-p -f', { doSync: true, doExec: true, flags: CRASH }],
    ['-i', { skipChecks: true }],
    ['--reuseinitrd', { doReuseInitrd: true }],
    ['--hotplug', { doHotplug: true }],
    ['--load-preserve-context', { doLoad: true, doShutdown: false, flags: PRESERVE }],
    ['-p --load-preserve-context', { flags: PRESERVE, fileFlags: 2n, doSync: true }],
    ['--load-preserve-context -p', { flags: CRASH, fileFlags: 2n }],
    ['--load-jump-back-helper', { doLoad: false, doLoadJumpBackHelper: true, flags: PRESERVE, doIfdown: true }],
    ['--load-live-update', { doLoad: true, flags: 4n }],
    ['--load-live-update -p', { flags: CRASH }],
    ['--load-live-update --load-preserve-context', { flags: PRESERVE }],
    ['--load-live-update --load-jump-back-helper', { flags: PRESERVE }],
  ])('%s', (line, settings) => {
    expect(settingsOf(line)).toMatchObject(settings);
  });

  test.each([
    ['-d -l', { flags: 0x10n, fileFlags: 8n }],
    ['-p -d', { flags: 0x11n, fileFlags: 0xan }],
    ['-d -p', { flags: 1n, fileFlags: 0xan }],
    ['--no-cma', { flags: 0n, fileFlags: 0x10n }],
    ['--force-dtb --no-cma -d', { flags: 0x10n, fileFlags: 0x38n }],
    // A flag that is set makes it about what a plain load would load.
    ['-d -S', { flags: 0x10n }],
    ['-S', { flags: CRASH }],
  ])('%s, of the development tree', (line, settings) => {
    expect(settingsOf(line, '2.0.32.git')).toMatchObject(settings);
  });

  test.each(['--no-cma', '--force-dtb'])('%s is not known before', (line) => {
    expect(interpret(line, '2.0.32')).toEqual({ kind: 'usage', error: `kexec: unrecognized option '${line}'\n` });
  });

  test('the kept options are all, in order', () => {
    expect(settingsOf('-l --append=a -s --dtb=b Image').options.map(({ id, argument }) => [id, argument])).toEqual([
      ['load', undefined],
      ['append', 'a'],
      ['kexec-file-syscall', undefined],
      ['dtb', 'b'],
    ]);
  });
});

describe('the system call', () => {
  test.each([
    ['2.0.32', '-l', true, true],
    ['2.0.29', '-l', true, true],
    ['2.0.25', '-l', false, false],
    ['2.0.20', '-l', false, false],
    ['2.0.32', '-s', true, false],
    ['2.0.32', '-c', false, false],
    ['2.0.20', '-a', true, true],
    ['2.0.32', '-s -c', false, false],
    ['2.0.32', '-c -s', true, false],
    ['2.0.32', '-c -a', true, true],
  ] as const)('%s %s', (release, line, fileSyscall, fallback) => {
    expect(settingsOf(line, release)).toMatchObject({ fileSyscall, fallback });
  });
});

describe('-d', () => {
  test('asks the kernel for messages too, since 2.0.29', () => {
    expect(settingsOf('-d').fileFlags).toBe(8n);
    expect(settingsOf('-d -p').fileFlags).toBe(10n);
    expect(settingsOf('-p -d').fileFlags).toBe(10n);
    expect(settingsOf('-d', '2.0.25').fileFlags).toBe(0n);
  });

  test('implies -x in 2.0.20 only', () => {
    expect(settingsOf('-d -f', '2.0.20').doIfdown).toBe(false);
    expect(settingsOf('-f -d', '2.0.20').doIfdown).toBe(false);
    expect(settingsOf('-d -f', '2.0.25').doIfdown).toBe(true);
  });

  test('counts for --print-ckr-size when it comes first', () => {
    expect(interpret('-d --print-ckr-size')).toEqual({ kind: 'print-ckr-size', debug: true });
    expect(interpret('--print-ckr-size -d')).toEqual({ kind: 'print-ckr-size', debug: false });
  });
});

describe('-S', () => {
  test.each([
    ['2.0.32', '-S', CRASH],
    ['2.0.32', '-S -l', 0n],
    ['2.0.32', '-l -S', 0n],
    ['2.0.32', '-S -p', CRASH],
    ['2.0.32', '-S -l -p', CRASH],
    ['2.0.32', '-S --load-preserve-context', PRESERVE],
    ['2.0.32', '-S --load-live-update', 4n],
    ['2.0.25', '-S -l', 0n],
    ['2.0.20', '-S', CRASH],
    ['2.0.20', '-S -l', CRASH],
  ] as const)('%s %s', (release, line, flags) => {
    expect(settingsOf(line, release)).toMatchObject({ doStatus: true, flags });
  });

  test('does nothing else', () => {
    expect(settingsOf('-S -l -e -u --reuseinitrd --load-jump-back-helper')).toMatchObject({
      doLoad: false,
      doExec: false,
      doUnload: false,
      doReuseInitrd: false,
      doShutdown: false,
      doSync: false,
      doIfdown: false,
      doLoadJumpBackHelper: false,
    });
  });
});

describe('numbers', () => {
  test.each([
    ['16', 16n],
    ['0x10', 16n],
    ['0X1f', 31n],
    ['010', 8n],
    ['0', 0n],
    ['', 0n],
    ['+5', 5n],
    ['-1', U64_MAX],
    ['-0x10', U64_MAX - 15n],
    ['0xffffffffffffffff', U64_MAX],
    ['18446744073709551616', U64_MAX],
    ['-18446744073709551616', U64_MAX],
    ['0x10000000000000000', U64_MAX],
    ['\t7', 7n],
    [`${'0'.repeat(5000)}7`, 7n],
    ['9'.repeat(100_000), U64_MAX],
  ])('%.40s', (text, value) => {
    expect(settingsOf(`--mem-min=${text}`).memMin).toBe(value);
    expect(settingsOf(`--mem-max=${text}`).memMax).toBe(value);
    expect(settingsOf(`--entry=${text}`).entry).toBe(value);
  });

  test.each(['0x', '08', '1k', '0xg', '5-', 'x', '--', '-', '0x10\t'])('%j is none', (text) => {
    for (const name of ['mem-min', 'mem-max', 'entry']) {
      expect(interpret(`--${name}=${text}`)).toEqual({
        kind: 'usage',
        error: `Bad option value in --${name}=${text}\n`,
      });
    }
  });

  test('white space alone is none', () => {
    const { tokens } = getoptLong(['--entry', ' '], optionSyntax(optionsOf(compatFor('2.0.32'), ARM64_OPTIONS), false));
    expect(interpretOptions(tokens, compatFor('2.0.32'))).toEqual({
      kind: 'usage',
      error: 'Bad option value in --entry= \n',
    });
  });

  test('without options, memory is all there is', () => {
    expect(settingsOf('Image')).toMatchObject({ memMin: 0n, memMax: U64_MAX, entry: 0n, type: undefined });
  });
});

describe('what ends it', () => {
  test.each([
    ['--help --wat', { kind: 'help' }],
    ['--wat --help', { kind: 'usage', error: "kexec: unrecognized option '--wat'\n" }],
    ['-l -v --mem-min=x', { kind: 'version' }],
    ['--mem-min=x -v', { kind: 'usage', error: 'Bad option value in --mem-min=x\n' }],
    ['-?', { kind: 'usage', error: '' }],
    ['-l -? --wat', { kind: 'usage', error: '' }],
    ['--exec-live-update -h', { kind: 'exit', error: '--exec-live-update only works under xen.\n', exitCode: 1 }],
    ['-h --exec-live-update', { kind: 'help' }],
    ['--print-ckr-size -h', { kind: 'print-ckr-size', debug: false }],
  ])('%s', (line, interpreted) => {
    expect(interpret(line)).toEqual(interpreted);
  });
});
