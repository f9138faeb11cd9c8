import { lstatSync, readlinkSync, statSync } from 'node:fs';
import { Errno, KexecError, SystemError, strerror } from '../../kexec/error.js';
import type { FileStat } from '../../kexec/system.js';
import { GUARDED_READ, errnoOf, isNodeError, listHost, lstatHost, readHost, statHost, systemCall } from './host-files.js';

/** As many links in one path as Linux follows (MAXSYMLINKS, include/linux/namei.h). */
const MAX_LINKS = 40;

/** What a recording may leave out, because Linux makes it a link to what is recorded (fs/proc/..., drivers/of/base.c). */
const DEVICE_TREE_LINK = { name: 'device-tree', path: '/proc/device-tree', target: '/sys/firmware/devicetree/base' } as const;

/** The names at the top of a recording that are the machine's; the others are notes about it. */
const TOP_NAMES: readonly string[] = ['proc', 'sys'];

const componentsOf = (path: string): string[] => path.split('/').filter((name) => name !== '' && name !== '.');

/**
 * The files of a recorded machine, by their paths on the machine: `/proc/...` and `/sys/...`.
 *
 * Symbolic links are followed as the machine would: an absolute target starts at the machine's root, and no link nor
 * ".." leads out of the recording, whose content need not be trusted. The recording must not change while it is read.
 */
export class MachineFiles {
  /** Targets of known links, and undefined for known directories; by path, without its first "/". */
  readonly #known = new Map<string, string | undefined>();

  private constructor(
    /** The recording's directory on the host. */
    readonly directory: string,
  ) {}

  /** @throws KexecError when `directory` is no recorded machine */
  static open(directory: string): MachineFiles {
    const notAMachine = (reason: string, errno?: number): KexecError =>
      KexecError.die(`${directory}: not a recorded machine: ${reason}`, {
        subject: directory,
        ...(errno === undefined ? {} : { errno: -errno }),
      });
    try {
      if (!statSync(directory).isDirectory()) throw notAMachine(strerror(Errno.ENOTDIR), Errno.ENOTDIR);
    } catch (error) {
      if (!isNodeError(error)) throw error;
      throw notAMachine(strerror(errnoOf(error)), errnoOf(error));
    }
    const files = new MachineFiles(directory);
    if (files.kind('/proc') !== 'directory') throw notAMachine('it has no directory proc');
    return files;
  }

  /** @throws SystemError */
  readFile(path: string): Uint8Array {
    return this.readAt(path, 0, Number.MAX_SAFE_INTEGER);
  }

  /** At most `length` bytes from `offset`. @throws SystemError */
  readAt(path: string, offset: number, length: number): Uint8Array {
    return readHost(this.#resolve('open', path, true), path, offset, length, GUARDED_READ);
  }

  /** A text file; undefined when it cannot be read. Bytes that are not UTF-8 become U+FFFD. */
  readText(path: string): string | undefined {
    try {
      return new TextDecoder().decode(this.readFile(path));
    } catch (error) {
      if (error instanceof SystemError) return undefined;
      throw error;
    }
  }

  /** A note about the machine: a text file beside proc/ and sys/, such as "uname"; undefined when there is none. */
  note(name: string): string | undefined {
    const hostPath = this.#host([name]);
    try {
      return new TextDecoder().decode(readHost(hostPath, hostPath, 0, undefined, GUARDED_READ));
    } catch (error) {
      if (error instanceof SystemError) return undefined;
      throw error;
    }
  }

  /** The kind of the file behind all links; undefined when there is none. */
  kind(path: string): FileStat['kind'] | undefined {
    try {
      return this.stat(path).kind;
    } catch (error) {
      if (error instanceof SystemError) return undefined;
      throw error;
    }
  }

  /** @throws SystemError */
  stat(path: string): FileStat {
    return statHost(this.#resolve('stat', path, true), path);
  }

  /** Does not follow the last link, unless a slash is behind it. @throws SystemError */
  lstat(path: string): FileStat {
    const hostPath = this.#resolve('lstat', path, path.endsWith('/'));
    if (this.#standsInForDeviceTree(hostPath)) {
      return { kind: 'symlink', size: DEVICE_TREE_LINK.target.length };
    }
    return lstatHost(hostPath, path);
  }

  /** @throws SystemError */
  list(path: string): readonly string[] {
    const hostPath = this.#resolve('readdir', path, true);
    const names = listHost(hostPath, path);
    return this.#standsInForDeviceTree(`${hostPath}/${DEVICE_TREE_LINK.name}`) ? [...names, DEVICE_TREE_LINK.name] : names;
  }

  #host(components: readonly string[]): string {
    return `${this.directory}/${components.join('/')}`;
  }

  /** Whether `hostPath` is that of /proc/device-tree, which is not there and is to be made up. */
  #standsInForDeviceTree(hostPath: string): boolean {
    return (
      hostPath === this.#host(componentsOf(DEVICE_TREE_LINK.path)) &&
      lstatSync(hostPath, { throwIfNoEntry: false }) === undefined &&
      this.kind(DEVICE_TREE_LINK.target) === 'directory'
    );
  }

  /** Where a path of the machine is on the host: a path without links, save the last name when that is not followed. */
  #resolve(call: string, path: string, followLast: boolean): string {
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
      const target = this.#linkTarget(call, path, done);
      if (target === undefined) continue;
      if (++links > MAX_LINKS) throw new SystemError(call, path, Errno.ELOOP);
      if (target.startsWith('/')) done.length = 0;
      else done.pop();
      pending.push(...componentsOf(target).reverse());
    }
    return this.#host(done);
  }

  /** What the link at `components` says; undefined when something else is there. */
  #linkTarget(call: string, path: string, components: readonly string[]): string | undefined {
    const key = components.join('/');
    if (this.#known.has(key)) return this.#known.get(key);
    const hostPath = this.#host(components);
    const stats = systemCall(call, path, () => lstatSync(hostPath, { throwIfNoEntry: false }));
    const target =
      stats === undefined
        ? this.#missingLink(call, path, `/${key}`)
        : stats.isSymbolicLink()
          ? systemCall(call, path, () => readlinkSync(hostPath))
          : undefined;
    if (target !== undefined || stats?.isDirectory() === true) this.#known.set(key, target);
    return target;
  }

  /** What stands for a file that the recording lacks. */
  #missingLink(call: string, path: string, missing: string): string {
    if (missing === DEVICE_TREE_LINK.path && this.kind(DEVICE_TREE_LINK.target) === 'directory') {
      return DEVICE_TREE_LINK.target;
    }
    throw new SystemError(call, path, Errno.ENOENT);
  }
}
