/** What of a crashed machine's memory its dump's headers and notes are made of, kept in a file of test/data. */
import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { KexecError } from '../../../kexec/base/error.js';
import { Range } from '../../../kexec/base/range.js';
import { alignDown } from '../../../kexec/base/u64.js';
import { PT_NOTE } from '../../../kexec/elf/elf.js';
import { findCrashTree } from '../../../sim/kernel/vmcore/crash-tree.js';
import { readCoreHeaders } from '../../../sim/kernel/vmcore/elfcorehdr.js';
import type { OldMemory } from '../../../sim/kernel/vmcore/old-memory.js';
import { PageMemory } from '../../support/machine/crashed-memory.js';

const PAGE = 4096n;
/** More than any tree that kexec makes of QEMU's has. */
const TREE_BYTES = 0x8000n;
const BANNER = /Linux version \d/;
const BANNER_BYTES = 160n;

interface Kept {
  readonly ram: readonly [start: string, size: string];
  /** By their addresses, in Base64. */
  readonly pages: Readonly<Record<string, string>>;
  /** /proc/vmcore of the real capture kernel up to the end of the notes' pages, in Base64. */
  readonly head: string;
  /** Bytes of all of it. */
  readonly size: string;
}

const refuse = (why: string): KexecError => KexecError.die(why);

/** The ranges that the head of a dump depends on. */
const neededOf = (memory: OldMemory): readonly Range[] => {
  const tree = findCrashTree(memory, undefined, refuse);
  if (tree === undefined) throw new Error('no crash kernel');
  const { programHeaders } = readCoreHeaders(memory, tree.header.start, refuse);
  const notes = programHeaders.filter(({ type }) => type === PT_NOTE);
  return [
    Range.sized(tree.physAddr, TREE_BYTES),
    Range.sized(tree.header.start, tree.header.sizeBytes ?? PAGE),
    ...notes.map(({ offset, memsz }) => Range.sized(offset, memsz)),
    ...bannersOf(memory, tree.usable),
  ];
};

const bannersOf = (memory: OldMemory, usable: readonly Range[]): readonly Range[] => {
  for (const range of usable) {
    for (const { physAddr, bytes } of memory.filled(range)) {
      const at = Buffer.from(bytes).toString('latin1').search(BANNER);
      // The Image's header is at the start of what may be used.
      if (at >= 0) return [Range.sized(range.start, PAGE), Range.sized(physAddr + BigInt(at), BANNER_BYTES)];
    }
  }
  return [];
};

/** @param head of the real /proc/vmcore @param size bytes of all of it */
export const keepMemory = (file: string, memory: OldMemory, head: Uint8Array, size: bigint): void => {
  const pages = new Map<bigint, string>();
  for (const { start, end } of neededOf(memory)) {
    for (let at = alignDown(start, PAGE); at < end; at += PAGE) {
      pages.set(at, Buffer.from(memory.read(at, Number(PAGE))).toString('base64'));
    }
  }
  const [{ start, size: ramSize }] = memory.ranges as readonly [Range];
  const kept: Kept = {
    ram: [String(start), String(ramSize)],
    pages: Object.fromEntries([...pages].map(([address, page]) => [String(address), page])),
    head: Buffer.from(head).toString('base64'),
    size: String(size),
  };
  writeFileSync(file, gzipSync(JSON.stringify(kept), { level: 9 }));
};

export interface RecordedMemory {
  readonly memory: PageMemory;
  readonly head: Uint8Array;
  readonly size: bigint;
}

export const recordedMemory = (file: string): RecordedMemory => {
  const { ram, pages, head, size } = JSON.parse(gunzipSync(readFileSync(file)).toString()) as Kept;
  const memory = new PageMemory([Range.sized(BigInt(ram[0]), BigInt(ram[1]))]);
  for (const [address, page] of Object.entries(pages)) memory.write(BigInt(address), Buffer.from(page, 'base64'));
  return { memory, head: Buffer.from(head, 'base64'), size: BigInt(size) };
};
