/** Carries out single instructions of Advanced SIMD and floating point, by a processor that has nothing else to do. */

import { SIMD_AND_FP } from '../../../sim/cpu/isa/simd-and-fp.js';
import { createDecoder } from '../../../sim/cpu/language/decode.js';
import { bytesOfWords } from './assemble.js';
import { bareProcessor, RAM } from './bare-processor.js';

/** Registers of a processor that does nothing but single instructions on registers. */
export interface Registers {
  readonly x: readonly bigint[];
  readonly v: readonly bigint[];
  /** N, Z, C and V in bits 3 to 0. */
  readonly nzcv: number;
  readonly fpsr: number;
  /** 0 by default. */
  readonly fpcr?: number;
}

const decode = createDecoder(SIMD_AND_FP);

/** Carries out instructions one by one. */
export class InstructionRunner {
  readonly #processor;

  /** @param tier how the processor does it */
  constructor(tier: 'interpreted' | 'translated' = 'interpreted') {
    this.#processor = bareProcessor(0x1000n, tier === 'translated' ? 1 : 2 ** 31 - 1);
  }

  /** Makes a function of an instruction. @returns undefined for a word that is unallocated or not modelled */
  instruction(word: number): ((before: Registers) => Registers) | undefined {
    const decoded = decode(word);
    if (decoded.kind !== 'row' || !('semantics' in decoded.row)) return undefined;
    return (before) => this.#run(word, before);
  }

  #run(word: number, { x, v, nzcv, fpsr, fpcr = 0 }: Registers): Registers {
    const { cpu, memory } = this.#processor;
    memory.write(RAM, bytesOfWords(word));
    cpu.invalidate();
    x.forEach((value, i) => i < 31 && cpu.setX(i, value));
    v.forEach((value, i) => cpu.setV(i, value));
    cpu.nzcv = nzcv;
    cpu.setSystemRegister('FPSR', BigInt(fpsr));
    cpu.setSystemRegister('FPCR', BigInt(fpcr));
    cpu.pc = RAM;
    const stop = cpu.run({ maxInstructions: 1n, stopOnException: true });
    if (stop.kind !== 'max-instructions') throw new Error(`0x${word.toString(16)}: ${JSON.stringify(stop.kind)}`);
    return {
      x: x.map((value, i) => (i < 31 ? cpu.getX(i) : value)),
      v: v.map((_, i) => cpu.getV(i)),
      nzcv: cpu.nzcv,
      fpsr: Number(cpu.getSystemRegister('FPSR')),
      fpcr,
    };
  }
}
