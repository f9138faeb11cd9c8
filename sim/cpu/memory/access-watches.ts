/** What a debugger outside of the machine watches: accesses that a run stops before, of which the guest sees nothing. */
import type { AccessWatch } from '../state/model.js';
import type { Watch, WatchedAccess } from '../state/watch.js';

/** Addresses are compared up to bit 48, as those of the guest's own watchpoints: above is a copy of it, or a tag. */
const ADDRESS_BITS = 49;
const PAGE = 4096n;

const addressOf = (virtAddr: bigint): bigint => BigInt.asUintN(ADDRESS_BITS, virtAddr);

export class AccessWatches implements Watch {
  #watches: readonly AccessWatch[] = [];
  /** An instruction is carried out that is not to be stopped before. */
  isAsleep = false;

  /** @returns whether other pages than before may be watched */
  set(watches: readonly AccessWatch[]): boolean {
    if (watches === this.#watches || (watches.length === 0 && this.#watches.length === 0)) return false;
    this.#watches = watches;
    return true;
  }

  isWatchedPage(virtAddr: bigint): boolean {
    if (this.#watches.length === 0) return false;
    const start = addressOf(virtAddr) & ~(PAGE - 1n);
    return this.#watches.some(({ first, last }) => addressOf(first) < start + PAGE && addressOf(last) >= start);
  }

  watchedBy({ virtAddr, sizeBytes, isWrite }: WatchedAccess): bigint | undefined {
    if (this.isAsleep) return undefined;
    const start = addressOf(virtAddr);
    const end = start + BigInt(sizeBytes);
    const hits = this.#watches.filter(
      ({ first, last, onRead, onWrite }) =>
        (isWrite ? onWrite : onRead) && addressOf(first) < end && addressOf(last) >= start,
    );
    return hits
      .map(({ first }) => (addressOf(first) > start ? virtAddr + addressOf(first) - start : virtAddr))
      .reduce<bigint | undefined>((least, at) => (least === undefined || at < least ? at : least), undefined);
  }
}
