/**
 * The guest of test/data/guests whose console tells of all that a machine has done: it is broken off, saved, and goes
 * on.
 */
import { createCpus } from '../../../sim/cpu/cpu.js';
import { Console } from '../../../sim/kernel/machine/console.js';
import { type WholeMachine, wholeMachine } from '../../../sim/kernel/machine/whole-machine.js';
import type { RunEnd } from '../../../sim/kernel/machine/processors.js';
import { describeBoard } from '../../../sim/machine/board-tree/describe.js';
import { treeOfBlob } from '../../../sim/machine/board-tree/tree.js';
import { virtTree } from '../../../sim/machine/boards/virt-tree.js';
import { VirtioBlock } from '../../../sim/machine/devices/virtio/block.js';
import { OverlayDisk } from '../../../sim/machine/devices/virtio/disk.js';
import { VirtioEntropy } from '../../../sim/machine/devices/virtio/entropy.js';
import { guestImage } from './guests.js';

const KERNEL = 0x4020_0000n;

/** A disk of zeros. */
const ZEROS = { sizeBytes: 16384, read: (_offset: number, sizeBytes: number) => new Uint8Array(sizeBytes) };

export interface SavedGuest {
  readonly whole: WholeMachine;
  readonly disk: OverlayDisk;
  /** What the console has shown. */
  shown(): string;
  readonly screen: Console;
  /** @param more instructions at most, of which it needs a million in all */
  run(more?: bigint): Promise<RunEnd>;
}

/** A machine with two processors and a disk, and nothing in its memory. @param hotRuns see `CpuOptions` */
export const openMachine = (hotRuns?: number): SavedGuest => {
  let shown = '';
  const disk = new OverlayDisk(ZEROS);
  const screen = new Console((text) => (shown += text));
  const whole = wholeMachine({
    description: describeBoard(treeOfBlob(virtTree({ memoryBytes: 64n << 20n, processors: 2, gic: 2, el: 1 }))),
    highestEl: 1,
    createCpus: (host, affinities) => createCpus(host, affinities, hotRuns === undefined ? {} : { hotRuns }),
    onOutput: screen.put,
    virtio: [new VirtioBlock(disk, 'disk0'), new VirtioEntropy(1n)],
  });
  return {
    whole,
    disk,
    screen,
    shown: () => {
      screen.flush();
      return shown;
    },
    run: (more = 3_000_000n) =>
      whole.processors.run(() => ({}), {
        maxInstructions: whole.processors.instructions + more,
        deadline: Infinity,
        interrupted: () => false,
      }),
  };
};

/** The same, about to carry out the guest's first instruction. @param name of the guest */
export const bootGuest = (hotRuns?: number, name = 'boot_saved'): SavedGuest => {
  const guest = openMachine(hotRuns);
  const { board, cpus } = guest.whole;
  board.memory.write(KERNEL, guestImage(name));
  cpus[0].setEl(1);
  cpus[0].pc = KERNEL;
  return guest;
};
