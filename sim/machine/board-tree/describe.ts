/** Reads the description of a board out of its device tree. */
import type { Range } from '../../../kexec/base/range.js';
import { cellCounts, registersOf } from './addresses.js';
import type {
  BoardDescription,
  DeviceDescription,
  GicDescription,
  ProcessorDescription,
  TimerDescription,
  V2mDescription,
} from './description.js';
import { IndexedTree, type Place } from './index-tree.js';
import { type Interrupt, interruptsOf } from './interrupts.js';
import { type TreeNode, cellsOf, joined, numberOf, stringOf, stringsOf } from './tree.js';

/** (Linux' bindings interrupt-controller/arm,gic.yaml and arm,gic-v3.yaml.) */
const GIC_V2 = ['arm,gic-400', 'arm,cortex-a15-gic', 'arm,cortex-a9-gic', 'arm,cortex-a7-gic', 'qcom,msm-qgic2'];
const GIC_V3 = ['arm,gic-v3'];
const V2M = 'arm,gic-v2m-frame';
const ITS = 'arm,gic-v3-its';
const TIMERS = ['arm,armv8-timer', 'arm,armv7-timer'];
const PSCI_0_1 = 'arm,psci';
const PSCI = ['arm,psci-1.0', 'arm,psci-0.2', PSCI_0_1];

/** The interrupts that a v2m frame has where neither the tree nor its register says: QEMU's `virt`. */
const DEFAULT_V2M = { firstSpi: 80, spiCount: 64 } as const;

/**
 * Names of a timer's interrupts in the order that they have without names (Linux' bindings timer/arm,arch_timer.yaml).
 */
const TIMER_NAMES = ['sec-phys', 'phys', 'virt', 'hyp-phys', 'hyp-virt'] as const;

/** The affinity fields of MPIDR_EL1 (Linux' bindings arm/cpus.yaml, reg). */
const AFFINITY = 0xff_00ff_ffffn;

/** A field that a hostile tree could make large. */
const MAX_REG_SHIFT = 4;

/** @throws MachineError when the tree is deeper or larger than any board's */
export const describeBoard = (root: TreeNode): BoardDescription => {
  const tree = new IndexedTree(root);
  const enabled = tree.places.filter((place) => place.enabled);
  const gicPlace = enabled.find((place) => isAny(place, [...GIC_V2, ...GIC_V3]));
  const gic = gicPlace && describeGic(tree, gicPlace);
  const devices = new Map<Place, DeviceDescription>();
  for (const place of enabled) {
    if (isPartOf(place, gicPlace) || isMemory(place)) continue;
    const device = describeDevice(tree, place, gicPlace);
    if (device !== undefined) devices.set(place, device);
  }
  const consolePlace = tree.console();
  const psci = enabled.find((place) => isAny(place, PSCI));
  return {
    compatible: stringsOf(root.properties.get('compatible')),
    memory: enabled.filter(isMemory).flatMap((place) => present(registersOf(tree, place))),
    processors: describeProcessors(tree),
    conduit: psci && conduitOf(psci),
    hasCpuOff: psci !== undefined && hasCpuOff(psci),
    gates: enabled.filter(isGate).map(({ path }) => path),
    timer: describeTimer(tree, enabled, gicPlace),
    gic,
    devices: [...devices.values()],
    console: consolePlace && devices.get(consolePlace),
  };
};

const present = <T>(values: readonly (T | undefined)[]): readonly T[] => values.filter((value) => value !== undefined);

const isAny = ({ node }: Place, names: readonly string[]): boolean =>
  stringsOf(node.properties.get('compatible')).some((name) => names.includes(name));

const isPartOf = (place: Place, whole: Place | undefined): boolean =>
  whole !== undefined && (place === whole || place.parent === whole);

/** (Devicetree Specification 3.4.) */
const isMemory = ({ node }: Place): boolean => stringOf(node.properties.get('device_type')) === 'memory';

const describeProcessors = (tree: IndexedTree): readonly ProcessorDescription[] => {
  const cpus = tree.at('/cpus');
  if (cpus?.enabled !== true) return [];
  const { address } = cellCounts(cpus.node);
  return tree.places.flatMap(({ node, parent, path, enabled }) => {
    if (parent !== cpus || !enabled || stringOf(node.properties.get('device_type')) !== 'cpu') return [];
    const reg = cellsOf(node.properties.get('reg'));
    if (address < 1 || address > 2 || reg.length < address) return [];
    const enableMethods = stringsOf(node.properties.get('enable-method'));
    return [{ path, affinity: joined(reg.slice(0, address)) & AFFINITY, enableMethods, start: startOf(node) }];
  });
};

/** (Linux' bindings arm/cpus.yaml: enable-method, cpu-release-addr.) */
const startOf = ({ properties }: TreeNode): ProcessorDescription['start'] => {
  const methods = stringsOf(properties.get('enable-method'));
  if (methods.includes('psci')) return { method: 'psci' };
  const releaseAddr = numberOf(properties.get('cpu-release-addr'));
  return methods.includes('spin-table') && releaseAddr !== undefined
    ? { method: 'spin-table', releaseAddr }
    : undefined;
};

/** A clock that is one only, with no cells to choose by, is taken for one that runs always. */
const isGate = ({ node: { properties } }: Place): boolean =>
  (numberOf(properties.get('#clock-cells')) ?? 0n) > 0n || properties.has('#power-domain-cells');

const conduitOf = ({ node }: Place): 'hvc' | 'smc' | undefined => {
  const method = stringOf(node.properties.get('method'));
  return method === 'hvc' || method === 'smc' ? method : undefined;
};

/** Of several versions, the one that is named first counts (Linux' bindings arm/psci.yaml). */
const hasCpuOff = ({ node: { properties } }: Place): boolean =>
  stringsOf(properties.get('compatible')).find((name) => PSCI.includes(name)) !== PSCI_0_1 ||
  properties.get('cpu_off')?.length === 4;

const describeTimer = (
  tree: IndexedTree,
  enabled: readonly Place[],
  gic: Place | undefined,
): TimerDescription | undefined => {
  const place = enabled.find((candidate) => isAny(candidate, TIMERS));
  if (place === undefined) return undefined;
  const { properties } = place.node;
  const interrupts = interruptsOf(tree, place, gic);
  const names = properties.has('interrupt-names') ? stringsOf(properties.get('interrupt-names')) : TIMER_NAMES;
  const intid = (name: (typeof TIMER_NAMES)[number]): number | undefined => {
    const index = names.indexOf(name);
    return index < 0 ? undefined : interrupts[index]?.intid;
  };
  return {
    securePhysical: intid('sec-phys'),
    physical: intid('phys'),
    virtual: intid('virt'),
    hypervisor: intid('hyp-phys'),
    hypervisorVirtual: intid('hyp-virt'),
    clockFrequency: cellsOf(properties.get('clock-frequency'))[0],
  };
};

const describeGic = (tree: IndexedTree, place: Place): GicDescription | undefined => {
  const { properties } = place.node;
  const registers = registersOf(tree, place);
  const [distributor, cpuInterface, hypervisorInterface, virtualCpuInterface] = registers;
  if (distributor === undefined) return undefined;
  const maintenance = interruptsOf(tree, place, place)[0]?.intid;
  const any = { path: place.path, distributor, maintenance };
  const parts = (compatible: string): readonly Place[] =>
    tree.places.filter((part) => part.parent === place && part.enabled && isAny(part, [compatible]));
  if (isAny(place, GIC_V3)) {
    const regions = cellsOf(properties.get('#redistributor-regions'))[0] ?? 1;
    return {
      ...any,
      version: 3,
      redistributors: present(registers.slice(1, 1 + regions)),
      redistributorStride: numberOf(properties.get('redistributor-stride')),
      its: parts(ITS).flatMap((part) => present(registersOf(tree, part).slice(0, 1))),
    };
  }
  if (cpuInterface === undefined) return undefined;
  const v2mFrames = parts(V2M).flatMap((part) => describeV2m(part.node, registersOf(tree, part)[0]));
  return { ...any, version: 2, cpuInterface, hypervisorInterface, virtualCpuInterface, v2mFrames };
};

const describeV2m = ({ properties }: TreeNode, registers: Range | undefined): readonly V2mDescription[] => {
  if (registers === undefined) return [];
  const firstSpi = cellsOf(properties.get('arm,msi-base-spi'))[0] ?? DEFAULT_V2M.firstSpi;
  const spiCount = cellsOf(properties.get('arm,msi-num-spis'))[0] ?? DEFAULT_V2M.spiCount;
  return [{ registers, firstSpi, spiCount }];
};

const describeDevice = (tree: IndexedTree, place: Place, gic: Place | undefined): DeviceDescription | undefined => {
  const { properties } = place.node;
  const compatible = stringsOf(properties.get('compatible'));
  if (compatible.length === 0) return undefined;
  const [registers, ...more] = present(registersOf(tree, place));
  if (registers === undefined) return undefined;
  const cell = (name: string, absent: number): number => cellsOf(properties.get(name))[0] ?? absent;
  return {
    path: place.path,
    compatible,
    physAddr: registers.start,
    sizeBytes: registers.last - registers.start + 1n,
    more,
    interrupts: present<Interrupt>(interruptsOf(tree, place, gic)),
    regShift: Math.min(cell('reg-shift', 0), MAX_REG_SHIFT),
    regIoWidth: [1, 2, 4].find((width) => width === cell('reg-io-width', 1)) ?? 1,
    regOffset: cell('reg-offset', 0),
  };
};
