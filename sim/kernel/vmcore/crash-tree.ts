/** The device tree that kexec gives a capture kernel, and where that leads it for the header of the dump. */
import { attempt } from '../../../kexec/base/attempt.js';
import { hex } from '../../../kexec/base/format.js';
import type { Range } from '../../../kexec/base/range.js';
import { FDT_MAGIC, HEADER_SIZE } from '../../../kexec/device-tree/libfdt.js';
import { hasElfMagic } from '../../../kexec/elf/elf.js';
import { chosenRanges, chosenValue } from '../../machine/board-tree/addresses.js';
import { cellsOf, stringsOf, treeOfBlob } from '../../machine/board-tree/tree.js';
import { MachineError } from '../../machine/error.js';
import { findKernel } from './capture-kernel.js';
import { type HeaderPlace, headerPlace } from './header-place.js';
import type { OldMemory, Refuse } from './old-memory.js';

export interface CrashTree {
  /** Where the tree is. */
  readonly physAddr: bigint;
  readonly header: HeaderPlace;
  /** `linux,usable-memory-range`: what the capture kernel may use. */
  readonly usable: readonly Range[];
}

/** A kernel takes no larger tree (MAX_FDT_SIZE, arch/arm64/include/asm/boot.h). */
const MAX_TREE = 2 << 20;
/** Trees are aligned so (Linux: Documentation/arch/arm64/booting.rst). */
const ALIGNMENT = 8;
/** Of what looks like a tree, so many are looked at. */
export const MOST_TREES = 1024;

/** Gives the banner of the kernel that has some memory to itself; undefined where nothing tells it. */
type BannerIn = (usable: readonly Range[]) => string | undefined;

/** @returns undefined where there is no tree, a broken one, or one that tells of no dump */
export const crashTreeAt = (
  memory: OldMemory,
  physAddr: bigint,
  bannerIn: BannerIn = (usable) => findKernel(memory, usable).banner,
): CrashTree | undefined => {
  if (!memory.isRam(physAddr, BigInt(HEADER_SIZE))) return undefined;
  const [magic, sizeBytes] = cellsOf(memory.read(physAddr, 8)) as readonly [number, number];
  if (magic !== FDT_MAGIC || sizeBytes < HEADER_SIZE || sizeBytes > MAX_TREE) return undefined;
  if (!memory.isRam(physAddr, BigInt(sizeBytes))) return undefined;
  const blob = memory.read(physAddr, sizeBytes);
  // Most trees in a machine's memory tell of none, by a property or on the command line, and are not worth the work.
  if (!Buffer.from(blob.buffer).includes('elfcorehdr', 0, 'latin1')) return undefined;
  const root = attempt(MachineError, () => treeOfBlob(blob));
  if (root instanceof MachineError) return undefined;
  const usable = chosenRanges(root, 'linux,usable-memory-range');
  const told = {
    elfcorehdr: chosenRanges(root, 'linux,elfcorehdr')[0],
    bootargs: stringsOf(chosenValue(root, 'bootargs'))[0],
  };
  const header = headerPlace(told, () => bannerIn(usable));
  return header && { physAddr, header, usable };
};

/**
 * The tree of the capture kernel of a machine that stands anywhere. Of the trees in RAM it is the one that lies in the
 * memory that it says the kernel may use: kexec puts it there, and the old kernel keeps its own copies elsewhere.
 * @param elfcorehdr the address that it has to tell, where that is known
 * @throws what `refuse` gives where there are several that do not agree
 * @returns undefined where there is none
 */
export const findCrashTree = (
  memory: OldMemory,
  elfcorehdr: bigint | undefined,
  refuse: Refuse,
): CrashTree | undefined => {
  const trees = [...treesIn(memory, refuse)].filter(
    (tree) =>
      tree.usable.some((range) => range.contains(tree.physAddr)) &&
      (elfcorehdr === undefined || tree.header.start === elfcorehdr),
  );
  // A tree of an earlier load may still lie beside the one that counts.
  const sound = trees.filter(({ header: { start } }) => memory.isRam(start, 4n) && hasElfMagic(memory.read(start, 4)));
  const [first, ...others] = sound.length > 0 ? sound : trees;
  const other = others.find((tree) => tree.header.start !== first?.header.start);
  if (first === undefined || other === undefined) return first;
  const told = [first, other].map((tree) => `0x${hex(tree.header.start)} (tree at 0x${hex(tree.physAddr)})`);
  throw refuse(`two device trees tell of different elfcorehdrs: ${told.join(', ')}; name one with --elfcorehdr`);
};

/** Their first word. */
const MAGIC = Uint8Array.of(0xd0, 0x0d, 0xfe, 0xed);

function* treesIn(memory: OldMemory, refuse: Refuse): Generator<CrashTree> {
  let seen = 0;
  // There is one capture kernel, which is worth looking for once.
  let kernel: { readonly banner: string | undefined } | undefined;
  const bannerIn = (usable: readonly Range[]): string | undefined => (kernel ??= findKernel(memory, usable)).banner;
  for (const { physAddr, bytes } of memory.filled()) {
    const found = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = found.indexOf(MAGIC); at >= 0; at = found.indexOf(MAGIC, at + 1)) {
      if (at % ALIGNMENT !== 0) continue;
      if (++seen > MOST_TREES) throw refuse(`more than ${MOST_TREES} device trees are in its memory`);
      const tree = crashTreeAt(memory, physAddr + BigInt(at), bannerIn);
      if (tree !== undefined) yield tree;
    }
  }
}
