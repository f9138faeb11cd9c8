/** Formats of kernel files: what they recognise, and what a recognised kernel can do. */
import type { LoadedPurgatory } from '../elf/loaded-purgatory.js';
import type { Placement } from '../memory/placement.js';

/** What `kexec_file_load` gets from a format: the kernel may be another file than the one that was given. */
export interface FileLoadPlan {
  readonly kernel: Uint8Array;
  /**
   * The kernel's file descriptor, as debug logs tell it, less that of the kernel as it was given: 0 for that one. What
   * is unpacked has {@link UNPACKED_DESCRIPTOR} or, with more files open, a higher one.
   */
  readonly descriptorOffset: number;
  /** The initrd: a file's path, or bytes that came with the kernel; undefined without one. */
  readonly initrd: string | Uint8Array | undefined;
  readonly cmdline: string | undefined;
}

/** 1 is the temporary file while it is written. */
export const UNPACKED_DESCRIPTOR = 2;

/** A kernel that a format recognised: what its probe learned is in the functions, and kept nowhere else. */
export interface RecognisedKernel {
  /**
   * Adds the kernel and all that goes with it to the load.
   * @param inPlaceOf bytes to load in place of those that were recognised; a format that has unpacked its kernel has
   * no use for them
   * @throws KexecError
   */
  load(placement: Placement, inPlaceOf?: Uint8Array): Promise<LoadedKernel>;
  /** What kexec_file_load is to be given. @throws KexecError */
  fileLoad(): FileLoadPlan;
}

/** A compressed kernel that has been read once. */
export interface CompressedFile {
  /** Reads it again, and says so in the debug log. @throws KexecError */
  read(): Promise<Uint8Array>;
}

/** A format of kernel images; the formats of an architecture are a table in the order of probing. */
export interface ImageFormat {
  readonly name: string;
  /** The lines under the name in `kexec --help`. */
  readonly usage: string;
  /**
   * @param bytes the kernel; or, where a format of an old release wants the name of a compressed file, the name
   * @param compressed that file's name, and how to read it
   * @returns undefined when the bytes are something else
   */
  probe(bytes: Uint8Array, compressed?: CompressedFile): Promise<RecognisedKernel | undefined>;
}

/** A kernel whose segments are all in their places. */
export interface LoadedKernel {
  /** Where the kernel that runs is to jump to: into the purgatory. */
  readonly entry: bigint;
  readonly purgatory: LoadedPurgatory;
}
