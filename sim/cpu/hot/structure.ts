/** How the blocks of a region become nested blocks and loops, which is all that WebAssembly has. */

import type { Region } from './region.js';

/**
 * Blocks keep their order. A back edge becomes a branch to a `loop` around the blocks from its target to its source, if
 * nothing else leads into the middle of them; other back edges, and the entries, go through a table at the top.
 */
export interface Structure {
  /** Loops by the block they begin with: the last block inside, inclusive. */
  readonly loops: ReadonlyMap<number, number>;
  /** Blocks that the table at the top leads to, in its order: the entries come first. */
  readonly dispatched: readonly number[];
  /** Whether there must be such a table: not if all comes in by the first block. */
  readonly table: boolean;
}

export const structure = ({ blocks, entries }: Pick<Region, 'blocks' | 'entries'>): Structure => {
  const edges = blocks.flatMap(({ successors }, from) => successors.map((to) => ({ from, to })));
  const backEdges = edges.filter(({ from, to }) => to <= from);
  const improper = new Set<number>();
  for (;;) {
    const loops = nest(backEdges.filter(({ to }) => !improper.has(to)));
    const dispatched = new Set([...entries, ...backEdges.filter(({ to }) => improper.has(to)).map(({ to }) => to)]);
    const enteredInside = [...loops].filter(
      ([head, last]) =>
        [...dispatched].some((block) => block > head && block <= last) ||
        edges.some(({ from, to }) => to > head && to <= last && (from < head || from > last)),
    );
    if (enteredInside.length === 0) {
      return { loops, dispatched: [...dispatched], table: dispatched.size > 1 || improper.size > 0 };
    }
    // The innermost ones first: an outer loop may be all right without them.
    const sizes = enteredInside.map(([head, last]) => last - head);
    for (const [head, last] of enteredInside) if (last - head === Math.min(...sizes)) improper.add(head);
  }
};

/** The span of each loop, grown until no two overlap without one being inside the other. */
const nest = (backEdges: readonly { readonly from: number; readonly to: number }[]): Map<number, number> => {
  const loops = new Map<number, number>();
  for (const { from, to } of backEdges) loops.set(to, Math.max(loops.get(to) ?? 0, from));
  for (let changed = true; changed;) {
    changed = false;
    for (const [head, last] of loops) {
      for (const [inner, innerLast] of loops) {
        if (inner > head && inner <= last && innerLast > last) {
          loops.set(head, innerLast);
          changed = true;
          break;
        }
      }
    }
  }
  return loops;
};
