/**
 * What translated code, handlers and the runtime's functions agree on: their types, their numbers and their results.
 */

import { STATUSES, type Status } from '../state/layout.js';
import { i32, select, type I32, type Value } from '../language/value.js';
import { callIndirect, local } from './function-builder.js';
import type { ValueType } from '../wasm/opcodes.js';
import type { FunctionType, WasmImport } from '../wasm/writer.js';

/** Function types by their number, in all modules. */
export const TYPES = {
  /** A region: number of the entry, base; gives a status. Or a call of the floating-point unit: its number, base. */
  region: 0,
  /** An access: address, kind, base; gives not 0 if it faulted. */
  access: 1,
  /** Flag kind and operands; gives NZCV in bits 3 to 0. */
  flags: 2,
  /** Where the bank of the jump cache is, in the processor's block; gives a status. */
  run: 3,
  /** A handler: where the word's form is, base, program counter; gives a status. */
  handler: 4,
  /** Where the bank of the jump cache is, and where a call returns to; gives a status. */
  call: 5,
  /** Addend and factors; gives a NaN where the sum is not sure. */
  fused32: 6,
  fused64: 7,
} as const;

export const FUNCTION_TYPES: readonly FunctionType[] = [
  { parameters: ['i32', 'i32'], results: ['i32'] },
  { parameters: ['i64', 'i32', 'i32'], results: ['i32'] },
  { parameters: ['i32', 'i64', 'i64'], results: ['i32'] },
  { parameters: ['i32'], results: ['i32'] },
  { parameters: ['i32', 'i32', 'i64'], results: ['i32'] },
  { parameters: ['i32', 'i64'], results: ['i32'] },
  { parameters: ['f32', 'f32', 'f32'], results: ['f32'] },
  { parameters: ['f64', 'f64', 'f64'], results: ['f64'] },
];

/** Functions of the runtime for what the code at hand cannot do, in the order of the table that they are in. */
const RUNTIME = {
  load: TYPES.access,
  store: TYPES.access,
  nzcv: TYPES.flags,
  float: TYPES.region,
  fused32: TYPES.fused32,
  fused64: TYPES.fused64,
} as const;

export type RuntimeFunction = keyof typeof RUNTIME;

/** Their names, in that order. */
export const RUNTIME_TABLE = Object.keys(RUNTIME) as readonly RuntimeFunction[];

/** A call of one of them by the table, at the place where its value is used, and as often. */
export const callRuntime = <T extends ValueType>(type: T, name: RuntimeFunction, ...args: readonly Value[]): Value<T> =>
  callIndirect(type, RUNTIME[name], i32.const(RUNTIME_TABLE.indexOf(name)), ...args);

/**
 * What the module of handlers imports: no functions, since V8 takes several times as long to make a module that does.
 */
export const handlerImports = (memoryPages: number): readonly WasmImport[] => [
  { kind: 'memory', name: 'memory', pages: memoryPages },
  { kind: 'table', name: 'runtime' },
];

/** The same of regions: functions too, since the code around a call by the table is slower. */
export const regionImports = (memoryPages: number): readonly WasmImport[] => [
  ...handlerImports(memoryPages),
  { kind: 'function', name: 'load', type: TYPES.access },
  { kind: 'function', name: 'store', type: TYPES.access },
  { kind: 'function', name: 'call', type: TYPES.call },
  { kind: 'function', name: 'float', type: TYPES.region },
  { kind: 'function', name: 'fused32', type: TYPES.fused32 },
  { kind: 'function', name: 'fused64', type: TYPES.fused64 },
];

/** The functions that regions import, by their number in the module. */
export const IMPORTED = { load: 0, store: 1, call: 2, float: 3, fused32: 4, fused64: 5 } as const;

/** Parameter of regions and handlers: the base of the processor that runs them. */
export const BASE = local('i32', 1);

/**
 * The status of code behind which others may go on, unless the slice is used up. @param left instructions of the slice
 */
export const nextOrSlice = (left: I32): I32 =>
  select(i32.ltS(left, i32.const(0)), statusConstant('slice'), statusConstant('next'));

export const statusConstant = (status: Status): I32 => i32.const(STATUSES.indexOf(status));
