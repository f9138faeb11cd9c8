/** The slow path of memory accesses. */

import type { Bus } from '../state/bus.js';
import { type AccessKind, type Fault, type ResolvedPage, FaultStatus } from '../state/fault.js';
import {
  ACCESS_ADDRESS,
  ACCESS_ALIGN_MASK,
  ACCESS_ALIGN_SHIFT,
  ACCESS_ALIGNED,
  ACCESS_BANK_SHIFT,
  ACCESS_CACHE_MAINTENANCE,
  ACCESS_COMPARES,
  ACCESS_FOLLOWS,
  ACCESS_SIZE_MASK,
  ACCESS_STRICT_SHIFT,
  ACCESS_UNPRIVILEGED,
  ACCESS_VALUE,
  ACCESS_WRITE,
  ACCESS_ZERO_BLOCK,
  PROCESSOR_BYTES,
} from '../state/layout.js';
import type { CpuObserver } from '../state/observer.js';
import type { Watch } from '../state/watch.js';
import type { WriteWatcher } from '../state/observer.js';
import type { AccessWatches } from './access-watches.js';
import type { Tlb } from './tlb.js';

const PAGE = 4096;
/** So many accesses in a row take some ten milliseconds: then somebody may want to end the run. */
const PATIENCE = 8192;
const PUT_OFF: AccessFailure = { kind: 'put-off' };
const TO_DEVICE: AccessFailure = { kind: 'device' };

/** A data access that did not take place. */
export type AccessFailure =
  | {
      readonly kind: 'fault';
      readonly virtAddr: bigint;
      readonly faultStatus: number;
      readonly isWrite: boolean;
      readonly cacheMaintenance: boolean;
    }
  /** Nothing is wrong with it, and nothing of its instruction can be seen: the instruction is to be done once more. */
  | { readonly kind: 'put-off' }
  /** The page may be accessed, and a watchpoint matches. */
  | { readonly kind: 'watchpoint'; readonly virtAddr: bigint; readonly isWrite: boolean }
  /** The page may be accessed, and a debugger outside of the machine wants to look before. */
  | { readonly kind: 'stop'; readonly virtAddr: bigint; readonly isWrite: boolean }
  /** The same, to be done alone: what a device does, or somebody sees, is to be seen before the next instruction. */
  | { readonly kind: 'device' };

export interface AccessHost {
  readonly bus: Bus;
  /** Of the processor's block. */
  readonly base: number;
  readonly tlb: Tlb;
  resolve(virtAddr: bigint, access: AccessKind, unprivileged: boolean): ResolvedPage | Fault;
  /** Every access must be aligned. */
  isStrict(): boolean;
  /** The guest's watchpoints. */
  readonly watch: Watch;
  /** Who is to know of pages that change. */
  readonly writes: () => WriteWatcher | undefined;
  /** Who is to see accesses to RAM. */
  readonly observed: () => CpuObserver['ram'];
  /** What a debugger watches. */
  readonly outside: AccessWatches;
  /** Some bytes of a physical page are about to change. */
  onWrite(physPage: number, inPage: number, sizeBytes: number): void;
}

/** Accesses that translated code cannot finish: to pages that are not in the TLB, to devices, to code, and faults. */
export class MemoryAccess {
  /** Of the processor's block. */
  readonly #view: DataView;
  /** All of the WebAssembly memory, and where in it the value is that is read or to be written. */
  readonly #bytes: Uint8Array;
  readonly #value: number;
  #failure: AccessFailure | undefined;
  /** The instruction at hand is carried out alone, and may access devices. */
  isAlone = false;
  /** Accesses since the last one that was put off. */
  #inARow = 0;

  constructor(private readonly host: AccessHost) {
    const { bus, base } = host;
    this.#view = new DataView(bus.linear.buffer, base, PROCESSOR_BYTES);
    this.#bytes = new Uint8Array(bus.linear.buffer);
    this.#value = base + ACCESS_VALUE;
  }

  /** Why the last access that failed did. */
  get failure(): AccessFailure {
    if (this.#failure === undefined) throw new Error('no access has failed');
    return this.#failure;
  }

  /**
   * Carries out the access that the state describes (ACCESS_ADDRESS and ACCESS_VALUE of layout.ts). Translated code can
   * spend a whole slice in here, which is a thousand times slower than others: now and then an access is put off, so
   * that translated code returns.
   * @returns not 0 if it did not take place: see {@link failure}
   */
  run(kind: number): number {
    const { bus, tlb, watch, outside } = this.host;
    const address = this.#view.getBigUint64(ACCESS_ADDRESS, true);
    const inPage = this.#view.getUint32(ACCESS_ADDRESS, true) & (PAGE - 1);
    const sizeBytes = 1 << (kind & ACCESS_SIZE_MASK);
    const isWrite = (kind & ACCESS_WRITE) !== 0;
    const isStore = isWrite && (kind & ACCESS_COMPARES) === 0;
    const unprivileged = (kind & ACCESS_UNPRIVILEGED) !== 0;
    const bank = (kind >> ACCESS_BANK_SHIFT) & 7;
    const isStrict = this.host.isStrict();
    const strictlyAligned = 1 << ((kind >> ACCESS_STRICT_SHIFT) & ACCESS_ALIGN_MASK);
    const aligned = (kind & ACCESS_ALIGNED) !== 0 ? 1 << ((kind >> ACCESS_ALIGN_SHIFT) & ACCESS_ALIGN_MASK) : 1;
    if (inPage % (isStrict ? Math.max(aligned, strictlyAligned) : aligned) !== 0)
      return this.#fail(kind, FaultStatus.alignment, address);

    const firstBytes = Math.min(sizeBytes, PAGE - inPage);
    for (let done = 0; done < sizeBytes; done = done === 0 ? firstBytes : sizeBytes) {
      const virtAddr = done === 0 ? address : BigInt.asUintN(64, address + BigInt(done));
      const resolved = this.host.resolve(virtAddr, isWrite ? 'write' : 'read', unprivileged);
      if ('faultStatus' in resolved) return this.#fail(kind, resolved.faultStatus, virtAddr);
      const { page, device, writable } = resolved;
      if (device && (inPage % strictlyAligned !== 0 || (kind & ACCESS_ZERO_BLOCK) !== 0))
        return this.#fail(kind, FaultStatus.alignment, address);
      const bytes = done === 0 ? firstBytes : sizeBytes - done;
      // Both pages of a store must be writable before the first one changes.
      if (isWrite && done === 0 && bytes < sizeBytes) {
        const secondAddr = BigInt.asUintN(64, address + BigInt(bytes));
        const second = this.host.resolve(secondAddr, 'write', unprivileged);
        if ('faultStatus' in second) return this.#fail(kind, second.faultStatus, secondAddr);
      }
      // Behind faults of the MMU, and before what the bus says (Arm ARM D1.13.2). Maintenance of caches is not watched.
      const isWatched = watch.isWatchedPage(virtAddr) || outside.isWatchedPage(virtAddr, page);
      if (isWatched && (kind & (ACCESS_CACHE_MAINTENANCE | ACCESS_COMPARES)) === 0) {
        const access = { virtAddr, sizeBytes: bytes, isWrite, unprivileged };
        const stop = outside.watchedBy({ ...access, physAddr: BigInt(page + (done === 0 ? inPage : 0)) });
        const watched = stop ?? watch.watchedBy(access);
        if (watched !== undefined) {
          this.#failure = { kind: stop === undefined ? 'watchpoint' : 'stop', virtAddr: watched, isWrite };
          return 1;
        }
      }
      const at = done === 0 ? inPage : 0;
      const offset = bus.ramPage(page);
      // RAM can be accessed twice, but what an instruction did to a device stays.
      if (done === 0 && (offset !== undefined || (kind & ACCESS_FOLLOWS) === 0) && this.#isImpatient()) {
        this.#failure = PUT_OFF;
        return 1;
      }
      const observed = this.host.observed();
      const observer = offset !== undefined && observed?.isObserved(page) === true ? observed : undefined;
      if (offset === undefined || observer !== undefined) {
        if (!this.isAlone && done === 0 && (kind & ACCESS_FOLLOWS) === 0) {
          this.#failure = TO_DEVICE;
          return 1;
        }
      }
      if (offset === undefined) {
        if (!this.#device(page + at, bytes, isStore)) return this.#fail(kind, FaultStatus.externalAbort, virtAddr);
        continue;
      }
      const writes = this.host.writes();
      if (isWrite) writes?.beforeWrite(page);
      if (isStore) {
        this.host.onWrite(page, at, bytes);
        this.#copy(offset + at, this.#value + done, bytes);
      } else {
        if (done === 0) this.#clearValue();
        this.#copy(this.#value + done, offset + at, bytes);
      }
      if (observer !== undefined && (kind & (ACCESS_CACHE_MAINTENANCE | ACCESS_COMPARES)) === 0) {
        const value = this.#valueOf(this.#value + done, bytes);
        observer.access({ virtAddr, physAddr: page + at, sizeBytes: bytes, isWrite, value });
      }
      if ((!isStrict && device) || isWatched || observer !== undefined) continue;
      tlb.fill(bank, virtAddr, offset, page, writable && writes?.isKnown(page) !== false);
    }
    return 0;
  }

  #fail(kind: number, faultStatus: number, virtAddr: bigint): number {
    const isWrite = (kind & ACCESS_WRITE) !== 0;
    const cacheMaintenance = (kind & ACCESS_CACHE_MAINTENANCE) !== 0;
    this.#failure = { kind: 'fault', virtAddr, faultStatus, isWrite, cacheMaintenance };
    return 1;
  }

  /** Of the WebAssembly memory: some bytes, for which a call of the runtime takes longer than they do. */
  #copy(to: number, from: number, sizeBytes: number): void {
    for (let i = 0; i < sizeBytes; i++) this.#bytes[to + i] = this.#bytes[from + i]!;
  }

  #valueOf(from: number, sizeBytes: number): bigint {
    let value = 0n;
    for (let i = sizeBytes - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.#bytes[from + i]!);
    return value;
  }

  #clearValue(): void {
    this.#view.setFloat64(ACCESS_VALUE, 0, true);
    this.#view.setFloat64(ACCESS_VALUE + 8, 0, true);
  }

  #isImpatient(): boolean {
    this.#inARow = (this.#inARow + 1) % PATIENCE;
    return this.#inARow === 0;
  }

  #device(physAddr: number, sizeBytes: number, isWrite: boolean): boolean {
    const view = this.#view;
    if (sizeBytes > 8) return false;
    const mask = (1n << BigInt(8 * sizeBytes)) - 1n;
    if (isWrite) return this.host.bus.write(physAddr, sizeBytes, view.getBigUint64(ACCESS_VALUE, true) & mask);
    const value = this.host.bus.read(physAddr, sizeBytes);
    if (value === undefined) return false;
    view.setBigUint64(ACCESS_VALUE, value & mask, true);
    view.setBigUint64(ACCESS_VALUE + 8, 0n, true);
    return true;
  }
}
