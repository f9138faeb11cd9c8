/** The accesses to devices of a kernel that is booted on our machine. */
import * as fs from 'node:fs';
import { readArm64ImageHeader } from '../../../kexec/arch/arm64/image-header.js';
import { silentLog } from '../../../kexec/base/log.js';
import { Range } from '../../../kexec/base/range.js';
import { GiB } from '../../../kexec/base/u64.js';
import { createCpus } from '../../../sim/cpu/cpu.js';
import { loadBoot } from '../../../sim/kernel/boot/load-boot.js';
import { deadlineIn } from '../../../sim/kernel/machine/processors.js';
import { type WholeMachine, wholeMachine } from '../../../sim/kernel/machine/whole-machine.js';
import { ConsoleWatch } from '../../../sim/kernel/run/console-watch.js';
import type { BoardDescription } from '../../../sim/machine/board-tree/description.js';
import { describeBoard } from '../../../sim/machine/board-tree/describe.js';
import { treeOfBlob } from '../../../sim/machine/board-tree/tree.js';
import { virtTree } from '../../../sim/machine/boards/virt-tree.js';
import { Random } from '../../../sim/machine/random.js';
import type { Access, Block } from './accesses.js';

/** All that is wanted has been done by then. */
const UNTIL = 'Run /init as init process';

export interface WatchedBoot {
  readonly kernel: string;
  readonly initrd: string;
  readonly append: string;
  readonly gic: 2 | 3;
  readonly el: 1 | 2;
  readonly timeoutMs: number;
}

/** @throws Error when the console never shows what it is to */
export const ourAccesses = async (boot: WatchedBoot): Promise<readonly Access[]> => {
  const { gic, el } = boot;
  const tree = virtTree({ memoryBytes: GiB(2n), processors: 1, gic, el });
  const description = describeBoard(treeOfBlob(tree));
  const watch = new ConsoleWatch(() => {}, UNTIL);
  const whole = wholeMachine({ description, highestEl: el, createCpus, onOutput: watch.put });
  const accesses: Access[] = [];
  noteAccesses(whole, blocksOf(description), (access) => accesses.push(access));
  const image = fs.readFileSync(boot.kernel);
  const header = readArm64ImageHeader(image);
  if (header === undefined) throw new Error(`${boot.kernel} is no arm64 Image`);
  const load = {
    ...{ image, header, tree, el, append: boot.append, freeRam: description.memory },
    initrd: fs.readFileSync(boot.initrd),
    rngSeed: new Random(1n).bytes(32),
  };
  loadBoot(whole, load, silentLog);
  const bounds = { maxInstructions: undefined, deadline: deadlineIn(boot.timeoutMs), interrupted: () => watch.found };
  const end = await whole.processors.run(() => ({}), bounds);
  if (!watch.found) throw new Error(`our machine ends by "${end.kind}" before its console shows "${UNTIL}"`);
  return accesses;
};

const blocksOf = ({ gic, console }: BoardDescription): readonly (readonly [Block, Range])[] => [
  ...(console === undefined ? [] : [['UART', Range.sized(console.physAddr, console.sizeBytes)] as const]),
  ...(gic === undefined ? [] : [['GICD', gic.distributor] as const]),
  ...(gic?.version === 2 ? [['GICC', gic.cpuInterface] as const] : []),
  ...(gic?.version === 3 ? gic.redistributors.map((range) => ['GICR', range] as const) : []),
];

const noteAccesses = (
  { board }: WholeMachine,
  blocks: readonly (readonly [Block, Range])[],
  note: (access: Access) => void,
): void => {
  const noteAt = (kind: Access['kind'], physAddr: number, value: bigint): void => {
    const found = blocks.find(([, range]) => range.contains(BigInt(physAddr)));
    if (found === undefined) return;
    const [block, { start }] = found;
    note({ block, kind, register: `0x${(BigInt(physAddr) - start).toString(16)}`, value });
  };
  const [read, write] = [board.read.bind(board), board.write.bind(board)];
  board.read = (physAddr, sizeBytes) => {
    const value = read(physAddr, sizeBytes);
    noteAt('read', physAddr, value ?? 0n);
    return value;
  };
  board.write = (physAddr, sizeBytes, value) => {
    noteAt('write', physAddr, BigInt.asUintN(8 * sizeBytes, value));
    return write(physAddr, sizeBytes, value);
  };
  const registers = board.interruptRegisters;
  if (registers === undefined) return;
  const noteIcc = (kind: Access['kind'], name: string, value: bigint): void => {
    const register = /^ICC_(\w+)_EL1$/.exec(name)?.[1];
    // QEMU's trace has none of it.
    if (register !== undefined && register !== 'SRE') note({ block: 'ICC', kind, register, value });
  };
  const [readIcc, writeIcc] = [registers.read.bind(registers), registers.write.bind(registers)];
  registers.read = (cpu, name) => {
    const value = readIcc(cpu, name);
    noteIcc('read', name, value);
    return value;
  };
  registers.write = (cpu, name, value) => {
    noteIcc('write', name, value);
    writeIcc(cpu, name, value);
  };
};
