/** Packages of Debian: fetched by apt from the machine's own mirror, and unpacked into the cache. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { cacheDirectory } from '../support/cache.js';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** What the processor of arm64 is called in packages. */
const ARM64 = 'arm64';

const run = (file: string, args: readonly string[], cwd?: string): string =>
  execFileSync(file, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  });

/** The mirror that this machine's apt uses, or DEBIAN_MIRROR. @throws Error when there is none */
const mirror = (): string => run('sh', [path.join('util', 'debian-mirror.sh')]).trim();

/** Where a suite's packages come from and go to. */
export interface Archive {
  readonly suite: string;
  readonly architecture: string;
  /** Absolute: apt, which is run in other directories, gets it in its settings. */
  readonly directory: string;
}

/**
 * Runs apt-get with sources and state of its own: the host's are not changed, and its proxies are used.
 * @param kind of the packages
 */
const aptGet = (
  { suite, architecture, directory }: Archive,
  args: readonly string[],
  cwd: string,
  kind: 'deb' | 'deb-src' = 'deb',
): void => {
  for (const name of ['lists/partial', 'cache/archives/partial']) {
    fs.mkdirSync(path.join(directory, name), { recursive: true });
  }
  const sources = path.join(directory, 'sources.list');
  fs.writeFileSync(sources, `${kind} [arch=${architecture} signed-by=${KEYRING}] ${mirror()} ${suite} main\n`);
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
    'APT::Update::Error-Mode=any',
    'Acquire::Languages=none',
    'Acquire::Retries=3',
  ];
  run('apt-get', ['-q', ...settings.flatMap((setting) => ['-o', setting]), ...args], cwd);
};

/** A field of a package's control file. */
export const field = (deb: string, name: string): string => run('dpkg-deb', ['-f', deb, name]).trim();

/** The names of the packages that a package depends on, alternatives too. */
const dependencies = (deb: string): readonly string[] =>
  field(deb, 'Depends')
    .split(/[,|]/)
    .map((dependency) => dependency.trim().split(/[ :(]/)[0] ?? '');

/**
 * Downloads a package, and of those that it depends on, and they in turn, the ones whose names match.
 * @returns the files, the package's own first
 */
const download = (archive: Archive, name: string, follow: RegExp | undefined): readonly string[] => {
  const debs = path.join(archive.directory, 'debs');
  fs.mkdirSync(debs, { recursive: true });
  aptGet(archive, ['update'], archive.directory);
  const done = new Map<string, string>();
  let wanted: readonly string[] = [name];
  while (wanted.length > 0) {
    aptGet(archive, ['download', ...wanted], debs);
    for (const each of wanted) {
      const file = fs.readdirSync(debs).find((entry) => entry.startsWith(`${each}_`));
      if (file === undefined) throw new Error(`apt-get download ${each} (${archive.suite}) left no file`);
      done.set(each, path.join(debs, file));
    }
    const others = [...done.values()].flatMap(dependencies).filter((each) => follow?.test(each) === true);
    wanted = [...new Set(others)].filter((each) => !done.has(each));
  }
  return [...done.values()];
};

/** A package that is unpacked. */
export interface Unpacked {
  /** The directory with its files. */
  readonly directory: string;
  readonly version: string;
}

export interface PackageOptions {
  readonly architecture?: string;
  /** The packages among its dependencies that are unpacked with it. */
  readonly follow?: RegExp;
}

/** A package of a suite, from the cache or from Debian. @throws Error when the mirror is out of reach or has none */
export const unpackPackage = (
  suite: string,
  name: string,
  { architecture = ARM64, follow }: PackageOptions = {},
): Unpacked => {
  const directory = path.join(cacheDirectory('debian'), `${suite}-${architecture}-${name}`);
  const [unpacked, marker] = [path.join(directory, 'unpacked'), path.join(directory, 'version')];
  if (!fs.existsSync(marker)) {
    fs.rmSync(directory, { recursive: true, force: true });
    fs.mkdirSync(unpacked, { recursive: true });
    const debs = download({ suite, architecture, directory }, name, follow);
    for (const deb of debs) run('dpkg-deb', ['-x', deb, unpacked]);
    fs.writeFileSync(marker, `${field(debs[0]!, 'Version')}\n`);
  }
  return { directory: unpacked, version: fs.readFileSync(marker, 'utf8').trim() };
};

/**
 * The upstream part of a source package, an archive of tar, from the cache or from Debian.
 * @throws Error when the mirror is out of reach or has none
 */
export const sourceArchive = (suite: string, name: string): string => {
  const directory = path.join(cacheDirectory('debian'), `${suite}-source-${name}`);
  const [files, marker] = [path.join(directory, 'files'), path.join(directory, 'complete')];
  if (!fs.existsSync(marker)) {
    fs.rmSync(directory, { recursive: true, force: true });
    fs.mkdirSync(files, { recursive: true });
    const archive: Archive = { suite, architecture: ARM64, directory };
    aptGet(archive, ['update'], directory, 'deb-src');
    aptGet(archive, ['source', '--download-only', name], files, 'deb-src');
    fs.writeFileSync(marker, '');
  }
  return findFile(files, /\.orig\.tar\.[a-z0-9]+$/);
};

/** A file of a directory or of one below it. @throws Error when there is none */
export const findFile = (directory: string, what: RegExp): string => {
  for (const entry of fs.readdirSync(directory, { withFileTypes: true, recursive: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (!entry.isDirectory() && what.test(file)) return file;
  }
  throw new Error(`${directory} has no ${String(what)}`);
};

/** Debian's cloud kernel for arm64. @returns the file of the kernel, beside which others of its package lie */
export const debianKernel = (suite: string): string => {
  // Since Linux 7.2 the kernel is in linux-binary-VERSION.
  const follow = /^linux-(?:image|base|binary)-\d/;
  return findFile(unpackPackage(suite, 'linux-image-cloud-arm64', { follow }).directory, /\/vmlinuz(?:-[^/]*)?$/);
};

/** busybox for arm64, linked statically. @returns its file */
export const debianBusybox = (): string =>
  findFile(unpackPackage('bookworm', 'busybox-static').directory, /\/bin\/busybox$/);
