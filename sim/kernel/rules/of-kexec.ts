/**
 * The device tree that the kernel itself makes for the next one: of_kexec_alloc_and_setup_fdt(), drivers/of/kexec.c. In
 * 5.10 it is setup_dtb(), arch/arm64/kernel/machine_kexec_file.c, which changes less, and in another order.
 *
 * What IMA and dm-crypt add is left out: a kernel does so where it was built and told to.
 */
import { cells32, cells64, stringValue } from '../../../kexec/device-tree/fdt-values.js';
import { Fdt, type FdtError, isFdtError } from '../../../kexec/device-tree/libfdt.js';
import { getMemRsv, getProp, numMemRsv, pathOffset } from '../../../kexec/device-tree/libfdt-ro.js';
import {
  addMemRsv,
  addSubnode,
  delMemRsv,
  delProp,
  openInto,
  pack,
  setProp,
} from '../../../kexec/device-tree/libfdt-rw.js';
import type { Range } from '../../../kexec/base/range.js';
import { alignUp } from '../../../kexec/base/u64.js';
import { type Generation, traitsOf } from '../facts/generations.js';

/** What the next kernel is to be told. */
export interface NextKernel {
  readonly initrd: Range | undefined;
  /** One byte a character. */
  readonly cmdline: string | undefined;
  /** Only for a crash kernel. */
  readonly crash: CrashRanges | undefined;
  /** Of kernel handover (KHO). */
  readonly handover?: HandoverRanges | undefined;
}

export interface HandoverRanges {
  /** The tree of what is handed over, which the running kernel keeps. */
  readonly fdt: Range;
  /** The list of scratch areas. */
  readonly scratch: Range;
}

export interface CrashRanges {
  readonly elfcorehdr: Range;
  /** The memory that it may use: crashk_res, and crashk_low_res where there is one. */
  readonly usable: readonly Range[];
}

export interface TreeSource {
  readonly generation: Generation;
  /** Bytes. */
  readonly pageSize: bigint;
  /** The tree that the running kernel was given (initial_boot_params). */
  readonly bootTree: Uint8Array;
  /** Undefined as long as the kernel has gathered too little that is random: then the tree has no seeds. */
  readonly random: ((length: number) => Uint8Array) | undefined;
  /** Whether the kernel is built with handover, and so takes out what the kernel before it was told. */
  readonly knowsHandover?: boolean | undefined;
}

const EXTRA_SPACE = 0x1000;
const KASLR_SEED_SIZE = 8;
const RNG_SEED_SIZE = 128;

const INITRD_START = 'linux,initrd-start';
const INITRD_END = 'linux,initrd-end';
const ELFCOREHDR = 'linux,elfcorehdr';
const USABLE_MEMORY = 'linux,usable-memory-range';
const HANDOVER_FDT = 'linux,kho-fdt';
const HANDOVER_SCRATCH = 'linux,kho-scratch';

/** A change of the tree, in which the node /chosen is at the offset `chosen`. */
type Step = (tree: Fdt, chosen: number, next: NextKernel, source: TreeSource) => FdtError | undefined;

/** One after the other, until one fails. */
const inOrder =
  (...steps: readonly Step[]): Step =>
  (...context) => {
    for (const step of steps) {
      const error = step(...context);
      if (error !== undefined) return error;
    }
    return undefined;
  };

const remove =
  (name: string): Step =>
  (tree, chosen) => {
    const error = delProp(tree, chosen, name);
    return error === 'FDT_ERR_NOTFOUND' ? undefined : error;
  };

/** @param valueOf undefined: the property is removed */
const setOrRemove =
  (name: string, valueOf: (next: NextKernel) => Uint8Array | undefined): Step =>
  (tree, chosen, next, source) => {
    const value = valueOf(next);
    return value === undefined ? remove(name)(tree, chosen, next, source) : setProp(tree, chosen, name, value);
  };

/** Removes the first entry of the reserve map that fits; there may be none. */
const removeReservation = (tree: Fdt, fits: (address: bigint, size: bigint) => boolean): FdtError | undefined => {
  for (let n = 0; n < numMemRsv(tree); n++) {
    const { address, size } = getMemRsv(tree, n);
    if (fits(address, size)) return delMemRsv(tree, n);
  }
  return undefined;
};

const reserve = (tree: Fdt, { start, size }: Range): FdtError | undefined => addMemRsv(tree, { address: start, size });

/**
 * Old trees reserve their own memory. Where the tree was is not recorded: a reservation of its size is taken for it.
 */
const removeOwnReservation: Step = (tree, _chosen, _next, { bootTree }) => {
  const own = BigInt(new Fdt(bootTree, tree.name).header('totalSize'));
  return removeReservation(tree, (_address, size) => size === own);
};

const numberOf = (value: Uint8Array): bigint =>
  value.reduce((sum, byte) => BigInt.asUintN(64, (sum << 8n) | BigInt(byte)), 0n);

/** The initrd of the boot, whose memory firmware may have reserved in whole pages. */
const removeInitrdReservation: Step = (tree, chosen, _next, { pageSize }) => {
  const start = getProp(tree, chosen, INITRD_START);
  if (isFdtError(start)) return undefined;
  const end = getProp(tree, chosen, INITRD_END);
  if (isFdtError(end)) return end;
  const address = numberOf(start);
  const bytes = BigInt.asUintN(64, numberOf(end) - address);
  const fits = (wanted: bigint) => (at: bigint, size: bigint) => at === address && size === wanted;
  const before = numMemRsv(tree);
  const error = removeReservation(tree, fits(bytes));
  if (error !== undefined || numMemRsv(tree) < before) return error;
  return removeReservation(tree, fits(alignUp(bytes, pageSize)));
};

const setInitrd = inOrder(
  setOrRemove(INITRD_START, ({ initrd }) => initrd && cells64(initrd.start)),
  setOrRemove(INITRD_END, ({ initrd }) => initrd && cells64(initrd.end)),
);
const reserveInitrd: Step = (tree, _chosen, { initrd }) => initrd && reserve(tree, initrd);

/** Cells of an address or a size in the root's children. @param otherwise how many, when the root does not say */
const rootCells = (tree: Fdt, name: string, otherwise: number): number => {
  const value = getProp(tree, 0, name);
  return isFdtError(value) || value.length !== 4 ? otherwise : Number(numberOf(value));
};

/** An address and a size, in as many cells as the root has for them (fdt_appendprop_addrrange()). */
const addressRange = (tree: Fdt, { start, size }: Range): Uint8Array | FdtError => {
  const cells = (value: bigint, count: number): Uint8Array | undefined => {
    if (count === 2) return cells64(value);
    return count === 1 && value >> 32n === 0n ? cells32(Number(value)) : undefined;
  };
  const address = cells(start, rootCells(tree, '#address-cells', 2));
  const bytes = cells(size, rootCells(tree, '#size-cells', 1));
  return address === undefined || bytes === undefined ? 'FDT_ERR_BADSTRUCTURE' : Uint8Array.of(...address, ...bytes);
};

const setRanges = (tree: Fdt, chosen: number, name: string, ranges: readonly Range[]): FdtError | undefined => {
  const values: number[] = [];
  for (const range of ranges) {
    const value = addressRange(tree, range);
    if (isFdtError(value)) return value;
    values.push(...value);
    const error = setProp(tree, chosen, name, Uint8Array.from(values));
    if (error !== undefined) return error;
  }
  return undefined;
};

const setElfcorehdr: Step = (tree, chosen, { crash }) =>
  crash && setRanges(tree, chosen, ELFCOREHDR, [crash.elfcorehdr]);
const reserveElfcorehdr: Step = (tree, _chosen, { crash }) => crash && reserve(tree, crash.elfcorehdr);
const setUsableMemory: Step = (tree, chosen, { crash }) =>
  crash && setRanges(tree, chosen, USABLE_MEMORY, crash.usable);

/** kho_add_chosen(). */
const removeHandover: Step = (tree, chosen, next, source) =>
  source.knowsHandover === true
    ? inOrder(remove(HANDOVER_FDT), remove(HANDOVER_SCRATCH))(tree, chosen, next, source)
    : undefined;
const setHandoverFdt: Step = (tree, chosen, { handover }) =>
  handover && setRanges(tree, chosen, HANDOVER_FDT, [handover.fdt]);
const setHandoverScratch: Step = (tree, chosen, { handover }) =>
  handover && setRanges(tree, chosen, HANDOVER_SCRATCH, [handover.scratch]);

const removeCrashRanges = inOrder(remove(ELFCOREHDR), remove(USABLE_MEMORY));
const setBootargs = setOrRemove('bootargs', ({ cmdline }) =>
  cmdline === undefined ? undefined : stringValue(cmdline),
);

const setSeed =
  (name: string, size: number): Step =>
  (tree, chosen, _next, { random }) =>
    random && setProp(tree, chosen, name, random(size));

const setSeeds = inOrder(
  remove('kaslr-seed'),
  setSeed('kaslr-seed', KASLR_SEED_SIZE),
  setSeed('rng-seed', RNG_SEED_SIZE),
);

const OLD_CHANGES = inOrder(removeCrashRanges, setElfcorehdr, setUsableMemory, setBootargs, setInitrd, setSeeds);

const CHANGES = inOrder(
  removeOwnReservation,
  removeCrashRanges,
  removeInitrdReservation,
  setInitrd,
  reserveInitrd,
  setElfcorehdr,
  reserveElfcorehdr,
  setUsableMemory,
  removeHandover,
  setHandoverFdt,
  setHandoverScratch,
  setBootargs,
  setSeeds,
  (tree, chosen) => setProp(tree, chosen, 'linux,booted-from-kexec', new Uint8Array()),
);

/**
 * The tree for the next kernel.
 * @returns what went wrong where there can be none
 * @throws KexecError when the recorded tree is damaged
 */
export const setUpTree = (source: TreeSource, next: NextKernel): Uint8Array | FdtError => {
  const { generation, bootTree } = source;
  const boot = new Fdt(bootTree, '/sys/firmware/fdt');
  const tree = openInto(boot, boot.header('totalSize') + (next.cmdline?.length ?? 0) + EXTRA_SPACE);
  if (isFdtError(tree)) return tree;
  const isOld = traitsOf(generation).treeMaker === 'setup_dtb';
  let chosen = pathOffset(tree, '/chosen');
  if (chosen === 'FDT_ERR_NOTFOUND' && !isOld) chosen = addSubnode(tree, 0, 'chosen');
  if (isFdtError(chosen)) return chosen;
  const error = (isOld ? OLD_CHANGES : CHANGES)(tree, chosen, next, source);
  if (error !== undefined) return error;
  pack(tree);
  return tree.trimmed();
};
