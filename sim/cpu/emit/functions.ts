import { FUNCTION_TYPES, regionImports, runtimeModule, TYPES } from './runtime-module.js';
import { wasm, type FunctionTable, type LinearMemory, type WasmFunction } from '../wasm/host.js';
import { encodeModule } from '../wasm/writer.js';

/** Where the function that runs predecoded blocks is in the table. */
export const BLOCK_INDEX = 1;
/** Indexes that are never given away: 0, where nothing is, and that one. */
const RESERVED = 2;
const WASM_PAGE = 65_536;

/** What the runtime module exports; see runtime-module.ts. */
interface Runtime {
  readonly load: WasmFunction;
  readonly store: WasmFunction;
  readonly nzcv: WasmFunction;
  readonly run: WasmFunction;
  readonly block: WasmFunction;
}

/** The functions of translated code and of the interpreter, in the table that the runtime calls them through. */
export class Functions {
  readonly runtime: Runtime;
  readonly #table: FunctionTable;
  readonly #pages: number;
  readonly #free: number[] = [];
  #next = RESERVED;

  /** @param slow the way of accesses that the runtime cannot finish */
  constructor(
    private readonly memory: LinearMemory,
    slow: (kind: number) => number,
  ) {
    this.#pages = memory.buffer.byteLength / WASM_PAGE;
    this.#table = new wasm.Table({ element: 'anyfunc', initial: 1024 });
    const module = new wasm.Module(runtimeModule(this.#pages));
    const { exports } = new wasm.Instance(module, { env: { memory, table: this.#table, slow } });
    this.runtime = exports as unknown as Runtime;
    this.#table.set(BLOCK_INDEX, this.runtime.block);
  }

  /** Makes functions of bodies, all in one module. @returns their indexes in the table */
  place(bodies: readonly Uint8Array[]): readonly number[] {
    const module = new wasm.Module(
      encodeModule({
        types: FUNCTION_TYPES,
        imports: regionImports(this.#pages),
        functions: bodies.map((body, i) => ({ type: TYPES.region, name: `f${i}`, body })),
      }),
    );
    const { load, store, nzcv } = this.runtime;
    const { exports } = new wasm.Instance(module, { env: { memory: this.memory, load, store, nzcv } });
    return bodies.map((_body, i) => {
      const index = this.#free.pop() ?? this.#next++;
      if (index >= this.#table.length) this.#table.grow(this.#table.length);
      this.#table.set(index, exports[`f${i}`]!);
      return index;
    });
  }

  /** Gives an index back. */
  release(index: number): void {
    this.#free.push(index);
  }
}
