/** Opens a machine that boot, resume or panic has saved. */
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import { createCpus } from '../../cpu/cpu.js';
import { restoreMachine } from '../../kernel/machine/saved-machine.js';
import { wholeMachine } from '../../kernel/machine/whole-machine.js';
import { withSave } from '../../kernel/saving/open-save.js';
import type { SavedRecords } from '../../kernel/saving/save-reader.js';
import { readSession } from '../../kernel/saving/saved-session.js';
import { describeBoard } from '../../machine/board-tree/describe.js';
import { treeOfBlob } from '../../machine/board-tree/tree.js';
import { VirtioBlock } from '../../machine/devices/virtio/block.js';
import { OverlayDisk } from '../../machine/devices/virtio/disk.js';
import { VirtioEntropy } from '../../machine/devices/virtio/entropy.js';
import { MachineError } from '../../machine/error.js';
import { SEED } from '../boot/session.js';
import type { OpenedMachine } from './opened.js';
import { stoppedBoard } from '../../kernel/inspect/stopped-board.js';
import { treeText } from '../../kernel/inspect/tree-text.js';

/** @throws KexecError where the file is no saved machine, or a broken one */
export const openSaved = (file: string): OpenedMachine => {
  const opened = attempt(MachineError, () => withSave(file, (records) => restore(records, file)));
  if (opened instanceof MachineError)
    throw KexecError.die(`Cannot inspect ${file}: ${opened.reason}`, { subject: file });
  return opened;
};

/** The machine as it was. Its disks' files are not needed: nothing runs. */
const restore = ({ description, tree, pieces }: SavedRecords, file: string): OpenedMachine => {
  const { setup, disks, places, machine: saved } = readSession(description, tree);
  const whole = wholeMachine({
    description: describeBoard(treeOfBlob(setup.tree)),
    ...{ ram: setup.ram, highestEl: setup.el, sinks: setup.sinks, quirks: setup.quirks },
    createCpus,
    onOutput: () => {},
    virtio: [
      ...disks.map(
        ({ sizeBytes }, i) => new VirtioBlock(new OverlayDisk({ sizeBytes, read: () => undefined }), `disk${i}`),
      ),
      ...(setup.entropy ? [new VirtioEntropy(SEED)] : []),
    ],
  });
  const { board, processors, cpus } = whole;
  for (const { kind, address, bytes } of pieces) if (kind === 'ram') board.memory.write(address, bytes);
  restoreMachine(whole, saved);
  return {
    machine: stoppedBoard(board, cpus, processors.current),
    kernels: [{ start: places.kernel.start, sizeBytes: places.kernel.size }],
    texts: { iomem: () => undefined, kimage: () => undefined, dtb: (path) => treeText(setup.tree, path) },
    greeting: `${file}: a machine with ${cpus.length} processor${cpus.length === 1 ? '' : 's'}, after ${processors.instructions} instructions`,
  };
};
