/**
 * The part of the WebAssembly interface of JavaScript that is used here, with types: TypeScript has them only for
 * browsers, and this project is compiled for neither browsers nor Node alone.
 */

export interface LinearMemory {
  readonly buffer: ArrayBuffer;
}

export interface FunctionTable {
  readonly length: number;
  get(index: number): WasmFunction | null;
  set(index: number, value: WasmFunction | null): void;
  /** @returns the length that it had */
  grow(delta: number): number;
}

/** One that WebAssembly gives: i64 are bigint. */
export type WasmFunction = (...args: (number | bigint)[]) => number;

export type WasmImports = Readonly<
  Record<string, Readonly<Record<string, LinearMemory | FunctionTable | ((...args: never[]) => number)>>>
>;

export interface WasmModule {
  readonly [Symbol.toStringTag]: string;
}

export interface WasmInstance {
  readonly exports: Readonly<Record<string, WasmFunction>>;
}

interface Interface {
  readonly Memory: new (descriptor: { initial: number; maximum: number }) => LinearMemory;
  readonly Table: new (descriptor: { element: 'anyfunc'; initial: number; maximum?: number }) => FunctionTable;
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  /** Of bytes that are no module. */
  readonly CompileError: new (message: string) => Error;
  readonly Instance: new (module: WasmModule, imports: WasmImports) => WasmInstance;
}

export const wasm: Interface = (globalThis as unknown as { readonly WebAssembly: Interface }).WebAssembly;
