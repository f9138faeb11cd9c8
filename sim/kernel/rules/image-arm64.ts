/**
 * Where kexec_file_load(2) puts a kernel and what goes with it on arm64: arch/arm64/kernel/kexec_image.c and
 * machine_kexec_file.c of Linux. There is no purgatory: the kernel is entered directly.
 */
import { readArm64ImageHeader } from '../../../kexec/arch/arm64/image-header.js';
import { Errno } from '../../../kexec/base/error.js';
import { hex } from '../../../kexec/base/format.js';
import { isFdtError } from '../../../kexec/device-tree/libfdt.js';
import { Range } from '../../../kexec/base/range.js';
import { GiB, KiB, MiB, alignDown, u64 } from '../../../kexec/base/u64.js';
import { prepareElfHeaders } from './crash-headers-arm64.js';
import type { KernelFacts } from '../facts/facts.js';
import type { FileLoadMachine } from '../facts/file-load-machine.js';
import type { Handover } from '../facts/kho.js';
import { type KernelSegment, type Refusal, type SlotName, crashBounds } from './kexec-load.js';
import { type Memory, addBuffer } from './mem-hole.js';
import { setUpTree } from './of-kexec.js';

/** What the system call was given, read and checked. */
export interface FilesToLoad {
  readonly slot: SlotName;
  readonly kernel: Uint8Array;
  readonly initrd: Uint8Array | undefined;
  /** One byte a character. */
  readonly cmdline: string | undefined;
  /** Contiguous memory that what was loaded before holds; undefined where none is to be taken. */
  readonly contiguousTaken: readonly Range[] | undefined;
}

export type LoadResult = {
  readonly log: readonly string[];
  /** Contiguous memory that was taken for what came to nothing. */
  readonly lost?: readonly Range[];
} & ({ readonly segments: readonly KernelSegment[]; readonly entry: bigint } | Refusal);

/** MIN_KIMG_ALIGN (arch/arm64/include/asm/boot.h). */
const KERNEL_ALIGNMENT = MiB(2n);
/** The largest page that an arm64 kernel may have. */
const ELFCOREHDR_ALIGNMENT = KiB(64n);
/** A tree must not cross a boundary of 2 MB. */
const TREE_ALIGNMENT = MiB(2n);
/** The kernel and the initrd must lie in a window of this size that begins at a boundary of 1 GB. */
const INITRD_WINDOW = GiB(32n);

/** The kernel goes on until memory ends. Here a recording may tell of any memory: this is 128 GiB for small kernels. */
const MAX_TRIES = 1 << 16;

/** ARM64_IMAGE_FLAG_PAGE_SIZE: bytes; undefined where the header does not tell. */
const pageSizeOf = (flags: bigint): bigint | undefined =>
  [undefined, KiB(4n), KiB(16n), KiB(64n)][Number((flags >> 1n) & 3n)];

const NAMES = { kernel: 'kernel', initrd: 'initrd', dtb: 'dtb', elfcorehdr: 'elf core header' } as const;

const loadedLine = ({ role, mem, bufsz, memsz }: KernelSegment): string =>
  `<6>kexec_file${role === 'kernel' ? '(Image)' : ''}: ` +
  `Loaded ${NAMES[role as keyof typeof NAMES]} at 0x${hex(mem)} bufsz=0x${hex(bufsz)} memsz=0x${hex(memsz)}`;

const refuse = (errno: number, why: string, log: readonly string[] = []): LoadResult => ({ errno, why, log });
const NO_LOCATION = '<3>kexec_file(Image): Could not find any suitable kernel location!';

/**
 * image_probe() and image_load(). Kernels of the other byte order are taken: arm64 processors can do both.
 * @returns the segments in the kernel's order, and what it logs with KEXEC_FILE_DEBUG
 * @throws KexecError when the recording does not tell enough
 */
export const loadArm64Image = (machine: FileLoadMachine, files: FilesToLoad): LoadResult => {
  const { facts } = machine;
  const header = readArm64ImageHeader(files.kernel);
  if (header === undefined || header.imageSize === 0n)
    return refuse(Errno.EINVAL, 'the header of the Image tells no size (image_size)');
  const pages = pageSizeOf(header.flags);
  if (pages !== undefined && !machine.hasPagesOf(pages))
    return refuse(Errno.EINVAL, `the Image is for pages of ${pages} bytes, which the processor does not have`);

  const { start, last } = crashBounds(facts);
  const scratch = files.slot === 'normal' ? facts.handover?.scratch : undefined;
  const before = [...(facts.contiguous?.area?.taken ?? []), ...(files.contiguousTaken ?? [])];
  const taken = [...before];
  const lostBut = (segments: readonly KernelSegment[]): readonly Range[] =>
    taken.slice(before.length).filter(({ start }) => segments.every(({ mem }) => mem !== start));
  // Handover comes first, and is content with its areas only; a crash kernel has a region of its own.
  const area =
    files.slot === 'crash' || facts.handover !== undefined || files.contiguousTaken === undefined
      ? undefined
      : facts.contiguous?.area;
  const free: Memory = {
    contiguous: area && { ...area, taken },
    take: (range) => void taken.push(range),
    generation: facts.generation,
    pageSize: facts.pageSize,
    holes: files.slot === 'crash' ? [Range.inclusive(start, last)] : (scratch ?? machine.holes),
    asTheyStand: scratch !== undefined,
    placed: [],
  };
  const handover = handoverSegment(free, files.slot, facts.handover);
  if (handover === 'no place')
    return refuse(Errno.EADDRNOTAVAIL, 'there is no place for the list of the scratch areas of kernel handover');
  const memory: Memory = { ...free, placed: handover };
  const buffer = {
    role: 'kernel',
    bytes: files.kernel,
    memsz: u64(header.imageSize + header.textOffset),
    align: KERNEL_ALIGNMENT,
    topDown: false,
  } as const;
  const log: string[] = [];
  let loadOthers: LoadOthers | undefined;
  let min = 0n;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const whole = addBuffer(memory, { ...buffer, min });
    if (whole === undefined) break;
    loadOthers ??= prepareOtherSegments(machine, files, handover[0], log);
    const others = loadOthers(memory, whole);
    if (others !== undefined) {
      const { mem, memsz } = whole;
      const kernel = { ...whole, mem: u64(mem + header.textOffset), memsz: u64(memsz - header.textOffset) };
      const segments = [...handover, kernel, ...others];
      const lost = lostBut([whole, ...others]);
      return { segments, entry: kernel.mem, log: [...log, loadedLine(kernel)], lost };
    }
    min = whole.mem + whole.memsz;
  }
  const where = files.slot === 'crash' ? "the crash kernel's memory" : 'the free memory';
  const why = `${where} has no place for the kernel with all that goes behind it`;
  return { ...refuse(Errno.EADDRNOTAVAIL, why, [...log, NO_LOCATION]), lost: lostBut([]) };
};

/** A boundary of 64 KiB makes it easier for the next kernel to map. */
const HANDOVER_ALIGNMENT = KiB(64n);
const SCRATCH_AREA_BYTES = 16;

/** kho_fill_kimage(): the list of the scratch areas, before all else. @returns no segment where none is made */
const handoverSegment = (
  memory: Memory,
  slot: SlotName,
  handover: Handover | undefined,
): readonly KernelSegment[] | 'no place' => {
  if (handover?.areas === undefined || !handover.toldTo[slot]) return [];
  const bytes = new Uint8Array(SCRATCH_AREA_BYTES * handover.areas.length);
  const view = new DataView(bytes.buffer);
  handover.areas.forEach(({ start, size }, i) => {
    view.setBigUint64(SCRATCH_AREA_BYTES * i, start, true);
    view.setBigUint64(SCRATCH_AREA_BYTES * i + 8, size, true);
  });
  const segment = addBuffer(memory, {
    role: 'kho',
    bytes,
    memsz: BigInt(bytes.length),
    align: HANDOVER_ALIGNMENT,
    min: 0n,
    topDown: true,
  });
  return segment === undefined ? 'no place' : [segment];
};

/**
 * Where the tree of what is handed over is, a page that the kernel took when it had just booted (kho_init()). No file
 * tells: it is taken for the highest free one.
 */
const handoverTree = ({ freeMemory, pageSize }: KernelFacts): Range | undefined => {
  const end = freeMemory.at(-1)?.end;
  return end === undefined ? undefined : Range.between(end - pageSize, end);
};

/** Finds places above the kernel for all else. @returns undefined when there are none */
type LoadOthers = (memory: Memory, kernel: KernelSegment) => readonly KernelSegment[] | undefined;

/** load_other_segments(). @param log receives where each was put, also when it was given up again @throws KexecError */
const prepareOtherSegments = (
  machine: FileLoadMachine,
  { slot, initrd, cmdline }: FilesToLoad,
  scratch: KernelSegment | undefined,
  log: string[],
): LoadOthers => {
  const { facts, crashRegions, random, knowsHandover } = machine;
  const fdt = handoverTree(facts);
  const handover = scratch && fdt && { fdt, scratch: Range.sized(scratch.mem, scratch.bufsz) };
  const headers = slot === 'crash' ? prepareElfHeaders(machine.dumpFacts(), crashRegions) : undefined;
  const bootTree = machine.bootTree();
  const treeFor = (initrdAt: Range | undefined, elfcorehdr: Range | undefined, seeds: FileLoadMachine['random']) =>
    setUpTree(
      { ...facts, bootTree, random: seeds, knowsHandover },
      { initrd: initrdAt, cmdline, crash: elfcorehdr && { elfcorehdr, usable: crashRegions }, handover },
    );
  // Its size does not depend on the addresses in it: they come last.
  const somewhere = (bytes: Uint8Array | undefined) => bytes && Range.sized(facts.pageSize, BigInt(bytes.length));
  const draft = treeFor(somewhere(initrd), somewhere(headers), random && ((length) => new Uint8Array(length)));
  if (isFdtError(draft)) return () => undefined;

  return (memory, kernel) => {
    const min = kernel.mem + kernel.memsz;
    const placed: KernelSegment[] = [];
    const add = (
      role: 'initrd' | 'dtb' | 'elfcorehdr',
      bytes: Uint8Array,
      align: bigint,
      max?: bigint,
    ): Range | undefined => {
      const buffer = {
        role,
        bytes,
        memsz: BigInt(bytes.length),
        align,
        min,
        topDown: max === undefined,
        ...(max && { max }),
      };
      const segment = addBuffer({ ...memory, placed: [...memory.placed, kernel, ...placed] }, buffer);
      if (segment === undefined) return undefined;
      placed.push(segment);
      log.push(loadedLine(segment));
      return Range.sized(segment.mem, segment.bufsz);
    };
    const headersAt = headers && add('elfcorehdr', headers, ELFCOREHDR_ALIGNMENT);
    if (headers !== undefined && headersAt === undefined) return undefined;
    const window = alignDown(kernel.mem, GiB(1n)) + INITRD_WINDOW;
    const initrdAt = initrd && add('initrd', initrd, facts.pageSize, window);
    if (initrd !== undefined && initrdAt === undefined) return undefined;
    if (add('dtb', draft, TREE_ALIGNMENT) === undefined) return undefined;
    const bytes = treeFor(initrdAt, headersAt, random);
    if (isFdtError(bytes)) return undefined;
    return placed.map((segment) =>
      segment.role === 'dtb' ? { ...segment, source: { kind: 'bytes', bytes } } : segment,
    );
  };
};
