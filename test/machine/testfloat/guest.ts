/** A small program on the model of the processor, which runs an instruction on many operands. */

import { bytesOfWords, encode } from '../../support/processor/assemble.js';
import { type BareProcessor, bareProcessor, RAM } from '../../support/processor/bare-processor.js';
import type { Result, Tested } from './functions.js';

/** Doublewords of a case's operands, and of what comes of them: result and FPSR. */
const IN = 3;
const OUT = 2;

const INPUT = RAM + 0x1000n;
const MOST_CASES = 0x1_0000;
const OUTPUT = INPUT + BigInt(8 * IN * MOST_CASES);
const SIZE = 0x100_0000n;

const load = (Rt: number, offset: number, Rn: number): number =>
  encode('LDR (immediate, unsigned offset, SIMD&FP)', { size: 3, quad: 0, imm12: offset, Rn, Rt });
const NOP = encode('HINT (NOP and unallocated hints)', { CRm: 0, op2: 0 });
const FPSR = { o0: 1, op1: 3, CRn: 4, CRm: 4, op2: 1 };
const INCREMENT = { sf: 1, sh: 0 };

/** X0: operands, X1: results, X2: how many there are, X6: FPSR before each of them. */
const programOf = ({ word, result }: Tested): Uint8Array => {
  const isGeneral = result.kind === 'integer' || result.kind === 'condition';
  const store = isGeneral
    ? encode('STR, STRB, STRH (immediate, unsigned offset)', { size: 3, imm12: 0, Rn: 1, Rt: 5 })
    : encode('STR (immediate, unsigned offset, SIMD&FP)', { size: 3, quad: 0, imm12: 0, Rn: 1, Rt: 3 });
  const loop = [
    encode('LDR, LDRB, LDRH (immediate, unsigned offset)', { size: 3, imm12: 0, Rn: 0, Rt: 4 }),
    load(0, 0, 0),
    load(1, 1, 0),
    load(2, 2, 0),
    encode('MSR (register)', { ...FPSR, Rt: 6 }),
    word,
    conditionTo(5, result),
    store,
    encode('MRS', { ...FPSR, Rt: 7 }),
    encode('STR, STRB, STRH (immediate, unsigned offset)', { size: 3, imm12: 1, Rn: 1, Rt: 7 }),
    encode('ADD (immediate)', { ...INCREMENT, imm12: 8 * IN, Rn: 0, Rd: 0 }),
    encode('ADD (immediate)', { ...INCREMENT, imm12: 8 * OUT, Rn: 1, Rd: 1 }),
    encode('SUBS (immediate)', { ...INCREMENT, imm12: 1, Rn: 2, Rd: 2 }),
  ];
  const back = encode('B.cond', { imm19: 2 ** 19 - loop.length, cond: 1 });
  return bytesOfWords(...loop, back, encode('BRK', { imm16: 0 }));
};

/** CSET: 1 if a condition holds. */
const conditionTo = (Rd: number, result: Result): number =>
  result.kind === 'condition' ? encode('CSINC', { sf: 1, Rm: 31, cond: result.condition ^ 1, Rn: 31, Rd }) : NOP;

/** What came of a case. */
export interface Computed {
  readonly result: bigint;
  readonly fpsr: number;
}

/** Runs instructions. */
export class Guest {
  readonly #processor: BareProcessor = bareProcessor(SIZE, 1);

  /** @param operands three for each case @param fpsr before each case */
  run(tested: Tested, operands: BigUint64Array, fpsr: number): readonly Computed[] {
    const { cpu, memory } = this.#processor;
    const count = operands.length / IN;
    if (count > MOST_CASES) throw new Error(`${count} cases are too many at once`);
    memory.write(RAM, programOf(tested));
    memory.write(INPUT, new Uint8Array(operands.buffer, operands.byteOffset, operands.byteLength));
    cpu.invalidate();
    [INPUT, OUTPUT, BigInt(count)].forEach((value, i) => cpu.setX(i, value));
    cpu.setX(6, BigInt(fpsr));
    cpu.setSystemRegister('FPCR', BigInt(tested.fpcr));
    cpu.pc = RAM;
    const stop = cpu.run({ stopOnException: true });
    if (stop.kind !== 'exception' || cpu.getX(2) !== 0n) throw new Error(`${tested.name}: ${stop.kind}`);
    const results = new BigUint64Array(memory.read(OUTPUT, 8 * OUT * count).slice().buffer);
    return Array.from({ length: count }, (_, i) => ({ result: results[OUT * i]!, fpsr: Number(results[OUT * i + 1]) }));
  }
}
