/** What a debugger outside of the machine watches: accesses that a run stops before, of which the guest sees nothing. */
import type { AccessWatch } from '../state/model.js';
import type { WatchedAccess } from '../state/watch.js';

/** Addresses are compared up to bit 48, as those of the guest's own watchpoints: above is a copy of it, or a tag. */
const ADDRESS_BITS = 49;
const PAGE = 4096n;

const addressOf = (virtAddr: bigint): bigint => BigInt.asUintN(ADDRESS_BITS, virtAddr);

/** An access to RAM or to a device, or the part of one that lies in one page. */
interface PlacedAccess extends WatchedAccess {
  readonly physAddr: bigint;
}

export class AccessWatches {
  #watches: readonly AccessWatch[] = [];
  /** An instruction is carried out that is not to be stopped before. */
  isAsleep = false;

  /** @returns whether other pages than before may be watched */
  set(watches: readonly AccessWatch[]): boolean {
    if (watches === this.#watches || (watches.length === 0 && this.#watches.length === 0)) return false;
    this.#watches = watches;
    return true;
  }

  /** Some byte of the page is watched: no access to it may pass by without being asked for. */
  isWatchedPage(virtAddr: bigint, physPage: number): boolean {
    if (this.#watches.length === 0) return false;
    const virtPage = addressOf(virtAddr) & ~(PAGE - 1n);
    return this.#watches.some(({ first, last, isPhysical }) => {
      const start = isPhysical ? BigInt(physPage) : virtPage;
      return addressOf(first) < start + PAGE && addressOf(last) >= start;
    });
  }

  /** The first byte of an access that is watched, as the watch has it. */
  watchedBy({ virtAddr, physAddr, sizeBytes, isWrite }: PlacedAccess): bigint | undefined {
    if (this.isAsleep) return undefined;
    let least: bigint | undefined;
    for (const { first, last, onRead, onWrite, isPhysical } of this.#watches) {
      const address = isPhysical ? physAddr : virtAddr;
      const start = addressOf(address);
      const isHit = addressOf(first) < start + BigInt(sizeBytes) && addressOf(last) >= start;
      if (!isHit || !(isWrite ? onWrite : onRead)) continue;
      const at = addressOf(first) > start ? address + addressOf(first) - start : address;
      if (least === undefined || at < least) least = at;
    }
    return least;
  }
}
