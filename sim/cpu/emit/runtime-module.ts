/**
 * The WebAssembly module that all translated code shares: accesses that the code at hand cannot finish itself, flags of
 * an unknown kind, the loop that goes from region to region, and the interpreter.
 */

import {
  ACCESS_ADDRESS,
  ACCESS_ALIGN_MASK,
  ACCESS_ALIGN_SHIFT,
  ACCESS_ALIGNED,
  ACCESS_SIZE_MASK,
  ACCESS_STRICT_SHIFT,
  ACCESS_BANK_SHIFT,
  CALL_DEPTH,
  LEFT,
  PC,
  PROCESSOR_BYTES,
  STRICT,
  TLB_BANK_BYTES,
  type FlagKind,
} from '../state/layout.js';
import type { SizeLog2 } from '../language/trace.js';
import { i32, i64, select, type I32, type I64 } from '../language/value.js';
import { encodeModule, type Label, type WasmImport } from '../wasm/writer.js';
import { flagKindConstant } from './flags.js';
import { call, callIndirect, FunctionBuilder, load, local, type Local } from './function-builder.js';
import { interpretFunction, jumpEntryOf, otherJumpEntry } from './interpreter.js';
import { fusedDoubles, fusedSingles } from './fused.js';
import { FUNCTION_TYPES, statusConstant, TYPES } from './linkage.js';
import {
  isLineOfCode,
  loadAccessValue,
  loadSized,
  storeAccessValue,
  storeSized,
  tlbAddendOf,
  tlbEntryOf,
  tlbTagOf,
} from './page-access.js';

/** Imported by this module: the slow path in TypeScript, and the floating-point unit. */
const SLOW = 0;
const FLOAT = 1;

const SIZES: readonly SizeLog2[] = [0, 1, 2, 3, 4];
const PAGE_MASK = ~0xfffn;

/**
 * An access by way of the TLB. The value is in ACCESS_VALUE: after a load, and before a store. Stores to pages that
 * hold code succeed here if no line of code is hit.
 */
const accessFunction = (write: boolean): Uint8Array => {
  const f = new FunctionBuilder(3);
  const [address, kind, base] = [local('i64', 0), local('i32', 1), local('i32', 2)];
  /** The low bits of an address that is a multiple of the power of two that is in the kind at a shift. */
  const lowBits = (shift: number): I32 => {
    const log2 = i32.and(i32.shrU(kind, i32.const(shift)), i32.const(ACCESS_ALIGN_MASK));
    return i32.sub(i32.shl(i32.const(1), log2), i32.const(1));
  };
  const last = f.let(i64.add(address, i64.extendU(lowBits(0))));
  const mustBeClear = f.variable('i32');
  f.if(
    i32.and(kind, i32.const(ACCESS_ALIGNED)),
    () => f.set(mustBeClear, lowBits(ACCESS_ALIGN_SHIFT)),
    () => f.if(load.i32('i32.load', base, STRICT), () => f.set(mustBeClear, lowBits(ACCESS_STRICT_SHIFT))),
  );

  f.block((slow) => {
    f.branchIf(slow, i32.and(i32.wrap(address), mustBeClear));
    const bank = i32.and(i32.shrU(kind, i32.const(ACCESS_BANK_SHIFT)), i32.const(7));
    const entry = f.let(i32.add(tlbEntryOf(base, address), i32.mul(bank, i32.const(TLB_BANK_BYTES))));
    const tag = f.let(tlbTagOf(entry, write, 0));
    const place = f.let(i32.add(i32.wrap(address), tlbAddendOf(entry, 0)));
    // Both ends are in the page of the tag. Bit 0 of a write tag says that the page holds code.
    const page = write ? i64.and(tag, i64.const(~1n)) : tag;
    f.branchIf(slow, i64.ne(i64.and(last, i64.const(PAGE_MASK)), page));
    if (write) {
      f.if(i32.and(i32.wrap(tag), i32.const(1)), () => {
        for (const end of [address, last]) f.branchIf(slow, isLineOfCode(entry, end, 0));
      });
    }
    f.choose(
      i32.and(kind, i32.const(ACCESS_SIZE_MASK)),
      SIZES.map((size) => () => {
        if (write) storeSized(f, size, place, loadAccessValue(base, size));
        else storeAccessValue(f, base, size, loadSized(size, place));
        f.return(i32.const(0));
      }),
    );
  });
  f.store('i64.store', base, address, ACCESS_ADDRESS);
  return f.finish(call('i32', SLOW, kind, base));
};

/** NZCV in bits 3 to 0 from flags of any kind (Arm ARM, AddWithCarry()). */
const nzcvFunction = (): Uint8Array => {
  const f = new FunctionBuilder(3);
  const [kind, first, second] = [local('i32', 0), local('i64', 1), local('i64', 2)];
  const is = (...names: readonly FlagKind[]): I32 =>
    names.map((name) => i32.eq(kind, flagKindConstant(name))).reduce(i32.or);
  const sign = (value: I64): I32 => i32.wrap(i64.shrU(value, i64.const(63)));
  /** @param overflow has the sign that V is */
  const flags = (result: I64, carry: I32, overflow: I64): I32 => {
    const nz = i32.or(i32.shl(sign(result), i32.const(3)), i32.shl(i64.eqz(result), i32.const(2)));
    return i32.or(i32.or(nz, i32.shl(carry, i32.const(1))), sign(overflow));
  };

  f.if(is('nzcv'), () => f.return(i32.wrap(first)));
  // 32-bit operands move to the upper half: there their carries and signs are those of 64 bits.
  const shift = f.let(select(is('add32', 'sub32', 'logic32'), i64.const(32), i64.const(0)));
  const a = f.let(i64.shl(first, shift));
  const b = f.let(i64.shl(second, shift));
  f.if(is('add32', 'add64'), () => {
    const sum = f.let(i64.add(a, b));
    f.return(flags(sum, i64.ltU(sum, a), i64.and(i64.xor(a, sum), i64.xor(b, sum))));
  });
  f.if(is('sub32', 'sub64'), () => {
    const difference = f.let(i64.sub(a, b));
    f.return(flags(difference, i64.geU(a, b), i64.and(i64.xor(a, b), i64.xor(a, difference))));
  });
  return f.finish(flags(a, i32.const(0), i64.const(0)));
};

/** Functions of this module, by their number in it: behind those that are imported. */
const INTERPRET = 6;

/**
 * The base of the processor whose bank of the jump cache it is: not kept, since what outlives a call has to be saved.
 */
const baseOf = (jumps: I32): I32 => i32.and(jumps, i32.const(-PROCESSOR_BYTES));

/** Calls the region at the program counter, for its status. @param absent where to go on if the jump cache has none */
const callRegion = (f: FunctionBuilder, jumps: I32, status: Local<'i32'>, absent: Label): void => {
  const base = baseOf(jumps);
  const pc = f.let(load.i64('i64.load', base, PC));
  const entry = f.let(jumpEntryOf(pc, jumps));
  f.if(i64.ne(load.i64('i64.load', entry), pc), () => {
    f.set(entry, otherJumpEntry(entry));
    f.branchIf(absent, i64.ne(load.i64('i64.load', entry), pc));
  });
  const [region, argument] = [load.i32('i32.load', entry, 8), load.i32('i32.load', entry, 12)];
  f.set(status, callIndirect('i32', TYPES.region, region, argument, base));
};

/**
 * From region to region, and by the interpreter where there is none, until something gives a status other than `next`.
 * A region gives that only while the slice lasts.
 */
const runFunction = (): Uint8Array => {
  const f = new FunctionBuilder(1);
  const jumps = local('i32', 0);
  const base = baseOf(jumps);
  const status = f.variable('i32');
  f.loop((again) => {
    f.block((interpret) => {
      f.branchIf(interpret, i32.ltS(load.i32('i32.load', base, LEFT), i32.const(0)));
      f.loop((next) => {
        callRegion(f, jumps, status, interpret);
        f.branchIf(next, i32.eqz(status));
      });
      f.if(i32.ne(status, statusConstant('slice')), () => f.return(status));
    });
    f.set(status, call('i32', INTERPRET, jumps, base));
    f.branchIf(again, i32.eqz(status));
  });
  return f.finish(status);
};

/** So many calls from region to region are in each other's frames at most. */
const MAX_DEPTH = 64;

/**
 * A call out of a region, whose state is stored: on from region to region, until the call returns. There, or where
 * there is no region any more, the status is `next`, so that the caller must see where the program counter is.
 */
const callFunction = (): Uint8Array => {
  const f = new FunctionBuilder(2);
  const [jumps, returnsTo] = [local('i32', 0), local('i64', 1)];
  const base = baseOf(jumps);
  const depth = load.i32('i32.load', base, CALL_DEPTH);
  const status = f.variable('i32');
  f.if(i32.geS(depth, i32.const(MAX_DEPTH)), () => f.return(statusConstant('next')));
  f.store('i32.store', base, i32.add(depth, i32.const(1)), CALL_DEPTH);
  f.block((end) => {
    f.loop((next) => {
      callRegion(f, jumps, status, end);
      f.branchIf(end, i64.eq(load.i64('i64.load', base, PC), returnsTo));
      f.branchIf(next, i32.eqz(status));
    });
  });
  f.store('i32.store', base, i32.sub(depth, i32.const(1)), CALL_DEPTH);
  return f.finish(status);
};

/** The floating-point unit, as a function that tables and other modules may have. */
const floatFunction = (): Uint8Array =>
  new FunctionBuilder(2).finish(call('i32', FLOAT, local('i32', 0), local('i32', 1)));

/**
 * The module's bytes. It imports `memory`, `table`, `slow` and `float`, and exports those of {@link RUNTIME_TABLE}, `run`
 * and `call`.
 */
export const runtimeModule = (memoryPages: number): Uint8Array => {
  const imports: readonly WasmImport[] = [
    { kind: 'memory', name: 'memory', pages: memoryPages },
    { kind: 'table', name: 'table' },
    { kind: 'function', name: 'slow', type: TYPES.region },
    { kind: 'function', name: 'float', type: TYPES.region },
  ];
  return encodeModule({
    types: FUNCTION_TYPES,
    imports,
    functions: [
      { type: TYPES.access, name: 'load', body: accessFunction(false) },
      { type: TYPES.access, name: 'store', body: accessFunction(true) },
      { type: TYPES.flags, name: 'nzcv', body: nzcvFunction() },
      { type: TYPES.run, name: 'run', body: runFunction() },
      { type: TYPES.region, name: 'interpret', body: interpretFunction() },
      { type: TYPES.call, name: 'call', body: callFunction() },
      { type: TYPES.region, name: 'float', body: floatFunction() },
      { type: TYPES.fused32, name: 'fused32', body: fusedSingles() },
      { type: TYPES.fused64, name: 'fused64', body: fusedDoubles() },
    ],
  });
};
