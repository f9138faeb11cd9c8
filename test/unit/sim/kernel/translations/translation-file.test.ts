import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { wordRuns } from '../../../../../sim/cpu/hot/kept-region.js';
import { translationDirectory } from '../../../../../sim/kernel/translations/translation-directory.js';
import { MAX_ALL_BYTES, translationsOf } from '../../../../../sim/kernel/translations/translation-file.js';

const KERNEL = Uint8Array.of(1, 2, 3);
const BUILD = 'a build';
const BODY_BYTES = 1000;

let directory: string;
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'translations-'));
});
afterEach(() => {
  fs.rmSync(directory, { recursive: true, force: true });
});

const place = (): string => path.join(directory, 'a', 'b');

/** A run that translates some regions, from a first address on. */
const runOf = (kernel: Uint8Array, regions: number, from = 0, where = place(), build = BUILD): number => {
  const { translations, keep } = translationsOf(kernel, where, build);
  for (let i = from; i < from + regions; i++) {
    const start = BigInt(0x1000 + 4 * i);
    const words = wordRuns(new Map([[start, i]]));
    translations.add({
      context: '',
      start,
      entries: [start],
      instructions: 1,
      words,
      body: new Uint8Array(BODY_BYTES),
    });
  }
  keep();
  return translations.earlier.regions.length;
};

const onlyFile = (): string => {
  const [name, ...others] = fs.readdirSync(place());
  expect(others).toEqual([]);
  return path.join(place(), name!);
};

describe('translations that are kept', () => {
  test('are those of earlier runs of the kernel', () => {
    expect(runOf(KERNEL, 20)).toBe(0);
    expect(runOf(KERNEL, 30, 20)).toBe(20);
    expect(runOf(KERNEL, 0)).toBe(50);
  });

  test('are not those of another kernel, nor of another build', () => {
    runOf(KERNEL, 20);
    expect(runOf(Uint8Array.of(4), 0)).toBe(0);
    expect(runOf(KERNEL, 0, 0, place(), 'another')).toBe(0);
  });

  test('are only written when there are some more of them', () => {
    runOf(KERNEL, 3);
    expect(fs.existsSync(place())).toBe(false);
    runOf(KERNEL, 400);
    const { mtimeNs } = fs.statSync(onlyFile(), { bigint: true });
    runOf(KERNEL, 16, 400);
    expect(fs.statSync(onlyFile(), { bigint: true }).mtimeNs).toBe(mtimeNs);
    expect(runOf(KERNEL, 0)).toBe(400);
  });

  test("are the user's alone, whatever the umask", () => {
    const before = process.umask(0);
    try {
      runOf(KERNEL, 20);
    } finally {
      process.umask(before);
    }
    expect(fs.statSync(place()).mode & 0o777).toBe(0o700);
    expect(fs.statSync(onlyFile()).mode & 0o777).toBe(0o600);
  });

  test.each([
    ['is damaged', (file: string) => fs.writeFileSync(file, fs.readFileSync(file).fill(7, 100, 101))],
    ['is cut off', (file: string) => fs.truncateSync(file, 90)],
    ['is empty', (file: string) => fs.truncateSync(file, 0)],
    ['others may write', (file: string) => fs.chmodSync(file, 0o666)],
    ['is a directory', (file: string) => (fs.rmSync(file), fs.mkdirSync(file))],
    ['is a link', (file: string) => (fs.renameSync(file, `${file}.real`), fs.symlinkSync(`${file}.real`, file))],
  ])('are as good as none where the file %s', (_what, change) => {
    runOf(KERNEL, 20);
    change(onlyFile());
    expect(runOf(KERNEL, 0)).toBe(0);
  });

  test('leave alone what a link leads to, and take its place', () => {
    fs.mkdirSync(place(), { recursive: true });
    runOf(KERNEL, 20);
    const file = onlyFile();
    const victim = path.join(directory, 'victim');
    fs.writeFileSync(victim, 'untouched');
    fs.rmSync(file);
    fs.symlinkSync(victim, file);
    runOf(KERNEL, 20);
    expect(fs.readFileSync(victim, 'utf8')).toBe('untouched');
    expect(runOf(KERNEL, 0)).toBe(20);
  });

  test('are neither read from nor written to a directory in which others may write', () => {
    fs.mkdirSync(place(), { recursive: true });
    fs.chmodSync(place(), 0o777);
    runOf(KERNEL, 20);
    expect(fs.readdirSync(place())).toEqual([]);
  });

  test('need no disk that could take them', () => {
    expect(runOf(KERNEL, 20, 0, '/proc/translations')).toBe(0);
    fs.writeFileSync(path.join(directory, 'file'), '');
    expect(runOf(KERNEL, 20, 0, path.join(directory, 'file', 'below'))).toBe(0);
  });

  test('give room to newer ones', () => {
    fs.mkdirSync(place(), { recursive: true });
    const old = path.join(place(), 'old.translations');
    fs.writeFileSync(old, '');
    fs.truncateSync(old, MAX_ALL_BYTES);
    fs.utimesSync(old, 1, 1);
    fs.writeFileSync(path.join(place(), 'other'), '');
    runOf(KERNEL, 20);
    expect(fs.existsSync(old)).toBe(false);
    expect(fs.readdirSync(place())).toHaveLength(2);
    expect(runOf(KERNEL, 0)).toBe(20);
  });

  test('are nowhere without a directory, a kernel or a build', () => {
    for (const { translations } of [
      translationsOf(KERNEL, undefined, BUILD),
      translationsOf(undefined, place(), BUILD),
      translationsOf(KERNEL, place(), undefined),
    ]) {
      expect(translations.earlier.regions).toEqual([]);
    }
  });
});

test.each([
  [{ KEXEC_TRANSLATIONS: 'off', HOME: '/h' }, undefined],
  [{ KEXEC_TRANSLATIONS: 'here', HOME: '/h' }, 'here'],
  [{ KEXEC_TRANSLATIONS: '', HOME: '/h' }, '/h/.cache/kexec-ts'],
  [{ XDG_CACHE_HOME: '/c', HOME: '/h' }, '/c/kexec-ts'],
  [{ XDG_CACHE_HOME: 'c', HOME: '/h' }, '/h/.cache/kexec-ts'],
  [{ HOME: 'h' }, undefined],
  [{}, undefined],
])('%j keeps translations in %s', (env, directory) => {
  expect(translationDirectory(env)).toBe(directory);
});
