/** How far into memory all devices can reach, by a recorded device tree. */
import { attempt } from '../../../kexec/base/attempt.js';
import { MachineError } from '../../machine/error.js';
import { type TreeNode, cellsOf, joined, stringOf } from '../../machine/board-tree/tree.js';
import { recordedTree } from './board-arm64.js';
import type { RecordedFiles } from './recorded-files.js';

/**
 * The last address that every device can reach, where the tree says that one cannot reach all of them
 * (of_dma_get_max_cpu_address(), drivers/of/address.c; buses are taken to pass addresses on as they are).
 */
export const dmaReach = (files: RecordedFiles): bigint | undefined => {
  const tree = attempt(MachineError, () => recordedTree(files));
  return tree instanceof MachineError ? undefined : reachOf(tree, 2);
};

const cellCount = ({ properties }: TreeNode, name: string, otherwise: number): number =>
  cellsOf(properties.get(name))[0] ?? otherwise;

const least = (values: readonly (bigint | undefined)[]): bigint | undefined =>
  values.reduce(
    (best, value) => (best === undefined || (value !== undefined && value < best) ? value : best),
    undefined,
  );

const reachOf = (node: TreeNode, parentCells: number): bigint | undefined => {
  const address = cellCount(node, '#address-cells', 2);
  const ranges = cellsOf(node.properties.get('dma-ranges'));
  const entry = address + parentCells + cellCount(node, '#size-cells', 1);
  let own: bigint | undefined;
  for (let at = 0; at + entry <= ranges.length; at += entry) {
    const [cpu, size] = [
      joined(ranges.slice(at + address, at + address + parentCells)),
      joined(ranges.slice(at + address + parentCells, at + entry)),
    ];
    const last = cpu + size - 1n;
    if (own === undefined || last > own) own = last;
  }
  const children = node.children.filter(({ properties }) =>
    ['', 'ok', 'okay'].includes(stringOf(properties.get('status'))),
  );
  return least([own, ...children.map((child) => reachOf(child, address))]);
};
