/** The device tree of an invented board, after QEMU 7.2's `virt`: the nodes of what is modelled, in QEMU's order. */
import type { Range } from '../../../kexec/base/range.js';
import { cells32, cells64, stringValue } from '../../../kexec/device-tree/fdt-values.js';
import { TreeWriter } from '../../../kexec/device-tree/fs2dt-blocks.js';
import { setChosen } from '../board-tree/chosen.js';
import { Random } from '../random.js';

export interface VirtOptions {
  readonly memoryBytes: bigint;
  readonly processors: number;
  readonly gic: 2 | 3;
  /** The level that kernels are started at. */
  readonly el: 1 | 2;
  readonly bootargs?: string | undefined;
  readonly initrd?: Range | undefined;
  /** What the seeds in /chosen are made of; without it there are none, and the kernel stays where it is loaded. */
  readonly seed?: bigint | undefined;
}

/** Where RAM begins. */
export const VIRT_RAM = 0x4000_0000n;

/** Processors in a cluster, of which there are as many in the lowest affinity field (QEMU's virt_cpu_mp_affinity()). */
const CLUSTER = { 2: 8, 3: 16 } as const;

const VIRTIO_SLOTS = 32;
const SPI = 0;
const PPI = 1;
const EDGE = 1;
const LEVEL = 4;

/** A device on the bus, for the cells of its `reg`. */
const reg = (...pairs: readonly (readonly [start: bigint, sizeBytes: bigint])[]): Uint8Array =>
  cells64(...pairs.flat());

const strings = (...texts: readonly string[]): Uint8Array => stringValue(texts.join('\0'));

const NOTHING = new Uint8Array();

type Properties = Readonly<Record<string, Uint8Array>>;

export const virtTree = (options: VirtOptions): Uint8Array => {
  const writer = new TreeWriter();
  const node = (name: string, properties: Properties, children: () => void = () => {}): void => {
    writer.beginNode(name);
    for (const [key, value] of Object.entries(properties)) writer.property(key, value);
    children();
    writer.endNode();
  };
  node('', rootProperties(phandlesOf(options)), () => {
    nodes(node, options);
  });
  const blob = writer.finish();
  const random = options.seed === undefined ? undefined : new Random(options.seed);
  return setChosen(blob, {
    bootargs: options.bootargs,
    initrd: options.initrd,
    rngSeed: random?.bytes(32),
    kaslrSeed: random?.bytes(8).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n),
  });
};

interface Phandles {
  readonly clock: number;
  readonly gic: number;
  readonly msi: number;
  readonly gpio: number;
  readonly cpu: (index: number) => number;
}

/** QEMU counts on from 0x8000, and makes the processors from the last to the first. */
const phandlesOf = ({ processors }: VirtOptions): Phandles => {
  const clock = 0x8000;
  const gic = clock + processors + 1;
  return { clock, gic, msi: gic + 1, gpio: gic + 2, cpu: (index) => clock + processors - index };
};

const rootProperties = ({ gic }: Phandles): Properties => ({
  'interrupt-parent': cells32(gic),
  model: strings('linux,dummy-virt'),
  '#size-cells': cells32(2),
  '#address-cells': cells32(2),
  compatible: strings('linux,dummy-virt'),
});

type WriteNode = (name: string, properties: Properties, children?: () => void) => void;

const nodes = (node: WriteNode, options: VirtOptions): void => {
  const { memoryBytes, el } = options;
  const phandles = phandlesOf(options);
  // (DEN0022, 5.1: CPU_SUSPEND, CPU_OFF, CPU_ON, MIGRATE.)
  node('psci', {
    migrate: cells32(0xc400_0005),
    cpu_on: cells32(0xc400_0003),
    cpu_off: cells32(0x8400_0002),
    cpu_suspend: cells32(0xc400_0001),
    method: strings(el === 2 ? 'smc' : 'hvc'),
    compatible: strings('arm,psci-1.0', 'arm,psci-0.2', 'arm,psci'),
  });
  node('memory@40000000', { reg: reg([VIRT_RAM, memoryBytes]), device_type: strings('memory') });
  node('fw-cfg@9020000', {
    'dma-coherent': NOTHING,
    reg: reg([0x902_0000n, 0x18n]),
    compatible: strings('qemu,fw-cfg-mmio'),
  });
  for (let slot = 0; slot < VIRTIO_SLOTS; slot++) {
    const start = 0xa00_0000n + 0x200n * BigInt(slot);
    node(`virtio_mmio@${start.toString(16)}`, {
      'dma-coherent': NOTHING,
      interrupts: cells32(SPI, 16 + slot, EDGE),
      reg: reg([start, 0x200n]),
      compatible: strings('virtio,mmio'),
    });
  }
  node('gpio-keys', { compatible: strings('gpio-keys') }, () => {
    node('poweroff', {
      gpios: cells32(phandles.gpio, 3, 0),
      // KEY_POWER of Linux' input-event-codes.h.
      'linux,code': cells32(0x74),
      label: strings('GPIO Key Poweroff'),
    });
  });
  const primecell = (kind: string, start: bigint, spi: number, more: Properties, clocks = ['apb_pclk']): void => {
    node(`${kind}@${start.toString(16)}`, {
      ...more,
      'clock-names': strings(...clocks),
      clocks: cells32(...clocks.map(() => phandles.clock)),
      interrupts: cells32(SPI, spi, LEVEL),
      reg: reg([start, 0x1000n]),
      compatible: strings(`arm,${kind}`, 'arm,primecell'),
    });
  };
  primecell('pl061', 0x903_0000n, 7, {
    phandle: cells32(phandles.gpio),
    'gpio-controller': NOTHING,
    '#gpio-cells': cells32(2),
  });
  node('pcie@10000000', pcieProperties(options, phandles));
  primecell('pl031', 0x901_0000n, 2, {});
  primecell('pl011', 0x900_0000n, 1, {}, ['uartclk', 'apb_pclk']);
  node('pmu', { interrupts: cells32(PPI, 7, ppiFlags(options)), compatible: strings('arm,armv8-pmuv3') });
  gicNode(node, options, phandles);
  cpusNode(node, options, phandles);
  node('timer', {
    interrupts: cells32(...[13, 14, 11, 10].flatMap((ppi) => [PPI, ppi, ppiFlags(options)])),
    'always-on': NOTHING,
    compatible: strings('arm,armv8-timer', 'arm,armv7-timer'),
  });
  node('apb-pclk', {
    phandle: cells32(phandles.clock),
    'clock-output-names': strings('clk24mhz'),
    'clock-frequency': cells32(24_000_000),
    '#clock-cells': cells32(0),
    compatible: strings('fixed-clock'),
  });
  node('chosen', { 'stdout-path': strings('/pl011@9000000') });
};

/** A private interrupt of a GICv2 says which processors have it. */
const ppiFlags = ({ gic, processors }: VirtOptions): number =>
  gic === 2 ? (((1 << processors) - 1) << 8) | LEVEL : LEVEL;

/** The four interrupts of the bus, turned on by one with each of four slots; then its windows in the address space. */
const pcieProperties = ({ gic }: VirtOptions, phandles: Phandles): Properties => ({
  'interrupt-map-mask': cells32(0x1800, 0, 0, 7),
  'interrupt-map': cells32(
    ...[0, 1, 2, 3].flatMap((slot) =>
      [0, 1, 2, 3].flatMap((pin) => {
        const spi = 3 + ((slot + pin) % 4);
        // Linux takes two cells of an address before the specifier: QEMU's GIC has #address-cells 2.
        return [slot << 11, 0, 0, pin + 1, phandles.gic, 0, 0, SPI, spi, LEVEL];
      }),
    ),
  ),
  '#interrupt-cells': cells32(1),
  ranges: cells32(
    ...[0x100_0000, 0, 0, 0, 0x3eff_0000, 0, 0x1_0000],
    ...[0x200_0000, 0, 0x1000_0000, 0, 0x1000_0000, 0, 0x2eff_0000],
    ...[0x300_0000, 0x80, 0, 0x80, 0, 0x80, 0],
  ),
  reg: reg([0x40_1000_0000n, 0x1000_0000n]),
  // Without an ITS, a GICv3 has nothing that messages could go to.
  ...(gic === 2 ? { 'msi-map': cells32(0, phandles.msi, 0, 0x1_0000) } : {}),
  'dma-coherent': NOTHING,
  'bus-range': cells32(0, 0xff),
  'linux,pci-domain': cells32(0),
  '#size-cells': cells32(2),
  '#address-cells': cells32(3),
  device_type: strings('pci'),
  compatible: strings('pci-host-ecam-generic'),
});

const gicNode = (node: WriteNode, { gic, el }: VirtOptions, phandles: Phandles): void => {
  const maintenance = el === 2 ? { interrupts: cells32(PPI, 9, LEVEL) } : {};
  const bus = {
    ranges: NOTHING,
    '#size-cells': cells32(2),
    '#address-cells': cells32(2),
    'interrupt-controller': NOTHING,
    '#interrupt-cells': cells32(3),
  };
  const phandle = cells32(phandles.gic);
  const distributor = [0x800_0000n, 0x1_0000n] as const;
  if (gic === 3) {
    node('intc@8000000', {
      phandle,
      ...maintenance,
      reg: reg(distributor, [0x80a_0000n, 0xf6_0000n]),
      '#redistributor-regions': cells32(1),
      compatible: strings('arm,gic-v3'),
      ...bus,
    });
    return;
  }
  const ofHypervisor = [0x803_0000n, 0x804_0000n].map((start) => [start, 0x1_0000n] as const);
  const registers = reg(distributor, [0x801_0000n, 0x1_0000n], ...(el === 2 ? ofHypervisor : []));
  node(
    'intc@8000000',
    { phandle, ...maintenance, reg: registers, compatible: strings('arm,cortex-a15-gic'), ...bus },
    () => {
      node('v2m@8020000', {
        phandle: cells32(phandles.msi),
        reg: reg([0x802_0000n, 0x1000n]),
        'msi-controller': NOTHING,
        compatible: strings('arm,gic-v2m-frame'),
      });
    },
  );
};

const cpusNode = (node: WriteNode, { gic, processors }: VirtOptions, phandles: Phandles): void => {
  const indices = Array.from({ length: processors }, (_, index) => index);
  node('cpus', { '#size-cells': cells32(0), '#address-cells': cells32(1) }, () => {
    node('cpu-map', {}, () => {
      node('socket0', {}, () => {
        node('cluster0', {}, () => {
          for (const index of indices) node(`core${index}`, { cpu: cells32(phandles.cpu(index)) });
        });
      });
    });
    for (const index of indices) {
      const size = CLUSTER[gic];
      const affinity = (Math.floor(index / size) << 8) | (index % size);
      node(`cpu@${affinity.toString(16)}`, {
        phandle: cells32(phandles.cpu(index)),
        reg: cells32(affinity),
        ...(processors > 1 ? { 'enable-method': strings('psci') } : {}),
        compatible: strings('arm,cortex-a57'),
        device_type: strings('cpu'),
      });
    }
  });
};
