/** What a loaded crash kernel is told of the old one: which memory is its own, and where the header of the dump is. */
import { type ElfProgramHeader, ET_CORE, programHeaders64 } from '../../../kexec/elf/elf.js';
import type { Range } from '../../../kexec/base/range.js';
import type { ToldByTree } from '../../machine/board-tree/told-by-tree.js';
import { initrdOf } from '../facts/boot-tree.js';
import { toldByBlob } from './arrival.js';
import { type LoadedKernel, imageSegment, treeSegment } from './loaded-kernel.js';

export interface CrashLoad {
  /** All memory that is loaded to. */
  readonly segments: readonly Range[];
  /** What the device tree says; undefined without one that can be read. */
  readonly told: ToldByTree | undefined;
  /** The header of the dump; undefined where the tree names none. */
  readonly dump: DumpHeader | undefined;
  /** The bytes of the kernel's Image; undefined for a kernel that is none. */
  readonly image: Uint8Array | undefined;
  /** The initrd's bytes; undefined without one. */
  readonly initrd: Uint8Array | undefined;
}

/** The ELF header that fs/proc/vmcore.c makes /proc/vmcore of. */
export interface DumpHeader {
  /** Where the device tree says that it is. */
  readonly memory: Range;
  /** Its program headers; none where nothing is loaded there, or no core file's header. */
  readonly headers: readonly ElfProgramHeader[];
}

const TYPE_AT = 16;

export const lookAtCrashLoad = (kernel: LoadedKernel): CrashLoad => {
  const { segments } = kernel;
  const tree = treeSegment(kernel)?.data;
  const told = tree && toldByBlob(tree);
  const bytesAt = (memory: Range): Uint8Array | undefined => {
    const segment = segments.find((candidate) => candidate.memory.covers(memory));
    const at = segment && Number(memory.start - segment.memory.start);
    return at === undefined ? undefined : segment?.data.subarray(at, at + Number(memory.size));
  };
  const initrd = tree && initrdOf(tree);
  return {
    segments: segments.map(({ memory }) => memory),
    told,
    dump: told?.elfcorehdr && { memory: told.elfcorehdr, headers: coreHeaders(bytesAt(told.elfcorehdr)) },
    image: imageSegment(kernel)?.data,
    initrd: initrd && bytesAt(initrd),
  };
};

const coreHeaders = (bytes: Uint8Array | undefined): readonly ElfProgramHeader[] =>
  bytes?.[TYPE_AT] === ET_CORE ? programHeaders64(bytes) : [];
