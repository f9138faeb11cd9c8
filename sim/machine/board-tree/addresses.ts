/** Where the registers of a node are: `reg`, through the `ranges` of all buses above it. */
import { Range } from '../../../kexec/base/range.js';
import { U64_MAX } from '../../../kexec/base/u64.js';
import type { IndexedTree, Place } from './index-tree.js';
import { type TreeNode, cellsOf, joined } from './tree.js';

/** Cells where a bus does not tell (Devicetree Specification 2.3.5). */
const DEFAULT_CELLS = { address: 2, size: 1 } as const;
/**
 * The most cells that a number of ours has. A PCI address has three (IEEE 1275 PCI binding), of which one is no number.
 */
const MAX_CELLS = 2;

interface CellCounts {
  readonly address: number;
  readonly size: number;
}

/** Cells of the addresses and sizes in the `reg` of a node's children. */
export const cellCounts = ({ properties }: TreeNode): CellCounts => ({
  address: cellsOf(properties.get('#address-cells'))[0] ?? DEFAULT_CELLS.address,
  size: cellsOf(properties.get('#size-cells'))[0] ?? DEFAULT_CELLS.size,
});

/**
 * The ranges of a node's `reg` as the processors see them, in its order; undefined for one that they cannot address:
 * on a bus without `ranges`, or outside of them (2.3.6, 2.3.8).
 */
export const registersOf = (tree: IndexedTree, { node, parent }: Place): readonly (Range | undefined)[] => {
  if (parent === undefined) return [];
  const { address, size } = cellCounts(parent.node);
  if (address < 1 || address > MAX_CELLS || size < 1 || size > MAX_CELLS) return [];
  const cells = cellsOf(node.properties.get('reg'));
  const found: (Range | undefined)[] = [];
  for (let at = 0; at + address + size <= cells.length; at += address + size) {
    tree.spend(1);
    const sizeBytes = joined(cells.slice(at + address, at + address + size));
    found.push(throughBuses(tree, parent, rangeAt(joined(cells.slice(at, at + address)), sizeBytes)));
  }
  return found;
};

/** Ranges that Linux takes of a property of /chosen (MAX_USABLE_RANGES, drivers/of/fdt.c). */
const MOST_CHOSEN_RANGES = 2;

/** A property of /chosen; undefined without it. */
export const chosenValue = (root: TreeNode, name: string): Uint8Array | undefined =>
  root.children.find((child) => child.name === 'chosen')?.properties.get(name);

/**
 * Ranges of a property of /chosen, in cells of the root's counts (early_init_dt_check_for_elfcorehdr() and
 * early_init_dt_check_for_usable_mem_range(), drivers/of/fdt.c).
 */
export const chosenRanges = (root: TreeNode, name: string): readonly Range[] => {
  const { address, size } = cellCounts(root);
  const cells = cellsOf(chosenValue(root, name));
  const found: Range[] = [];
  if (address + size === 0) return found;
  for (let at = 0; at + address + size <= cells.length && found.length < MOST_CHOSEN_RANGES; at += address + size) {
    const sizeBytes = joined(cells.slice(at + address, at + address + size));
    const range = rangeAt(joined(cells.slice(at, at + address)), sizeBytes);
    if (range !== undefined) found.push(range);
  }
  return found;
};

/** Undefined for one of no bytes, and for one that goes round the end of the address space. */
const rangeAt = (start: bigint, sizeBytes: bigint): Range | undefined =>
  sizeBytes === 0n || start + sizeBytes - 1n > U64_MAX ? undefined : Range.sized(start, sizeBytes);

const throughBuses = (tree: IndexedTree, bus: Place, range: Range | undefined): Range | undefined => {
  if (range === undefined || bus.parent === undefined) return range;
  return throughBuses(tree, bus.parent, throughBus(tree, bus, bus.parent, range));
};

const throughBus = (tree: IndexedTree, bus: Place, parent: Place, range: Range): Range | undefined => {
  const value = bus.node.properties.get('ranges');
  if (value === undefined) return undefined;
  if (value.length === 0) return range;
  const { address: child, size } = cellCounts(bus.node);
  const { address: above } = cellCounts(parent.node);
  if (above < 1 || above > MAX_CELLS) return undefined;
  const cells = cellsOf(value);
  for (let at = 0; at + child + above + size <= cells.length; at += child + above + size) {
    tree.spend(1);
    const window = rangeAt(
      joined(cells.slice(at, at + child)),
      joined(cells.slice(at + child + above, at + child + above + size)),
    );
    if (window?.covers(range) !== true) continue;
    const start = joined(cells.slice(at + child, at + child + above)) + range.start - window.start;
    return rangeAt(start, range.last - range.start + 1n);
  }
  return undefined;
};
