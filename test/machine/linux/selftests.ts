/**
 * Linux' own tests of what user space sees of an arm64 processor, of Debian's linux-source: signals, floating-point
 * registers over context switches and signals, breakpoints and watchpoints by ptrace(2). They are built for the guest,
 * against Debian's C library for arm64, once.
 */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { findFile, unpackPackage } from '../../conformance/apt.js';
import { cacheDirectory } from '../../support/cache.js';
import { type Entry, entriesOf } from '../initramfs.js';
import { SELFTESTS } from './scripts.js';

/** The directory of the tests in Linux' source. */
const SOURCE = path.join('tools', 'testing', 'selftests');

/** Which of the source's release there are tests of is the same since. */
const SUITE = 'bookworm';
const PACKAGE = 'linux-source-6.1';

const run = (file: string, args: readonly string[]): void =>
  void execFileSync(file, args, { stdio: ['ignore', 'ignore', 'inherit'] });

/** What the initramfs is to have of them, from the cache or built. */
export const selftests = (): readonly Entry[] => {
  const cache = cacheDirectory('selftests');
  const built = path.join(cache, 'built');
  if (!fs.existsSync(built)) {
    const making = path.join(cache, 'making');
    fs.rmSync(making, { recursive: true, force: true });
    build(source(cache), making);
    fs.renameSync(making, built);
  }
  return entriesOf(built, SELFTESTS);
};

const source = (cache: string): string => {
  const archive = findFile(unpackPackage(SUITE, PACKAGE).directory, /\.tar\.xz$/);
  run('tar', ['-xJf', archive, '-C', cache, '--strip-components=1', path.join(PACKAGE, SOURCE)]);
  return path.join(cache, SOURCE);
};

const build = (tests: string, built: string): void => {
  const sysroot = unpackPackage(SUITE, 'libc6-dev', { follow: /^(?:linux-libc-dev|libcrypt-dev|libc6)$/ }).directory;
  const compile = (name: string, files: readonly string[], ...options: readonly string[]): void => {
    const program = path.join(built, name);
    fs.mkdirSync(path.dirname(program), { recursive: true });
    const wanted = [`--sysroot=${sysroot}`, '-static', '-O2', '-w', `-I${tests}`, ...options, '-o', program, ...files];
    run('aarch64-linux-gnu-gcc', wanted);
  };
  const [fp, signal] = ['fp', 'signal'].map((name) => path.join(tests, 'arm64', name)) as [string, string];
  const inFolder = (folder: string, names: readonly string[]): readonly string[] =>
    names.map((name) => path.join(folder, name));
  compile('fp-stress', inFolder(fp, ['fp-stress.c']));
  compile('fpsimd-test', inFolder(fp, ['fpsimd-test.S', 'asm-utils.S']), '-nostdlib');
  compile('breakpoint-test', inFolder(tests, [path.join('breakpoints', 'breakpoint_test_arm64.c')]));
  const common = inFolder(signal, [
    ...['test_signals.c', 'test_signals_utils.c', 'signals.S', 'sve_helpers.c'],
    path.join('testcases', 'testcases.c'),
  ]);
  for (const file of fs.readdirSync(path.join(signal, 'testcases'))) {
    const name = path.basename(file, '.c');
    if (name === file || name === 'testcases') continue;
    const files = [path.join(signal, 'testcases', file), ...common];
    compile(path.join('signal', name), files, '-D_GNU_SOURCE', '-std=gnu99', `-I${signal}`);
  }
};
