/** Walks of the translation tables: where a virtual address leads, and who may access it. */
import { fieldOf, HCR, isSet, SCTLR } from '../state/control-bits.js';
import type { Bus } from '../state/bus.js';
import { type AccessKind, type Fault, type ResolvedPage, FaultStatus } from '../state/fault.js';
import type { ExceptionLevel } from '../state/levels.js';

/** What a walk of the translation tables finds: the page, and what PAR_EL1 tells about it. */
export interface Walk extends ResolvedPage {
  /** The memory type, as a field of MAIR_ELx has it. */
  readonly attributes: number;
  /** 0 non-shareable, 2 outer, 3 inner shareable. */
  readonly shareability: number;
  /** Bytes that one descriptor maps, of which the page is a part; 0 with the MMU off. */
  readonly mappedBytes: number;
  /** It is valid for one ASID only (nG). */
  readonly notGlobal: boolean;
}

/** One of the two ranges of addresses that TTBR0 and TTBR1 map. */
interface Half {
  /** Physical address of the first table. */
  readonly table: number;
  /** log2 of the page size: 12, 14 or 16. */
  readonly granule: number;
  /** Bits of a virtual address that the tables resolve. */
  readonly inputBits: number;
  readonly startLevel: number;
  /** The top byte of an address is ignored (TBI). */
  readonly topIgnored: boolean;
  /** No walks here (EPD). */
  readonly disabled: boolean;
}

/** All that the registers of a translation regime say. */
interface Regime {
  readonly enabled: boolean;
  /** What the tables give is an intermediate physical address (HCR_EL2.VM, HCR_EL2.DC). */
  readonly hasStage2: boolean;
  /** Writable memory is never executable (SCTLR_ELx.WXN). */
  readonly writeImpliesNoExecute: boolean;
  /** Bits of a physical address (TCR_ELx.IPS or PS). */
  readonly outputBits: number;
  readonly attributes: readonly number[];
  readonly lower: Half;
  /** EL2 has none. */
  readonly upper: Half | undefined;
}

const TWO_32 = 2 ** 32;
const PAGE = 4096;

/** log2 of the page size by TCR_ELx.TG0 and TG1 (Arm ARM D13.2.120); reserved values are taken as 4K. */
const TG0: readonly number[] = [12, 16, 14, 12];
const TG1: readonly number[] = [12, 14, 12, 16];
const OUTPUT_BITS: readonly number[] = [32, 36, 40, 42, 44, 48, 48, 48];

/** Upper half of a descriptor; AP and UXN bits of a table have their places here, too. */
const UXN = 1 << 22;
const PXN = 1 << 21;
const TABLE_NO_WRITE = 1 << 30;
const TABLE_NO_USER = 1 << 29;
const TABLE_UXN = 1 << 28;
const TABLE_PXN = 1 << 27;

/** Lower half. */
const VALID = 1;
const TABLE = 2;
const USER = 1 << 6;
const READ_ONLY = 1 << 7;
const ACCESS_FLAG = 1 << 10;
const NOT_GLOBAL = 1 << 11;

const OUTER_SHAREABLE = 2;
const DEVICE_NGNRNE = 0x00;
/** Instructions that are fetched with the MMU off: Normal memory, write-through (SCTLR_ELx.I) or not. */
const NORMAL_WRITE_THROUGH = 0xaa;

const levelled = (faultStatus: number, level: number): Fault => ({ faultStatus: faultStatus | level });

const half = (ttbr: bigint, granule: number, txsz: number, topIgnored: boolean, disabled: boolean): Half => {
  const inputBits = 64 - Math.min(Math.max(txsz, 16), 39);
  const stride = granule - 3;
  const startLevel = 4 - Math.ceil((inputBits - granule) / stride);
  // The first table is aligned to its size, 64 bytes at least (Arm ARM D13.2.131, TTBR0_EL1.BADDR).
  const entries = 2 ** (inputBits - granule - stride * (3 - startLevel));
  const alignment = Math.max(entries * 8, 64);
  const base = Number(ttbr & 0xffff_ffff_fffen);
  return { table: base - (base % alignment), granule, inputBits, startLevel, topIgnored, disabled };
};

const attributesOf = (mair: bigint): readonly number[] => Array.from({ length: 8 }, (_, i) => fieldOf(mair, 8 * i, 8));

/** Reads a system register by its name. */
export type ReadRegister = (name: string) => bigint;

const regimeOf = (el: 1 | 2, read: ReadRegister): Regime => {
  const sctlr = read(`SCTLR_EL${el}`);
  const tcr = read(`TCR_EL${el}`);
  const bit = (position: number): boolean => fieldOf(tcr, position, 1) === 1;
  const common = {
    enabled: isSet(sctlr, SCTLR.M),
    writeImpliesNoExecute: isSet(sctlr, SCTLR.WXN),
    attributes: attributesOf(read(`MAIR_EL${el}`)),
  };
  const lower = (topIgnored: boolean, disabled: boolean): Half =>
    half(read(`TTBR0_EL${el}`), TG0[fieldOf(tcr, 14, 2)]!, fieldOf(tcr, 0, 6), topIgnored, disabled);
  if (el === 2)
    return {
      ...common,
      hasStage2: false,
      outputBits: OUTPUT_BITS[fieldOf(tcr, 16, 3)]!,
      lower: lower(bit(20), false),
      upper: undefined,
    };
  const hcr = read('HCR_EL2');
  return {
    ...common,
    hasStage2: isSet(hcr, HCR.VM) || isSet(hcr, HCR.DC),
    outputBits: OUTPUT_BITS[fieldOf(tcr, 32, 3)]!,
    lower: lower(bit(37), bit(7)),
    upper: half(read('TTBR1_EL1'), TG1[fieldOf(tcr, 30, 2)]!, fieldOf(tcr, 16, 6), bit(38), bit(23)),
  };
};

/** Stage 1 of address translation (Arm ARM D5.2 to D5.4) for EL2, and for EL1 and EL0. */
export class Mmu {
  readonly #bus: Bus;
  readonly #read: ReadRegister;
  #words: Uint32Array;
  /** Places in `#words` of pages that tables were read from: RAM keeps its place. */
  readonly #places = new Map<number, number>();
  #regimes: { readonly 1?: Regime; readonly 2?: Regime } = {};

  constructor(bus: Bus, read: ReadRegister) {
    this.#bus = bus;
    this.#read = read;
    this.#words = new Uint32Array(bus.linear.buffer);
  }

  /** The registers that walks depend on have changed. */
  registersChanged(): void {
    this.#regimes = {};
  }

  isEnabled(el: ExceptionLevel): boolean {
    return this.#regime(el).enabled;
  }

  /** Whether stage 2 follows, which is not modelled. */
  hasStage2(el: ExceptionLevel): boolean {
    return this.#regime(el).hasStage2;
  }

  /** Whether the top byte of such an address is not part of it, for accesses at `el`. */
  isTopIgnored(virtAddr: bigint, el: ExceptionLevel): boolean {
    const { lower, upper } = this.#regime(el);
    return (fieldOf(virtAddr, 55, 1) === 1 && upper !== undefined ? upper : lower).topIgnored;
  }

  /**
   * Finds the page of an address.
   * @param el whose access it is: decides the regime and the permissions
   */
  walk(virtAddr: bigint, access: AccessKind, el: ExceptionLevel): Walk | Fault {
    const regime = this.#regime(el);
    const high = Number(virtAddr >> 32n);
    const low = Number(virtAddr & 0xffff_ffffn);
    const isUpper = regime.upper !== undefined && (high & 0x80_0000) !== 0;
    const part = isUpper ? regime.upper : regime.lower;
    // Bits 63 or 55 to 48; the bits below are checked against the size of the range.
    const extension = part.topIgnored ? (high >>> 16) & 0xff : high >>> 16;
    const address = (high & 0xffff) * TWO_32 + low;
    if (!regime.enabled) return extension === 0 ? flat(address, access) : levelled(FaultStatus.addressSize, 0);

    const expected = isUpper ? (part.topIgnored ? 0xff : 0xffff) : 0;
    const size = 2 ** part.inputBits;
    const offset = isUpper ? address - (2 ** 48 - size) : address;
    if (extension !== expected || offset < 0 || offset >= size || part.disabled)
      return levelled(FaultStatus.translation, 0);
    return this.#walkTables(regime, part, offset, access, el);
  }

  #walkTables(regime: Regime, part: Half, offset: number, access: AccessKind, el: ExceptionLevel): Walk | Fault {
    const { granule } = part;
    const stride = granule - 3;
    const outputSize = 2 ** regime.outputBits;
    const [high32, low32] = [Math.floor(offset / TWO_32), offset >>> 0];
    let table = part.table;
    /** What the tables on the way forbid, in the places of the last descriptor's bits. */
    let tables = 0;
    if (table >= outputSize) return levelled(FaultStatus.addressSize, 0);
    for (let level = part.startLevel; ; level++) {
      const shift = granule + stride * (3 - level);
      const at = this.#place(table + 8 * indexOf(high32, low32, shift, stride));
      if (at === undefined) return levelled(FaultStatus.externalAbortOnWalk, level);
      const low = this.#words[at]!;
      const high = this.#words[at + 1]!;
      const isTable = (low & TABLE) !== 0;
      if ((low & VALID) === 0 || (!isTable && !allowsBlocks(granule, level)))
        return levelled(FaultStatus.translation, level);
      const isLast = !isTable || level === 3;
      const output = (high & 0xffff) * TWO_32 + ((low & -(1 << (isLast ? shift : granule))) >>> 0);
      if (output >= outputSize) return levelled(FaultStatus.addressSize, level);
      if (isLast) {
        if ((low & ACCESS_FLAG) === 0) return levelled(FaultStatus.accessFlag, level);
        if (!allows(regime, low, high, tables, access, el)) return levelled(FaultStatus.permission, level);
        const mapped = 2 ** shift;
        const inside = offset % mapped;
        const writable = allows(regime, low, high, tables, 'write', el);
        return walkOf(regime, low, output + inside - (inside % PAGE), mapped, writable);
      }
      tables |= high;
      table = output;
    }
  }

  /** Index of a descriptor in `#words`; undefined where there is no RAM. */
  #place(physAddr: number): number | undefined {
    const inPage = physAddr % PAGE;
    const page = physAddr - inPage;
    let place = this.#places.get(page);
    if (place === undefined) {
      const offset = this.#bus.ramPage(page);
      if (offset === undefined) return undefined;
      place = offset / 4;
      this.#places.set(page, place);
    }
    return place + inPage / 4;
  }

  #regime(el: ExceptionLevel): Regime {
    const which = el === 2 ? 2 : 1;
    const known = this.#regimes[which];
    if (known !== undefined) return known;
    const regime = regimeOf(which, this.#read);
    if (this.#words.buffer !== this.#bus.linear.buffer) this.#words = new Uint32Array(this.#bus.linear.buffer);
    this.#regimes = { ...this.#regimes, [which]: regime };
    return regime;
  }
}

/** The index into a table: bits of an address, whose upper and lower 32 bits are given. */
const indexOf = (high: number, low: number, shift: number, bits: number): number =>
  (shift >= 32 ? high >>> (shift - 32) : (low >>> shift) | (high << (32 - shift))) & ((1 << bits) - 1);

/** With the MMU off a virtual address is the physical one, and data is Device-nGnRnE (Arm ARM D5.2.9). */
const flat = (address: number, access: AccessKind): Walk => {
  const isData = access !== 'execute';
  return {
    page: address - (address % PAGE),
    device: isData,
    writable: true,
    attributes: isData ? DEVICE_NGNRNE : NORMAL_WRITE_THROUGH,
    shareability: OUTER_SHAREABLE,
    mappedBytes: 0,
    notGlobal: false,
  };
};

/** Blocks are at level 2, and with 4K pages at level 1 (Arm ARM D5.3.1); below level 3 only pages are valid. */
const allowsBlocks = (granule: number, level: number): boolean => level === 2 || (level === 1 && granule === 12);

/** Arm ARM D5.4.4 to D5.4.5. */
const allows = (
  regime: Regime,
  low: number,
  high: number,
  tables: number,
  access: AccessKind,
  el: ExceptionLevel,
): boolean => {
  const canWrite = (low & READ_ONLY) === 0 && (tables & TABLE_NO_WRITE) === 0;
  const noExecute = (high & UXN) !== 0 || (tables & TABLE_UXN) !== 0;
  if (el === 2) {
    if (access === 'execute') return !noExecute && !(canWrite && regime.writeImpliesNoExecute);
    return access === 'read' || canWrite;
  }
  const user = (low & USER) !== 0 && (tables & TABLE_NO_USER) === 0;
  if (access !== 'execute') return (el === 1 || user) && (access === 'read' || canWrite);
  if (el === 0) return !noExecute && !(user && canWrite && regime.writeImpliesNoExecute);
  // What EL0 can write, EL1 never executes.
  const privilegedNoExecute = (high & PXN) !== 0 || (tables & TABLE_PXN) !== 0 || (user && canWrite);
  return !privilegedNoExecute && !(canWrite && regime.writeImpliesNoExecute);
};

const walkOf = (regime: Regime, low: number, page: number, mappedBytes: number, writable: boolean): Walk => {
  const attributes = regime.attributes[(low >> 2) & 7]!;
  const device = (attributes & 0xf0) === 0;
  // Device memory and Normal memory that is not cacheable are outer shareable whatever SH says (Arm ARM D5.5).
  const shareability = device || attributes === 0x44 ? OUTER_SHAREABLE : (low >> 8) & 3;
  return { page, device, writable, attributes, shareability, mappedBytes, notGlobal: (low & NOT_GLOBAL) !== 0 };
};
