/** Functions of WebAssembly as statements over the expressions of value.ts. */

import { constantOf, i32, operation, type I32, type Leaf, type Value } from '../language/value.js';
import type { Source } from '../language/leaf.js';
import { CodeWriter, type Label } from '../wasm/writer.js';
import type { LoadOp, StoreOp, ValueType } from '../wasm/opcodes.js';

export interface Local<T extends ValueType = ValueType> extends Leaf<T> {
  readonly source: { readonly kind: 'local'; readonly index: number };
}

/** What leaves stand for that are no locals. */
export type ResolvedSource = Exclude<Source, { kind: 'local' }>;

/** A parameter of a function, or another local, by its index. */
export const local = <T extends ValueType>(type: T, index: number): Local<T> => ({
  kind: 'leaf',
  type,
  source: { kind: 'local', index },
});

/** Loads by what they push, stores by what they pop. */
export type LoadOf<T extends ValueType> = Extract<LoadOp, `${T}.${string}`>;
export type StoreOf<T extends ValueType> = Extract<StoreOp, `${T}.${string}`>;

const leb128 = (value: number): readonly number[] =>
  value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb128(value >>> 7)];

/** Alignment, of which nothing is promised, and offset. */
const memoryArgument = (offset: number): readonly number[] => [0, ...leb128(offset)];

/** A known address becomes part of the offset, which V8 adds for nothing. */
const placeOf = (address: I32, offset: number): { readonly address: I32; readonly offset: number } => {
  const known = constantOf(address);
  return known === undefined ? { address, offset } : { address: i32.const(0), offset: Number(known) + offset };
};

const loadOf =
  <T extends ValueType>(type: T) =>
  (op: LoadOf<T>, address: I32, offset = 0): Value<T> => {
    const place = placeOf(address, offset);
    return operation(type, op, [place.address], memoryArgument(place.offset));
  };

/**
 * What is in memory at an address and an offset, when the value is used: {@link FunctionBuilder.let} keeps it.
 */
export const load = { i32: loadOf('i32'), i64: loadOf('i64'), v128: loadOf('v128') } as const;

/** A call, at the place where its value is used, and as often. */
export const call = <T extends ValueType>(type: T, functionIndex: number, ...args: readonly Value[]): Value<T> =>
  operation(type, 'call', args, leb128(functionIndex));

/** The same of a function of the table. @param functionType its type's number */
export const callIndirect = <T extends ValueType>(
  type: T,
  functionType: number,
  index: I32,
  ...args: readonly Value[]
): Value<T> => operation(type, 'call_indirect', [...args, index], [functionType, 0]);

/** Writes a function's code. A statement's values are computed where it stands. */
export class FunctionBuilder {
  protected readonly code: CodeWriter;

  /** @param parameters how many there are; they are the first locals */
  constructor(parameters: number) {
    this.code = new CodeWriter(parameters);
  }

  /** A local without a value yet: zero. */
  variable<T extends ValueType>(type: T): Local<T> {
    return local(type, this.code.local(type));
  }

  /** A local with the value that an expression has now. */
  let<T extends ValueType>(value: Value<T>): Local<T> {
    const result = this.variable(value.type);
    this.set(result, value);
    return result;
  }

  set<T extends ValueType>(target: Local<T>, value: Value<T>): void {
    this.push(value);
    this.code.setLocal(target.source.index);
  }

  store<T extends ValueType>(op: StoreOf<T>, address: I32, value: Value<T>, offset = 0): void {
    const place = placeOf(address, offset);
    this.push(place.address);
    this.push(value);
    this.code.op(op, memoryArgument(place.offset));
  }

  if(condition: I32, then: () => void, otherwise?: () => void): void {
    this.push(condition);
    this.code.open('if');
    then();
    if (otherwise !== undefined) {
      this.code.else();
      otherwise();
    }
    this.code.end();
  }

  /** @param inside is given what a branch to behind the block names */
  block(inside: (behind: Label) => void): void {
    inside(this.code.open('block'));
    this.code.end();
  }

  /** Goes on behind the loop unless it branches. @param inside is given what a branch to the loop's start names */
  loop(inside: (again: Label) => void): void {
    inside(this.code.open('loop'));
    this.code.end();
  }

  branch(label: Label): void {
    this.code.branch(label);
  }

  branchIf(label: Label, condition: I32): void {
    const known = constantOf(condition);
    if (known === 0n) return;
    if (known !== undefined) return this.code.branch(label);
    this.push(condition);
    this.code.branchIf(label);
  }

  /**
   * One of several pieces of code, by number; the last one also for larger numbers. None of them may come to its end:
   * what follows it is the next one.
   */
  choose(index: I32, cases: readonly (() => void)[]): void {
    const labels = cases.map(() => this.code.open('block')).reverse();
    this.push(index);
    this.code.branchTable(labels);
    for (const emit of cases) {
      this.code.end();
      emit();
    }
  }

  return(value: Value): void {
    this.push(value);
    this.code.return();
  }

  /** Marks a place that is never reached. */
  unreachable(): void {
    this.code.op('unreachable');
  }

  /** The function's body, which gives a value in its end. */
  finish(value: Value): Uint8Array {
    this.push(value);
    return this.code.body();
  }

  /** Pushes a value. */
  protected push(value: Value): void {
    const { code } = this;
    switch (value.kind) {
      case 'const':
        return this.#pushConstant(value.type, value.value);
      case 'op':
        for (const arg of value.args) this.push(arg);
        return code.op(value.op, value.immediate);
      case 'leaf':
        if (value.source.kind === 'local') return code.getLocal(value.source.index);
        return this.push(this.resolve(value.type, value.source));
    }
  }

  #pushConstant(type: ValueType, value: bigint): void {
    const { code } = this;
    switch (type) {
      case 'i32':
        return code.constI32(Number(BigInt.asIntN(32, value)));
      case 'i64':
        return code.constI64(value);
      case 'f32':
      case 'f64':
        return code.constFloat(type, value);
      case 'v128':
        return code.constV128(value);
    }
  }

  /** Where a leaf is that is no local. */
  protected resolve(_type: ValueType, source: ResolvedSource): Value {
    throw new Error(`a function cannot read ${source.kind}`);
  }
}
