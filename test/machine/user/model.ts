/** The model of the processor, as a process under Linux would find it. */

import { createCpu } from '../../../sim/cpu/cpu.js';
import type { CpuHost, CpuModel, StopReason } from '../../../sim/cpu/state/model.js';
import { Range } from '../../../kexec/base/range.js';
import { PhysicalMemory } from '../../../sim/machine/memory.js';
import type { Tier } from './batch.js';
import {
  CODE,
  CODE_SIZE,
  CodePages,
  FPCR,
  FPSR,
  newState,
  NZCV,
  type Outcome,
  pageOf,
  PAGE_SIZE,
  PC,
  type Sequence,
  Signal,
  SP,
  V,
  WINDOW,
  WINDOW_SIZE,
} from './sequence.js';

const TABLES = 0x4000_0000;

/** Bits of descriptors (Arm ARM D8.3). */
const TABLE = 3n;
const PAGE = 3n;
const ACCESS_FLAG = 1n << 10n;
const USER = 1n << 6n;
const READ_ONLY = 1n << 7n;
const NO_USER_EXECUTE = 1n << 54n;

/** System registers as Linux has them for a user process, where that makes a difference. */
const SYSTEM_REGISTERS: Readonly<Record<string, bigint>> = {
  MAIR_EL1: 0xffn,
  TTBR0_EL1: BigInt(TABLES),
  // 48-bit addresses, 4 KiB pages, top byte ignored; nothing through TTBR1.
  TCR_EL1: 16n | (1n << 23n) | (2n << 32n) | (1n << 37n),
  CPACR_EL1: 3n << 20n,
  // M, C, DZE, UCT, I, nTWI, nTWE, UCI. SA0 is off: qemu does not check SP.
  SCTLR_EL1: 0x30d0_0800n | [0n, 2n, 14n, 15n, 12n, 16n, 18n, 26n].reduce((all, bit) => all | (1n << bit), 0n),
};

const WINDOW_PAGES = WINDOW_SIZE / PAGE_SIZE;
const WORDS_OF_PAGE = PAGE_SIZE / 8;

const bytesOf = (words: BigUint64Array): Buffer => Buffer.from(words.buffer, words.byteOffset, words.byteLength);

/** Where a page of the window is among them: in another order, as an access over the end of one is of two places. */
const scattered = (page: number): number => (5 * page + 3) % WINDOW_PAGES;

/** Where an address of the window is in memory. */
const windowPlace = (address: number): number => {
  const inWindow = address - WINDOW;
  return WINDOW + scattered(Math.floor(inWindow / PAGE_SIZE)) * PAGE_SIZE + (inWindow % PAGE_SIZE);
};

/** The same of eight-byte words, counted from the start of the window. */
const placeIn = (word: number): number => (windowPlace(WINDOW + 8 * word) - WINDOW) / 8;

/** Maps the code where it is, and the window. */
const writeTables = (memory: PhysicalMemory): void => {
  const levels = [0, 1, 2, 3].map((level) => BigInt(TABLES + level * PAGE_SIZE));
  const entry = (level: number, address: number): bigint =>
    levels[level]! + 8n * ((BigInt(address) >> BigInt(39 - 9 * level)) & 511n);
  for (const level of [0, 1, 2]) memory.write64(entry(level, CODE), levels[level + 1]! | TABLE);
  const map = (start: number, size: number, attributes: bigint, placeOf: (page: number) => number): void => {
    for (let page = start; page < start + size; page += PAGE_SIZE) {
      memory.write64(entry(3, page), BigInt(placeOf(page)) | PAGE | ACCESS_FLAG | USER | attributes);
    }
  };
  map(CODE, CODE_SIZE, READ_ONLY, (page) => page);
  map(WINDOW, WINDOW_SIZE, NO_USER_EXECUTE, windowPlace);
};

/** Exception classes (Arm ARM, ESR_EL1.EC) and the signals that Linux makes of them (arch/arm64/kernel/traps.c). */
const signalOf = (esr: bigint): number => {
  const ALIGNMENT_FAULT = 0x21n;
  switch (Number((esr >> 26n) & 63n)) {
    case 0x20:
    case 0x24:
      return (esr & 63n) === ALIGNMENT_FAULT ? Signal.BUS : Signal.SEGV;
    case 0x22:
    case 0x26:
      return Signal.BUS;
    case 0x3c:
      return Signal.TRAP;
    default:
      return Signal.ILL;
  }
};

/** More than any sequence has, and little enough to end a loop that should not be there. */
const MOST_INSTRUCTIONS = 20_000n;

/** The model of the processor, set up to run sequences as a user process would. */
export class UserModel {
  readonly #memory = new PhysicalMemory([
    Range.sized(BigInt(TABLES), 0x10_0000n),
    Range.sized(BigInt(CODE), 0x10_0000n),
  ]);
  readonly #cpu: CpuModel;
  readonly #window: BigUint64Array;
  /** What the window is to hold before a sequence, in the order of memory. */
  #initial = new BigUint64Array(WINDOW_SIZE / 8);
  #pages = new CodePages();

  constructor(tier: 'interpreted' | 'translated') {
    writeTables(this.#memory);
    const cpus: CpuModel[] = [];
    const host: CpuHost = {
      bus: {
        linear: this.#memory.linear,
        ramPage: (page) => this.#memory.ramPage(page),
        read: () => undefined,
        write: () => false,
      },
      firmwareCall: () => undefined,
      connect: (cpu) => void cpus.push(cpu),
      enter: () => {},
      instructionsUntil: () => 0,
      setTimer: () => {},
      interruptRegisters: undefined,
      counter: () => cpus[0]?.instructions ?? 0n,
      sendEvent: () => {},
      broadcastTlbi: () => {},
      counterFrequency: 62_500_000n,
      highestEl: 1,
    };
    this.#cpu = createCpu(host, { hotRuns: tier === 'translated' ? 1 : 2 ** 31 - 1 });
    for (const [name, value] of Object.entries(SYSTEM_REGISTERS)) this.#cpu.setSystemRegister(name, value);
    this.#window = new BigUint64Array(this.#memory.linear.buffer, this.#memory.ramPage(WINDOW), WINDOW_SIZE / 8);
    this.#cpu.setEl(0);
  }

  /** Instructions that were translated so far, each as often as it was. */
  get translated(): number {
    return this.#cpu.statistics.translatedInstructions;
  }

  /** Instructions carried out so far. */
  get instructions(): bigint {
    return this.#cpu.instructions;
  }

  /** Begins a batch. */
  reset(window: Uint8Array): void {
    const words = new BigUint64Array(window.slice().buffer);
    words.forEach((value, i) => (this.#initial[placeIn(i)] = value));
    this.#window.set(this.#initial);
    this.#memory.clear(BigInt(CODE), CODE_SIZE);
    this.#pages = new CodePages();
  }

  /** Writes the code of sequences to memory, as far as it is not there; their pages must all differ. */
  writeCode(sequences: readonly Sequence[]): void {
    const missing = this.#pages.place(sequences);
    for (const { words, state } of missing) {
      this.#memory.write(BigInt(pageOf(state)), new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
    }
    if (missing.length > 0) this.#cpu.invalidate();
  }

  /**
   * Runs a sequence whose code is written. @returns why it did not get to an end that user mode knows, where it did not
   */
  run({ state }: Sequence, tier: Tier): Outcome | StopReason {
    const cpu = this.#cpu;
    this.#setState(state);
    const limits = { maxInstructions: tier === 'stepped' ? 1n : MOST_INSTRUCTIONS, stopOnException: true };
    let stop = cpu.run(limits);
    for (let i = 0n; tier === 'stepped' && stop.kind === 'max-instructions' && i < MOST_INSTRUCTIONS; i++)
      stop = cpu.run(limits);
    const changes = this.#takeChanges();
    if (stop.kind !== 'exception') return stop;
    const { esr, far } = stop.exception;
    return { signal: signalOf(esr), faultAddress: far ?? 0n, state: this.#getState(), changes };
  }

  #setState(state: Sequence['state']): void {
    const cpu = this.#cpu;
    for (let register = 0; register < SP; register++) cpu.setX(register, state[register]!);
    for (let register = 0; register < 32; register++) {
      cpu.setV(register, state[V + 2 * register]! | (state[V + 2 * register + 1]! << 64n));
    }
    cpu.sp = state[SP]!;
    cpu.pc = state[PC]!;
    cpu.nzcv = Number(state[NZCV]!);
    cpu.setSystemRegister('FPCR', state[FPCR]!);
    cpu.setSystemRegister('FPSR', state[FPSR]!);
    cpu.setSystemRegister('TPIDR_EL0', 0n);
  }

  #getState(): Outcome['state'] {
    const cpu = this.#cpu;
    const state = newState();
    for (let register = 0; register < SP; register++) state[register] = cpu.getX(register);
    for (let register = 0; register < 32; register++) {
      const value = cpu.getV(register);
      state[V + 2 * register] = value;
      state[V + 2 * register + 1] = value >> 64n;
    }
    state[SP] = cpu.sp;
    state[PC] = cpu.pc;
    state[NZCV] = BigInt(cpu.nzcv);
    state[FPCR] = cpu.getSystemRegister('FPCR');
    state[FPSR] = cpu.getSystemRegister('FPSR');
    return state;
  }

  /** What the sequence changed in the window, which is then as it was. */
  #takeChanges(): BigUint64Array {
    const changes: bigint[] = [];
    for (let page = 0; page < WINDOW_PAGES; page++) {
      const place = scattered(page) * WORDS_OF_PAGE;
      const [now, before] = [this.#window, this.#initial].map((all) => all.subarray(place, place + WORDS_OF_PAGE));
      if (bytesOf(now!).equals(bytesOf(before!))) continue;
      for (let i = 0; i < WORDS_OF_PAGE; i++)
        if (now![i] !== before![i]) changes.push(BigInt(page * PAGE_SIZE + i * 8), now![i]!);
      now!.set(before!);
    }
    return BigUint64Array.from(changes);
  }
}
