/** The functions of translated code, as WebAssembly modules are made of them. */

import {
  FUNCTION_TYPES,
  handlerImports,
  regionImports,
  RUNTIME_TABLE,
  TYPES,
  type RuntimeFunction,
} from './linkage.js';
import { runtimeModule } from './runtime-module.js';
import { wasm, type FunctionTable, type LinearMemory, type WasmFunction, type WasmInstance } from '../wasm/host.js';
import { encodeModule } from '../wasm/writer.js';

/** Indexes that are never given away: 0, where nothing is. */
const RESERVED = 1;
const WASM_PAGE = 65_536;

/** What the runtime module exports; see runtime-module.ts. */
type Runtime = Readonly<Record<RuntimeFunction | 'run' | 'call', WasmFunction>>;

const exported = ({ exports }: WasmInstance, name: string): WasmFunction => {
  const function_ = exports[name];
  if (function_ === undefined) throw new Error(`the module has no function ${name}`);
  return function_;
};

/** A function that is to be, and its index in the table. */
export interface NewFunction {
  readonly index: number;
  readonly body: Uint8Array;
}

/** What code calls in TypeScript, of the processor with a base. */
export interface FunctionsHost {
  /** The way of accesses that the runtime cannot finish. */
  readonly slow: (kind: number, base: number) => number;
  /** A call of the floating-point unit, by its number. @returns the flags that are raised */
  readonly float: (call: number, base: number) => number;
}

/** Regions and handlers, in the table that the runtime calls them through. */
export class Functions {
  readonly runtime: Runtime;
  /** See {@link RUNTIME_TABLE}. */
  readonly runtimeTable: FunctionTable = new wasm.Table({ element: 'anyfunc', initial: RUNTIME_TABLE.length });
  readonly #table: FunctionTable;
  readonly #pages: number;
  readonly #free: number[] = [];
  #next = RESERVED;

  constructor(
    private readonly memory: LinearMemory,
    { slow, float }: FunctionsHost,
  ) {
    this.#pages = memory.buffer.byteLength / WASM_PAGE;
    this.#table = new wasm.Table({ element: 'anyfunc', initial: 1024 });
    const module = new wasm.Module(runtimeModule(this.#pages));
    const instance = new wasm.Instance(module, { env: { memory, table: this.#table, slow, float } });
    this.runtime = {
      load: exported(instance, 'load'),
      store: exported(instance, 'store'),
      nzcv: exported(instance, 'nzcv'),
      float: exported(instance, 'float'),
      fused32: exported(instance, 'fused32'),
      fused64: exported(instance, 'fused64'),
      run: exported(instance, 'run'),
      call: exported(instance, 'call'),
    };
    RUNTIME_TABLE.forEach((name, i) => this.runtimeTable.set(i, this.runtime[name]));
  }

  /** Makes handlers of bodies, all in one module. @returns their indexes in the table */
  addHandlers(bodies: readonly Uint8Array[]): readonly number[] {
    return this.#addNew(bodies, 'handler');
  }

  /** Makes functions of bodies that others wrote. @returns undefined, and adds nothing, where they are none */
  addIfValid(kind: 'region' | 'handler', bodies: readonly Uint8Array[]): readonly number[] | undefined {
    try {
      return this.#addNew(bodies, kind);
    } catch (error) {
      if (error instanceof wasm.CompileError) return undefined;
      throw error;
    }
  }

  #addNew(bodies: readonly Uint8Array[], kind: 'region' | 'handler'): readonly number[] {
    const indexes = this.reserve(bodies.length);
    try {
      this.#add(
        bodies.map((body, i) => ({ index: indexes[i]!, body })),
        kind,
      );
    } catch (error) {
      for (const index of indexes) this.release(index);
      throw error;
    }
    return indexes;
  }

  /** Indexes for so many functions that are to be added. */
  reserve(count: number): readonly number[] {
    return Array.from({ length: count }, () => this.#free.pop() ?? this.#next++);
  }

  /** Makes regions of bodies, all in one module. */
  addRegions(functions: readonly NewFunction[]): void {
    this.#add(functions, 'region');
  }

  #add(functions: readonly NewFunction[], kind: 'region' | 'handler'): void {
    if (functions.length === 0) return;
    const module = new wasm.Module(
      encodeModule({
        types: FUNCTION_TYPES,
        imports: (kind === 'region' ? regionImports : handlerImports)(this.#pages),
        functions: functions.map(({ body }, i) => ({ type: TYPES[kind], name: `f${i}`, body })),
      }),
    );
    const { memory, runtimeTable: runtime } = this;
    const { load, store, call, float, fused32, fused64 } = this.runtime;
    const env = { memory, runtime, load, store, call, float, fused32, fused64 };
    const instance = new wasm.Instance(module, { env });
    functions.forEach(({ index }, i) => {
      while (index >= this.#table.length) this.#table.grow(this.#table.length);
      this.#table.set(index, exported(instance, `f${i}`));
    });
  }

  /** Gives an index back. */
  release(index: number): void {
    this.#free.push(index);
  }
}
