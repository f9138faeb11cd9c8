/** A device tree as `dtb` of an inspection shows it: all of it, or one node. */
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import { nodeSource, sourceOfBlob } from '../dtc/source.js';
import { refuse } from './inspector.js';
import { type TreeNode, treeOfBlob } from '../../machine/board-tree/tree.js';
import { MachineError } from '../../machine/error.js';

/** @param blob undefined where there is none @throws KexecError */
export const treeText = (blob: Uint8Array | undefined, path: string | undefined): string => {
  if (blob === undefined) throw refuse('no device tree is known');
  const text = attempt(MachineError, () => (path === undefined ? sourceOfBlob(blob) : nodeText(blob, path)));
  if (text instanceof MachineError) throw KexecError.die(text.message, { subject: 'dtb' });
  return text;
};

/** A name without its unit address stands for any, as in libfdt. */
const nodeText = (blob: Uint8Array, path: string): string => {
  let node: TreeNode | undefined = treeOfBlob(blob);
  for (const name of path.split('/').filter((part) => part !== '')) {
    node = node.children.find((child) => child.name === name || child.name.split('@')[0] === name);
    if (node === undefined) throw refuse(`the device tree has no node ${path}`);
  }
  return nodeSource(node);
};
