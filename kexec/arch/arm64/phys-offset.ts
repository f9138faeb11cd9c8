/** PHYS_OFFSET and PAGE_OFFSET: how physical and virtual addresses of the running kernel belong together. */
import type { Compat } from '../../base/compat.js';
import type { Log } from '../../base/log.js';
import type { System } from '../../base/system.js';
import type { Arm64Compat } from './compat-arm64.js';
import { attempt } from '../../base/attempt.js';
import { readKcore, type Kcore } from '../../running-kernel/elf-info.js';
import { SystemError } from '../../base/error.js';
import { hex, hex16 } from '../../base/format.js';
import { getKernelSym } from '../../running-kernel/symbols.js';
import { U64_MAX, s64, u64 } from '../../base/u64.js';

const KCORE = '/proc/kcore';

/** Sizes of virtual addresses that the top bits of a kernel address are tried for. */
const VA_BITS = [36, 39, 42, 47, 48] as const;

/** ~0 << bits, as the processor shifts: by the low six bits of the number. */
const onesAbove = (bits: number): bigint => u64(U64_MAX << BigInt(bits & 63));

export interface PhysOffsetContext {
  readonly system: System;
  readonly compat: Compat;
  readonly arm64Compat: Arm64Compat;
  readonly log: Log;
}

/**
 * PHYS_OFFSET, the physical address of the linear map's start, and what is found on the way to it
 * (kexec/arch/arm64/kexec-arm64.c).
 */
export class PhysOffset {
  #value: bigint | undefined;
  #vaBits: number | undefined;
  #triedKcore = false;

  constructor(private readonly context: PhysOffsetContext) {}

  /** As found so far; 2^64 - 1 when nothing was found. */
  get value(): bigint {
    return this.#value ?? U64_MAX;
  }

  /** Takes a value if it is the first or the lowest (set_phys_offset()). */
  note(value: bigint, method: string): void {
    const known = this.#value;
    const order = this.context.arm64Compat.vaBitsFromVmcoreinfo ? s64 : u64;
    if (known !== undefined && order(value) >= order(known)) return;
    this.#value = u64(value);
    this.context.log.dbg(`set_phys_offset: phys_offset : ${hex16(this.#value)} (method : ${method})\n`);
  }

  /** Asks /proc/kcore, once: its VMCOREINFO note, or else its program headers. @throws KexecError */
  noteFromKcore(): void {
    if (this.#triedKcore) return;
    this.#triedKcore = true;
    const kcore = this.openKcore();
    if (kcore?.vaBits !== undefined && this.context.arm64Compat.vaBitsFromVmcoreinfo) this.#vaBits = kcore.vaBits;
    const fromNote = kcore?.result === 0 ? kcore.physOffset : undefined;
    if (fromNote !== undefined) {
      if (fromNote !== U64_MAX) this.note(fromNote, 'vmcoreinfo pt_note');
      return;
    }
    const fromPtLoad = this.fromPtLoads(kcore);
    if (fromPtLoad !== undefined) this.note(fromPtLoad, 'pt_load');
  }

  private openKcore(previous?: Kcore): Kcore | undefined {
    const { system, compat, arm64Compat, log } = this.context;
    if (attempt(SystemError, () => system.readAt(KCORE, 0, 0)) instanceof SystemError) {
      log.err(`Can't open (${KCORE}).\n`);
      return undefined;
    }
    return readKcore(system, KCORE, log, { compat, previous, leftoverErrno: arm64Compat.kcoreLeftoverErrno });
  }

  /** get_phys_base_from_pt_load(): the last program header of the linear map counts. */
  private fromPtLoads(firstReading: Kcore | undefined): bigint | undefined {
    const pageOffset = this.pageOffset();
    if (pageOffset === undefined) return undefined;
    const kcore = this.openKcore(firstReading);
    if (kcore === undefined) return undefined;
    let found: bigint | undefined;
    for (const { physAddr, virtAddr } of kcore.ptLoads()) {
      if (virtAddr !== 0n && virtAddr >= pageOffset && physAddr !== U64_MAX) {
        found = u64(physAddr - (virtAddr & u64(~pageOffset)));
      }
    }
    return found === U64_MAX ? undefined : found;
  }

  /** get_page_offset(): the virtual address of the linear map's start; the log says why there is none. */
  pageOffset(): bigint | undefined {
    if (!this.context.arm64Compat.vaBitsFromVmcoreinfo) {
      const vaBits = this.vaBitsFromStext();
      if (vaBits === undefined) return undefined;
      return this.saidPageOffset(onesAbove(vaBits - 1));
    }
    const text = getKernelSym(this.context.system, this.context.log, '_text');
    if (text === 0n) {
      this.context.log.err("Can't get the symbol of _text to calculate page_offset.\n");
      return undefined;
    }
    if (this.#vaBits === undefined) {
      this.context.log.err("Warning, can't get the VA_BITS from kcore\n");
      this.#vaBits = this.vaBitsFromStext();
    } else {
      this.context.log.dbg(`va_bits : ${this.#vaBits}\n`);
    }
    if (this.#vaBits === undefined) return undefined;
    // Since Linux 5.4 the kernel image is above the middle of the kernel's addresses, the linear map below.
    const middle = onesAbove(this.#vaBits - 1);
    return this.saidPageOffset(text < middle ? middle : onesAbove(this.#vaBits));
  }

  private saidPageOffset(value: bigint): bigint {
    this.context.log.dbg(`page_offset : ${hex(value)}\n`);
    return value;
  }

  private vaBitsFromStext(): number | undefined {
    const stext = getKernelSym(this.context.system, this.context.log, '_stext');
    if (stext === 0n) {
      this.context.log.err("Can't get the symbol of _stext.\n");
      return undefined;
    }
    const vaBits = VA_BITS.find((bits) => (stext & onesAbove(bits)) === onesAbove(bits));
    if (vaBits === undefined) {
      this.context.log.err('Cannot find a proper _stext for calculating VA_BITS\n');
      return undefined;
    }
    this.context.log.dbg(`va_bits : ${vaBits}\n`);
    return vaBits;
  }

  /**
   * PAGE_OFFSET for a crash dump's header: 0 when it cannot be found. 2.0.20 derives it from the address of _text:
   * the lowest bit from 48 down that is not set, and all above.
   */
  crashPageOffset(kernVaddrStart: bigint): bigint {
    if (this.context.arm64Compat.vaBitsFromVmcoreinfo) return this.pageOffset() ?? 0n;
    if (kernVaddrStart === U64_MAX) return U64_MAX;
    for (let bit = 48; bit > 0; bit--) {
      if ((kernVaddrStart & (1n << BigInt(bit))) === 0n) return onesAbove(bit);
    }
    return U64_MAX;
  }
}
