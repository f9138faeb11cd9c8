/**
 * Where the processors of a machine keep what code works on: in the WebAssembly memory, below guest RAM. Each has a
 * block of its own, which its *base* is the start of; what the interpreter knows of words and addresses is common to
 * all.
 */

/** The bytes of a processor's block. */
export const PROCESSOR_BYTES = 0x20_0000;
/** Bases of processors are multiples of {@link PROCESSOR_BYTES} from the first one to in front of the last one. */
export const FIRST_BASE = PROCESSOR_BYTES;
export const LAST_BASE = 8 * PROCESSOR_BYTES;

// Offsets in a processor's block. Translated code keeps registers in locals while it runs, and stores them here when it
// exits.

/** X0 to X30, then the stack pointer in use. */
export const X = 0;
export const SP_INDEX = 31;
export const PC = 0x100;

/** Flags as {@link FlagKind}, with up to two operands. */
export const FLAG_KIND = 0x108;
export const FLAG_A = 0x110;
export const FLAG_B = 0x118;

/**
 * Instructions left of the slice (i32): translated code goes on as long as it is not negative, the interpreter as long
 * as it is above {@link SLICE_END}.
 */
export const LEFT = 0x120;
/** A negative number (i32). */
export const SLICE_END = 0x17c;
/**
 * As many instructions as translated code carries out from one look at {@link LEFT} to the next, and some. A slice that
 * is to end exactly begins with so many less, and the interpreter carries them out in the end.
 */
export const EXACT_END = 3072;

/** Address that the last load-exclusive marked, or -1; its size in bytes; and what was there. */
export const EXCLUSIVE_ADDRESS = 0x130;
export const EXCLUSIVE_SIZE = 0x138;
export const EXCLUSIVE_LOW = 0x140;
export const EXCLUSIVE_HIGH = 0x148;

/** What the slow path of an access works with: the virtual address, and up to 16 bytes read or to be written. */
export const ACCESS_ADDRESS = 0x150;
export const ACCESS_VALUE = 0x160;

/** Not 0 if somebody waits for the code to return: it asks behind instructions that let something new happen (i32). */
export const ATTENTION = 0x124;

/** Not 0 if every access must be aligned: the MMU is off, or SCTLR_ELx.A is set (i32). */
export const STRICT = 0x170;

/** The bank of the interpreter's fetches, as an offset in the WebAssembly memory (i32). */
export const FETCH_BANK = 0x174;
/** The number of the context that words are decoded for (i32). */
export const CONTEXT = 0x178;
/** How many calls are under way from region to region, each in the frame of another (i32). */
export const CALL_DEPTH = 0x198;

/** A program counter that is none to stop at, for the interpreter (i64). */
export const PASSED_STOP = 0x190;

/** V0 to V31. */
export const V = 0x200;

/**
 * System registers that translated code reads and writes itself, 8 bytes each, in the order of {@link
 * DIRECT_REGISTERS}.
 */
export const SYSTEM = 0x400;

/** The system registers that lie in memory, by their names in the Arm ARM. DAIF is as MRS reads it. */
export const DIRECT_REGISTERS = [
  'DAIF',
  'SP_EL0',
  'TPIDR_EL0',
  'TPIDRRO_EL0',
  'TPIDR_EL1',
  'ESR_EL1',
  'FAR_EL1',
  'ELR_EL1',
  'SPSR_EL1',
  'TCR_EL1',
  'CTR_EL0',
  'DCZID_EL0',
  'FPSR',
] as const;
export type DirectRegister = (typeof DIRECT_REGISTERS)[number];

/** Where a system register is. */
export const systemOffset = (register: DirectRegister): number => SYSTEM + 8 * DIRECT_REGISTERS.indexOf(register);

/** What the floating-point unit works with: up to three operands of 16 bytes, and its result. */
export const FLOAT_OPERANDS = 0x800;
export const FLOAT_RESULT = 0x830;

/**
 * The TLB: banks, each direct-mapped by bits 23..12 of the address; who uses which is told in banks.ts. A tag is the
 * virtual page of an entry that may be read or written at full speed; other entries have a tag that no page has. Bit 0
 * of a write tag says that the page holds translated code.
 */
export const TLB = 0x1000;
export const TLB_BANKS = 5;
export const TLB_BANK_BYTES = 0x2_0000;
export const TLB_ENTRIES = 4096;
export const TLB_ENTRY_SHIFT = 5;
export const TLB_READ_TAG = 0;
export const TLB_WRITE_TAG = 8;
/** Add it, modulo 2^32, to the low half of a virtual address, and you have the offset in the WebAssembly memory. */
export const TLB_ADDEND = 16;
/** One bit for each 64 bytes of the page: set where code was translated. */
export const TLB_CODE_MASK = 24;

/**
 * The jump cache: banks as those of the TLB, but for the last one. By bits 15..2 of the program counter, in one of two
 * entries that are neighbours; an entry is pc (i64), index in the table, entry number (i32).
 */
export const JUMP_CACHE = 0xc_0000;
export const JUMP_BANKS = 4;
export const JUMP_BANK_BYTES = 0x4_0000;
export const JUMP_CACHE_ENTRIES = 1 << 14;
export const JUMP_CACHE_ENTRY_SHIFT = 4;

/**
 * Pages that the interpreter fetches from: banks as those of the jump cache. By bits 22..12 of the program counter; an
 * entry is the virtual page (i64), the page's offset in the WebAssembly memory, and where its table of {@link PLACES}
 * is (i32 each).
 */
export const FETCHES = 0x1c_0000;
export const FETCH_ENTRIES = 2048;
export const FETCH_ENTRY_SHIFT = 4;
export const FETCH_BANK_BYTES = FETCH_ENTRIES << FETCH_ENTRY_SHIFT;
export const FETCH_OFFSET = 8;
export const FETCH_PLACES = 12;

// Offsets in the WebAssembly memory.

/** How often code at an address runs until it is worth translating (i32). */
export const HOT_RUNS = 0x1000;

/** One bit for each instruction of a page: set if it is to be stopped at in one of the pages. */
export const STOPS = 0x1100;
export const STOPS_BYTES = 128;

/**
 * Words that are decoded: a hash table with linear probing. An entry is the word and its context (an i64 that is 0 for
 * none), where its form is, and not 0 if what follows the word in memory does not follow it when it runs (i32 each).
 */
export const WORDS = 0x140_0000;
export const WORD_ENTRIES = 1 << 18;
export const WORD_ENTRY_SHIFT = 4;
export const WORD_FORM = 8;
export const WORD_ENDS = 12;

/** What the interpreter and handlers know of words: a form for each word and context. */
export const FORMS = 0x180_0000;
export const FORMS_END = 0x1e0_0000;
export const FORM = {
  /** The word and its context (i64). */
  key: 0,
  /** Index of the handler in the table (i32). */
  handler: 8,
  /**
   * A byte for each register field: where X is read, where it is written, and the field itself for SP and V. 31 means
   * something else for each, and writes of XZR go nowhere.
   */
  readX: 12,
  writeX: 16,
  register: 20,
  /** Up to three immediates (i64); fewer make a shorter form. */
  immediate: 24,
} as const;
/** Register fields of a form. */
export const MAX_SLOTS = 4;

/**
 * What the interpreter knows of the places that words are at: a table for each page, which pages share that are far
 * apart. An entry is where the form is of the word that was found there last, with which it is compared, and how often
 * code began there: at the beginning, behind a branch, or where one went to (i32 each).
 */
export const PLACES = 0x200_0000;
export const PLACES_TABLES = 4096;
export const PLACE_SHIFT = 3;
export const PLACES_BYTES = 1024 << PLACE_SHIFT;
export const PLACE_RUNS = 4;
/** Added to where a table is if {@link STOPS} are to be looked at in the page. */
export const PLACES_HAS_STOPS = 1;

/** Behind the 31 registers and SP: a register that is always zero, and one that nobody reads. */
export const ZERO_INDEX = 48;
export const SINK_INDEX = 49;

/** How NZCV come from the operands; see {@link Ops.setFlags}. */
export const FLAG_KINDS = ['nzcv', 'add32', 'sub32', 'add64', 'sub64', 'logic32', 'logic64'] as const;
export type FlagKind = (typeof FLAG_KINDS)[number];

/** Why translated code returns; code says so by the number that a status has here. */
export const STATUSES = [
  /** Go on at the program counter. */
  'next',
  /** Nobody knows where the instruction at the program counter is. */
  'miss',
  /** The slice is used up. */
  'slice',
  /** A memory access faulted; the program counter is the instruction's. */
  'fault',
  /** The instruction at the program counter is one for the system model. */
  'system',
  'undefined',
  'sp-alignment',
  'fp-trap',
  /** A branch to itself. */
  'stuck',
  /** Somebody has wanted attention. */
  'attention',
  /** Of a handler: a branch was taken; the program counter says where to. */
  'branched',
  /** Of a handler: a branch was not taken. */
  'passed',
  /** What is at the program counter has run often enough to be translated. */
  'hot',
  /** The word at the program counter is not decoded yet. */
  'new-word',
  /** The program counter may be one to stop at. */
  'stop',
] as const;
export type Status = (typeof STATUSES)[number];

/** The status that code gave by its number. */
export const statusOf = (code: number): Status => {
  const status = STATUSES[code];
  if (status === undefined) throw new Error(`translated code returned with ${code}`);
  return status;
};

/** The kind of an access, for its slow path: size as a power of two in bits 2..0, and these. */
export const ACCESS_SIZE_MASK = 7;
export const ACCESS_WRITE = 1 << 3;
export const ACCESS_UNPRIVILEGED = 1 << 4;
/** Must be aligned to 1 << (bits 10..8), whatever the memory. */
export const ACCESS_ALIGNED = 1 << 5;
export const ACCESS_CACHE_MAINTENANCE = 1 << 6;
/** Faults as unaligned on Device memory whatever the address. */
export const ACCESS_ZERO_BLOCK = 1 << 7;
/** Not the first access of its instruction, whose earlier ones cannot be done once more where a device answers. */
export const ACCESS_FOLLOWS = 1 << 14;
export const ACCESS_ALIGN_SHIFT = 8;
/** Where alignment is checked strictly, to 1 << (bits 13..11). */
export const ACCESS_STRICT_SHIFT = 11;
export const ACCESS_ALIGN_MASK = 7;
/** With {@link ACCESS_WRITE}: reads what is to be written next, if it is as it was, and faults as a write. */
export const ACCESS_COMPARES = 1 << 18;
/** The TLB's bank that it looks into, in bits 17..15. */
export const ACCESS_BANK_SHIFT = 15;
