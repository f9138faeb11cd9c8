/** The new kernel's device tree (the part of kexec/arch/arm64/kexec-arm64.c that is about it). */
import { attempt } from '../../base/attempt.js';
import { DEFAULT_COMPAT, type Compat } from '../../base/compat.js';
import { type Dtb, dtbSetBootargs, propertyLength } from '../../device-tree/dt-ops.js';
import { Errno, KexecError, SystemError, strerror } from '../../base/error.js';
import { hex } from '../../base/format.js';
import { createFlattenTree } from '../../device-tree/fs2dt.js';
import { Fdt, type FdtError, checkHeader, isFdtError } from '../../device-tree/libfdt.js';
import { getMemRsv, getProp, numMemRsvInside, pathOffset } from '../../device-tree/libfdt-ro.js';
import { openInto, pack, setProp } from '../../device-tree/libfdt-rw.js';
import type { Log } from '../../base/log.js';
import { Range } from '../../base/range.js';
import { slurpFile } from '../../base/slurp.js';
import type { System } from '../../base/system.js';
import type { Arm64Compat } from './compat-arm64.js';

/** Bytes that the kernel has for its command line, NUL included. */
export const COMMAND_LINE_SIZE = 2048;

const SYS_FDT = '/sys/firmware/fdt';
const PROC_DEVICE_TREE = '/proc/device-tree';

const CHOSEN = '/chosen';
const KASLR_SEED = 'kaslr-seed';
const ELFCOREHDR = 'linux,elfcorehdr';
const USABLE_MEMORY_RANGE = 'linux,usable-memory-range';

/** What the original's variables hold before a crash kernel is loaded. */
const NO_RANGE = Range.inclusive(0n, 0n);

/** More cells for a number are taken for damage; Linux has at most four (OF_MAX_ADDR_CELLS, drivers/of/address.c). */
const MAX_CELLS = 0x4000;

const exists = (system: System, path: string, caller: string, log: Log): boolean => {
  const stat = attempt(SystemError, () => system.stat(path));
  if (!(stat instanceof SystemError)) return true;
  log.dbg(`${caller}: ${strerror(stat.errno)}\n`);
  return false;
};

/**
 * Reads the running kernel's device tree (read_1st_dtb()).
 * @param usableMemory where a crash kernel may live; told to it by /proc/device-tree's nodes of memory
 * @param reuseInitrd whether --reuseinitrd was given
 * @throws KexecError when there is none
 */
export const readFirstDtb = (
  system: System,
  log: Log,
  usableMemory: readonly Range[],
  reuseInitrd = false,
  compat: Compat = DEFAULT_COMPAT,
): Dtb => {
  if (exists(system, SYS_FDT, 'read_sys_dtb', log)) {
    const bytes = slurpFile(system, SYS_FDT, compat);
    log.dbg(`read_1st_dtb: found ${SYS_FDT}\n`);
    return { bytes, name: 'dtb_sys' };
  }
  if (exists(system, PROC_DEVICE_TREE, 'read_proc_dtb', log)) {
    const bytes = createFlattenTree({ system, log, commandLineSize: COMMAND_LINE_SIZE, usableMemory, reuseInitrd });
    log.dbg(`read_1st_dtb: found ${PROC_DEVICE_TREE}\n`);
    return { bytes, name: 'dtb_proc' };
  }
  log.dbg('read_1st_dtb: not found\n');
  throw KexecError.failed('kexec: Error: No device tree available.', { subject: 'device tree' });
};

/** How many 32-bit cells the root's children have for an address and for a size. */
interface Cells {
  readonly address: number;
  readonly size: number;
}

/** @returns undefined when the property is there, but is no single cell */
const cellsProperty = (fdt: Fdt, root: number, name: string): number | undefined => {
  const value = getProp(fdt, root, name);
  if (isFdtError(value)) return 1;
  return value.length === 4 ? new DataView(value.buffer, value.byteOffset, 4).getUint32(0) : undefined;
};

/** get_cells_size(). */
const getCellsSize = (fdt: Fdt, log: Log): Cells | undefined => {
  const root = pathOffset(fdt, '/');
  if (isFdtError(root)) return undefined;
  const address = cellsProperty(fdt, root, '#address-cells');
  if (address === undefined) return undefined;
  const size = cellsProperty(fdt, root, '#size-cells');
  if (size === undefined) return undefined;
  log.dbg(`get_cells_size: #address-cells:${address | 0} #size-cells:${size | 0}\n`);
  return { address, size };
};

/** Whether the cells can hold a range (cells_size_fitted()). */
const cellsSizeFitted = (cells: Cells, range: Range, log: Log): boolean => {
  log.dbg(`cells_size_fitted: ${hex(range.start)}-${hex(range.last)}\n`);
  const limit = 1n << 32n;
  if (cells.address === 1 && range.start >= limit) return false;
  return !(cells.size === 1 && range.size >= limit);
};

/** The value of a property that lists ranges (fill_property()). */
const rangesValue = (fdt: Fdt, ranges: readonly Range[], cells: Cells): Uint8Array => {
  // The original writes zeros until it is stopped.
  if (cells.address === 0 || cells.size === 0) throw fdt.damaged('has no cells for addresses or for sizes');
  const value = new DataView(new ArrayBuffer(ranges.length * (cells.address + cells.size) * 4));
  let end = 0;
  const append = (number: bigint, count: number): void => {
    end += count * 4;
    if (count === 1) value.setUint32(end - 4, Number(BigInt.asUintN(32, number)));
    else value.setBigUint64(end - 8, number);
  };
  for (const range of ranges) {
    append(range.start, cells.address);
    append(range.size, cells.size);
  }
  return new Uint8Array(value.buffer);
};

/** Sets a property that lists ranges (fdt_setprop_range(), fdt_setprop_ranges()). */
const setRanges = (fdt: Fdt, property: string, ranges: readonly Range[], cells: Cells): FdtError | undefined => {
  // QUIRK-25: for no bytes the original answers -ENOMEM, which fdt_strerror() takes for an error of its own
  // (fdt_setprop_ranges(), kexec/arch/arm64/kexec-arm64.c).
  if (ranges.length === 0 || cells.address + cells.size === 0) return 'FDT_ERR_BADLAYOUT';
  const chosen = pathOffset(fdt, CHOSEN);
  const value = rangesValue(fdt, ranges, cells);
  return isFdtError(chosen) ? 'FDT_ERR_BADOFFSET' : setProp(fdt, chosen, property, value);
};

const dumpReservemap = (fdt: Fdt, log: Log): void => {
  const count = numMemRsvInside(fdt);
  for (let i = 0; i < count; i++) {
    const { address, size } = getMemRsv(fdt, i);
    log.dbg(`dump_reservemap: ${fdt.name} {${hex(address)}, ${hex(size)}}\n`);
  }
};

/** Eight random bytes, or zeros, with which the new kernel does without KASLR. */
const randomSeed = (system: System, log: Log): Uint8Array => {
  const seed = attempt(SystemError, () => system.random(8));
  if (!(seed instanceof SystemError)) return seed;
  log.err('setup_2nd_dtb: Reading random bytes failed.\n');
  log.dbg('setup_2nd_dtb: Disabling KASLR in secondary kernel.\n');
  return new Uint8Array(8);
};

/** The value of /chosen/kaslr-seed; undefined when there is none of the right length. */
const findKaslrSeed = (fdt: Fdt): Uint8Array | undefined => {
  const chosen = pathOffset(fdt, CHOSEN);
  const seed = isFdtError(chosen) ? chosen : getProp(fdt, chosen, KASLR_SEED);
  return isFdtError(seed) || seed.length !== 8 ? undefined : seed;
};

export interface SecondDtbOptions {
  /** One byte per character; without one, or with an empty one, the tree's own stays. */
  readonly commandLine: string | undefined;
  /** Set when a crash kernel is loaded: where its ELF core header is. */
  readonly crash: { readonly elfcorehdr: Range } | undefined;
  /** The regions that are reserved for a crash kernel, in the order of /proc/iomem; known in any load. */
  readonly usableMemory: readonly Range[];
  readonly arm64Compat: Pick<Arm64Compat, 'crashRegionsAre'>;
  readonly system: System;
  readonly log: Log;
}

/** An error behind which setup_2nd_dtb() adds its own line. */
const setupFailed = (dtb: Dtb, text: string, message: string): KexecError =>
  KexecError.failed(message, { subject: dtb.name, text }).follow('kexec: setup_2nd_dtb failed.\n');

/** setup_2nd_dtb()'s set_bootargs(). */
const setBootargs = (dtb: Dtb, { commandLine = '', log }: SecondDtbOptions): Dtb => {
  const [text = ''] = commandLine.split('\0', 1);
  if (text === '') return dtb;
  const bytes = dtbSetBootargs(dtb, text, log);
  if (!isFdtError(bytes)) return { bytes, name: dtb.name };
  const lines = 'kexec: Set device tree bootargs failed.\nkexec: cannot set bootargs.\n';
  throw setupFailed(dtb, lines, `cannot set bootargs: ${bytes}`);
};

/** Finds the cells' sizes and checks that they can hold the ranges that a crash kernel is told. */
const fittingCells = (dtb: Dtb, regions: readonly Range[], { crash, log }: SecondDtbOptions): Cells => {
  const fail = (message: string): KexecError => setupFailed(dtb, `${message}\n`, message);
  const fdt = new Fdt(dtb.bytes, dtb.name);
  const cells = getCellsSize(fdt, log);
  if (cells === undefined) throw fail('kexec: cannot determine cells-size.');
  if (!cellsSizeFitted(cells, crash?.elfcorehdr ?? NO_RANGE, log)) {
    throw fail("kexec: elfcorehdr doesn't fit cells-size.");
  }
  if (!regions.every((range) => cellsSizeFitted(cells, range, log))) {
    throw fail("kexec: usable memory range doesn't fit cells-size.");
  }
  if (cells.address > MAX_CELLS || cells.size > MAX_CELLS) {
    throw fdt.damaged(`has 0x${hex(cells.address)} cells for addresses and 0x${hex(cells.size)} for sizes`);
  }
  return cells;
};

/**
 * Makes the new kernel's device tree (setup_2nd_dtb()): its command line, a new seed for KASLR and, for a crash
 * kernel, where the ELF core header is and what memory may be used.
 * @returns the bytes to load; the original bytes when nothing had to be changed
 * @throws KexecError
 */
export const setupSecondDtb = (first: Dtb, options: SecondDtbOptions): Uint8Array => {
  const { crash, usableMemory, arm64Compat, system, log } = options;
  if (checkHeader(new Fdt(first.bytes, first.name)) !== undefined) {
    throw KexecError.failed('kexec: Invalid 2nd device tree.', { subject: first.name });
  }
  const dtb = setBootargs(first, options);
  const old = new Fdt(dtb.bytes, dtb.name);
  const silently = (reason: string): KexecError => {
    log.dbg(`setup_2nd_dtb: ${reason}\n`);
    return setupFailed(dtb, '', reason);
  };

  // QUIRK-26: 2.0.20 has a variable for one region, which it looks at and logs also where there is none.
  const regions = arm64Compat.crashRegionsAre === 'variable' ? [usableMemory[0] ?? NO_RANGE] : usableMemory;
  const cells = fittingCells(dtb, regions, options);

  const rangeLength = 4 * (cells.address + cells.size);
  const room =
    propertyLength(ELFCOREHDR, rangeLength) + propertyLength(USABLE_MEMORY_RANGE, rangeLength * regions.length);
  const size = (old.header('totalSize') + room) | 0;
  if (size < 0) {
    throw KexecError.die(`Cannot malloc ${size} bytes: ${strerror(Errno.ENOMEM)}`, { subject: dtb.name });
  }
  const fdt = openInto(old, size);
  if (isFdtError(fdt)) throw silently(`fdt_open_into failed: ${fdt}`);

  const seed = findKaslrSeed(fdt);
  if (seed === undefined) {
    log.dbg('setup_2nd_dtb: no kaslr-seed found\n');
    if (crash === undefined) {
      dumpReservemap(old, log);
      return dtb.bytes;
    }
  } else {
    // QUIRK-27: the original keeps the seed in an int: only its lower half is looked at (setup_2nd_dtb()).
    if (seed.subarray(4).some((byte) => byte !== 0)) throw silently('kaslr-seed is not wiped to 0.');
    seed.set(randomSeed(system, log));
  }

  if (crash !== undefined) {
    // With two regions the lower one comes last, where kernels that know only one look for it.
    const error =
      setRanges(fdt, ELFCOREHDR, [crash.elfcorehdr], cells) ??
      setRanges(fdt, USABLE_MEMORY_RANGE, regions.toReversed(), cells);
    if (error !== undefined) throw silently(`fdt_setprop failed: ${error}`);
  }

  pack(fdt);
  dumpReservemap(fdt, log);
  return fdt.trimmed();
};
