/** A board as its device tree describes it. */
import type { Range } from '../../../kexec/base/range.js';
import type { Interrupt } from './interrupts.js';

export interface BoardDescription {
  /** What the board is called, from the most to the least special. */
  readonly compatible: readonly string[];
  /** What the /memory nodes say, in the tree's order. */
  readonly memory: readonly Range[];
  readonly processors: readonly ProcessorDescription[];
  /** How the firmware's PSCI is called; undefined without a PSCI. */
  readonly conduit: 'hvc' | 'smc' | undefined;
  /** Whether a kernel can switch processors off by it. PSCI 0.1 has what calls the tree gives numbers for. */
  readonly hasCpuOff: boolean;
  /** Paths of what switches clocks or the power of others. */
  readonly gates: readonly string[];
  readonly timer: TimerDescription | undefined;
  /** The one interrupt controller that the devices' interrupts are told of; undefined where it is no GIC. */
  readonly gic: GicDescription | undefined;
  /**
   * What has registers that the processors can address, in the tree's order. The GIC and its frames are not among them.
   */
  readonly devices: readonly DeviceDescription[];
  /** What stdout-path means; one of `devices`. */
  readonly console: DeviceDescription | undefined;
}

export interface ProcessorDescription {
  readonly path: string;
  /** The affinity fields of its MPIDR_EL1, in their places. */
  readonly affinity: bigint;
  /** What the tree calls the way; none where it does not say. */
  readonly enableMethods: readonly string[];
  /** How it is started; undefined for one that the tree gives no way that we know. */
  readonly start:
    | { readonly method: 'psci' }
    | {
        readonly method: 'spin-table';
        /** Where it waits for an address to be written. */
        readonly releaseAddr: bigint;
      }
    | undefined;
}

/** INTIDs of the timers' private interrupts; undefined for one that the tree does not name. */
export interface TimerDescription {
  readonly securePhysical: number | undefined;
  readonly physical: number | undefined;
  readonly virtual: number | undefined;
  readonly hypervisor: number | undefined;
  readonly hypervisorVirtual: number | undefined;
  /** Hz, where the tree tells because the firmware did not set CNTFRQ_EL0. */
  readonly clockFrequency: number | undefined;
}

export type GicDescription = GicV2Description | GicV3Description;

interface AnyGic {
  readonly path: string;
  readonly distributor: Range;
  /** INTID of the maintenance interrupt. */
  readonly maintenance: number | undefined;
}

export interface GicV2Description extends AnyGic {
  readonly version: 2;
  readonly cpuInterface: Range;
  /** Of a hypervisor, and of its guests; where the tree has them. */
  readonly hypervisorInterface: Range | undefined;
  readonly virtualCpuInterface: Range | undefined;
  readonly v2mFrames: readonly V2mDescription[];
}

export interface GicV3Description extends AnyGic {
  readonly version: 3;
  readonly redistributors: readonly Range[];
  /** Bytes from one processor's redistributor to the next one's; undefined where they lie one behind the other. */
  readonly redistributorStride: bigint | undefined;
  /** Registers of its interrupt translation services. */
  readonly its: readonly Range[];
}

/** A frame whose writes become shared interrupts. */
export interface V2mDescription {
  readonly registers: Range;
  /** INTID of the first. */
  readonly firstSpi: number;
  readonly spiCount: number;
}

export interface DeviceDescription {
  readonly path: string;
  /** From the most to the least special. */
  readonly compatible: readonly string[];
  readonly physAddr: bigint;
  readonly sizeBytes: bigint;
  /** Its other ranges of registers. */
  readonly more: readonly Range[];
  readonly interrupts: readonly Interrupt[];
  /** A UART's registers lie `1 << regShift` bytes apart, from `regOffset`, and are `regIoWidth` bytes wide. */
  readonly regShift: number;
  readonly regIoWidth: number;
  readonly regOffset: number;
}
