/** The files of a recorded machine, in a directory or a tar file, with links followed as the machine would. */
import { gunzipSync } from 'node:zlib';
import { statSync } from 'node:fs';
import { attempt } from '../../../kexec/base/attempt.js';
import { Errno, KexecError, SystemError, strerror } from '../../../kexec/base/error.js';
import type { FileStat } from '../../../kexec/base/system.js';
import { withDeviceTreePart } from './devicetree-part.js';
import { errnoOf, isNodeError } from './host-files.js';
import type { RecordedFiles } from '../facts/recorded-files.js';
import {
  type Asked,
  type Recording,
  type RecordingTree,
  withChangedFiles,
  directoryRecording,
} from './recording-tree.js';
import { tarRecording } from './tar-recording.js';

/** As many links in one path as Linux follows (MAXSYMLINKS, include/linux/namei.h). */
export const MAX_LINKS = 40;

/**
 * What a recording may leave out, because Linux makes it a link to what is recorded (fs/proc/..., drivers/of/base.c).
 */
const DEVICE_TREE_LINK = {
  name: 'device-tree',
  path: '/proc/device-tree',
  target: '/sys/firmware/devicetree/base',
} as const;

/** The names at the top of a recording that are the machine's; the others are notes about it. */
const TOP_NAMES: readonly string[] = ['proc', 'sys'];

/** The text that is read; undefined when it cannot be. Bytes that are not UTF-8 become U+FFFD. */
const textOf = (read: () => Uint8Array): string | undefined => {
  const bytes = attempt(SystemError, read);
  return bytes instanceof SystemError ? undefined : new TextDecoder().decode(bytes);
};

const componentsOf = (path: string): string[] => path.split('/').filter((name) => name !== '' && name !== '.');

/** A .config is far smaller, packed or not. */
export const MAX_CONFIG = 4 << 20;

/** Bytes that are read of a recorded file at once: /proc/kallsyms of a large kernel has some 20 MB. */
export const MAX_RECORDED_BYTES = 32 << 20;
/** The same of those that are far smaller on any machine, and whose lines are compared with each other. */
export const MAX_BYTES_OF: Readonly<Record<string, number>> = { '/proc/iomem': 1 << 20, '/proc/cmdline': 1 << 16 };

/**
 * The files of a recorded machine, by their paths on the machine: `/proc/...` and `/sys/...`.
 *
 * Symbolic links are followed as the machine would: an absolute target starts at the machine's root, and no link nor
 * ".." leads out of the recording, whose content need not be trusted. The recording must not change while it is read.
 */
export class MachineFiles implements RecordedFiles {
  /** Targets of known links, and undefined for known directories; by path, without its first "/". */
  readonly #known = new Map<string, string | undefined>();

  readonly #tree: RecordingTree;
  /** What was found, which may be none: many ask, and it is packed. */
  #config: { readonly text: string | undefined } | undefined;
  /** What people call the machine. */
  readonly name: string;
  /** The recording on the host, links followed. */
  readonly path: string;

  private constructor({ name, realPath, tree }: Recording) {
    this.name = name;
    this.path = realPath;
    this.#tree = tree;
  }

  /**
   * @param path a directory with proc/ and sys/ (of which devicetree.tar may be a part), or a tar file of one,
   * compressed by gzip or not
   * @throws KexecError when it is no recorded machine
   */
  static open(path: string): MachineFiles {
    const notAMachine = (reason: string, errno?: number): KexecError =>
      KexecError.die(`${path}: not a recorded machine: ${reason}`, {
        subject: path,
        ...(errno === undefined ? {} : { errno: -errno }),
      });
    const recording = (): Recording => {
      try {
        const stats = statSync(path);
        if (stats.isDirectory()) return withDeviceTreePart(directoryRecording(path), notAMachine);
        if (stats.isFile()) return tarRecording(path, notAMachine);
      } catch (error) {
        if (!(error instanceof SystemError) && !isNodeError(error)) throw error;
        const errno = error instanceof SystemError ? error.errno : errnoOf(error);
        throw notAMachine(strerror(errno), errno);
      }
      throw notAMachine('neither a directory nor a file');
    };
    const files = new MachineFiles(recording());
    if (files.kind('/proc') !== 'directory') throw notAMachine('it has no directory proc');
    return files;
  }

  /** The machine with other contents in some files, by their paths on it. */
  changed(files: ReadonlyMap<string, Uint8Array>): MachineFiles {
    if (files.size === 0) return this;
    const inTree = new Map([...files].map(([path, bytes]) => [componentsOf(path).join('/'), bytes]));
    return new MachineFiles({ name: this.name, realPath: this.path, tree: withChangedFiles(this.#tree, inTree) });
  }

  /** @throws SystemError @throws KexecError when it is too large */
  readFile(path: string): Uint8Array {
    return this.readAt(path, 0, Number.MAX_SAFE_INTEGER);
  }

  /** At most `length` bytes from `offset`. @throws SystemError */
  readAt(path: string, offset: number, length: number): Uint8Array {
    const asked = { call: 'open', path };
    return this.#readAt(this.#resolve(asked, true), offset, length, asked);
  }

  /** A text file; undefined when it cannot be read. Bytes that are not UTF-8 become U+FFFD. */
  readText(path: string): string | undefined {
    return textOf(() => this.readFile(path));
  }

  /** A note about the machine: a text file beside proc/ and sys/, such as "uname"; undefined when there is none. */
  note(name: string): string | undefined {
    const asked = { call: 'open', path: name };
    return textOf(() => this.#readAt([name], 0, Number.MAX_SAFE_INTEGER, asked));
  }

  /** The kernel's configuration: what it shows itself, or a note; undefined without either. */
  kernelConfig(): string | undefined {
    this.#config ??= { text: this.#readConfig() };
    return this.#config.text;
  }

  #readConfig(): string | undefined {
    if (this.kind('/proc/config.gz') === 'file') {
      try {
        const bytes = this.readAt('/proc/config.gz', 0, MAX_CONFIG);
        return new TextDecoder().decode(gunzipSync(bytes, { maxOutputLength: MAX_CONFIG }));
      } catch {
        // A file that is not packed as a kernel packs it tells nothing.
      }
    }
    return this.note('config');
  }

  /** The kind of the file behind all links; undefined when there is none. */
  kind(path: string): FileStat['kind'] | undefined {
    const stat = attempt(SystemError, () => this.stat(path));
    return stat instanceof SystemError ? undefined : stat.kind;
  }

  /** @throws SystemError */
  stat(path: string): FileStat {
    const asked = { call: 'stat', path };
    return this.#lstat(this.#resolve(asked, true), asked);
  }

  /** Does not follow the last link, unless a slash is behind it. @throws SystemError */
  lstat(path: string): FileStat {
    const asked = { call: 'lstat', path };
    const components = this.#resolve(asked, path.endsWith('/'));
    if (this.#standsInForDeviceTree(components)) {
      return { kind: 'symlink', size: DEVICE_TREE_LINK.target.length };
    }
    return this.#lstat(components, asked);
  }

  /** @throws SystemError */
  list(path: string): readonly string[] {
    const asked = { call: 'readdir', path };
    const components = this.#resolve(asked, true);
    const names = this.#tree.list(components, asked);
    return this.#standsInForDeviceTree([...components, DEVICE_TREE_LINK.name])
      ? [...names, DEVICE_TREE_LINK.name]
      : names;
  }

  /** @throws SystemError @throws KexecError for more bytes than there are in such a file of any machine */
  #readAt(components: readonly string[], offset: number, length: number, asked: Asked): Uint8Array {
    const name = `/${components.join('/')}`;
    const wanted = Math.min(length, (this.#tree.lstat(components, asked)?.size ?? 0) - offset);
    const most = MAX_BYTES_OF[name] ?? MAX_RECORDED_BYTES;
    if (wanted <= most) return this.#tree.readAt(components, offset, length, asked);
    const file = `${this.path}${name}`;
    throw KexecError.die(`${file}: too large: ${wanted} bytes, where at most ${most} are read`, { subject: file });
  }

  #lstat(components: readonly string[], asked: Asked): FileStat {
    const stat = this.#tree.lstat(components, asked);
    if (stat === undefined) throw new SystemError(asked.call, asked.path, Errno.ENOENT);
    return stat;
  }

  /** Whether this is the way to /proc/device-tree, which is not there and is to be made up. */
  #standsInForDeviceTree(components: readonly string[]): boolean {
    const { path, target } = DEVICE_TREE_LINK;
    return (
      `/${components.join('/')}` === path &&
      this.#tree.lstat(components, { call: 'lstat', path }) === undefined &&
      this.kind(target) === 'directory'
    );
  }

  /** The way to a file of the machine: no link is on it, save the last name when that is not followed. */
  #resolve(asked: Asked, followLast: boolean): readonly string[] {
    const { call, path } = asked;
    const done: string[] = [];
    const pending = componentsOf(path).reverse();
    let links = 0;
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (name === '..') {
        done.pop();
        continue;
      }
      if (done.length === 0 && !TOP_NAMES.includes(name)) throw new SystemError(call, path, Errno.ENOENT);
      done.push(name);
      if (pending.length === 0 && !followLast) break;
      const target = this.#linkTarget(done, asked);
      if (target === undefined) continue;
      if (++links > MAX_LINKS) throw new SystemError(call, path, Errno.ELOOP);
      if (target.startsWith('/')) done.length = 0;
      else done.pop();
      pending.push(...componentsOf(target).reverse());
    }
    return done;
  }

  /** What the link at `components` says; undefined when something else is there. */
  #linkTarget(components: readonly string[], asked: Asked): string | undefined {
    const key = components.join('/');
    if (this.#known.has(key)) return this.#known.get(key);
    const stat = this.#tree.lstat(components, asked);
    const target =
      stat === undefined
        ? this.#missingLink(asked, `/${key}`)
        : stat.kind === 'symlink'
          ? this.#tree.readLink(components, asked)
          : undefined;
    if (target !== undefined || stat?.kind === 'directory') this.#known.set(key, target);
    return target;
  }

  /** What stands for a file that the recording lacks. */
  #missingLink({ call, path }: Asked, missing: string): string {
    if (missing === DEVICE_TREE_LINK.path && this.kind(DEVICE_TREE_LINK.target) === 'directory') {
      return DEVICE_TREE_LINK.target;
    }
    throw new SystemError(call, path, Errno.ENOENT);
  }
}
