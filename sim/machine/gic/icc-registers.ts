/** The system registers of a GICv3's processor interface (IHI 0069, AArch64 System register descriptions). */
import type { CpuInterfaces } from './cpu-interface.js';

/** Processors that an SGI goes to. */
export interface SgiTargets {
  /** Bit n: the processor of Aff0 n in the cluster. */
  readonly list: number;
  /** Aff2 and Aff1. */
  readonly cluster: number;
  readonly aff3: number;
  /** Instead, every processor but the one that sends. */
  readonly all: boolean;
}

/** What the registers are made of. */
export interface InterfaceAccess {
  readonly interfaces: CpuInterfaces;
  highestPending(processor: number, group: 0 | 1): number;
  acknowledge(processor: number, group: 0 | 1): number;
  end(processor: number, group: 0 | 1, intid: number): void;
  deactivate(processor: number, intid: number): void;
  /** @param groups bit n: the SGI goes where it is of group n */
  sendSgi(processor: number, sgi: number, targets: SgiTargets, groups: number): void;
}

/** What has no `read` reads as zero, what has no `write` ignores writes. */
export interface IccRegister {
  readonly read?: (access: InterfaceAccess, processor: number) => number;
  /** @param value the lower half of what is written @param upper the upper half */
  readonly write?: (access: InterfaceAccess, processor: number, value: number, upper: number) => void;
}

const INTID = 0xff_ffff;
/** Five bits of a priority there are. */
const PRIORITY = 0xf8;
/** ICC_CTLR_EL1: A3V, 16 bits of INTIDs, the number of priority bits less one. */
const CTLR = (1 << 15) | (1 << 11) | (4 << 8);
export const CBPR = 1 << 0;
export const EOI_MODE = 1 << 1;
/** ICC_SRE_EL1 and ICC_SRE_EL2: system registers always, neither IRQ nor FIQ bypasses; lower levels have theirs. */
const SRE_EL1 = 0x7;
const SRE_EL2 = 0xf;

const binaryPoint = (group: 0 | 1): IccRegister => ({
  read: ({ interfaces }, processor) =>
    group === 1 && interfaces.hasCommonBinaryPoint(processor)
      ? Math.min(interfaces.getBinaryPoint(processor, 0) + 1, 7)
      : interfaces.getBinaryPoint(processor, group),
  write: ({ interfaces }, processor, value) => {
    if (group === 1 && interfaces.hasCommonBinaryPoint(processor)) return;
    interfaces.setBinaryPoint(processor, group, value);
  },
});

const activePriorities = (group: 0 | 1): IccRegister => ({
  read: ({ interfaces }, processor) => interfaces.activePriorities[interfaces.activeAt(processor, group, 0)]!,
  write: ({ interfaces }, processor, value) => {
    interfaces.activePriorities[interfaces.activeAt(processor, group, 0)] = value;
  },
});

const groupEnable = (group: 0 | 1): IccRegister => ({
  read: ({ interfaces }, processor) => (interfaces.groups[processor]! >>> group) & 1,
  write: ({ interfaces }, processor, value) => {
    interfaces.groups[processor] = (interfaces.groups[processor]! & ~(1 << group)) | ((value & 1) << group);
  },
});

/** Registers that come once for each group. */
const perGroup = (group: 0 | 1): Readonly<Record<string, IccRegister>> => ({
  [`ICC_IAR${group}_EL1`]: { read: (access, processor) => access.acknowledge(processor, group) },
  [`ICC_EOIR${group}_EL1`]: { write: (access, processor, value) => access.end(processor, group, value & INTID) },
  [`ICC_HPPIR${group}_EL1`]: { read: (access, processor) => access.highestPending(processor, group) },
  [`ICC_BPR${group}_EL1`]: binaryPoint(group),
  [`ICC_AP${group}R0_EL1`]: activePriorities(group),
  [`ICC_IGRPEN${group}_EL1`]: groupEnable(group),
});

const sgi = (groups: number): IccRegister => ({
  write: (access, processor, value, upper) => {
    const targets: SgiTargets = {
      list: value & 0xffff,
      cluster: ((value >>> 16) & 0xff) | ((upper & 0xff) << 8),
      aff3: (upper >>> 16) & 0xff,
      all: (upper & 0x100) !== 0,
    };
    access.sendSgi(processor, (value >>> 24) & 0xf, targets, groups);
  },
});

export const ICC: Readonly<Record<string, IccRegister>> = {
  ...perGroup(0),
  ...perGroup(1),
  ICC_PMR_EL1: {
    read: ({ interfaces }, processor) => interfaces.priorityMask[processor]!,
    write: ({ interfaces }, processor, value) => (interfaces.priorityMask[processor] = value & PRIORITY),
  },
  ICC_CTLR_EL1: {
    read: ({ interfaces }, processor) => CTLR | interfaces.control[processor]!,
    write: ({ interfaces }, processor, value) => (interfaces.control[processor] = value & (CBPR | EOI_MODE)),
  },
  ICC_RPR_EL1: { read: ({ interfaces }, processor) => Math.min(interfaces.runningPriority(processor), 0xff) },
  ICC_DIR_EL1: { write: (access, processor, value) => access.deactivate(processor, value & INTID) },
  ICC_SRE_EL1: { read: () => SRE_EL1 },
  ICC_SRE_EL2: { read: () => SRE_EL2 },
  ICC_SGI0R_EL1: sgi(0b01),
  ICC_SGI1R_EL1: sgi(0b10),
  ICC_ASGI1R_EL1: sgi(0b01),
};
