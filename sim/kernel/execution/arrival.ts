/** A machine before the new kernel's first instruction, and what can be seen of that kernel. */
import { type Arm64ImageHeader, readArm64ImageHeader } from '../../../kexec/arch/arm64/image-header.js';
import { FDT_MAGIC, Fdt } from '../../../kexec/device-tree/libfdt.js';
import { Range } from '../../../kexec/base/range.js';
import { MiB } from '../../../kexec/base/u64.js';
import type { CpuModel } from '../../cpu/state/model.js';
import type { PhysicalMemory } from '../../machine/memory.js';
import { attempt } from '../../../kexec/base/attempt.js';
import { getMemRsv, numMemRsv } from '../../../kexec/device-tree/libfdt-ro.js';
import { KexecError } from '../../../kexec/base/error.js';
import { type ToldByTree, toldByTree } from '../../machine/board-tree/told-by-tree.js';
import { treeOfBlob } from '../../machine/board-tree/tree.js';
import { MachineError } from '../../machine/error.js';
import type { Quirk } from '../../machine/quirks.js';
import { initrdOf } from '../facts/boot-tree.js';

/** A segment with its bytes: `data.length <= memory.size`; the rest is zero. */
export interface LoadedSegment {
  readonly memory: Range;
  readonly data: Uint8Array;
  /** Checksums of the bytes that were loaded (segment-sums.ts); undefined when nobody took them. */
  readonly sums?: Uint8Array | undefined;
}

export type CpuView = Pick<CpuModel, 'getX' | 'pc' | 'el' | 'daif' | 'affinity' | 'getSystemRegister'>;
export type MemoryView = Pick<PhysicalMemory, 'isRam' | 'read'>;

/** A machine that stands before the new kernel's first instruction. */
export interface Arrival {
  readonly cpu: CpuView;
  readonly memory: MemoryView & Pick<PhysicalMemory, 'ranges'>;
  /** The highest exception level below the firmware's. */
  readonly highestEl: 1 | 2;
  readonly segments: readonly LoadedSegment[];
  /** The one of them that ran before the kernel, and may have changed itself. */
  readonly purgatory: LoadedSegment | undefined;
  readonly running: RunningMachine;
}

/** What of the machine the new kernel ought to find as the running one did. */
export interface RunningMachine {
  /** What its device tree's /chosen says of UEFI, by the properties' names. */
  readonly uefi: ReadonlyMap<string, Uint8Array>;
  /** What its firmware does in its own way. */
  readonly quirks: readonly Quirk[];
  /** What its device tree says of memory; nothing where only UEFI does. */
  readonly memory: readonly Range[];
  /** Where its crash kernel belongs; undefined where the new kernel is none, but comes after a reboot. */
  readonly crashRegions?: readonly Range[] | undefined;
}

/** What can be seen of the new kernel from its first instruction. */
export interface NewKernel {
  /** Undefined where the program counter is not at an Image. */
  readonly header: Arm64ImageHeader | undefined;
  /** The memory that it takes from its first byte on. */
  readonly memory: Range;
  /** Bytes from a 2 MB boundary to it. */
  readonly textOffset: bigint;
  /** What x0 points to; undefined where that is no device tree. */
  readonly tree: Tree | undefined;
}

export interface Tree {
  readonly memory: Range;
  /** What /chosen says; undefined without an initrd. */
  readonly initrd: Range | undefined;
  /** Its reserve map. */
  readonly reservations: readonly Range[];
  /** Undefined where it cannot be read. */
  readonly told: ToldByTree | undefined;
}

/** Prior to Linux 3.17 the header does not tell (Documentation/arch/arm64/booting.rst). */
const OLD_TEXT_OFFSET = 0x80000n;

/** Larger trees are wrong, and not worth reading. */
const MAX_TREE = MiB(2n);

const HEADER_BYTES = 64;
const TREE_HEADER_BYTES = 40;

export const lookAtKernel = ({ cpu, memory, segments }: Arrival): NewKernel => {
  const header = memory.isRam(cpu.pc, BigInt(HEADER_BYTES))
    ? readArm64ImageHeader(memory.read(cpu.pc, HEADER_BYTES))
    : undefined;
  const segment = segments.find((candidate) => candidate.memory.contains(cpu.pc));
  const known = header !== undefined && header.imageSize !== 0n ? header : undefined;
  return {
    header,
    memory: Range.sized(cpu.pc, known?.imageSize ?? (segment === undefined ? 4n : segment.memory.end - cpu.pc)),
    textOffset: known?.textOffset ?? OLD_TEXT_OFFSET,
    tree: lookAtTree(memory, cpu.getX(0)),
  };
};

const lookAtTree = (memory: MemoryView, address: bigint): Tree | undefined => {
  if (!memory.isRam(address, BigInt(TREE_HEADER_BYTES))) return undefined;
  const head = new DataView(memory.read(address, 8).buffer);
  if (head.getUint32(0) !== FDT_MAGIC) return undefined;
  const size = BigInt(head.getUint32(4));
  const readable = size >= BigInt(TREE_HEADER_BYTES) && size <= MAX_TREE && memory.isRam(address, size);
  const blob = readable ? memory.read(address, Number(size)) : undefined;
  return {
    memory: Range.sized(address, size),
    initrd: blob && initrdOf(blob),
    reservations: (blob && reservationsOf(blob)) ?? [],
    told: blob && toldByBlob(blob),
  };
};

/** Undefined for a tree that is broken, which tells nothing. */
export const toldByBlob = (blob: Uint8Array): ToldByTree | undefined => {
  const told = attempt(MachineError, () => toldByTree(treeOfBlob(blob)));
  return told instanceof MachineError ? undefined : told;
};

const reservationsOf = (blob: Uint8Array): readonly Range[] | undefined => {
  const ranges = attempt(KexecError, () => {
    const tree = new Fdt(blob, 'dtb');
    return Array.from({ length: numMemRsv(tree) }, (_, n) => getMemRsv(tree, n)).flatMap(({ address, size }) =>
      size === 0n ? [] : [Range.sized(address, size)],
    );
  });
  return ranges instanceof KexecError ? undefined : ranges;
};
