/** Makes a flattened device tree of the directories and files in /proc/device-tree (kexec/fs2dt.c). */
import { attempt } from '../base/attempt.js';
import { KexecError, SystemError, strerror } from '../base/error.js';
import { cells64, stringValue } from './fdt-values.js';
import { TreeWriter } from './fs2dt-blocks.js';
import type { Log } from '../base/log.js';
import type { Range } from '../base/range.js';
import { cString, latin1 } from '../base/scan.js';
import type { FileStat, System } from '../base/system.js';
import { U64_MAX, u64 } from '../base/u64.js';

const ROOT = '/proc/device-tree/';
/** Bytes of a path with its NUL (MAXPATH). It also bounds how deep the tree can be. */
const MAX_PATH = 1024;

/** Properties that are not copied, because each load or each boot makes them anew. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'linux,pci-domain',
  'linux,htab-base',
  'linux,htab-size',
  'linux,kernel-end',
  'bootargs',
]);
const OF_CRASHKERNEL: ReadonlySet<string> = new Set(['linux,crashkernel-base', 'linux,crashkernel-size']);
const OF_INITRD: ReadonlySet<string> = new Set(['linux,initrd-start', 'linux,initrd-end']);

export interface FlattenOptions {
  readonly system: System;
  readonly log: Log;
  /** The new kernel's command line, one byte per character. */
  readonly commandLine?: string;
  /** Bytes of a command line with its NUL: the architecture's COMMAND_LINE_SIZE. */
  readonly commandLineSize: number;
  /** Where a crash kernel may live; each node of memory is told its part. */
  readonly usableMemory: readonly Range[];
  /** Keeps the running kernel's initrd (`reuse_initrd`). */
  readonly reuseInitrd?: boolean;
}

const die = (message: string, subject: string): KexecError => KexecError.die(message, { subject });

/** Runs what a System does; a failure of it ends the command with "unrecoverable error: could not <what> ...". */
const orDie = <T>(what: string, path: string, call: () => T): T => {
  const result = attempt(SystemError, call);
  if (!(result instanceof SystemError)) return result;
  const { errno } = result;
  throw KexecError.die(`unrecoverable error: could not ${what} "${path}": ${strerror(errno)}`, {
    subject: path,
    errno,
  });
};

/** A big-endian number at the start of a value; to the original zeros follow what is shorter. */
const numberIn = (value: Uint8Array, size: 4 | 8): bigint => {
  const padded = new Uint8Array(8);
  padded.set(value.subarray(0, size), 8 - size);
  return new DataView(padded.buffer).getBigUint64(0);
};

/**
 * The order of names in a directory: as strcmp() has it, except that of two names that differ behind the "@" the
 * shorter one comes first, so that memory@f000000 is before memory@10000000 (comparefunc()).
 */
export const compareNames = (a: string, b: string): number => {
  const baseLength = a.indexOf('@');
  if (baseLength >= 0 && b.indexOf('@') === baseLength && a.length !== b.length) {
    if (a.slice(0, baseLength) === b.slice(0, baseLength)) return a.length - b.length;
  }
  return a < b ? -1 : Number(a > b);
};

/**
 * The parts of the usable memory in a node of memory, as pairs of address and size (add_ranges()).
 *
 * QUIRK-29: behind the first range that is in the node, all ranges are listed; and since the original's ranges have
 * inclusive ends, each is one byte too short.
 * @param end exclusive
 */
const usableParts = (usableMemory: readonly Range[], base: bigint, end: bigint): bigint[] => {
  const parts: bigint[] = [];
  for (const range of usableMemory) {
    let { start, last } = range;
    const inside = start >= base && last <= end;
    const overlapping = base < last && end > start;
    if (!inside && overlapping) {
      if (start < base) start = base;
      if (last > end) last = end;
    }
    if (inside || overlapping || parts.length > 0) parts.push(start, u64(last - start));
  }
  return parts;
};

/** Pairs of properties that tell of memory to be kept, as they come by (checkprop()). */
class ReservedByProperties {
  #base = 0n;
  #size = 0n;
  #end = 0n;

  constructor(
    private readonly tree: TreeWriter,
    private readonly reuseInitrd: boolean,
  ) {}

  /** @throws KexecError */
  check(name: string, value: Uint8Array): void {
    switch (name) {
      case 'linux,rtas-base':
        this.#base = numberIn(value, 4);
        break;
      case 'opal-base-address':
      case 'linux,tce-base':
        this.#base = numberIn(value, 8);
        break;
      case 'opal-runtime-size':
        this.#size = numberIn(value, 8);
        break;
      case 'rtas-size':
      case 'linux,tce-size':
        this.#size = numberIn(value, 4);
        break;
      case 'linux,initrd-start':
        if (this.reuseInitrd) this.#base = numberIn(value, value.length === 8 ? 8 : 4);
        break;
      case 'linux,initrd-end':
        if (this.reuseInitrd) this.#end = numberIn(value, value.length === 8 ? 8 : 4);
        break;
    }
    if (this.#size !== 0n && this.#end !== 0n) {
      throw die('unrecoverable error: size and end set at same time', name);
    }
    if (this.#base === 0n) return;
    if (this.#size !== 0n) {
      this.tree.reserve(this.#base, this.#size);
      this.#base = this.#size = 0n;
    } else if (this.#end !== 0n) {
      this.tree.reserve(this.#base, u64(this.#end - this.#base));
      this.#base = this.#end = 0n;
    }
  }

  /** At the end of a node's properties. @throws KexecError when one of a pair is missing */
  finishNode(directory: string): void {
    if (this.#base === 0n && this.#size === 0n && this.#end === 0n) return;
    const message = 'unrecoverable error: no property data';
    throw KexecError.die(message, { subject: directory, text: message });
  }
}

/** One walk over the directories; what the original keeps in static variables is kept here. */
class Flattener {
  readonly #tree = new TreeWriter();
  readonly #reserved: ReservedByProperties;
  readonly #options: FlattenOptions;
  #commandLine = '';
  /** Whether the new command line reserves memory for a crash kernel. */
  #hasCrashkernel = false;

  constructor(options: FlattenOptions) {
    this.#options = options;
    this.#reserved = new ReservedByProperties(this.#tree, options.reuseInitrd === true);
    this.#appendToCommandLine(options.commandLine ?? '');
  }

  flatten(): Uint8Array {
    this.#putNode('', ROOT);
    return this.#tree.finish();
  }

  #path(...parts: readonly string[]): string {
    const path = parts.join('');
    if (path.length >= MAX_PATH) throw die(`kexec: path in the device tree is too long: ${path}`, ROOT);
    return path;
  }

  #appendToCommandLine(text: string): void {
    this.#commandLine += text;
    const { commandLineSize } = this.#options;
    if (this.#commandLine.length >= commandLineSize) {
      throw die(`kexec: command line for the device tree exceeds ${commandLineSize - 1} bytes`, 'command line');
    }
  }

  #stat(path: string): FileStat {
    return orDie('stat', path, () => this.#options.system.lstat(path));
  }

  /**
   * A directory: first its properties, then its directories (putnode()).
   * @param directory path with a slash at the end
   */
  #putNode(name: string, directory: string): void {
    const { system } = this.#options;
    const scanned = name === '' ? directory : directory.slice(0, -1);
    const names = [...orDie('scan', scanned, () => system.list(scanned))].sort(compareNames);

    this.#tree.beginNode(name);
    for (const entry of names) this.#putProperty(name, directory, entry);
    this.#reserved.finishNode(directory);
    // QUIRK-30: any node of this name gets a command line, not only the root's (putnode()).
    if (name === 'chosen') this.#putCommandLine(directory);

    for (const entry of names) {
      const path = this.#path(directory, entry);
      if (this.#stat(path).kind === 'directory') this.#putNode(entry, this.#path(path, '/'));
    }
    this.#tree.endNode();
  }

  /** A file (an iteration of putprops()). */
  #putProperty(nodeName: string, directory: string, name: string): void {
    // The kernel gives each directory such a file, which is no property of the tree.
    if (name === 'name') return;
    const path = this.#path(directory, name);
    const { kind, size } = this.#stat(path);
    if (LEFT_OUT.has(name)) return;
    if (OF_CRASHKERNEL.has(name) && !this.#hasCrashkernel) return;
    if (OF_INITRD.has(name) && this.#options.reuseInitrd !== true) return;
    if (kind !== 'file') return;

    const value = this.#readProperty(path, size);
    this.#tree.property(name, value);
    this.#reserved.check(name, value);
    if (name === 'reg' && this.#options.usableMemory.length > 0 && /^memory(@|$)/.test(nodeName)) {
      this.#putUsableMemory(path, value);
    }
  }

  #readProperty(path: string, size: number): Uint8Array {
    const { system, log } = this.#options;
    if (size === 0) return orDie('open', path, () => system.readAt(path, 0, 0));
    const value = attempt(SystemError, () => system.readAt(path, 0, size));
    if (value instanceof SystemError) {
      const reason = strerror(value.errno);
      log.err(value.call === 'open' ? `Cannot open ${path}: ${reason}\n` : `Read on ${path} failed: ${reason}\n`);
    } else if (value.length === size) {
      return value;
    }
    throw die(`unrecoverable error: short read from"${path}"`, path);
  }

  /**
   * Tells a node of memory what of it may be used (add_usable_mem_property()).
   *
   * QUIRK-31: only the first address and size are looked at, and both must have 64 bits.
   */
  #putUsableMemory(path: string, reg: Uint8Array): void {
    if (reg.length < 16) throw die('unrecoverable error: not enough data for mem property', path);
    const base = numberIn(reg, 8);
    const size = numberIn(reg.subarray(8), 8);
    if (U64_MAX - base < size) throw die('unrecoverable error: mem property overflow', path);
    const parts = usableParts(this.#options.usableMemory, base, base + size);
    // Without a part the node must be told so, or all of it would be used.
    this.#tree.property('linux,usable-memory', cells64(...(parts.length > 0 ? parts : [0n, 0n])));
  }

  /**
   * The command line of the new kernel, with the root= of the running one if it has none.
   *
   * QUIRK-32: a space is added to it each time.
   */
  #putCommandLine(directory: string): void {
    if (this.#commandLine.includes('crashkernel=')) this.#hasCrashkernel = true;
    if (!this.#commandLine.includes('root=')) this.#copyOldRoot(directory);
    this.#appendToCommandLine(' ');
    this.#tree.property('bootargs', stringValue(this.#commandLine));
    this.#options.log.err(`Modified cmdline:${this.#commandLine}\n`);
    this.#findStdout(directory);
  }

  /**
   * Takes over the running kernel's root= (dt_copy_old_root_param()).
   *
   * QUIRK-33: "root=" is found at the end of a longer name as well, as in "nfsroot=".
   */
  #copyOldRoot(directory: string): void {
    const path = this.#path(directory, 'bootargs');
    const bytes = this.#tryRead(path);
    if (bytes === undefined) return;
    if (bytes.length === 0) throw die(`unable to read ${path}`, path);
    const newline = bytes.indexOf('\n'.charCodeAt(0));
    const line = cString(latin1(newline < 0 ? bytes : bytes.subarray(0, newline + 1)));
    const [parameter] = /root=[^ ]*/.exec(line) ?? [];
    if (parameter === undefined) return;
    this.#appendToCommandLine(this.#commandLine === '' ? parameter : ` ${parameter}`);
  }

  /** The whole file, nothing of one that cannot be read, or undefined when it cannot be opened. */
  #tryRead(path: string): Uint8Array | undefined {
    const bytes = attempt(SystemError, () => this.#options.system.readFile(path));
    if (!(bytes instanceof SystemError)) return bytes;
    return bytes.call === 'open' ? undefined : new Uint8Array();
  }

  /** Looks for a console of which only the purgatory of another architecture makes use; here it is but messages. */
  #findStdout(directory: string): void {
    const { log } = this.#options;
    let path = this.#path(directory, 'stdout-path');
    let value = this.#tryRead(path);
    if (value === undefined) {
      path = this.#path(directory, 'linux,stdout-path');
      value = this.#tryRead(path);
    }
    if (value === undefined) {
      log.out(`Unable to find ${directory}[linux,]stdout-path, printing from purgatory is disabled\n`);
    } else if (value.length === 0) {
      log.out(`Unable to read ${path}, printing from purgatory is disabled\n`);
    } else {
      const compatible = `${ROOT}${cString(latin1(value))}/compatible`.slice(0, MAX_PATH - 1);
      if (this.#tryRead(compatible) === undefined) {
        log.out(`Unable to find ${compatible} printing from purgatory is disabled\n`);
      }
    }
  }
}

/**
 * The device tree of the running machine, flattened (create_flatten_tree()).
 * @throws KexecError
 */
export const createFlattenTree = (options: FlattenOptions): Uint8Array => new Flattener(options).flatten();
