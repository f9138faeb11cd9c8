/** The table of devices that are modelled, by the names that device trees have for them. */
import type { DeviceDescription } from '../board-tree/description.js';
import type { CharacterInput, Device } from '../device.js';
import { EmptyEcam, EmptyFwCfg } from '../devices/empty.js';
import { Pl011 } from '../devices/pl011.js';
import { Pl031 } from '../devices/pl031.js';
import { Pl061 } from '../devices/pl061.js';
import { Uart16550 } from '../devices/uart-16550.js';
import type { GuestRam } from '../devices/virtio/guest-ram.js';
import type { VirtioDevice } from '../devices/virtio/virtio-device.js';
import { VirtioMmio } from '../devices/virtio/virtio-mmio.js';

/** What devices are made of. */
export interface Parts {
  /** Receives what the UART sends. */
  readonly onByte: (byte: number) => void;
  /** Since 1970, as the machine's clock counts. */
  readonly seconds: () => bigint;
  readonly ram: GuestRam;
  readonly virtioVersion: 1 | 2;
  /** What is in the virtio slot; undefined for an empty one, and for other devices. */
  readonly virtio: VirtioDevice | undefined;
}

export interface DeviceModel {
  readonly name: string;
  readonly compatible: readonly string[];
  /** Where its registers are told of. */
  readonly manual: string;
  /** What it does, for the table of devices. */
  readonly what: string;
  /** Whether it is one of these, of which the console is one. */
  readonly kind?: 'uart' | 'virtio slot';
  readonly make: (description: DeviceDescription, parts: Parts) => Device;
}

export const DEVICE_MODELS: readonly DeviceModel[] = [
  {
    name: 'PL011',
    compatible: ['arm,pl011', 'arm,sbsa-uart'],
    manual: 'DDI 0183',
    what: 'UART: FIFOs of 16 bytes, receive, transmit and timeout interrupts; sends at once',
    kind: 'uart',
    make: (_, { onByte }) => new Pl011(onByte),
  },
  {
    name: '16550',
    compatible: [
      'ns16550a',
      'ns16550',
      'ns16450',
      'ns8250',
      'ns16750',
      'ns16850',
      'snps,dw-apb-uart',
      'nvidia,tegra20-uart',
    ],
    manual: 'PC16550D data sheet',
    what: 'UART: reg-shift and reg-offset, FIFO of 16 bytes, loop; sends at once',
    kind: 'uart',
    make: ({ sizeBytes, regShift, regOffset }, { onByte }) =>
      new Uart16550({ sizeBytes: Number(sizeBytes), regShift, regOffset, onByte }),
  },
  {
    name: 'PL031',
    compatible: ['arm,pl031'],
    manual: 'DDI 0224',
    what: 'clock: seconds of the machine, match interrupt',
    make: (_, { seconds }) => new Pl031(seconds),
  },
  {
    name: 'PL061',
    compatible: ['arm,pl061'],
    manual: 'DDI 0190',
    what: 'eight pins: masked data, directions, interrupts by edge and level',
    make: () => new Pl061(),
  },
  {
    name: 'PCI Express',
    compatible: ['pci-host-ecam-generic'],
    manual: 'PCI Express Base Specification',
    what: 'configuration space (ECAM) of a bus without functions: all ones',
    make: ({ sizeBytes }) => new EmptyEcam(Number(sizeBytes)),
  },
  {
    name: 'virtio slot',
    compatible: ['virtio,mmio'],
    manual: 'Virtual I/O Device 1.2, 4.2',
    what: 'empty, or a block device, a console or entropy; version 2, or 1 with split queues in one piece',
    kind: 'virtio slot',
    // QEMU's slots are of the older form unless told otherwise, and empty ones are left so.
    make: (_, { ram, virtioVersion, virtio }) =>
      new VirtioMmio({ version: virtio === undefined ? 1 : virtioVersion, ram, device: virtio }),
  },
  {
    name: 'fw_cfg',
    compatible: ['qemu,fw-cfg-mmio'],
    manual: "QEMU's docs/specs/fw_cfg.txt",
    what: 'without its signature: zeros',
    make: ({ sizeBytes }) => new EmptyFwCfg(Number(sizeBytes)),
  },
];

/** What can be in a virtio slot, for the table of devices. */
export const VIRTIO_MODELS: readonly { readonly name: string; readonly section: string; readonly what: string }[] = [
  {
    name: 'block',
    section: '5.2',
    what: 'read, write, flush and name; an image, and what was written over it in memory',
  },
  { name: 'console', section: '5.3', what: 'one port' },
  { name: 'entropy', section: '5.4', what: 'the same random numbers in every run' },
];

/** The model for the most special of a device's names that has one. */
export const modelOf = ({ compatible }: DeviceDescription): DeviceModel | undefined => {
  for (const name of compatible) {
    const model = DEVICE_MODELS.find((candidate) => candidate.compatible.includes(name));
    if (model !== undefined) return model;
  }
  return undefined;
};

/** Whether somebody can type into it. */
export const takesInput = (device: Device): device is CharacterInput & Device =>
  'receive' in device && 'canReceive' in device;
