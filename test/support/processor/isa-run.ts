/** Carries out single instructions of Advanced SIMD and floating point, by a processor that has nothing else to do. */

import { Range } from '../../../kexec/base/range.js';
import { createCpu } from '../../../sim/cpu/cpu.js';
import { SIMD_AND_FP } from '../../../sim/cpu/isa/simd-and-fp.js';
import { createDecoder } from '../../../sim/cpu/language/decode.js';
import type { CpuHost, CpuModel } from '../../../sim/cpu/state/model.js';
import { PhysicalMemory } from '../../../sim/machine/memory.js';

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

const CODE = 0x4000_0000n;

const decode = createDecoder(SIMD_AND_FP);

/** A processor at EL1 without translation. @param hotRuns 1: all code is translated at once */
const makeProcessor = (hotRuns: number): { readonly cpu: CpuModel; readonly memory: PhysicalMemory } => {
  const memory = new PhysicalMemory([Range.sized(CODE, 0x1000n)]);
  const host: CpuHost = {
    bus: {
      linear: memory.linear,
      ramPage: (page) => memory.ramPage(page),
      read: () => undefined,
      write: () => false,
    },
    firmwareCall: () => undefined,
    connect: () => {},
    enter: () => {},
    instructionsUntil: () => 0,
    setTimer: () => {},
    interruptRegisters: undefined,
    counter: () => 0n,
    sendEvent: () => {},
    broadcastTlbi: () => {},
    counterFrequency: 62_500_000n,
    highestEl: 1,
  };
  const cpu = createCpu(host, { hotRuns });
  cpu.setSystemRegister('CPACR_EL1', 3n << 20n);
  return { cpu, memory };
};

/** Carries out instructions one by one. */
export class InstructionRunner {
  readonly #processor;

  /** @param tier how the processor does it */
  constructor(tier: 'interpreted' | 'translated' = 'interpreted') {
    this.#processor = makeProcessor(tier === 'translated' ? 1 : 2 ** 31 - 1);
  }

  /** Makes a function of an instruction. @returns undefined for a word that is unallocated or not modelled */
  instruction(word: number): ((before: Registers) => Registers) | undefined {
    const decoded = decode(word);
    if (decoded.kind !== 'row' || !('semantics' in decoded.row)) return undefined;
    return (before) => this.#run(word, before);
  }

  #run(word: number, { x, v, nzcv, fpsr, fpcr = 0 }: Registers): Registers {
    const { cpu, memory } = this.#processor;
    memory.write(CODE, new Uint8Array(Uint32Array.of(word).buffer));
    cpu.invalidate();
    x.forEach((value, i) => i < 31 && cpu.setX(i, value));
    v.forEach((value, i) => cpu.setV(i, value));
    cpu.nzcv = nzcv;
    cpu.setSystemRegister('FPSR', BigInt(fpsr));
    cpu.setSystemRegister('FPCR', BigInt(fpcr));
    cpu.pc = CODE;
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
