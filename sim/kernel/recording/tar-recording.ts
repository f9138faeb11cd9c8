/** A recording in a tar file, read into memory. */
import { realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { plainBytes } from '../../../kexec/base/bytes.js';
import { Errno, SystemError } from '../../../kexec/base/error.js';
import { isGzipMagic } from '../../../kexec/compression/gzip-header.js';
import { GUARDED_READ, isNodeError, readHost, statHost } from './host-files.js';
import type { Asked, Recording, RecordingTree } from './recording-tree.js';
import { type TarFailure, readTar } from './tar.js';

/** Bytes of an archive, compressed or not: a recording has a few MB. */
export const MAX_BYTES = 256 * 1024 * 1024;
const TOO_LARGE = `the tar file is larger than ${MAX_BYTES / 1024 / 1024} MiB`;
/** Files and directories of a recording: the device tree of a large machine has some ten thousand. */
export const MAX_NODES = 100_000;
/** Bytes of a path and of a name in it, as Linux has them (PATH_MAX, NAME_MAX, include/uapi/linux/limits.h). */
const MAX_PATH = 4096;
const MAX_NAME = 255;
const TOO_LONG = 'the tar file has a name that is too long';

interface Directory {
  readonly kind: 'directory';
  readonly children: Map<string, Node>;
}

type Node =
  | Directory
  | { readonly kind: 'file'; readonly content: Uint8Array }
  | { readonly kind: 'symlink'; readonly target: string };

const newDirectory = (): Directory => ({ kind: 'directory', children: new Map() });

/** What an entry's name says, from the top; a "/" before it means nothing, as to tar. */
const namesOf = (path: string, fail: TarFailure): readonly string[] => {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  if (names.includes('..'))
    throw fail(`the tar file has an entry that leads out of it: ${JSON.stringify(path.slice(0, MAX_NAME))}`);
  if (path.length > MAX_PATH || names.some((name) => name.length > MAX_NAME)) throw fail(TOO_LONG);
  return names;
};

const notOne = (name: string): string =>
  `the tar file has ${JSON.stringify(name)} as a directory and as something else`;

/** The files of an archive. Of entries with the same name the last one counts. */
const readNodes = (archive: Uint8Array, fail: TarFailure): Directory => {
  const root = newDirectory();
  let nodes = 0;
  const put = (parent: Directory, name: string, node: Node): void => {
    if (++nodes > MAX_NODES) throw fail(`the tar file has more than ${MAX_NODES} entries`);
    parent.children.set(name, node);
  };
  const directory = (names: readonly string[]): Directory =>
    names.reduce((parent, name) => {
      const there = parent.children.get(name);
      if (there?.kind === 'directory') return there;
      if (there !== undefined) throw fail(notOne(name));
      const made = newDirectory();
      put(parent, name, made);
      return made;
    }, root);

  for (const { name: path, kind, content, target } of readTar(archive, fail)) {
    if (kind === 'other') continue;
    const names = namesOf(path, fail);
    const name = names.at(-1);
    if (kind === 'directory' || name === undefined) {
      directory(names);
      continue;
    }
    const parent = directory(names.slice(0, -1));
    if (parent.children.get(name)?.kind === 'directory') throw fail(notOne(name));
    if (kind === 'file') put(parent, name, { kind, content });
    else if (kind === 'symlink') {
      if (target.length > MAX_PATH) throw fail(TOO_LONG);
      put(parent, name, { kind, target });
    } else {
      const linked = nodeAt(root, namesOf(target, fail));
      if (linked === undefined || linked.kind === 'directory')
        throw fail(`the tar file links ${JSON.stringify(name)} to what is not before it`);
      put(parent, name, linked);
    }
  }
  return root;
};

/** undefined when there is none. */
const nodeAt = (root: Directory, names: readonly string[]): Node | undefined =>
  names.reduce<Node | undefined>(
    (node, name) => (node?.kind === 'directory' ? node.children.get(name) : undefined),
    root,
  );

/** The directory that has proc/: the archive's top, or the only one in it that does. */
const recordingIn = (root: Directory): Directory => {
  const holdsProc = (node: Node | undefined): node is Directory =>
    node?.kind === 'directory' && node.children.has('proc');
  const candidates = [...root.children.values()].filter(holdsProc);
  return !holdsProc(root) && candidates.length === 1 ? candidates[0]! : root;
};

const treeOf = (root: Directory): RecordingTree => {
  const find = (components: readonly string[], { call, path }: Asked): Node | undefined => {
    let node: Node | undefined = root;
    for (const name of components) {
      if (node.kind !== 'directory') throw new SystemError(call, path, Errno.ENOTDIR);
      if (name.length > MAX_NAME) throw new SystemError(call, path, Errno.ENAMETOOLONG);
      node = node.children.get(name);
      if (node === undefined) return undefined;
    }
    return node;
  };
  const get = (components: readonly string[], asked: Asked): Node => {
    const node = find(components, asked);
    if (node === undefined) throw new SystemError(asked.call, asked.path, Errno.ENOENT);
    return node;
  };
  return {
    lstat: (components, asked) => {
      const node = find(components, asked);
      if (node === undefined) return undefined;
      const { kind } = node;
      return { kind, size: kind === 'file' ? node.content.length : kind === 'symlink' ? node.target.length : 0 };
    },
    readLink: (components, asked) => {
      const node = get(components, asked);
      if (node.kind !== 'symlink') throw new SystemError(asked.call, asked.path, Errno.EINVAL);
      return node.target;
    },
    readAt: (components, offset, length, asked) => {
      const node = get(components, asked);
      if (node.kind === 'directory') throw new SystemError('read', asked.path, Errno.EISDIR);
      if (node.kind === 'symlink') throw new SystemError(asked.call, asked.path, Errno.ELOOP);
      return node.content.slice(offset, offset + length);
    },
    list: (components, asked) => {
      const node = get(components, asked);
      if (node.kind !== 'directory') throw new SystemError(asked.call, asked.path, Errno.ENOTDIR);
      return [...node.children.keys()];
    },
  };
};

const gunzip = (bytes: Uint8Array, fail: TarFailure): Uint8Array => {
  try {
    return plainBytes(gunzipSync(bytes, { maxOutputLength: MAX_BYTES }));
  } catch (error) {
    if (!isNodeError(error)) throw error;
    throw fail(error.code === 'ERR_BUFFER_TOO_LARGE' ? TOO_LARGE : 'its gzip data is broken or cut off');
  }
};

const rootOf = (bytes: Uint8Array, fail: TarFailure): Directory =>
  readNodes(isGzipMagic(bytes) ? gunzip(bytes, fail) : bytes, fail);

/** The files of a recording in an archive's bytes. @throws what `fail` makes */
export const tarTree = (bytes: Uint8Array, fail: TarFailure): RecordingTree => treeOf(recordingIn(rootOf(bytes, fail)));

const readArchive = (realPath: string, fail: TarFailure, flags?: number): Uint8Array => {
  if (statHost(realPath).size > MAX_BYTES) throw fail(TOO_LARGE);
  return readHost(realPath, realPath, 0, MAX_BYTES, flags);
};

/**
 * A recording in a tar file, compressed by gzip or not; its files are at the top, or in one directory there. It is read
 * into memory: unpacked on disk, it would have to be guarded from those who change it, and cleared away.
 * @param fail makes what is thrown when it is none
 */
export const tarRecording = (path: string, fail: TarFailure): Recording => {
  const realPath = realpathSync(path);
  return {
    name: basename(realPath).replace(/(?:\.tar|\.tar\.gz|\.tgz)$/, '') || basename(realPath),
    realPath,
    tree: tarTree(readArchive(realPath, fail), fail),
  };
};

/** The files of a tar file that is a part of a recording, from the recording's top on. @throws what `fail` makes */
export const tarPart = (realPath: string, fail: TarFailure): RecordingTree =>
  treeOf(rootOf(readArchive(realPath, fail, GUARDED_READ), fail));
