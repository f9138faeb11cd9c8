/** Writes WebAssembly's binary format (WebAssembly specification, chapter 5). */

import { opcodeOf, type ValueType, type WasmOp } from './opcodes.js';

export const TYPE_CODES: Readonly<Record<ValueType, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};

const EMPTY_BLOCK = 0x40;

/** Bytes that grow in number. */
export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  /** @param room for so many bytes, before it must be made larger */
  constructor(room = 256) {
    this.#bytes = new Uint8Array(room);
  }

  get length(): number {
    return this.#length;
  }

  /** A view, until the next write. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#length++] = value;
  }

  append(bytes: Uint8Array | readonly number[]): void {
    if (!(bytes instanceof Uint8Array)) {
      // A few bytes, which are put down faster one by one.
      for (let i = 0; i < bytes.length; i++) this.byte(bytes[i]!);
      return;
    }
    if (this.#length + bytes.length > this.#bytes.length) this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  replace(at: number, value: number): void {
    this.#bytes[at] = value;
  }

  insert(at: number, bytes: Uint8Array): void {
    const behind = this.bytes.slice(at);
    this.#length = at;
    this.append(bytes);
    this.append(behind);
  }

  #grow(extra: number): void {
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + extra));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }

  /** Unsigned LEB128. */
  u32(value: number): void {
    while (value >= 0x80) {
      this.byte((value & 0x7f) | 0x80);
      value >>>= 7;
    }
    this.byte(value);
  }

  /** Signed LEB128 of a 32-bit integer. */
  s32(value: number): void {
    let rest = value | 0;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) return this.byte(low);
      this.byte(low | 0x80);
    }
  }

  /** Signed LEB128 of a 64-bit integer. */
  s64(value: bigint): void {
    let rest = BigInt.asIntN(64, value);
    if (rest >= -0x8000_0000n && rest < 0x8000_0000n) return this.s32(Number(rest));
    for (;;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      if ((rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0)) return this.byte(low);
      this.byte(low | 0x80);
    }
  }

  name(text: string): void {
    this.u32(text.length);
    for (const letter of text) this.byte(letter.charCodeAt(0));
  }
}

/** A block, loop or `if` that is open, as branches name it. */
export interface Label {
  readonly kind: 'block' | 'loop' | 'if';
}

const OPENING: Readonly<Record<Label['kind'], number>> = { block: 0x02, loop: 0x03, if: 0x04 };
const ELSE = 0x05;
const END = 0x0b;
const BRANCH = 0x0c;
const BRANCH_IF = 0x0d;
const BRANCH_TABLE = 0x0e;
const RETURN = 0x0f;
const GET_LOCAL = 0x20;
const SET_LOCAL = 0x21;
const TEE_LOCAL = 0x22;

/** Code of one function. */
export class CodeWriter extends ByteWriter {
  /** The innermost one is the last. */
  readonly #open: Label[] = [];
  readonly #locals: ValueType[] = [];
  /** A local that the instruction that ends here sets. */
  #lastSet: { readonly local: number; readonly start: number; readonly end: number } | undefined;

  /** @param parameters how many locals there are already */
  constructor(private readonly parameters: number) {
    super(4096);
  }

  /** Index of a new local. */
  local(type: ValueType): number {
    this.#locals.push(type);
    return this.parameters + this.#locals.length - 1;
  }

  /** The body as the code section has it, the locals' declarations included. */
  body(): Uint8Array {
    const runs: [number, ValueType][] = [];
    for (const type of this.#locals) {
      const last = runs.at(-1);
      if (last?.[1] === type) last[0]++;
      else runs.push([1, type]);
    }
    const head = new ByteWriter();
    head.u32(runs.length);
    for (const [count, type] of runs) {
      head.u32(count);
      head.byte(TYPE_CODES[type]);
    }
    const body = new ByteWriter(head.length + this.length + 8);
    body.u32(head.length + this.length + 1);
    body.append(head.bytes);
    body.append(this.bytes);
    body.byte(END);
    return body.bytes;
  }

  /** @param immediates the bytes behind the opcode */
  op(name: WasmOp, immediates: readonly number[] = []): void {
    this.append(opcodeOf(name));
    this.append(immediates);
  }

  /** Pushes a local. */
  getLocal(index: number): void {
    if (this.#lastSet?.local === index && this.#lastSet.end === this.length) {
      this.replace(this.#lastSet.start, TEE_LOCAL);
      this.#lastSet = undefined;
    } else {
      this.byte(GET_LOCAL);
      this.u32(index);
    }
  }

  /** Pops into a local. */
  setLocal(index: number): void {
    const start = this.length;
    this.byte(SET_LOCAL);
    this.u32(index);
    this.#lastSet = { local: index, start, end: this.length };
  }

  constI32(value: number): void {
    this.byte(0x41);
    this.s32(value);
  }

  constI64(value: bigint): void {
    this.byte(0x42);
    this.s64(value);
  }

  constV128(value: bigint): void {
    this.append([0xfd, 12]);
    for (let i = 0n; i < 16n; i++) this.byte(Number((value >> (8n * i)) & 0xffn));
  }

  /** @param bits of the number */
  constFloat(type: 'f32' | 'f64', bits: bigint): void {
    const bytes = type === 'f32' ? 4n : 8n;
    this.byte(type === 'f32' ? 0x43 : 0x44);
    for (let i = 0n; i < bytes; i++) this.byte(Number((bits >> (8n * i)) & 0xffn));
  }

  return(): void {
    this.byte(RETURN);
  }

  /** Opens a block that has no result. */
  open(kind: Label['kind']): Label {
    this.byte(OPENING[kind]);
    this.byte(EMPTY_BLOCK);
    const label: Label = { kind };
    this.#open.push(label);
    return label;
  }

  else(): void {
    this.byte(ELSE);
  }

  /** Closes what was opened last. */
  end(): void {
    this.#open.pop();
    this.byte(END);
  }

  /** To behind a block or `if`, or to the start of a loop. */
  branch(label: Label): void {
    this.byte(BRANCH);
    this.u32(this.#depth(label));
  }

  /** The same if the value on the stack is not 0. */
  branchIf(label: Label): void {
    this.byte(BRANCH_IF);
    this.u32(this.#depth(label));
  }

  /** @param labels by the index on the stack; the last one is also for every larger index */
  branchTable(labels: readonly Label[]): void {
    this.byte(BRANCH_TABLE);
    this.u32(labels.length - 1);
    for (const label of labels) this.u32(this.#depth(label));
  }

  #depth(label: Label): number {
    const at = this.#open.lastIndexOf(label);
    if (at < 0) throw new Error(`a branch to a ${label.kind} that is not open`);
    return this.#open.length - 1 - at;
  }
}

export interface FunctionType {
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
}

export type WasmImport =
  | { readonly kind: 'function'; readonly name: string; readonly type: number }
  | { readonly kind: 'memory'; readonly name: string; readonly pages: number }
  | { readonly kind: 'table'; readonly name: string };

export interface ModuleParts {
  readonly types: readonly FunctionType[];
  /** All from the module `env`. */
  readonly imports: readonly WasmImport[];
  readonly functions: readonly { readonly type: number; readonly name?: string; readonly body: Uint8Array }[];
}

const section = (module: ByteWriter, id: number, write: (content: ByteWriter) => void): void => {
  const content = new ByteWriter();
  write(content);
  module.byte(id);
  module.u32(content.length);
  module.append(content.bytes);
};

const writeImport = (content: ByteWriter, one: WasmImport): void => {
  content.name('env');
  content.name(one.name);
  switch (one.kind) {
    case 'function':
      content.byte(0);
      content.u32(one.type);
      break;
    case 'table':
      content.append([1, 0x70, 0, 0]);
      break;
    case 'memory':
      content.append([2, 1]);
      content.u32(one.pages);
      content.u32(one.pages);
      break;
  }
};

/** A module. Functions are numbered behind the imported ones; those with a name are exported. */
export const encodeModule = ({ types, imports, functions }: ModuleParts): Uint8Array => {
  const module = new ByteWriter();
  module.append([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  section(module, 1, (content) => {
    content.u32(types.length);
    for (const { parameters, results } of types) {
      content.byte(0x60);
      for (const list of [parameters, results]) {
        content.u32(list.length);
        for (const type of list) content.byte(TYPE_CODES[type]);
      }
    }
  });
  section(module, 2, (content) => {
    content.u32(imports.length);
    for (const one of imports) writeImport(content, one);
  });
  section(module, 3, (content) => {
    content.u32(functions.length);
    for (const { type } of functions) content.u32(type);
  });
  const imported = imports.filter(({ kind }) => kind === 'function').length;
  section(module, 7, (content) => {
    content.u32(functions.filter(({ name }) => name !== undefined).length);
    functions.forEach(({ name }, i) => {
      if (name === undefined) return;
      content.name(name);
      content.byte(0);
      content.u32(imported + i);
    });
  });
  section(module, 10, (content) => {
    content.u32(functions.length);
    for (const { body } of functions) content.append(body);
  });
  return module.bytes.slice();
};
