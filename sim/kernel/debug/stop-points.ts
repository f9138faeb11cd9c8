/** Where a debugger wants a machine to stop. */
import type { AccessWatch } from '../../cpu/state/model.js';

/** Accesses that a watchpoint is for. */
export type Watched = 'write' | 'read' | 'access';

interface Watchpoint extends AccessWatch {
  readonly kind: Watched;
}

/** More are refused: each instruction in a watched page asks all of them. */
export const MAX_WATCHPOINTS = 64;
export const MAX_BREAKPOINTS = 4096;
/** A watchpoint is of so many bytes at most: what it watches is slow. */
export const MAX_WATCHED_BYTES = 1n << 20n;

/** Watchpoints of physical addresses that are known when they are set again. */
const MOST_REMEMBERED = 1024;

/** Breakpoints and watchpoints; the sets that it gives are others when they have changed, and only then. */
export class StopPoints {
  #breakpoints: ReadonlySet<bigint> = new Set();
  #watchpoints: readonly Watchpoint[] = [];
  /**
   * Those that are of physical addresses, and stay so: gdb takes its watchpoints away whenever the machine stops, and
   * sets them again wherever that is.
   */
  readonly #physical = new Set<string>();

  get breakpoints(): ReadonlySet<bigint> {
    return this.#breakpoints;
  }

  get watches(): readonly AccessWatch[] {
    return this.#watchpoints;
  }

  /** @returns false where there are too many */
  addBreakpoint(address: bigint): boolean {
    if (this.#breakpoints.has(address)) return true;
    if (this.#breakpoints.size >= MAX_BREAKPOINTS) return false;
    this.#breakpoints = new Set([...this.#breakpoints, address]);
    return true;
  }

  removeBreakpoint(address: bigint): void {
    if (this.#breakpoints.has(address))
      this.#breakpoints = new Set([...this.#breakpoints].filter((other) => other !== address));
  }

  /**
   * @param isPhysical see {@link AccessWatch.isPhysical}; of one that was set before, it is as it was then
   * @returns false for one that cannot be, or where there are too many
   */
  addWatchpoint(kind: Watched, first: bigint, sizeBytes: bigint, isPhysical: boolean): boolean {
    const last = first + sizeBytes - 1n;
    if (sizeBytes < 1n || sizeBytes > MAX_WATCHED_BYTES || last >= 1n << 64n) return false;
    if (this.#watchpoints.some((one) => isAlike(one, kind, first, last))) return true;
    if (this.#watchpoints.length >= MAX_WATCHPOINTS) return false;
    const name = `${kind} ${first} ${last}`;
    if (this.#physical.size >= MOST_REMEMBERED) this.#physical.clear();
    if (isPhysical) this.#physical.add(name);
    const watchpoint = {
      kind,
      first,
      last,
      isPhysical: this.#physical.has(name),
      onRead: kind !== 'write',
      onWrite: kind !== 'read',
    };
    this.#watchpoints = [...this.#watchpoints, watchpoint];
    return true;
  }

  removeWatchpoint(kind: Watched, first: bigint, sizeBytes: bigint): void {
    const left = this.#watchpoints.filter((one) => !isAlike(one, kind, first, first + sizeBytes - 1n));
    if (left.length < this.#watchpoints.length) this.#watchpoints = left;
  }

  /** What kind of watchpoint an access is watched by. */
  kindOf(virtAddr: bigint, isWrite: boolean): Watched {
    const found = this.#watchpoints.find(
      ({ first, last, onRead, onWrite }) => (isWrite ? onWrite : onRead) && first <= virtAddr && virtAddr <= last,
    );
    return found?.kind ?? (isWrite ? 'write' : 'read');
  }

  clear(): void {
    if (this.#breakpoints.size > 0) this.#breakpoints = new Set();
    if (this.#watchpoints.length > 0) this.#watchpoints = [];
    this.#physical.clear();
  }
}

const isAlike = (one: Watchpoint, kind: Watched, first: bigint, last: bigint): boolean =>
  one.kind === kind && one.first === first && one.last === last;
