/** Device trees for tests: small ones, recorded ones, and what is in them. */
import { DEFAULT_CONSOLE } from '../../../sim/kernel/facts/board-arm64.js';
import type { BoardDescription } from '../../../sim/machine/board-tree/description.js';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLog, type Log } from '../../../kexec/base/log.js';
import { FDT_BEGIN_NODE, FDT_END, FDT_END_NODE, FDT_PROP, Fdt, nextTag } from '../../../kexec/device-tree/libfdt.js';
import type { System } from '../../../kexec/base/system.js';
import { type MemoryFile, memorySystem } from './memory-system.js';
import { recordedFile, recordedFiles } from '../recorded.js';

export const MACHINES = ['virt-2g', 'virt-8g', 'virt-el2-4g'] as const;

/** What is in a file of test/data/fdt. */
export const fixture = (name: string): unknown => JSON.parse(readFileSync(join('test/data/fdt', name), 'utf8'));

const TREES = fixture('trees.json') as Readonly<Record<string, string>>;
export const SMALL_TREES = Object.keys(TREES);

/** A small tree of trees.json, or the device tree that a recorded machine was booted with. */
export const treeBytes = (name: string): Uint8Array => {
  const small = TREES[name];
  if (small !== undefined) return new Uint8Array(Buffer.from(small, 'base64'));
  return recordedFile(name, '/sys/firmware/fdt');
};

/** A tree of trees.json or of a machine, ready to be read. */
export const tree = (name: string): Fdt => new Fdt(treeBytes(name), name);

/** Every property of a tree by its path; "/node/" stands for the node itself. Written apart from libfdt-ro.ts. */
export const contents = (fdt: Fdt): Map<string, string> => {
  const all = new Map<string, string>();
  const stringAt = (position: number): string => {
    const end = fdt.bytes.indexOf(0, position);
    return Buffer.from(fdt.bytes.subarray(position, end)).toString('latin1');
  };
  const path: string[] = [];
  for (let offset = 0; ;) {
    const { tag, next } = nextTag(fdt, offset);
    const position = fdt.header('structOffset') + offset;
    if (tag === FDT_BEGIN_NODE) {
      path.push(`${stringAt(position + 4)}/`);
      all.set(path.join(''), '');
    } else if (tag === FDT_END_NODE) path.pop();
    else if (tag === FDT_PROP) {
      const name = stringAt(fdt.header('stringsOffset') + fdt.u32At(position + 8));
      all.set(path.join('') + name, Buffer.from(fdt.slice(position + 12, fdt.u32At(position + 4))).toString('hex'));
    } else if (tag === FDT_END) return all;
    offset = next;
  }
};

/** A system with these files in /proc/device-tree/. */
export const deviceTreeSystem = (files: Readonly<Record<string, MemoryFile>>): System => {
  const under = Object.entries(files).map(([name, file]) => [`/proc/device-tree/${name}`, file] as const);
  const system = memorySystem(Object.fromEntries(under));
  // As the kernel does, which takes several slashes for one.
  const plain = (path: string): string => path.replace(/\/+/g, '/');
  return {
    ...system,
    readFile: (path) => system.readFile(plain(path)),
    list: (path) => [...new Set(system.list(plain(path).replace(/\/$/, '')))],
  };
};

/** The files in a recorded machine's /proc/device-tree. */
export const recordedDeviceTree = (machine: string): Record<string, Uint8Array> => {
  const base = 'sys/firmware/devicetree/base/';
  const files = [...recordedFiles(machine)].filter(([path]) => path.startsWith(base));
  return Object.fromEntries(files.map(([path, bytes]) => [path.slice(base.length), bytes]));
};

export interface KeptLog {
  readonly log: Log;
  readonly out: () => string;
  readonly err: () => string;
}

/** A log that keeps both streams. */
export const keptLog = (debug = true): KeptLog => {
  let out = '';
  let err = '';
  const log = createLog(
    debug,
    (text) => {
      out += text;
    },
    (text) => {
      err += text;
    },
  );
  return { log, out: () => out, err: () => err };
};

/** The least device tree there is: a root without properties. */
export const emptyTree = (): Uint8Array => {
  const words = [0xd00dfeed, 72, 56, 72, 40, 17, 16, 0, 0, 16, 0, 0, 0, 0, 1, 0, 2, 9];
  const bytes = new Uint8Array(72);
  words.forEach((word, i) => new DataView(bytes.buffer).setUint32(4 * i, word));
  return bytes;
};

/** A board of which no tree tells more than a UART. */
export const PLAIN_BOARD: BoardDescription = {
  compatible: [],
  memory: [],
  processors: [],
  conduit: undefined,
  hasCpuOff: false,
  gates: [],
  timer: undefined,
  gic: undefined,
  devices: [DEFAULT_CONSOLE],
  console: undefined,
};
