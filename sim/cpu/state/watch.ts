/** Data accesses as watchpoints see them. */

export interface WatchedAccess {
  readonly virtAddr: bigint;
  readonly sizeBytes: number;
  readonly isWrite: boolean;
  /** As EL0 would do it (LDTR and STTR at EL1). */
  readonly unprivileged: boolean;
}

/** What watchpoints ask for. */
export interface Watch {
  /** Some byte of the page is watched, by whichever access: none may pass by without being asked for. */
  isWatchedPage(virtAddr: bigint): boolean;
  /** The first byte of an access that raises a watchpoint exception; undefined for an access that raises none. */
  watchedBy(access: WatchedAccess): bigint | undefined;
}
