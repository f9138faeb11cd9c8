/** `kexec-sim dtb`: a machine's running tree as `dtc -I fs -s` makes one of it, and the tree that a load passes on. */
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import { Fdt } from '../../../kexec/device-tree/libfdt.js';
import { blobOf } from '../../kernel/dtc/blob.js';
import { sourceOfBlob } from '../../kernel/dtc/source.js';
import { recordedBlob, recordedTree } from '../../kernel/facts/board-arm64.js';
import { treeSegment } from '../../kernel/execution/loaded-kernel.js';
import { MachineError } from '../../machine/error.js';
import { behindDashes } from '../common/behind-dashes.js';
import { type CommonArguments, type SubcommandContext, openMachine } from '../common/context.js';
import { withLoaded } from '../common/loaded.js';
import { formatJson } from '../common/text.js';
import { writeOutput } from '../common/output.js';

export interface DtbArguments extends CommonArguments {
  readonly out: string;
  readonly new: boolean;
  readonly crash: boolean;
  readonly dts: boolean;
}

/** @throws KexecError where there is no tree, or it is broken */
export const runDtb = async (args: DtbArguments, context: SubcommandContext): Promise<void> => {
  const { new: isNew, crash, dts } = args;
  if (!isNew && (crash || behindDashes({ ...args }).length > 0)) {
    throw KexecError.die(`${crash ? '--crash' : '--'} tells of the tree that is passed on: --new is missing`);
  }
  const blob = isNew
    ? await withLoaded({ args, wanted: crash ? 'crash' : undefined }, context, ({ kernel, machine }) => {
        const tree = treeSegment(kernel)?.data;
        if (tree !== undefined) return ofHeaderSize(tree);
        throw KexecError.die('no device tree is loaded', { subject: machine.stateDirectory });
      })
    : runningTree(args, context);
  const bytes = dts
    ? Buffer.from(
        toldOfTree('dtb', () => sourceOfBlob(blob)),
        'latin1',
      )
    : blob;
  writeOutput(args.out, bytes, context);
  if (args.json && args.out !== '-') context.out(formatJson({ file: args.out, bytes: bytes.length }));
};

/** What is behind a tree in its segment is no part of it. */
const ofHeaderSize = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, new Fdt(bytes, 'dtb').header('totalSize'));

/** @throws KexecError where `action` throws MachineError, whose text says "the device tree" */
const toldOfTree = <T>(where: string, action: () => T): T => {
  const result = attempt(MachineError, action);
  if (result instanceof MachineError) throw KexecError.die(`${where}: ${result.message}`, { subject: where });
  return result;
};

/** Its nodes and properties in order of their names: a directory has no other. */
const runningTree = (args: CommonArguments, context: SubcommandContext): Uint8Array => {
  const { files } = openMachine(args, context);
  const blob = recordedBlob(files);
  if (blob !== undefined) return blob;
  const tree = toldOfTree(files.path, () => recordedTree(files));
  if (tree.properties.size > 0 || tree.children.length > 0) return blobOf(tree);
  throw KexecError.die(`${files.path}: no device tree is recorded`, { subject: files.path });
};
