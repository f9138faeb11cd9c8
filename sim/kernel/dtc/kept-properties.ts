/** Which properties of a node dtc writes. */
import { type TreeNode, stringsOf } from '../../machine/board-tree/tree.js';

/**
 * All but the "name" that Linux shows in each directory and that old trees have: where it says what the node is called
 * without its unit address, it says nothing (check_name_properties()).
 */
export const keptProperties = ({ name, properties }: TreeNode): readonly (readonly [string, Uint8Array])[] => {
  const [baseName = ''] = name.split('@');
  const isRedundant = (value: Uint8Array): boolean =>
    value.at(-1) === 0 && value.length === baseName.length + 1 && stringsOf(value).join('\0') === baseName;
  return [...properties].filter(([property, value]) => property !== 'name' || !isRedundant(value));
};
