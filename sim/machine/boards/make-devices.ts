/** Makes the devices of a described board. */
import { Range } from '../../../kexec/base/range.js';
import type { BoardDescription, DeviceDescription } from '../board-tree/description.js';
import type { CharacterInput, Device } from '../device.js';
import { ByteSink } from '../devices/byte-sink.js';
import type { GuestRam } from '../devices/virtio/guest-ram.js';
import type { VirtioDevice } from '../devices/virtio/virtio-device.js';
import { MachineError } from '../error.js';
import { type DeviceModel, modelOf, takesInput } from './device-models.js';

export interface DeviceOptions {
  /** Receives what the console sends. */
  readonly onConsole: (byte: number) => void;
  /** Receives what other UARTs send. */
  readonly onOther?: (path: string, byte: number) => void;
  /** Since 1970, as the machine's clock counts. */
  readonly seconds: () => bigint;
  readonly ram: GuestRam;
  /** What is in the virtio slots, from the lowest address on. */
  readonly virtio?: readonly VirtioDevice[];
  readonly virtioVersion?: 1 | 2;
  /** Where registers send bytes to the console, unless a device is there. */
  readonly sinks?: readonly bigint[] | undefined;
}

/** A {@link MappedDevice} of the board, with what the tree calls it. */
export interface MadeDevice {
  readonly path: string;
  readonly name: string;
  readonly physAddr: bigint;
  readonly device: Device;
  /** Its first interrupt: the GIC's number. */
  readonly line?: number;
}

export interface MadeDevices {
  readonly devices: readonly MadeDevice[];
  /** Where what is typed goes; undefined without a UART. */
  readonly input: CharacterInput | undefined;
  /** What the tree tells of, and the board has not: accesses to it get an external abort. */
  readonly leftOut: readonly LeftOut[];
}

export interface LeftOut {
  readonly path: string;
  readonly compatible: readonly string[];
  readonly why: 'no model' | 'something else is there' | 'out of reach';
}

/** Physical addresses have 48 bits (Arm ARM D8.1). */
const ADDRESS_END = 1n << 48n;
/** Devices that a board has at most, which keeps a hostile tree from making accesses slow. */
export const MAX_DEVICES = 256;

/** @throws MachineError when there are more virtio devices than slots */
export const makeDevices = (board: BoardDescription, options: DeviceOptions): MadeDevices => {
  const devices: MadeDevice[] = [];
  const leftOut: LeftOut[] = [];
  const taken: Range[] = [...board.memory, ...gicRanges(board)];
  const refusal = (range: Range): LeftOut['why'] | undefined => {
    if (range.last >= ADDRESS_END || devices.length === MAX_DEVICES) return 'out of reach';
    return taken.some((other) => other.overlaps(range)) ? 'something else is there' : undefined;
  };
  const slots = slotsOf(board);
  const virtio = options.virtio ?? [];
  if (virtio.length > slots.length) {
    throw new MachineError(
      `the board has ${slots.length} virtio slots, and ${virtio.length} devices are to be in them`,
    );
  }
  const console = consoleOf(board);
  for (const description of board.devices) {
    const { path, compatible, physAddr, interrupts } = description;
    const model = modelOf(description);
    const device = model?.make(description, {
      onByte: (byte) => {
        if (description === console) options.onConsole(byte);
        else options.onOther?.(path, byte);
      },
      seconds: options.seconds,
      ram: options.ram,
      virtioVersion: options.virtioVersion ?? 2,
      virtio: virtio[slots.indexOf(description)],
    });
    const range = device && Range.sized(physAddr, BigInt(device.sizeBytes));
    const why = range === undefined ? 'no model' : refusal(range);
    if (model === undefined || device === undefined || range === undefined || why !== undefined) {
      leftOut.push({ path, compatible, why: why ?? 'no model' });
      continue;
    }
    taken.push(range);
    const line = interrupts[0]?.intid;
    devices.push({ path, name: model.name, physAddr, device, ...(line === undefined ? {} : { line }) });
  }
  for (const physAddr of options.sinks ?? []) {
    const range = Range.sized(physAddr, 4n);
    if (refusal(range) !== undefined) continue;
    taken.push(range);
    devices.push({ path: 'sink', name: 'byte sink', physAddr, device: new ByteSink(options.onConsole) });
  }
  const input = devices.find(({ path }) => path === console?.path)?.device;
  return { devices, input: input !== undefined && takesInput(input) ? input : undefined, leftOut };
};

const isOf = (description: DeviceDescription, kind: DeviceModel['kind']): boolean =>
  modelOf(description)?.kind === kind;

/** What the tree calls its console; where it calls none, the first UART. */
const consoleOf = ({ console, devices }: BoardDescription): DeviceDescription | undefined =>
  console !== undefined && isOf(console, 'uart') ? console : devices.find((device) => isOf(device, 'uart'));

const slotsOf = ({ devices }: BoardDescription): readonly DeviceDescription[] =>
  devices.filter((device) => isOf(device, 'virtio slot')).toSorted((a, b) => (a.physAddr < b.physAddr ? -1 : 1));

const gicRanges = ({ gic }: BoardDescription): readonly Range[] => {
  if (gic === undefined) return [];
  if (gic.version === 3) return [gic.distributor, ...gic.redistributors, ...gic.its];
  const { distributor, cpuInterface, hypervisorInterface, virtualCpuInterface, v2mFrames } = gic;
  const ofHypervisor = [hypervisorInterface, virtualCpuInterface].filter((range) => range !== undefined);
  return [distributor, cpuInterface, ...ofHypervisor, ...v2mFrames.map(({ registers }) => registers)];
};
