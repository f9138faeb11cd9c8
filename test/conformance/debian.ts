/** The real kexec: Debian's packages, downloaded, unpacked and made ready to run; arm64's under qemu's user mode. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Release } from '../../kexec/base/compat.js';

/** A release of kexec-tools that Debian has a package of. */
export type DebianRelease = Exclude<Release, '2.0.32.git'>;

/** Oldest first. */
export const DEBIAN_RELEASES: readonly DebianRelease[] = ['2.0.20', '2.0.25', '2.0.29', '2.0.32'];

/** The Debian release that has each of them. */
export const SUITES: Readonly<Record<DebianRelease, string>> = {
  '2.0.20': 'bullseye',
  '2.0.25': 'bookworm',
  '2.0.29': 'trixie',
  '2.0.32': 'sid',
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

const MIRROR = 'http://deb.debian.org/debian';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

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

const run = (file: string, args: readonly string[], cwd?: string): string =>
  execFileSync(file, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  });

/** Runs apt-get with a configuration of its own: nothing of the host's apt is read or changed. */
const aptGet = (
  directory: string,
  suite: string,
  { architecture }: Target,
  args: readonly string[],
  cwd: string,
): string => {
  for (const name of ['lists/partial', 'cache/archives/partial']) {
    fs.mkdirSync(path.join(directory, name), { recursive: true });
  }
  const sources = path.join(directory, 'sources.list');
  fs.writeFileSync(sources, `deb [arch=${architecture} signed-by=${KEYRING}] ${MIRROR} ${suite} main\n`);
  const status = path.join(directory, 'status');
  fs.writeFileSync(status, '');
  const settings = [
    `Dir::Etc::sourcelist=${sources}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State=${directory}`,
    `Dir::State::status=${status}`,
    `Dir::Cache=${path.join(directory, 'cache')}`,
    `APT::Architecture=${architecture}`,
    `APT::Architectures=${architecture}`,
    'APT::Sandbox::User=root',
    'Acquire::Languages=none',
    'Acquire::Retries=3',
  ];
  return run('apt-get', ['-q', ...settings.flatMap((setting) => ['-o', setting]), ...args], cwd);
};

const field = (deb: string, name: string): string => run('dpkg-deb', ['-f', deb, name]).trim();

/** The packages with the libraries that kexec is linked with; the others of its dependencies are about its set-up. */
const libraryPackages = (deb: string): string[] =>
  field(deb, 'Depends')
    .split(/[,|]/)
    .map((dependency) => dependency.trim().split(/[ :(]/)[0] ?? '')
    .filter((name) => /^(libc6|zlib1g|libxen.*|libnl-.*|libuuid1)$/.test(name));

const download = (suite: string, directory: string, target: Target): string[] => {
  const debs = path.join(directory, 'debs');
  fs.mkdirSync(debs, { recursive: true });
  aptGet(directory, suite, target, ['update'], directory);
  const done = new Map<string, string>();
  let wanted = ['kexec-tools'];
  while (wanted.length > 0) {
    aptGet(directory, suite, target, ['download', ...wanted], debs);
    for (const name of wanted) {
      const file = fs.readdirSync(debs).find((entry) => entry.startsWith(`${name}_`));
      if (file === undefined) throw new Error(`apt-get download ${name} (${suite}) left no file`);
      done.set(name, path.join(debs, file));
    }
    wanted = [...new Set([...done.values()].flatMap(libraryPackages))].filter((name) => !done.has(name));
  }
  return [...done.values()];
};

/**
 * Unpacks one package of a suite, from the cache or from Debian.
 * @param follow the package is empty but for what it depends on first, which is unpacked in its place
 * @returns the directory with its files
 */
export const unpackPackage = (
  cache: string,
  suite: string,
  name: string,
  { follow = false } = {},
  target: Target = ARM64,
): string => {
  const directory = path.join(cache, `${suite}-${name}`);
  const [unpacked, marker] = [path.join(directory, 'unpacked'), path.join(directory, 'version')];
  if (fs.existsSync(marker)) return unpacked;
  fs.rmSync(directory, { recursive: true, force: true });
  const debs = path.join(directory, 'debs');
  [debs, unpacked].forEach((each) => fs.mkdirSync(each, { recursive: true }));
  aptGet(directory, suite, target, ['update'], directory);
  const fetch = (wanted: string): string => {
    aptGet(directory, suite, target, ['download', wanted], debs);
    const file = fs.readdirSync(debs).find((entry) => entry.startsWith(`${wanted}_`));
    if (file === undefined) throw new Error(`apt-get download ${wanted} (${suite}) left no file`);
    return path.join(debs, file);
  };
  const first = fetch(name);
  const deb = follow ? fetch(field(first, 'Depends').split(/[ ,(]/)[0] ?? '') : first;
  run('dpkg-deb', ['-x', deb, unpacked]);
  fs.writeFileSync(marker, `${field(deb, 'Version')}\n`);
  return unpacked;
};

export const findFile = (directory: string, accept: (file: string) => boolean): string | undefined => {
  for (const entry of fs.readdirSync(directory, { withFileTypes: true, recursive: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (!entry.isDirectory() && accept(file)) return file;
  }
  return undefined;
};

const neededLibraries = (file: string, { readelf }: Target): string[] =>
  [...run(readelf, ['-d', file]).matchAll(/\(NEEDED\).*\[(.*)\]/g)].map((match) => match[1] ?? '');

/** The program and, side by side, all libraries that it needs. */
const collect = (unpacked: string, program: string, tools: string, target: Target): void => {
  fs.rmSync(tools, { recursive: true, force: true });
  fs.mkdirSync(path.join(tools, 'lib'), { recursive: true });
  fs.copyFileSync(program, path.join(tools, 'kexec'));
  const seen = new Set<string>();
  const add = (name: string): void => {
    if (seen.has(name)) return;
    seen.add(name);
    const file = findFile(unpacked, (candidate) => path.basename(candidate) === name);
    if (file === undefined) throw new Error(`no package has ${name}`);
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
 * @throws when the mirror is out of reach, or has another release than expected
 */
export const prepareReal = (cache: string, release: DebianRelease, target: Target = ARM64): RealKexec => {
  const suite = SUITES[release];
  const directory = path.join(cache, target === ARM64 ? suite : `${suite}-${target.architecture}`);
  const unpacked = path.join(directory, 'unpacked');
  const marker = path.join(directory, 'version');
  if (!fs.existsSync(marker)) {
    fs.rmSync(directory, { recursive: true, force: true });
    fs.mkdirSync(unpacked, { recursive: true });
    const debs = download(suite, directory, target);
    debs.forEach((deb) => run('dpkg-deb', ['-x', deb, unpacked]));
    const version = field(debs[0] ?? '', 'Version');
    if (!version.startsWith(`1:${release}-`)) {
      throw new Error(`${suite} has kexec-tools ${version}, where 1:${release}-* was expected`);
    }
    fs.writeFileSync(marker, `${version}\n`);
  }
  const program = findFile(unpacked, (file) => /\/sbin\/kexec$/.test(file));
  if (program === undefined) throw new Error(`${suite}: the package has no sbin/kexec`);
  const tools = path.join(directory, 'tools');
  collect(unpacked, program, tools, target);
  buildShim(target, path.join(tools, 'shim.so'));
  return { release, packageVersion: fs.readFileSync(marker, 'utf8').trim(), program, tools };
};
