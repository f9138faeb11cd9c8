/** The real kexec: Debian's packages, made ready to run; arm64's under qemu's user mode. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Release } from '../../kexec/base/compat.js';
import { cacheDirectory } from '../support/cache.js';
import { findFile, unpackPackage } from './apt.js';

/** A release of kexec-tools that Debian has a package of. */
export type DebianRelease = Exclude<Release, '2.0.32.git'>;

/** The Debian release that has each of them, oldest first. */
export const SUITES: Readonly<Record<DebianRelease, string>> = {
  '2.0.20': 'bullseye',
  '2.0.25': 'bookworm',
  '2.0.29': 'trixie',
  '2.0.32': 'sid',
};

export const DEBIAN_RELEASES = Object.keys(SUITES) as readonly DebianRelease[];

/** What a suite's package is a release of. @throws Error for a suite that is not here */
export const releaseOf = (suite: string): DebianRelease => {
  const found = DEBIAN_RELEASES.find((release) => SUITES[release] === suite);
  if (found === undefined) throw new Error(`no release of kexec-tools is known of ${suite}`);
  return found;
};

export interface RealKexec {
  readonly release: DebianRelease;
  /** The version of the Debian package. */
  readonly packageVersion: string;
  /** The unpacked program, for what is inside it. */
  readonly program: string;
  /** A directory that is linked into every machine's root: the program, the libraries, qemu and the shim. */
  readonly tools: string;
}

/** What a processor's packages are called, and what it takes to run their programs and to build a shim for them. */
export interface Target {
  readonly architecture: string;
  readonly interpreter: string;
  readonly readelf: string;
  readonly compiler: string;
  readonly shim: string;
  /** Runs the programs where the host's processor is another. */
  readonly emulator?: string;
}

export const ARM64: Target = {
  architecture: 'arm64',
  interpreter: 'ld-linux-aarch64.so.1',
  readelf: 'aarch64-linux-gnu-readelf',
  compiler: 'aarch64-linux-gnu-gcc',
  shim: path.join('test', 'conformance', 'shim.c'),
  emulator: '/usr/bin/qemu-aarch64-static',
};

const run = (file: string, args: readonly string[]): string =>
  execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** The packages with the libraries that kexec is linked with; the others of its dependencies are about its set-up. */
const LIBRARIES = /^(libc6|zlib1g|libxen.*|libnl-.*|libuuid1)$/;

const neededLibraries = (file: string, { readelf }: Target): string[] =>
  [...run(readelf, ['-d', file]).matchAll(/\(NEEDED\).*\[(.*)\]/g)].map((match) => match[1] ?? '');

/**
 * A program under its own name and, side by side in `lib`, all libraries that it needs.
 * @param unpacked where it and they are found
 * @param tools the directory that is made anew with them
 */
export const collectProgram = (unpacked: string, program: string, tools: string, target: Target): void => {
  fs.rmSync(tools, { recursive: true, force: true });
  fs.mkdirSync(path.join(tools, 'lib'), { recursive: true });
  fs.copyFileSync(program, path.join(tools, path.basename(program)));
  const seen = new Set<string>();
  const add = (name: string): void => {
    if (seen.has(name)) return;
    seen.add(name);
    const file = findFile(unpacked, new RegExp(`/${name.replaceAll(/[.+]/g, '\\$&')}$`));
    const copy = path.join(tools, 'lib', name);
    fs.copyFileSync(fs.realpathSync(file), copy);
    neededLibraries(copy, target).forEach(add);
  };
  neededLibraries(program, target).forEach(add);
  add(target.interpreter);
  if (target.emulator !== undefined) fs.copyFileSync(target.emulator, path.join(tools, 'qemu'));
};

const buildShim = ({ compiler, shim }: Target, file: string): void => {
  const options = [
    '-Wall',
    '-Wextra',
    '-Werror',
    '-O1',
    '-fPIC',
    '-shared',
    '-ffreestanding',
    '-fno-builtin',
    '-fno-stack-protector',
  ];
  run(compiler, [...options, '-nostdlib', '-o', file, shim]);
};

/**
 * The real kexec of one release, from the cache or from Debian.
 * @throws Error when the mirror is out of reach, or has another release than expected
 */
export const prepareReal = (release: DebianRelease, target: Target = ARM64): RealKexec => {
  const suite = SUITES[release];
  const { architecture } = target;
  const { directory, version } = unpackPackage(suite, 'kexec-tools', { architecture, follow: LIBRARIES });
  if (!version.startsWith(`1:${release}-`)) {
    throw new Error(`${suite} has kexec-tools ${version}, where 1:${release}-* was expected (${directory})`);
  }
  const program = findFile(directory, /\/sbin\/kexec$/);
  const tools = path.join(cacheDirectory('tools'), `${suite}-${architecture}`);
  collectProgram(directory, program, tools, target);
  buildShim(target, path.join(tools, 'shim.so'));
  return { release, packageVersion: version, program, tools };
};
