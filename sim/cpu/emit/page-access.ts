/** Code that looks into the TLB, and that accesses memory by size. */

import {
  ACCESS_VALUE,
  TLB,
  TLB_ADDEND,
  TLB_BANK_BYTES,
  TLB_CODE_MASK,
  TLB_ENTRIES,
  TLB_ENTRY_SHIFT,
  TLB_READ_TAG,
  TLB_WRITE_TAG,
} from '../state/layout.js';
import type { SizeLog2 } from '../language/trace.js';
import { constantOf, i32, i64, type I32, type I64, type V128, type Value } from '../language/value.js';
import { load, type FunctionBuilder } from './function-builder.js';

/** Where the entry for an address is, less {@link bankOffset}. */
export const tlbEntryOf = (base: I32, address: I64): I32 => {
  const inBank = i32.and(
    i32.wrap(i64.shrU(address, i64.const(12 - TLB_ENTRY_SHIFT))),
    i32.const((TLB_ENTRIES - 1) << TLB_ENTRY_SHIFT),
  );
  return constantOf(base) === undefined ? i32.add(inBank, base) : inBank;
};

/** What is to be added to where an entry is: what is known of where its bank begins, less {@link TLB}. */
export const bankOffset = (base: I32, bank: number): number => bank * TLB_BANK_BYTES + Number(constantOf(base) ?? 0n);

/** @param offset of the bank; see {@link bankOffset} */
export const tlbTagOf = (entry: I32, write: boolean, offset: number): I64 =>
  load.i64('i64.load', entry, offset + TLB + (write ? TLB_WRITE_TAG : TLB_READ_TAG));

export const tlbAddendOf = (entry: I32, offset: number): I32 => load.i32('i32.load', entry, offset + TLB + TLB_ADDEND);

/**
 * Not 0 if the 64 bytes around an address hold code. A shift takes its count modulo 64, so that of the address' upper
 * bits only the line's number in its page counts.
 */
export const isLineOfCode = (entry: I32, address: I64, offset: number): I32 =>
  i32.and(
    i32.wrap(i64.shrU(load.i64('i64.load', entry, offset + TLB + TLB_CODE_MASK), i64.shrU(address, i64.const(6)))),
    i32.const(1),
  );

const LOADS = ['i64.load8_u', 'i64.load16_u', 'i64.load32_u', 'i64.load'] as const;
const STORES = ['i64.store8', 'i64.store16', 'i64.store32', 'i64.store', 'v128.store'] as const;

/** 1 to 8 bytes, zero-extended, or 16. */
export const loadSized = (size: SizeLog2, address: I32, offset = 0): I64 | V128 =>
  size === 4 ? load.v128('v128.load', address, offset) : load.i64(LOADS[size], address, offset);

export const storeSized = (f: FunctionBuilder, size: SizeLog2, address: I32, value: Value, offset = 0): void =>
  f.store(STORES[size], address, value, offset);

/** What an access by the runtime's functions read, or is to write. */
export const loadAccessValue = (base: I32, size: SizeLog2): I64 | V128 =>
  size === 4 ? load.v128('v128.load', base, ACCESS_VALUE) : load.i64('i64.load', base, ACCESS_VALUE);

export const storeAccessValue = (f: FunctionBuilder, base: I32, size: SizeLog2, value: Value): void =>
  f.store(size === 4 ? 'v128.store' : 'i64.store', base, value, ACCESS_VALUE);
