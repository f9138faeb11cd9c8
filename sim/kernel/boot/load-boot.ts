/**
 * What a boot loader does: kernel, initramfs and device tree come into memory, and the processor to the kernel's start.
 */
import type { Arm64ImageHeader } from '../../../kexec/arch/arm64/image-header.js';
import { processImageHeader } from '../../../kexec/arch/arm64/image-header.js';
import type { Log } from '../../../kexec/base/log.js';
import { KexecError } from '../../../kexec/base/error.js';
import type { Range } from '../../../kexec/base/range.js';
import { MiB } from '../../../kexec/base/u64.js';
import { setChosen } from '../../machine/board-tree/chosen.js';
import type { WholeMachine } from '../machine/whole-machine.js';
import { type BootPlaces, placesFor } from './boot-places.js';

export interface BootLoad {
  readonly image: Uint8Array;
  readonly header: Arm64ImageHeader;
  readonly initrd: Uint8Array | undefined;
  /** The kernel's device tree, before /chosen is set. */
  readonly tree: Uint8Array;
  /** The command line, one byte a character; undefined for what the tree says. */
  readonly append: string | undefined;
  /** Where there is RAM that is nobody's. */
  readonly freeRam: readonly Range[];
  /** The exception level that the kernel starts at. */
  readonly el: 1 | 2;
  readonly rngSeed?: Uint8Array | undefined;
  readonly kaslrSeed?: bigint | undefined;
}

/** (Linux Documentation/arch/arm64/booting.rst, 2. Setup the device tree.) */
export const MAX_TREE = MiB(2n);
/** COMMAND_LINE_SIZE of arm64, without the NUL. */
export const MAX_COMMAND_LINE = 2047;

/** @throws KexecError where there is no room, or the command line is too long @throws MachineError for a broken tree */
export const loadBoot = ({ board, cpus: [cpu] }: WholeMachine, load: BootLoad, log: Log): BootPlaces => {
  const { image, header, initrd, append, el } = load;
  if (append !== undefined && append.length > MAX_COMMAND_LINE) {
    throw KexecError.die(
      `the command line has ${append.length} characters, of which the kernel takes ${MAX_COMMAND_LINE}`,
      { subject: '--append' },
    );
  }
  const { textOffset, imageSize } = processImageHeader(header, log);
  const chosen = {
    bootargs: append,
    rngSeed: load.rngSeed,
    kaslrSeed: load.kaslrSeed,
  };
  const sizes = {
    textOffset,
    kernelBytes: imageSize > BigInt(image.length) ? imageSize : BigInt(image.length),
    initrdBytes: BigInt(initrd?.length ?? 0),
    // Numbers in the tree are of one length, whatever they say.
    treeBytes: BigInt(setChosen(load.tree, { ...chosen, initrd: initrd && load.freeRam[0] }).length),
  };
  if (sizes.treeBytes > MAX_TREE) {
    throw KexecError.die(`the device tree has ${sizes.treeBytes} bytes: there may be ${MAX_TREE}`, { subject: 'dtb' });
  }
  const places = placesFor(load.freeRam, sizes);
  board.memory.write(places.kernel.start, image);
  if (places.initrd !== undefined && initrd !== undefined) board.memory.write(places.initrd.start, initrd);
  board.memory.write(places.tree.start, setChosen(load.tree, { ...chosen, initrd: places.initrd }));
  cpu.setEl(el);
  cpu.pc = places.kernel.start;
  cpu.setX(0, places.tree.start);
  for (const register of [1, 2, 3]) cpu.setX(register, 0n);
  cpu.invalidate();
  return places;
};
