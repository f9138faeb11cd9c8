/** The dump of a machine whose kernel has panicked: what /proc/vmcore of its capture kernel is. */
import type { Range } from '../../../kexec/base/range.js';
import type { Vmcoreinfo } from '../../../kexec/running-kernel/vmcoreinfo.js';
import { type CaptureKernel, captureKernel, findKernel } from './capture-kernel.js';
import { crashTreeAt, findCrashTree } from './crash-tree.js';
import { readCoreHeaders } from './elfcorehdr.js';
import type { HeaderPlace } from './header-place.js';
import { mergeNotes, readNotes } from './notes.js';
import type { OldMemory, Refuse } from './old-memory.js';
import { type ProcVmcore, procVmcore } from './proc-vmcore.js';

export interface DumpSource {
  readonly memory: OldMemory;
  /** Where the capture kernel's device tree is: x0 at its first instruction. Undefined where that is not known. */
  readonly tree?: bigint | undefined;
  /** Where the elfcorehdr is, whatever the tree says. */
  readonly elfcorehdr?: bigint | undefined;
  readonly refuse: Refuse;
}

export interface Dump extends ProcVmcore {
  readonly memory: OldMemory;
  /** Physical address. */
  readonly elfcorehdr: bigint;
  /** Who tells it, in words. */
  readonly elfcorehdrFrom: string;
  readonly captureKernel: CaptureKernel;
  /** What the kernel that has panicked tells of itself. */
  readonly vmcoreinfo: Vmcoreinfo;
  /** How many processors have saved their registers. */
  readonly processors: number;
  /** What Linux warns of. */
  readonly warnings: readonly string[];
}

/**
 * @throws what `refuse` gives where there can be no dump
 */
export const dumpOf = ({ memory, tree, elfcorehdr, refuse }: DumpSource): Dump => {
  const place = placeOf({ memory, tree, elfcorehdr, refuse });
  const headers = readCoreHeaders(memory, place.start, refuse);
  const notes = mergeNotes(memory, headers.programHeaders, refuse);
  const { processors, vmcoreinfo } = readNotes(notes.bytes);
  // The note of VMCOREINFO is there before, and gets this line from the kernel that dies.
  if (processors === 0 && vmcoreinfo.text('CRASHTIME') === undefined)
    throw refuse('a crash kernel is loaded, but the kernel has not panicked: no processor has saved its registers');
  const kernel = captureKernel(findKernel(memory, place.usable), vmcoreinfo);
  return {
    ...procVmcore(headers, notes, kernel, memory, refuse),
    ...{ memory, elfcorehdr: place.start, elfcorehdrFrom: place.from, captureKernel: kernel, vmcoreinfo },
    ...{ processors, warnings: notes.warnings },
  };
};

interface Place extends Pick<HeaderPlace, 'start' | 'from'> {
  /** What the capture kernel may use; all RAM where nothing tells it. */
  readonly usable: readonly Range[];
}

const placeOf = ({ memory, tree: entryTree, elfcorehdr, refuse }: DumpSource): Place => {
  const tree =
    entryTree === undefined || elfcorehdr !== undefined
      ? findCrashTree(memory, elfcorehdr, refuse)
      : crashTreeAt(memory, entryTree);
  const usable = tree?.usable ?? memory.ranges;
  if (elfcorehdr !== undefined) return { start: elfcorehdr, from: '--elfcorehdr', usable };
  if (tree !== undefined) return { start: tree.header.start, from: tree.header.from, usable };
  throw refuse(
    entryTree === undefined
      ? 'no device tree in its memory tells of an elfcorehdr: there is no crash kernel'
      : "the capture kernel's device tree has no linux,elfcorehdr: there is no /proc/vmcore",
  );
};
