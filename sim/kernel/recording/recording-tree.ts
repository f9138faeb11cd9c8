/** A recording as a tree of files, whatever keeps them; here, a directory of the host. */
import { readlinkSync, realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { attempt } from '../../../kexec/base/attempt.js';
import { Errno, SystemError } from '../../../kexec/base/error.js';
import type { FileStat } from '../../../kexec/base/system.js';
import { GUARDED_READ, listHost, lstatHost, readHost, systemCall } from './host-files.js';

/** The system call that a failure is told of, and the path that the caller gave. */
export interface Asked {
  readonly call: string;
  readonly path: string;
}

/**
 * Where the files of a recording are kept. `components` are the names on the way to a file from the recording's top;
 * none of them is ".." and none but the last may be a link. All methods throw SystemError.
 */
export interface RecordingTree {
  /** Of the file itself when it is a link; undefined when there is none. */
  lstat(components: readonly string[], asked: Asked): FileStat | undefined;
  /** What a link says. */
  readLink(components: readonly string[], asked: Asked): string;
  /** At most `length` bytes from `offset`. */
  readAt(components: readonly string[], offset: number, length: number, asked: Asked): Uint8Array;
  list(components: readonly string[], asked: Asked): readonly string[];
}

/** A recording, and what it is called. */
export interface Recording {
  /** The last part of its path, an archive's without its suffix. */
  readonly name: string;
  /** Its path on the host, links followed. */
  readonly realPath: string;
  readonly tree: RecordingTree;
}

/** A tree in which some files have other contents, by their paths from the recording's top. */
export const withChangedFiles = (tree: RecordingTree, files: ReadonlyMap<string, Uint8Array>): RecordingTree => {
  const changed = (components: readonly string[]): Uint8Array | undefined => files.get(components.join('/'));
  return {
    ...tree,
    lstat: (components, asked) => {
      const bytes = changed(components);
      return bytes === undefined ? tree.lstat(components, asked) : { kind: 'file', size: bytes.length };
    },
    readAt: (components, offset, length, asked) =>
      changed(components)?.subarray(offset, offset + length) ?? tree.readAt(components, offset, length, asked),
  };
};

/** A recording in a directory of the host. It must not change while it is read. */
export const directoryRecording = (directory: string): Recording => {
  const realPath = realpathSync(directory);
  const hostPath = (components: readonly string[]): string => `${realPath}/${components.join('/')}`;
  return {
    name: basename(realPath),
    realPath,
    tree: {
      lstat: (components, { call, path }) => {
        const stat = attempt(SystemError, () => lstatHost(hostPath(components)));
        if (!(stat instanceof SystemError)) return stat;
        if (stat.errno === Errno.ENOENT) return undefined;
        throw new SystemError(call, path, stat.errno);
      },
      readLink: (components, { call, path }) => systemCall(call, path, () => readlinkSync(hostPath(components))),
      readAt: (components, offset, length, { path }) =>
        readHost(hostPath(components), path, offset, length, GUARDED_READ),
      list: (components, { path }) => listHost(hostPath(components), path),
    },
  };
};
