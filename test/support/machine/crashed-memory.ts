/** The memory of invented machines that have crashed: what kexec and the kernel that died leave for a dump. */
import type { ElfProgramHeader } from '../../../kexec/elf/elf.js';
import { formatCore, loadHeader, noteHeader } from '../../../kexec/running-kernel/crashdump-elf.js';
import { Range } from '../../../kexec/base/range.js';
import type { OldMemory } from '../../../sim/kernel/vmcore/old-memory.js';
import { ARM64_CORE, note } from '../files/elf-builder.js';
import { smallTree } from '../files/kernel-files.js';

const PAGE = 4096;
const EM_AARCH64 = 183;

/** Memory of a few pages, without a machine around it. */
export class PageMemory implements OldMemory {
  readonly #pages = new Map<bigint, Uint8Array>();

  constructor(readonly ranges: readonly Range[]) {}

  isRam(physAddr: bigint, sizeBytes = 1n): boolean {
    return this.ranges.some(({ start, last }) => start <= physAddr && physAddr + sizeBytes - 1n <= last);
  }

  write(physAddr: bigint, bytes: Uint8Array): this {
    for (let at = 0; at < bytes.length;) {
      const address = physAddr + BigInt(at);
      const inPage = Number(address % BigInt(PAGE));
      const page = address / BigInt(PAGE);
      const content = this.#pages.get(page) ?? new Uint8Array(PAGE);
      const piece = bytes.subarray(at, at + PAGE - inPage);
      content.set(piece, inPage);
      this.#pages.set(page, content);
      at += piece.length;
    }
    return this;
  }

  read(physAddr: bigint, sizeBytes: number): Uint8Array {
    if (!this.isRam(physAddr, BigInt(sizeBytes))) throw new Error('no RAM');
    const bytes = new Uint8Array(sizeBytes);
    for (const [page, content] of this.#pages) {
      const at = Number(page * BigInt(PAGE) - physAddr);
      if (at >= sizeBytes || at + PAGE <= 0) continue;
      const skipped = Math.max(-at, 0);
      bytes.set(content.subarray(skipped, Math.min(PAGE, sizeBytes - at)), at + skipped);
    }
    return bytes;
  }

  *filled(within?: Range): Generator<{ readonly physAddr: bigint; readonly bytes: Uint8Array }> {
    for (const [page, bytes] of [...this.#pages].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const physAddr = page * BigInt(PAGE);
      if (within?.covers(Range.sized(physAddr, BigInt(PAGE))) === false || bytes.every((byte) => byte === 0)) continue;
      yield { physAddr, bytes };
    }
  }
}

/** What is where in the invented machine. */
export const RAM = Range.sized(0x4000_0000n, 0x400_0000n);
export const REGION = Range.sized(0x4200_0000n, 0x100_0000n);
export const TREE = 0x4280_0000n;
export const ELFCOREHDR = 0x42f0_0000n;
const FIRST_NOTES = 0x4010_0000n;
const NOTES_STEP = 0x1000n;
const VMCOREINFO = 0x4018_0000n;
const NOTE_SEGMENT = 424n;
const VMCOREINFO_SEGMENT = 0x1024n;
const IMAGE_SIZE = 0x1_0000;

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

/** An Image's header, and a banner in it. @param flags of its header; bits 2 and 1 are the size of its pages */
const imageOf = (release: string, flags: bigint): Uint8Array => {
  const bytes = new Uint8Array(IMAGE_SIZE);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(16, BigInt(IMAGE_SIZE), true);
  view.setBigUint64(24, flags, true);
  bytes.set(ascii('ARMd'), 56);
  bytes.set(ascii(`Linux version %s\0Linux version ${release} (someone)`), 0x8000);
  return bytes;
};

export interface CrashedOptions {
  readonly ram?: readonly Range[];
  /** Of the capture kernel. */
  readonly release?: string;
  readonly pageFlags?: bigint;
  /** The first word of each processor's saved registers. */
  readonly processors?: readonly bigint[];
  readonly vmcoreinfo?: string;
  readonly loads?: readonly ElfProgramHeader[];
  /** In place of all headers. */
  readonly headers?: readonly ElfProgramHeader[];
  readonly usable?: readonly Range[];
}

export const INFO = 'OSRELEASE=6.1.0-old\nPAGESIZE=4096\nCRASHTIME=1767225600\n';

/** A processor's notes: its registers, and a note without a name behind them. */
const registersNote = (first: bigint): Uint8Array => {
  const desc = new Uint8Array(392);
  new DataView(desc.buffer).setBigUint64(112, first, true);
  return note(ARM64_CORE, 'CORE\0', 1, desc);
};

const cells = (value: bigint): readonly number[] => [Number(value >> 32n), Number(value & 0xffff_ffffn)];

/**
 * The tree that kexec makes for a capture kernel.
 * @param elfcorehdr undefined for none in the tree
 */
export const crashTree = (elfcorehdr: bigint | undefined, usable: readonly Range[], bootargs?: string): Uint8Array =>
  smallTree({
    ...(elfcorehdr !== undefined && { 'linux,elfcorehdr': [...cells(elfcorehdr), 0, 0x400] }),
    ...(bootargs !== undefined && { bootargs }),
    'linux,usable-memory-range': usable.flatMap(({ start, size }) => [...cells(start), ...cells(size)]),
  });

/** A load of everything but the region, as kexec makes them. */
export const LOADS: readonly ElfProgramHeader[] = [
  loadHeader(0x4020_0000n, 0xffff_8000_8000_0000n, 0x1_2000n),
  loadHeader(RAM.start, 0xffff_0000_0000_0000n, REGION.start - RAM.start),
  loadHeader(REGION.end, 0xffff_0000_0300_0000n, RAM.end - REGION.end),
];

export const noteHeaders = (processors: number): readonly ElfProgramHeader[] => [
  ...Array.from({ length: processors }, (_, i) =>
    noteHeader({ address: FIRST_NOTES + BigInt(i) * NOTES_STEP, size: NOTE_SEGMENT }),
  ),
  noteHeader({ address: VMCOREINFO, size: VMCOREINFO_SEGMENT }),
];

export const crashedMemory = ({
  ram = [RAM],
  release = '6.12.0-test',
  pageFlags = 2n,
  processors = [1n, 2n],
  vmcoreinfo = INFO,
  loads = LOADS,
  headers = [...noteHeaders(processors.length), ...loads],
  usable = [REGION],
}: CrashedOptions = {}): PageMemory => {
  const memory = new PageMemory(ram);
  processors.forEach((first, i) => {
    if (first !== 0n) memory.write(FIRST_NOTES + BigInt(i) * NOTES_STEP, registersNote(first));
  });
  memory.write(VMCOREINFO, note(ARM64_CORE, 'VMCOREINFO\0', 0, ascii(vmcoreinfo)));
  memory.write(REGION.start, imageOf(release, pageFlags));
  memory.write(TREE, crashTree(ELFCOREHDR, usable));
  memory.write(ELFCOREHDR, formatCore(headers, 64 + 56 * headers.length, EM_AARCH64));
  // Something to be found in the dump.
  memory.write(0x4020_0800n, ascii('text of the old kernel'));
  memory.write(0x4030_0000n, ascii('its memory'));
  return memory.write(0x4380_0000n, ascii('and more of it'));
};
