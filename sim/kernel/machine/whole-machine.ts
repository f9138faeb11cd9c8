/** A whole machine out of the description of its board: RAM, devices, interrupt controller, processors. */
import type { Range } from '../../../kexec/base/range.js';
import type { CpuHost, CpuModel } from '../../cpu/state/model.js';
import { Board } from '../../machine/board.js';
import type { BoardDescription } from '../../machine/board-tree/description.js';
import { type LeftOut, makeDevices } from '../../machine/boards/make-devices.js';
import type { CharacterInput } from '../../machine/device.js';
import type { GuestRam } from '../../machine/devices/virtio/guest-ram.js';
import type { VirtioDevice } from '../../machine/devices/virtio/virtio-device.js';
import { MachineError } from '../../machine/error.js';
import type { Quirk } from '../../machine/quirks.js';
import { interruptController } from './interrupt-controller.js';
import { Processors } from './processors.js';

export interface MachineOptions {
  readonly description: BoardDescription;
  /** Where there is RAM; what the description says by default. */
  readonly ram?: readonly Range[] | undefined;
  /** The highest exception level below the firmware's. */
  readonly highestEl: 1 | 2;
  readonly createCpus: (host: CpuHost, affinities: readonly bigint[]) => readonly CpuModel[];
  /** Receives what the console sends. */
  readonly onOutput: (byte: number) => void;
  /** Where registers send bytes to the console, unless a device is there. */
  readonly sinks?: readonly bigint[] | undefined;
  /** What is in the virtio slots, from the lowest address on. */
  readonly virtio?: readonly VirtioDevice[] | undefined;
  /** Seconds since 1970 that the machine's clock shows at the start. */
  readonly startSeconds?: bigint | undefined;
  /** What the firmware does in its own way. */
  readonly quirks?: readonly Quirk[] | undefined;
}

export interface WholeMachine {
  readonly board: Board;
  /** The first is the one that boots. */
  readonly cpus: readonly [CpuModel, ...CpuModel[]];
  readonly processors: Processors;
  /** What can be typed into; undefined where the board has no such console. */
  readonly console: CharacterInput | undefined;
  /** What the tree tells of, and the board has not. */
  readonly leftOut: readonly LeftOut[];
}

export const MAX_PROCESSORS = 8;

/** Midnight of New Year's Day 2026: two runs are equal, whenever they are. */
const START_SECONDS = 1_767_225_600n;

/** @throws MachineError when the board is none that can be had */
export const wholeMachine = (options: MachineOptions): WholeMachine => {
  const { description, highestEl, startSeconds = START_SECONDS } = options;
  const affinities = affinitiesOf(description);
  const ram: GuestRam = {
    isRam: (physAddr, sizeBytes) => board.memory.isRam(physAddr, sizeBytes),
    read: (physAddr, sizeBytes) => board.memory.read(physAddr, sizeBytes),
    write: (physAddr, bytes) => {
      first?.receiveWrite(Number(physAddr), bytes.length);
      board.memory.write(physAddr, bytes);
    },
  };
  const { devices, input, leftOut } = makeDevices(description, {
    onConsole: options.onOutput,
    seconds: () => board.seconds,
    ram,
    virtio: options.virtio ?? [],
    sinks: options.sinks,
  });
  const interrupts = interruptController(description, affinities);
  const board: Board = new Board({
    ram: options.ram ?? description.memory,
    devices,
    highestEl,
    startSeconds,
    quirks: options.quirks,
    releaseAddrs: description.processors.map(({ start }) =>
      start?.method === 'spin-table' ? start.releaseAddr : undefined,
    ),
    ...(interrupts === undefined ? {} : { interrupts }),
  });
  const [first, ...others] = options.createCpus(board, affinities);
  if (first === undefined) throw new MachineError('no processor');
  const processors = new Processors(board, first, ...others);
  return { board, cpus: [first, ...others], processors, console: input, leftOut };
};

const affinitiesOf = ({ processors }: BoardDescription): readonly bigint[] => {
  const affinities = processors.map(({ affinity }) => affinity);
  if (affinities.length === 0) return [0n];
  if (affinities.length > MAX_PROCESSORS) {
    throw new MachineError(`${affinities.length} processors: there can be ${MAX_PROCESSORS} at most`);
  }
  const twice = affinities.find((affinity, i) => affinities.indexOf(affinity) !== i);
  if (twice !== undefined) throw new MachineError(`two processors are number 0x${twice.toString(16)}`);
  return affinities;
};
