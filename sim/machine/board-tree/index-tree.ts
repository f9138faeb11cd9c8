/** A device tree with what is looked up in it: parents, phandles, paths. */
import { MAX_DEPTH, type TreeNode, cellsOf, stringOf, treeError } from './tree.js';

/** Steps that the reading of a tree may take. A real board's needs some thousands. */
const MAX_STEPS = 1 << 20;

export interface Place {
  readonly node: TreeNode;
  /** Undefined for the root. */
  readonly parent: Place | undefined;
  readonly path: string;
  /** Whether it and all that it is in may be used (2.3.4, status). */
  readonly enabled: boolean;
}

export class IndexedTree {
  /** All nodes, each before its children. */
  readonly places: readonly Place[];
  readonly #byPath = new Map<string, Place>();
  readonly #byPhandle = new Map<number, Place>();
  #steps = 0;

  /** @throws MachineError when it is deeper or larger than any board's */
  constructor(root: TreeNode) {
    const places: Place[] = [];
    const add = (node: TreeNode, parent: Place | undefined, depth: number): void => {
      if (depth === MAX_DEPTH) throw treeError(`has more than ${MAX_DEPTH} nodes one in the other`);
      this.spend(1 + node.properties.size);
      const path = parent === undefined ? '/' : `${parent.path === '/' ? '' : parent.path}/${node.name}`;
      const place = { node, parent, path, enabled: (parent?.enabled ?? true) && isEnabled(node) };
      places.push(place);
      if (!this.#byPath.has(path)) this.#byPath.set(path, place);
      const [phandle] = cellsOf(node.properties.get('phandle') ?? node.properties.get('linux,phandle'));
      if (phandle !== undefined && !this.#byPhandle.has(phandle)) this.#byPhandle.set(phandle, place);
      for (const child of node.children) add(child, place, depth + 1);
    };
    add(root, undefined, 0);
    this.places = places;
  }

  /** Counts work. @throws MachineError when a tree asks for more than any board's */
  spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps > MAX_STEPS) throw treeError('asks for more work than any real one');
  }

  at(path: string): Place | undefined {
    return this.#byPath.get(path);
  }

  byPhandle(phandle: number): Place | undefined {
    return this.#byPhandle.get(phandle);
  }

  /** What /chosen/stdout-path means: a path or an alias, and options behind a colon (3.6); also by its older name. */
  console(): Place | undefined {
    const chosen = this.at('/chosen')?.node.properties;
    const name = stringOf(chosen?.get('stdout-path') ?? chosen?.get('linux,stdout-path')).split(':', 1)[0]!;
    if (name.startsWith('/')) return this.at(name);
    return this.at(stringOf(this.at('/aliases')?.node.properties.get(name)));
  }
}

const isEnabled = ({ properties }: TreeNode): boolean => {
  const status = properties.get('status');
  return status === undefined || ['okay', 'ok'].includes(stringOf(status));
};
