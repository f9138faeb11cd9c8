import { encode } from '../../support/processor/assemble.js';
import {
  ACCESS_FLAG,
  BLOCK,
  DEVICE,
  type Granule,
  type Level,
  PAGE,
  PXN,
  PXN_TABLE,
  READ_ONLY,
  READ_ONLY_TABLE,
  SHAREABLE,
  shiftOf,
  TABLE,
  Tables,
  USER,
  USER_NOT_TABLE,
  UXN,
  UXN_TABLE,
} from './tables.js';

/** A program for both machines, and what lies in memory when it starts. */
export interface SystemCase {
  readonly name: string;
  /** Assembly in this folder. */
  readonly source: string;
  /** Where it starts. */
  readonly el: 1 | 2;
  /** qemu's name of a processor that has what the case needs. */
  readonly processor: 'cortex-a57' | 'neoverse-n1';
  /** The version of the interrupt controller; 2 where it does not matter. */
  readonly gic?: 2 | 3;
  readonly defines: Readonly<Record<string, bigint>>;
  readonly pieces: readonly { readonly address: bigint; readonly bytes: Uint8Array }[];
}

/** Registers in which the model is another processor than qemu's Cortex-A57, and what it has there. */
export const KNOWN_DIFFERENCES: readonly { readonly register: string; readonly model: bigint; readonly why: string }[] =
  [
    { register: 'id_aa64mmfr0_el1', model: 0x10_1125n, why: 'pages of 16K, and 48 bits of physical addresses' },
    {
      register: 'id_dfr0_el1',
      model: 0x301_0066n,
      why: "the Cortex-A57's own value (TRM 4.3.6); qemu hides debug registers",
    },
  ];

export const PROGRAM = 0x4020_0000n;
export const RECORDS = 0x4040_0000n;
export const RECORDS_SIZE = 0x20_0000;
const STACK = 0x4030_0000n;
const LIST = 0x4060_0000n;
const TABLES = 0x4100_0000n;
const TARGET = 0x4200_0000n;
const FRAMES = 0x4300_0000n;
const IDENTITY = 0x4000_0000n;
const IDENTITY_SIZE = 0x400_0000n;
/** Where user mode sees the program. */
const ALIAS = 0x80_0000_0000n;
/** Physical addresses with nothing behind them on the board. */
const NOWHERE = 0x0f00_0000n;

const COMMON = { RECORDS, STACK };
const RES1 = { 1: 0x30d0_0800n, 2: 0x30c5_0830n } as const;
/** Attribute 0 is Normal, 1 Device-nGnRnE. */
const MAIR = 0x00ffn;
const M_C_I = 0x1005n;

const TG0: Readonly<Record<Granule, bigint>> = { 4: 0n, 64: 1n, 16: 2n };
const TG1: Readonly<Record<Granule, bigint>> = { 16: 1n, 4: 2n, 64: 3n };
const T0SZ = 16n;

const translationControl = (granule: Granule, el: 1 | 2, more: bigint): bigint => {
  const shared = T0SZ | (TG0[granule] << 14n);
  return more | (el === 2 ? shared | (1n << 31n) | (1n << 23n) : shared | (T0SZ << 16n) | (TG1[granule] << 30n));
};

const RET = encode('RET', { Rn: 30 });
const MAY_EXECUTE = 1n;
const NOT_DEVICE = 2n;

interface Probe {
  readonly virtAddr: bigint;
  readonly flags: bigint;
}

/** Maps what the program itself needs, and an address for each way to go wrong. */
const probes = (tables: Tables): readonly Probe[] => {
  const { granule } = tables;
  const span = (level: Level): bigint => 1n << BigInt(shiftOf(granule, level));
  for (let address = IDENTITY; address < IDENTITY + IDENTITY_SIZE; address += span(2)) {
    // Where blocks are small enough for that, the program is in one that is not written to.
    const access = address === PROGRAM ? READ_ONLY : 0n;
    tables.set(address, 2, address | BLOCK | ACCESS_FLAG | SHAREABLE | access);
    tables.set(ALIAS + address, 2, address | BLOCK | ACCESS_FLAG | SHAREABLE | USER | READ_ONLY);
  }
  const list: Probe[] = [];
  const add = (virtAddr: bigint, flags = MAY_EXECUTE | NOT_DEVICE): void => void list.push({ virtAddr, flags });
  // An area for each page, so that tables can differ.
  let area = 0x10_0000_0000n;
  const next = (): bigint => (area += span(2));
  const page = (attributes: bigint, { frame = TARGET, table = 0n, flags = MAY_EXECUTE | NOT_DEVICE } = {}): void => {
    const virtAddr = next();
    tables.set(virtAddr, 3, frame | PAGE | attributes, table);
    add(virtAddr, flags);
  };
  const normal = ACCESS_FLAG | SHAREABLE;
  for (const attributes of [
    0n,
    READ_ONLY,
    USER,
    USER | READ_ONLY,
    PXN,
    UXN,
    USER | READ_ONLY | PXN,
    USER | READ_ONLY | UXN,
    USER | UXN | PXN,
  ]) {
    page(normal | attributes);
  }
  page(SHAREABLE);
  // Shareable as Device memory always is (Arm ARM, PAR_EL1.SH).
  page(ACCESS_FLAG | (2n << 8n) | DEVICE, { flags: 0n });
  page(normal, { frame: 0x100_0000_0000n });
  page(normal | USER, { frame: NOWHERE, flags: 0n });
  for (const table of [READ_ONLY_TABLE, USER_NOT_TABLE, PXN_TABLE, UXN_TABLE, PXN_TABLE | READ_ONLY_TABLE]) {
    page(normal | USER, { table });
    page(normal | USER | READ_ONLY, { table });
  }
  // Nothing at each level: in the last one beside a page that is there.
  add(area + BigInt(granule) * 0x400n, NOT_DEVICE);
  add(next() + span(2), NOT_DEVICE);
  for (const nothing of [0x30_0000_0000n, 0x2000_0000_0000n, 0x4000_0000_0000n]) add(nothing, NOT_DEVICE);
  // A reserved descriptor, and blocks: without the access flag, as they should be, too far away. Blocks at a level that
  // has none are left out: qemu 7.2 takes them.
  let virtAddr = next();
  tables.set(virtAddr, 3, TARGET | BLOCK | normal);
  add(virtAddr, NOT_DEVICE);
  const inBlock = TARGET % span(2);
  const block = TARGET - inBlock;
  virtAddr = next();
  tables.set(virtAddr, 2, block | BLOCK | SHAREABLE);
  add(virtAddr + inBlock);
  virtAddr = next();
  tables.set(virtAddr, 2, block | BLOCK | normal | USER);
  add(virtAddr + inBlock);
  if (granule === 4) {
    virtAddr = 0x28_0000_0000n;
    tables.set(virtAddr, 1, IDENTITY | BLOCK | normal);
    add(virtAddr + TARGET - IDENTITY);
  }
  virtAddr = next();
  tables.set(virtAddr, 2, 0x100_0000_0000n | BLOCK | normal);
  add(virtAddr, NOT_DEVICE);
  // Tables beyond the physical addresses, and where nothing is.
  virtAddr = next();
  tables.set(virtAddr, 2, 0x100_0000_0000n | TABLE);
  add(virtAddr, NOT_DEVICE);
  virtAddr = next();
  tables.set(virtAddr, 2, NOWHERE | TABLE);
  add(virtAddr, NOT_DEVICE);
  // Beyond the addresses that are translated; the upper half; a tag in the top byte.
  add(1n << 48n, NOT_DEVICE);
  add(0x00ff_ffff_ffff_f000n, NOT_DEVICE);
  add(0xfffe_ffff_ffff_f000n, NOT_DEVICE);
  add(0xffff_0000_0000_0000n | list[0]!.virtAddr, NOT_DEVICE);
  add(0xffff_0000_0000_0000n | list[2]!.virtAddr, NOT_DEVICE);
  add(0x5a00_0000_0000_0000n | list[2]!.virtAddr, NOT_DEVICE);
  return list;
};

interface TranslationOptions {
  readonly el?: 1 | 2;
  /** More bits of TCR. */
  readonly control?: bigint;
  /** More bits of SCTLR. */
  readonly system?: bigint;
}

const translation = (
  title: string,
  granule: Granule,
  { el = 1, control = 0n, system = 0n }: TranslationOptions = {},
): SystemCase => {
  const tables = new Tables(TABLES, granule);
  const list = probes(tables);
  const target = new Uint32Array(0x4000).fill(RET);
  return {
    name: `translation, ${granule}K pages, EL${el}${title}`,
    source: 'probe.S',
    el,
    processor: granule === 16 ? 'neoverse-n1' : 'cortex-a57',
    defines: {
      ...COMMON,
      LIST,
      ALIAS,
      MAIR,
      LEVEL: BigInt(el),
      TTBR0: TABLES,
      SCTLR: RES1[el] | M_C_I | system,
      TCR: translationControl(granule, el, control),
    },
    pieces: [
      { address: TABLES, bytes: tables.bytes },
      { address: TARGET, bytes: new Uint8Array(target.buffer) },
      {
        address: LIST,
        bytes: new Uint8Array(
          BigUint64Array.from([...list.flatMap(({ virtAddr, flags }) => [virtAddr, flags]), 0n, 0n]).buffer,
        ),
      },
    ],
  };
};

const maintenance = (): SystemCase => {
  const WINDOW = 0x10_0000_0000n;
  const tables = new Tables(TABLES, 4);
  tables.set(IDENTITY, 1, IDENTITY | BLOCK | ACCESS_FLAG | SHAREABLE);
  tables.set(WINDOW, 3, FRAMES | PAGE | ACCESS_FLAG | SHAREABLE);
  return {
    name: 'TLB maintenance',
    source: 'tlb.S',
    el: 1,
    processor: 'cortex-a57',
    defines: {
      ...COMMON,
      MAIR,
      WINDOW,
      FRAMES,
      TTBR0: TABLES,
      ENTRY: tables.addressOf(WINDOW, 3),
      SCTLR: RES1[1] | M_C_I,
      TCR: translationControl(4, 1, 0n),
    },
    pieces: [{ address: TABLES, bytes: tables.bytes }],
  };
};

/** Breakpoints, watchpoints and single steps, of which some are with the MMU on: memory has its physical addresses. */
const debug = (el: 1 | 2): SystemCase => {
  const tables = new Tables(TABLES, 4);
  tables.set(IDENTITY, 1, IDENTITY | BLOCK | ACCESS_FLAG | SHAREABLE);
  return {
    name: `debug exceptions, EL${el}`,
    source: 'debug.S',
    el,
    processor: 'cortex-a57',
    defines: {
      ...COMMON,
      LEVEL: BigInt(el),
      DATA: FRAMES,
      NOWHERE: 0x10_0000_0000n,
      MAIR,
      TTBR0: TABLES,
      SCTLR: RES1[1] | M_C_I,
      TCR: translationControl(4, 1, 0n),
    },
    pieces: [{ address: TABLES, bytes: tables.bytes }],
  };
};

const plain = (name: string, source: string, el: 1 | 2): SystemCase => ({
  name: `${name}, EL${el}`,
  source,
  el,
  processor: 'cortex-a57',
  defines: COMMON,
  pieces: [],
});

const IMO = 1n << 4n;
const RW = 1n << 31n;

const interrupts = (gic: 2 | 3, el: 1 | 2): SystemCase => ({
  ...plain(`interrupts of a GICv${gic}`, 'interrupts.S', el),
  gic,
  defines: { ...COMMON, GIC: BigInt(gic), LEVEL: BigInt(el), HCR: RW | IMO },
});

const TBI0 = 1n << 37n;
const EPD1 = 1n << 23n;
const TBI_EL2 = 1n << 20n;
const ALIGNED = 1n << 1n;
const WRITABLE_IS_NOT_EXECUTABLE = 1n << 19n;
const USER_MAINTENANCE = (1n << 26n) | (1n << 15n) | (1n << 14n);

export const SYSTEM_CASES: readonly SystemCase[] = [
  plain('what the processor is', 'identify.S', 1),
  plain('what the processor is', 'identify.S', 2),
  plain('exceptions', 'exceptions.S', 1),
  plain('exceptions', 'exceptions.S', 2),
  plain('EL2 above EL1 and EL0', 'el2.S', 2),
  plain('self-modifying code', 'self-modifying.S', 1),
  maintenance(),
  ...([2, 3] as const).flatMap((gic) => [interrupts(gic, 1), interrupts(gic, 2)]),
  debug(1),
  debug(2),
  ...([4, 16, 64] as const).flatMap((granule) => [translation('', granule), translation('', granule, { el: 2 })]),
  translation(', top byte ignored', 4, { control: TBI0 }),
  translation(', top byte ignored', 4, { el: 2, control: TBI_EL2 }),
  translation(', nothing through TTBR1', 4, { control: EPD1 }),
  translation(', 40-bit physical addresses', 64, { control: 2n << 32n }),
  translation(', alignment checked', 4, { system: ALIGNED }),
  translation(', writable memory not executable', 4, { system: WRITABLE_IS_NOT_EXECUTABLE }),
  translation(', cache maintenance at EL0', 4, { system: USER_MAINTENANCE }),
];
