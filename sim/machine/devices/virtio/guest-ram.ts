/** The guest's RAM as devices see it that read and write it on their own. */

export interface GuestRam {
  /** Whether all of it is RAM. */
  isRam(physAddr: bigint, sizeBytes: bigint): boolean;
  /** A copy. Precondition: it is RAM. */
  read(physAddr: bigint, sizeBytes: number): Uint8Array;
  /** Precondition: it is RAM. The processors are to forget the code that they know there. */
  write(physAddr: bigint, bytes: Uint8Array): void;
}
