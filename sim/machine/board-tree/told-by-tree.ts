/**
 * What a kernel learns of a device tree that it is started with: memory, firmware's tables, its console, processors.
 */
import type { Range } from '../../../kexec/base/range.js';
import { chosenRanges, registersOf } from './addresses.js';
import { describeBoard } from './describe.js';
import type { BoardDescription } from './description.js';
import { IndexedTree } from './index-tree.js';
import { type TreeNode, numberOf, stringOf } from './tree.js';

export interface ReservedMemory {
  readonly path: string;
  readonly range: Range;
}

export interface ToldByTree {
  readonly board: BoardDescription;
  /** The regions of /reserved-memory that have a place. */
  readonly reserved: readonly ReservedMemory[];
  /** What /chosen says of UEFI, by the properties' names. */
  readonly uefi: ReadonlyMap<string, Uint8Array>;
  /** Whether UEFI's memory map is there to be read, which then counts alone. */
  readonly hasUefiMap: boolean;
  /** One byte a character; undefined where there are none. */
  readonly bootargs: string | undefined;
  /** Whether stdout-path leads to a node. */
  readonly hasStdout: boolean;
  /** Of a kernel that takes a dump: the memory that it may use, and the ELF header of the dump. */
  readonly usable: readonly Range[];
  readonly elfcorehdr: Range | undefined;
}

/** Linux' Documentation/arch/arm/uefi.rst. */
const UEFI = 'linux,uefi-';
const MAP_SIZE = 'linux,uefi-mmap-size';
const MAP_START = 'linux,uefi-mmap-start';

const RESERVED = '/reserved-memory';

/** Linux' Documentation/devicetree/bindings/chosen.txt. */
const ELFCOREHDR = 'linux,elfcorehdr';
const USABLE_MEMORY = 'linux,usable-memory-range';

/** @throws MachineError when the tree is deeper or larger than any board's */
export const toldByTree = (root: TreeNode): ToldByTree => {
  const tree = new IndexedTree(root);
  const chosen = tree.at('/chosen')?.node.properties ?? new Map<string, Uint8Array>();
  const uefi = new Map([...chosen].filter(([name]) => name.startsWith(UEFI)));
  const nonZero = (name: string): boolean => (numberOf(uefi.get(name)) ?? 0n) > 0n;
  const bootargs = chosen.get('bootargs');
  return {
    board: describeBoard(root),
    reserved: tree.places.flatMap((place) =>
      place.parent?.path === RESERVED && place.enabled
        ? registersOf(tree, place).flatMap((range) => (range === undefined ? [] : [{ path: place.path, range }]))
        : [],
    ),
    uefi,
    hasUefiMap: nonZero(MAP_START) && nonZero(MAP_SIZE),
    bootargs: bootargs === undefined ? undefined : stringOf(bootargs),
    hasStdout: tree.console() !== undefined,
    usable: chosenRanges(root, USABLE_MEMORY),
    elfcorehdr: chosenRanges(root, ELFCOREHDR)[0],
  };
};
