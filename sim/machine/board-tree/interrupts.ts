/** Which inputs of the interrupt controller a node's interrupts lead to. */
import type { IndexedTree, Place } from './index-tree.js';
import { cellsOf } from './tree.js';

export interface Interrupt {
  /** As the controller numbers its inputs: private ones from 16, shared ones from 32. */
  readonly intid: number;
  readonly trigger: 'edge' | 'level';
}

/**
 * Where the numbers of each type begin, and how many there are (Linux' bindings interrupt-controller/arm,gic.yaml and
 * arm,gic-v3.yaml, #interrupt-cells).
 */
const TYPES: Readonly<Record<number, { readonly first: number; readonly count: number }>> = {
  0: { first: 32, count: 988 },
  1: { first: 16, count: 16 },
  2: { first: 4096, count: 1024 },
  3: { first: 1056, count: 64 },
};

/** Flags of the third cell: edges, rising and falling (the same bindings). */
const EDGE_FLAGS = 0x3;

/** A nexus may lead to a nexus, and so on, but not round and round. */
const MAX_NEXUS = 8;

/** A specifier, and the node that it is for. */
interface Specifier {
  readonly parent: Place;
  readonly cells: readonly number[];
}

/**
 * A node's interrupts in their order; undefined for one that leads to another controller, or to nothing.
 * @param controller the GIC
 */
export const interruptsOf = (
  tree: IndexedTree,
  place: Place,
  controller: Place | undefined,
): readonly (Interrupt | undefined)[] =>
  specifiersOf(tree, place).map((specifier) => decode(tree, place, specifier, controller));

/** (Devicetree Specification 2.4.1: interrupts-extended goes before interrupts.) */
const specifiersOf = (tree: IndexedTree, place: Place): readonly Specifier[] => {
  const extended = place.node.properties.get('interrupts-extended');
  if (extended !== undefined) return extendedSpecifiers(tree, cellsOf(extended));
  const cells = cellsOf(place.node.properties.get('interrupts'));
  const parent = cells.length === 0 ? undefined : parentOf(tree, place);
  const count = parent && cellCount(parent);
  if (parent === undefined || count === undefined) return [];
  tree.spend(cells.length);
  return Array.from({ length: Math.floor(cells.length / count) }, (_, i) => ({
    parent,
    cells: cells.slice(i * count, (i + 1) * count),
  }));
};

const extendedSpecifiers = (tree: IndexedTree, cells: readonly number[]): readonly Specifier[] => {
  const found: Specifier[] = [];
  for (let at = 0; at < cells.length;) {
    tree.spend(1);
    const parent = tree.byPhandle(cells[at]!);
    const count = parent && cellCount(parent);
    if (parent === undefined || count === undefined) break;
    found.push({ parent, cells: cells.slice(at + 1, at + 1 + count) });
    at += 1 + count;
  }
  return found;
};

const cellCount = ({ node }: Place): number | undefined => {
  const [count] = cellsOf(node.properties.get('#interrupt-cells'));
  return count === undefined || count < 1 || count > 8 ? undefined : count;
};

/** The nearest interrupt-parent, its own or one that it is in; without any, the nearest node that takes interrupts. */
const parentOf = (tree: IndexedTree, place: Place): Place | undefined => {
  for (let at: Place | undefined = place; at !== undefined; at = at.parent) {
    tree.spend(1);
    const [phandle] = cellsOf(at.node.properties.get('interrupt-parent'));
    if (phandle !== undefined) return tree.byPhandle(phandle);
    if (at !== place && at.node.properties.has('#interrupt-cells')) return at;
  }
  return undefined;
};

const decode = (
  tree: IndexedTree,
  from: Place,
  specifier: Specifier | undefined,
  controller: Place | undefined,
): Interrupt | undefined => {
  let at = specifier;
  for (let hops = 0; at !== undefined && at.parent !== controller && hops < MAX_NEXUS; hops++) {
    at = throughNexus(tree, from, at);
  }
  if (at === undefined || at.parent !== controller) return undefined;
  const [type, number, flags] = at.cells;
  const range = TYPES[type ?? -1];
  if (range === undefined || number === undefined || flags === undefined || number >= range.count) return undefined;
  return { intid: range.first + number, trigger: (flags & EDGE_FLAGS) === 0 ? 'level' : 'edge' };
};

/** The row of a nexus' interrupt-map that a specifier matches (2.4.3). */
const throughNexus = (tree: IndexedTree, from: Place, { parent, cells }: Specifier): Specifier | undefined => {
  const map = cellsOf(parent.node.properties.get('interrupt-map'));
  const mask = cellsOf(parent.node.properties.get('interrupt-map-mask'));
  const unitCells = cellsOf(parent.node.properties.get('#address-cells'))[0] ?? 0;
  if (unitCells > 3) return undefined;
  const unit = cellsOf(from.node.properties.get('reg')).slice(0, unitCells);
  const wanted = [...unit, ...Array.from({ length: unitCells - unit.length }, () => 0), ...cells];
  for (let at = 0; at + wanted.length < map.length;) {
    tree.spend(1);
    const target = tree.byPhandle(map[at + wanted.length]!);
    const count = target && cellCount(target);
    if (target === undefined || count === undefined) return undefined;
    // As Linux does: cells of an address only where the parent says that it has them (of_irq_parse_raw()).
    const first = at + wanted.length + 1 + (cellsOf(target.node.properties.get('#address-cells'))[0] ?? 0);
    const matches = wanted.every((cell, i) => ((cell ^ map[at + i]!) & (mask[i] ?? ~0)) === 0);
    if (matches) return { parent: target, cells: map.slice(first, first + count) };
    at = first + count;
  }
  return undefined;
};
