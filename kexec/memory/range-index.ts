/** Ranges that share no address, found by an address in few steps, however many there are. */
import type { Range } from '../base/range.js';

/** A range, and the number of what it stands for. */
export interface Indexed {
  range: Range;
  readonly slot: number;
}

/** Ranges that are moved at most when one comes in, or goes. */
const BLOCK = 512;

/** How many elements at the front have a property that no element behind them has. */
const countWhile = <T>(list: readonly T[], holds: (element: T) => boolean): number => {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(list[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
};

export class RangeIndex {
  /** In the order of addresses; none is empty. */
  readonly #blocks: Indexed[][] = [];

  /** The block, and the place in it, of the last range that does not begin behind an address. */
  #placeOf(address: bigint): readonly [block: number, at: number] {
    const block = countWhile(this.#blocks, ([first]) => first!.range.start <= address) - 1;
    return [block, countWhile(this.#blocks[block] ?? [], ({ range }) => range.start <= address) - 1];
  }

  /** The range that holds an address, if there is one. */
  find(address: bigint): Indexed | undefined {
    const [block, at] = this.#placeOf(address);
    const found = this.#blocks[block]?.[at];
    return found?.range.contains(address) === true ? found : undefined;
  }

  /** @returns false for a range that shares an address with one of the others, or holds none: it is left out */
  insert(range: Range, slot: number): boolean {
    if (range.last < range.start) return false;
    const [block, at] = this.#placeOf(range.last);
    const before = this.#blocks[block]?.[at]?.range;
    if (before !== undefined && before.last >= range.start) return false;
    if (this.#blocks.length === 0) this.#blocks.push([]);
    const into = Math.max(block, 0);
    const list = this.#blocks[into]!;
    list.splice(at + 1, 0, { range, slot });
    if (list.length > BLOCK) this.#blocks.splice(into + 1, 0, list.splice(BLOCK / 2));
    return true;
  }

  delete({ range }: Indexed): void {
    const [block, at] = this.#placeOf(range.start);
    const list = this.#blocks[block]!;
    list.splice(at, 1);
    if (list.length === 0) this.#blocks.splice(block, 1);
  }
}
