/** The files that QEMU is to load, and its command line. */
import { KexecError } from '../../../kexec/base/error.js';
import { Range } from '../../../kexec/base/range.js';
import { KiB, MiB, alignDown } from '../../../kexec/base/u64.js';
import type { LoadedSegment, MemoryView } from '../execution/arrival.js';
import { joined } from '../facts/page-allocator.js';
import { type Move, handoffStub } from './handoff-stub.js';
import type { Launched } from '../execution/launch.js';

export interface Piece {
  /** Name of the file. */
  readonly file: string;
  readonly physAddr: bigint;
  readonly bytes: Uint8Array;
}

export interface Handoff {
  readonly pieces: readonly Piece[];
  /** Where QEMU's processor is to start. */
  readonly start: bigint;
}

/** QEMU's board `virt` puts a device tree of its own at the start of RAM, as large as this, where no other may be. */
const QEMU_TREE_SIZE = MiB(2n);
const STUB_ROOM = KiB(4n);

/** @throws KexecError where a machine has no room beside what is loaded */
const findRoom = (size: bigint, ram: readonly Range[], taken: readonly Range[]): Range => {
  for (const { start, end } of [...ram].reverse()) {
    for (let at = alignDown(end - size, KiB(4n)); at >= start;) {
      const room = Range.sized(at, size);
      const hit = taken.find((range) => range.overlaps(room));
      if (hit === undefined) return room;
      if (hit.start < start + size) break;
      at = alignDown(hit.start - size, KiB(4n));
    }
  }
  throw KexecError.die('handoff: there is no free memory beside what is loaded', { subject: 'memory' });
};

/**
 * What another machine needs to go on from here: the memory of the segments, and code that sets the registers. What
 * else there is in RAM belonged to the old kernel.
 */
export const handOff = (
  { board, processors: { current: cpu } }: Pick<Launched, 'board' | 'processors'>,
  segments: readonly LoadedSegment[],
  ram: readonly Range[],
): Handoff => {
  const lowest = ram.reduce((low, { start }) => (start < low ? start : low), ram[0]!.start);
  const tree = Range.sized(lowest, QEMU_TREE_SIZE);
  // Segments that touch become one piece.
  const ranges = joined(
    segments.flatMap(({ memory }) => (memory.size > 0n ? [memory] : [])),
    true,
  );
  const hidden = ranges.flatMap((range) => range.intersect(tree) ?? []);
  const size = hidden.reduce((sum, range) => sum + range.size, STUB_ROOM);
  const room = findRoom(size, ram, [...ranges, tree]);
  const moves: readonly Move[] = hidden.map(({ start, size: sizeBytes }, i) => ({
    from: hidden.slice(0, i).reduce((at, before) => at + before.size, room.start + STUB_ROOM),
    to: start,
    sizeBytes,
  }));
  return {
    pieces: [
      ...ranges.flatMap((range) => range.minus(tree)).map((range) => piece(board.memory, range, range.start)),
      ...moves.map(({ from, to, sizeBytes }) => piece(board.memory, Range.sized(to, sizeBytes), from)),
      { file: 'stub.bin', physAddr: room.start, bytes: handoffStub(cpu, moves) },
    ],
    start: room.start,
  };
};

const piece = (memory: MemoryView, { start, size }: Range, physAddr: bigint): Piece => ({
  file: `memory-${start.toString(16)}.bin`,
  physAddr,
  bytes: memory.read(start, Number(size)),
});

export interface QemuMachine {
  readonly ramBytes: bigint;
  readonly nrCpus: number;
  /** Version of the interrupt controller. */
  readonly gic: 2 | 3;
  readonly el: 1 | 2;
}

/** The command's words. @param pathOf the path of a piece's file */
export const qemuCommand = (
  { pieces, start }: Handoff,
  { ramBytes, nrCpus, gic, el }: QemuMachine,
  pathOf: (file: string) => string,
): readonly string[] => [
  'qemu-system-aarch64',
  ...['-machine', `virt,gic-version=${gic}${el === 2 ? ',virtualization=on' : ''}`],
  ...[
    '-cpu',
    'cortex-a57',
    '-smp',
    `${nrCpus}`,
    '-m',
    `${ramBytes >> 20n}M`,
    '-nographic',
    '-nic',
    'none',
    '-no-reboot',
  ],
  ...pieces.flatMap(({ file, physAddr }) => [
    '-device',
    // QEMU takes a comma for the end of a value, unless there are two.
    `loader,file=${pathOf(file).replaceAll(',', ',,')},addr=0x${physAddr.toString(16)},force-raw=on`,
  ]),
  ...['-device', `loader,addr=0x${start.toString(16)},cpu-num=0`],
];
