/** Carries out single instructions of Advanced SIMD and floating point as a function in WebAssembly. */

import { createDecoder } from '../../sim/cpu/language/decode.js';
import { SIMD_AND_FP } from '../../sim/cpu/isa/simd-and-fp.js';
import { Recorder } from '../../sim/cpu/language/record.js';
import type { Leaf, Value } from '../../sim/cpu/language/value.js';
import type { ValueType } from '../../sim/cpu/wasm/opcodes.js';
import { CodeWriter, encodeModule } from '../../sim/cpu/wasm/writer.js';
import { wasm } from '../../sim/cpu/wasm/host.js';

/** Registers of a processor that does nothing but single instructions on registers. */
export interface Registers {
  readonly x: readonly bigint[];
  readonly v: readonly bigint[];
  /** N, Z, C and V in bits 3 to 0. */
  readonly nzcv: number;
}

const V = 512;
const NZCV = 1024;
const CONDITIONS = 1028;

/** Leaves as {@link Recorder} numbers them. */
const V_LEAF = 32;
const CONDITION_LEAF = 64;
const TEMP_LEAF = 100;

const decode = createDecoder(SIMD_AND_FP);

const loadRegister = (code: CodeWriter, { leaf }: Leaf): void => {
  if (leaf < V_LEAF) code.loadAt('i64.load', leaf * 8);
  else if (leaf < CONDITION_LEAF) code.loadAt('v128.load', V + (leaf - V_LEAF) * 16);
  else code.loadAt('i32.load', CONDITIONS + (leaf - CONDITION_LEAF) * 4);
};

const emitter = (code: CodeWriter) => {
  const locals = new Map<number, number>();
  const emit = (value: Value): void => {
    if (value.kind === 'const') {
      if (value.type === 'v128') code.constV128(value.value);
      else if (value.type === 'i64') code.constI64(value.value);
      else if (value.type === 'i32') code.constI32(Number(BigInt.asIntN(32, value.value)));
      else code.constFloat(value.type, value.value);
    } else if (value.kind === 'leaf') {
      if (value.leaf < TEMP_LEAF) loadRegister(code, value);
      else code.getLocal(locals.get(value.leaf)!);
    } else {
      for (const argument of value.args) emit(argument);
      code.op(value.op);
      if (value.immediate !== undefined) code.append(value.immediate);
    }
  };
  const keep = (value: Value, type: ValueType): number => {
    const local = code.local(type);
    emit(value);
    code.setLocal(local);
    return local;
  };
  const remember = (leaf: Leaf, value: Value): void => void locals.set(leaf.leaf, keep(value, leaf.type));
  return { keep, remember };
};

/** N, Z, C and V by the conditions 0 to 15 (Arm ARM C1.2.4). */
const holds = (nzcv: number, condition: number): boolean => {
  const [n, z, c, v] = [nzcv & 8, nzcv & 4, nzcv & 2, nzcv & 1].map(Boolean) as [boolean, boolean, boolean, boolean];
  const base = [z, c, n, v, c && !z, n === v, n === v && !z, true][condition >> 1]!;
  return (condition & 1) === 1 && condition !== 15 ? !base : base;
};

/**
 * Makes a function of one instruction of Advanced SIMD and floating point.
 * @returns undefined for a word that is unallocated or not modelled
 */
export const compileInstruction = (word: number): ((before: Registers) => Registers) | undefined => {
  const decoded = decode(word);
  if (decoded.kind !== 'row' || !('semantics' in decoded.row)) return undefined;
  const { row, fields } = decoded;
  const recorder = new Recorder(0n, row.immediates?.(fields) ?? []);
  row.semantics(recorder, fields);
  const { effects, writes, flags } = recorder.finish();
  const code = new CodeWriter(0);
  const { keep, remember } = emitter(code);
  for (const effect of effects) {
    if (effect.kind !== 'let') throw new Error(`${row.name} has an effect: ${effect.kind}`);
    remember(effect.result, effect.value);
  }
  if (flags !== undefined && flags.kind !== 'nzcv') throw new Error(`${row.name} sets flags by ${flags.kind}`);
  const results = writes.map(({ target, value }) => ({ target, type: value.type, local: keep(value, value.type) }));
  const newFlags = flags && keep(flags.a, 'i32');
  for (const { target, type, local } of results) {
    const at = target < V_LEAF ? target * 8 : V + (target - V_LEAF) * 16;
    code.storeAt(`${type}.store`, at, () => code.getLocal(local));
  }
  if (newFlags !== undefined) code.storeAt('i32.store', NZCV, () => code.getLocal(newFlags));
  const memory = new wasm.Memory({ initial: 1, maximum: 1 });
  const module = encodeModule({
    types: [{ parameters: [], results: [] }],
    imports: [{ kind: 'memory', name: 'memory', pages: 1 }],
    functions: [{ type: 0, name: 'run', body: code.body() }],
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
    for (let i = 0; i < 16; i++) view.setInt32(CONDITIONS + i * 4, holds(before.nzcv, i) ? 1 : 0, true);
    run!();
    const half = (at: number): bigint => view.getBigUint64(V + at, true);
    const v = (i: number): bigint => half(i * 16) | (half(i * 16 + 8) << 64n);
    return {
      x: before.x.map((_, i) => view.getBigUint64(i * 8, true)),
      v: before.v.map((_, i) => v(i)),
      nzcv: view.getInt32(NZCV, true),
    };
  };
};
