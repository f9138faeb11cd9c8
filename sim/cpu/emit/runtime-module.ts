import {
  ACCESS_ADDRESS,
  ACCESS_ALIGN_MASK,
  ACCESS_ALIGN_SHIFT,
  ACCESS_ALIGNED,
  ACCESS_SIZE_MASK,
  ACCESS_STRICT_SHIFT,
  ACCESS_UNPRIVILEGED,
  ACCESS_VALUE,
  FLAG_KINDS,
  JUMP_CACHE,
  JUMP_CACHE_ENTRIES,
  JUMP_CACHE_ENTRY_SHIFT,
  LEFT,
  PC,
  RECORD,
  RECORD_BYTES,
  STATUS,
  STRICT,
  TLB,
  TLB_ADDEND,
  TLB_CODE_MASK,
  TLB_ENTRIES,
  TLB_ENTRY_SHIFT,
  TLB_READ_TAG,
  TLB_WRITE_TAG,
  type FlagKind,
} from '../state/layout.js';
import { CodeWriter, encodeModule, type FunctionType, type WasmImport } from '../wasm/writer.js';

/**
 * What all translated code shares, as a WebAssembly module: the loop that goes from region to region, the way of
 * accesses that the code at hand cannot finish itself, and flags of an unknown kind.
 */

/** Function types by their number, in this module and in those of regions. */
export const TYPES = {
  /** A region: number of the entry; gives a status. */
  region: 0,
  /** An access: address, kind; gives a status other than 0 if it faulted. */
  access: 1,
  /** Flag kind and operands; gives NZCV in bits 3 to 0. */
  flags: 2,
  run: 3,
} as const;

export const FUNCTION_TYPES: readonly FunctionType[] = [
  { parameters: ['i32'], results: ['i32'] },
  { parameters: ['i64', 'i32'], results: ['i32'] },
  { parameters: ['i32', 'i64', 'i64'], results: ['i32'] },
  { parameters: [], results: ['i32'] },
];

/** Functions of this module that regions import, by their number there. */
export const RUNTIME = { load: 0, store: 1, nzcv: 2 } as const;

/** Imported by this module: the slow path in TypeScript. */
const SLOW = 0;

const TAG_MASK = ~0xfffn;

/** Leaves the offset of the TLB entry for the address in a local on the stack. */
export const emitTlbEntry = (code: CodeWriter, address: number): void => {
  code.getLocal(address);
  code.constI64(BigInt(12 - TLB_ENTRY_SHIFT));
  code.op('i64.shr_u');
  code.op('i32.wrap_i64');
  code.constI32((TLB_ENTRIES - 1) << TLB_ENTRY_SHIFT);
  code.op('i32.and');
};

/** Address, kind of access, and what holds the translated address: the locals of {@link accessFunction}. */
const ADDRESS = 0;
const KIND = 1;

/** Asks TypeScript, and gives its status. */
const goSlow = (code: CodeWriter): void => {
  code.storeAt('i64.store', ACCESS_ADDRESS, () => code.getLocal(ADDRESS));
  code.getLocal(KIND);
  code.call(SLOW);
  code.return();
};

/** For each size a piece of code, chosen by the size in the kind. */
const bySize = (code: CodeWriter, emit: (size: 0 | 1 | 2 | 3 | 4) => void): void => {
  for (const size of [4, 3, 2, 1, 0]) code.block(`size${size}`);
  code.getLocal(KIND);
  code.constI32(ACCESS_SIZE_MASK);
  code.op('i32.and');
  code.brTable(['size0', 'size1', 'size2', 'size3', 'size4']);
  for (const size of [0, 1, 2, 3, 4] as const) {
    code.end();
    emit(size);
    code.constI32(0);
    code.return();
  }
};

const LOADS = ['i64.load8_u', 'i64.load16_u', 'i64.load32_u', 'i64.load', 'v128.load'] as const;
const STORES = ['i64.store8', 'i64.store16', 'i64.store32', 'i64.store', 'v128.store'] as const;

/**
 * An access by way of the TLB. The value is in ACCESS_VALUE: after a load, and before a store. Stores to pages that hold
 * translated code succeed here if no line of code is hit.
 */
const accessFunction = (write: boolean): CodeWriter => {
  const code = new CodeWriter(2);
  const last = code.local('i64');
  const tag = code.local('i64');
  const alignment = code.local('i32');
  const entry = code.local('i32');
  const place = code.local('i32');

  const powerFrom = (shift: number): void => {
    code.constI32(1);
    code.getLocal(KIND);
    code.constI32(shift);
    code.op('i32.shr_u');
    code.constI32(ACCESS_ALIGN_MASK);
    code.op('i32.and');
    code.op('i32.shl');
    code.constI32(1);
    code.op('i32.sub');
  };
  code.getLocal(ADDRESS);
  powerFrom(0);
  code.op('i64.extend_i32_u');
  code.op('i64.add');
  code.setLocal(last);
  code.getLocal(KIND);
  code.constI32(ACCESS_ALIGNED);
  code.op('i32.and');
  code.if();
  powerFrom(ACCESS_ALIGN_SHIFT);
  code.setLocal(alignment);
  code.else();
  code.loadAt('i32.load', STRICT);
  code.if();
  powerFrom(ACCESS_STRICT_SHIFT);
  code.setLocal(alignment);
  code.end();
  code.end();

  code.block('slow');
  code.getLocal(KIND);
  code.constI32(ACCESS_UNPRIVILEGED);
  code.op('i32.and');
  code.brIf('slow');
  code.getLocal(ADDRESS);
  code.op('i32.wrap_i64');
  code.getLocal(alignment);
  code.op('i32.and');
  code.brIf('slow');

  emitTlbEntry(code, ADDRESS);
  code.teeLocal(entry);
  code.memory('i64.load', TLB + (write ? TLB_WRITE_TAG : TLB_READ_TAG));
  code.setLocal(tag);
  code.getLocal(ADDRESS);
  code.op('i32.wrap_i64');
  code.getLocal(entry);
  code.memory('i32.load', TLB + TLB_ADDEND);
  code.op('i32.add');
  code.setLocal(place);

  if (!write) {
    // Both ends in the page of the tag.
    code.getLocal(last);
    code.constI64(TAG_MASK);
    code.op('i64.and');
    code.getLocal(tag);
    code.op('i64.ne');
    code.brIf('slow');
    bySize(code, (size) => {
      code.storeAt(size === 4 ? 'v128.store' : 'i64.store', ACCESS_VALUE, () => {
        code.getLocal(place);
        code.memory(LOADS[size]);
      });
    });
  } else {
    code.getLocal(last);
    code.constI64(TAG_MASK);
    code.op('i64.and');
    code.getLocal(tag);
    code.constI64(~1n);
    code.op('i64.and');
    code.op('i64.ne');
    code.brIf('slow');
    code.getLocal(tag);
    code.op('i32.wrap_i64');
    code.constI32(1);
    code.op('i32.and');
    code.if();
    for (const end of [ADDRESS, last]) {
      code.getLocal(entry);
      code.memory('i64.load', TLB + TLB_CODE_MASK);
      code.getLocal(end);
      code.constI64(6n);
      code.op('i64.shr_u');
      code.op('i64.shr_u');
      code.op('i32.wrap_i64');
      code.constI32(1);
      code.op('i32.and');
      code.brIf('slow');
    }
    code.end();
    bySize(code, (size) => {
      code.getLocal(place);
      code.loadAt(size === 4 ? 'v128.load' : 'i64.load', ACCESS_VALUE);
      code.memory(STORES[size]);
    });
  }
  code.op('unreachable');
  code.end();
  goSlow(code);
  code.op('unreachable');
  return code;
};

/** NZCV in bits 3 to 0 from flags of any kind (Arm ARM, AddWithCarry()). */
const nzcvFunction = (): CodeWriter => {
  const code = new CodeWriter(3);
  const [kind, a, b] = [0, 1, 2];
  const result = code.local('i64');
  const shift = code.local('i64');
  const is = (name: FlagKind): void => {
    code.getLocal(kind);
    code.constI32(FLAG_KINDS.indexOf(name));
    code.op('i32.eq');
  };
  const isOneOf = (first: FlagKind, second: FlagKind): void => {
    is(first);
    is(second);
    code.op('i32.or');
  };

  is('nzcv');
  code.if();
  code.getLocal(a);
  code.op('i32.wrap_i64');
  code.return();
  code.end();

  // 32-bit operands move to the upper half: there their carries and signs are those of 64 bits.
  code.constI64(32n);
  code.constI64(0n);
  isOneOf('add32', 'sub32');
  is('logic32');
  code.op('i32.or');
  code.op('select');
  code.setLocal(shift);
  for (const operand of [a, b]) {
    code.getLocal(operand);
    code.getLocal(shift);
    code.op('i64.shl');
    code.setLocal(operand);
  }

  const nz = (): void => {
    code.getLocal(result);
    code.constI64(63n);
    code.op('i64.shr_u');
    code.op('i32.wrap_i64');
    code.constI32(3);
    code.op('i32.shl');
    code.getLocal(result);
    code.op('i64.eqz');
    code.constI32(2);
    code.op('i32.shl');
    code.op('i32.or');
  };
  /** The carry is on the stack; `overflow` leaves a word whose sign says so. */
  const withCv = (overflow: () => void): void => {
    code.constI32(1);
    code.op('i32.shl');
    code.op('i32.or');
    overflow();
    code.constI64(63n);
    code.op('i64.shr_u');
    code.op('i32.wrap_i64');
    code.op('i32.or');
    code.return();
  };
  const xor = (x: number, y: number): void => {
    code.getLocal(x);
    code.getLocal(y);
    code.op('i64.xor');
  };

  isOneOf('add32', 'add64');
  code.if();
  code.getLocal(a);
  code.getLocal(b);
  code.op('i64.add');
  code.setLocal(result);
  nz();
  code.getLocal(result);
  code.getLocal(a);
  code.op('i64.lt_u');
  withCv(() => {
    xor(a, result);
    xor(b, result);
    code.op('i64.and');
  });
  code.end();

  isOneOf('sub32', 'sub64');
  code.if();
  code.getLocal(a);
  code.getLocal(b);
  code.op('i64.sub');
  code.setLocal(result);
  nz();
  code.getLocal(a);
  code.getLocal(b);
  code.op('i64.ge_u');
  withCv(() => {
    xor(a, b);
    xor(a, result);
    code.op('i64.and');
  });
  code.end();

  code.getLocal(a);
  code.setLocal(result);
  nz();
  return code;
};

/** From region to region, until one gives a status other than `next`. */
const runFunction = (): CodeWriter => {
  const code = new CodeWriter(0);
  const pc = code.local('i64');
  const entry = code.local('i32');
  const status = code.local('i32');
  code.loop('next');
  code.loadAt('i32.load', LEFT);
  code.constI32(0);
  code.op('i32.lt_s');
  code.if();
  code.constI32(STATUS.slice);
  code.return();
  code.end();
  code.loadAt('i64.load', PC);
  code.teeLocal(pc);
  code.op('i32.wrap_i64');
  code.constI32(2);
  code.op('i32.shr_u');
  code.constI32(JUMP_CACHE_ENTRIES - 1);
  code.op('i32.and');
  code.constI32(JUMP_CACHE_ENTRY_SHIFT);
  code.op('i32.shl');
  code.teeLocal(entry);
  code.memory('i64.load', JUMP_CACHE);
  code.getLocal(pc);
  code.op('i64.ne');
  code.if();
  code.constI32(STATUS.miss);
  code.return();
  code.end();
  code.getLocal(entry);
  code.memory('i32.load', JUMP_CACHE + 12);
  code.getLocal(entry);
  code.memory('i32.load', JUMP_CACHE + 8);
  code.callIndirect(TYPES.region);
  code.teeLocal(status);
  code.op('i32.eqz');
  code.brIf('next');
  code.end();
  code.getLocal(status);
  return code;
};

/** Carries out a block of predecoded code, given its record. */
const blockFunction = (): CodeWriter => {
  const code = new CodeWriter(1);
  const record = 0;
  const status = code.local('i32');
  code.getLocal(record);
  code.getLocal(record);
  code.memory('i32.load', RECORD.behind);
  code.constI32(1);
  code.op('i32.sub');
  code.teeLocal(status);
  code.memory('i32.store', RECORD.behind);
  code.getLocal(status);
  code.constI32(0);
  code.op('i32.lt_s');
  code.if();
  code.constI32(STATUS.hot);
  code.return();
  code.end();
  code.storeAt('i32.store', LEFT, () => {
    code.loadAt('i32.load', LEFT);
    code.getLocal(record);
    code.memory('i32.load', RECORD.handler);
    code.op('i32.sub');
  });
  code.loop('next');
  code.getLocal(record);
  code.constI32(RECORD_BYTES);
  code.op('i32.add');
  code.teeLocal(record);
  code.getLocal(record);
  code.memory('i32.load', RECORD.handler);
  code.callIndirect(TYPES.region);
  code.teeLocal(status);
  code.op('i32.eqz');
  code.brIf('next');
  code.end();
  code.constI32(STATUS.next);
  code.getLocal(status);
  code.getLocal(status);
  code.constI32(STATUS.branched);
  code.op('i32.eq');
  code.op('select');
  return code;
};

/** The module's bytes. It imports `memory`, `table` and `slow`, and exports `load`, `store`, `nzcv`, `run` and `block`. */
export const runtimeModule = (memoryPages: number): Uint8Array => {
  const imports: readonly WasmImport[] = [
    { kind: 'memory', name: 'memory', pages: memoryPages },
    { kind: 'table', name: 'table' },
    { kind: 'function', name: 'slow', type: TYPES.region },
  ];
  return encodeModule({
    types: FUNCTION_TYPES,
    imports,
    functions: [
      { type: TYPES.access, name: 'load', body: accessFunction(false).body() },
      { type: TYPES.access, name: 'store', body: accessFunction(true).body() },
      { type: TYPES.flags, name: 'nzcv', body: nzcvFunction().body() },
      { type: TYPES.run, name: 'run', body: runFunction().body() },
      { type: TYPES.region, name: 'block', body: blockFunction().body() },
    ],
  });
};

/** What the module of a region imports. */
export const regionImports = (memoryPages: number): readonly WasmImport[] => [
  { kind: 'memory', name: 'memory', pages: memoryPages },
  { kind: 'function', name: 'load', type: TYPES.access },
  { kind: 'function', name: 'store', type: TYPES.access },
  { kind: 'function', name: 'nzcv', type: TYPES.flags },
];
