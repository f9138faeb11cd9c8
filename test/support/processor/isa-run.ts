/** Carries out single instructions of Advanced SIMD and floating point as a function in WebAssembly. */

import { createDecoder } from '../../../sim/cpu/language/decode.js';
import { SIMD_AND_FP } from '../../../sim/cpu/isa/simd-and-fp.js';
import { FunctionBuilder, load, type Local, type ResolvedSource } from '../../../sim/cpu/emit/function-builder.js';
import type { Register } from '../../../sim/cpu/language/leaf.js';
import { Tracer, type Temporary } from '../../../sim/cpu/language/trace.js';
import { i32, type Value } from '../../../sim/cpu/language/value.js';
import type { ValueType } from '../../../sim/cpu/wasm/opcodes.js';
import { encodeModule } from '../../../sim/cpu/wasm/writer.js';
import { wasm } from '../../../sim/cpu/wasm/host.js';
import { holds } from './flags.js';

/** Registers of a processor that does nothing but single instructions on registers. */
export interface Registers {
  readonly x: readonly bigint[];
  readonly v: readonly bigint[];
  /** N, Z, C and V in bits 3 to 0. */
  readonly nzcv: number;
  readonly fpsr: number;
}

const V = 512;
const NZCV = 1024;
const CONDITIONS = 1028;
const FPSR = 1096;

const BASE = i32.const(0);

const decode = createDecoder(SIMD_AND_FP);

/** A function on the registers of {@link compileInstruction}. */
class RegisterFunction extends FunctionBuilder {
  readonly #temporaries = new Map<number, Local>();

  constructor() {
    super(0);
  }

  remember({ source }: Temporary, value: Value): void {
    this.#temporaries.set(source.index, this.let(value));
  }

  write(target: Register, value: Local): void {
    if (target.kind === 'x') this.store<ValueType>('i64.store', BASE, value, target.number * 8);
    else if (target.kind === 'v') this.store<ValueType>('v128.store', BASE, value, V + target.number * 16);
    else if (target.kind === 'system' && target.register === 'FPSR')
      this.store<ValueType>('i64.store', BASE, value, FPSR);
    else throw new Error(`no instruction here writes ${target.kind}`);
  }

  protected override resolve(_type: ValueType, source: ResolvedSource): Value {
    switch (source.kind) {
      case 'x':
        return load.i64('i64.load', BASE, source.number * 8);
      case 'v':
        return load.v128('v128.load', BASE, V + source.number * 16);
      case 'condition':
        return load.i32('i32.load', BASE, CONDITIONS + source.condition * 4);
      case 'temporary':
        return this.#temporaries.get(source.index)!;
      case 'system':
        if (source.register === 'FPSR') return load.i64('i64.load', BASE, FPSR);
        throw new Error(`no instruction here reads ${source.register}`);
      default:
        throw new Error(`no instruction here reads ${source.kind}`);
    }
  }
}

/**
 * Makes a function of one instruction of Advanced SIMD and floating point.
 * @returns undefined for a word that is unallocated or not modelled
 */
export const compileInstruction = (word: number): ((before: Registers) => Registers) | undefined => {
  const decoded = decode(word);
  if (decoded.kind !== 'row' || !('semantics' in decoded.row)) return undefined;
  const { row, fields } = decoded;
  const tracer = new Tracer(0n, row.immediates?.(fields) ?? []);
  row.semantics(tracer, fields);
  const { effects, writes, flags } = tracer.finish();
  const f = new RegisterFunction();
  for (const effect of effects) {
    if (effect.kind !== 'let') throw new Error(`${row.name} has an effect: ${effect.kind}`);
    f.remember(effect.result, effect.value);
  }
  if (flags !== undefined && flags.kind !== 'nzcv') throw new Error(`${row.name} sets flags by ${flags.kind}`);
  const results = writes.map(({ target, value }) => ({ target, value: f.let(value) }));
  const newFlags = flags && f.let<ValueType>(flags.a);
  for (const { target, value } of results) f.write(target, value);
  if (newFlags !== undefined) f.store<ValueType>('i32.store', BASE, newFlags, NZCV);
  const memory = new wasm.Memory({ initial: 1, maximum: 1 });
  const module = encodeModule({
    types: [{ parameters: [], results: ['i32'] }],
    imports: [{ kind: 'memory', name: 'memory', pages: 1 }],
    functions: [{ type: 0, name: 'run', body: f.finish(i32.const(0)) }],
  });
  const { run } = new wasm.Instance(new wasm.Module(module), { env: { memory } }).exports;
  const view = new DataView(memory.buffer);
  return (before) => {
    before.x.forEach((value, i) => view.setBigUint64(i * 8, value, true));
    before.v.forEach((value, i) => {
      view.setBigUint64(V + i * 16, BigInt.asUintN(64, value), true);
      view.setBigUint64(V + i * 16 + 8, value >> 64n, true);
    });
    view.setInt32(NZCV, before.nzcv, true);
    view.setUint32(FPSR, before.fpsr, true);
    for (let i = 0; i < 16; i++) view.setInt32(CONDITIONS + i * 4, holds(i, before.nzcv) ? 1 : 0, true);
    run!();
    const half = (at: number): bigint => view.getBigUint64(V + at, true);
    const v = (i: number): bigint => half(i * 16) | (half(i * 16 + 8) << 64n);
    return {
      x: before.x.map((_, i) => view.getBigUint64(i * 8, true)),
      v: before.v.map((_, i) => v(i)),
      nzcv: view.getInt32(NZCV, true),
      fpsr: view.getUint32(FPSR, true),
    };
  };
};
