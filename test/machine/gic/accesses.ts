/** Accesses to an interrupt controller: how they are written down, and how they are carried out on ours. */
import type { Gic, GicHost } from '../../../sim/machine/gic/gic.js';
import { GicV2 } from '../../../sim/machine/gic/gicv2.js';
import { GicV3 } from '../../../sim/machine/gic/gicv3.js';
import { GicV2m } from '../../../sim/machine/gic/gicv2m.js';
import type { AccessSize, Device } from '../../../sim/machine/device.js';

/** System registers that the probe can access, in its order. The first three are no controller's. */
export const REGISTERS = [
  'ISR_EL1',
  'CNTV_CTL_EL0',
  'CNTP_CTL_EL0',
  'ICC_PMR_EL1',
  'ICC_IAR0_EL1',
  'ICC_EOIR0_EL1',
  'ICC_HPPIR0_EL1',
  'ICC_BPR0_EL1',
  'ICC_AP0R0_EL1',
  'ICC_AP1R0_EL1',
  'ICC_DIR_EL1',
  'ICC_RPR_EL1',
  'ICC_SGI1R_EL1',
  'ICC_ASGI1R_EL1',
  'ICC_SGI0R_EL1',
  'ICC_IAR1_EL1',
  'ICC_EOIR1_EL1',
  'ICC_HPPIR1_EL1',
  'ICC_BPR1_EL1',
  'ICC_CTLR_EL1',
  'ICC_SRE_EL1',
  'ICC_IGRPEN0_EL1',
  'ICC_IGRPEN1_EL1',
] as const;
export type RegisterName = (typeof REGISTERS)[number];

/** Who, what, where (an address, or the name of a system register), bytes, value that is written. */
export type Access = readonly [
  processor: number,
  what: 'read' | 'write',
  where: number | RegisterName,
  sizeBytes: AccessSize,
  value: string,
];

/** What a run of accesses is about, and what QEMU answered to each: a hexadecimal number, or "refused". */
export interface AccessCase {
  readonly version: 2 | 3;
  readonly processors: number;
  readonly accesses: readonly Access[];
  readonly answers: readonly string[];
}

/** Where QEMU's board `virt` has what. */
export const AT = {
  distributor: 0x800_0000,
  cpu: 0x801_0000,
  v2m: 0x802_0000,
  redistributors: 0x80a_0000,
  uart: 0x900_0000,
};
export const LINES = 288;
/** UARTIMSC, whose bit for sending makes the line follow once anything was sent; the line's SPI. */
export const UART_MASK = AT.uart + 0x38;
const UART_SPI = 33;
const TIMERS: Partial<Record<RegisterName, number>> = { CNTV_CTL_EL0: 27, CNTP_CTL_EL0: 30 };

/** A controller as QEMU's board has it, in a machine that has nothing else. */
export class Replay implements GicHost {
  readonly affinities: readonly bigint[];
  readonly gic: Gic;
  readonly #blocks: readonly (readonly [at: number, device: Device])[];
  readonly #inputs = new Map<string, boolean>();
  #current = 0;

  constructor(version: 2 | 3, processors: number) {
    this.affinities = Array.from({ length: processors }, (_, n) => BigInt(n));
    if (version === 2) {
      const gic = new GicV2(this, { lines: LINES });
      this.gic = gic;
      this.#blocks = [
        [AT.distributor, gic.distributor],
        [AT.cpu, gic.cpuInterface],
        [AT.v2m, new GicV2m(80, 64, gic)],
      ];
    } else {
      const gic = new GicV3(this, { lines: LINES });
      this.gic = gic;
      this.#blocks = [
        [AT.distributor, gic.distributor],
        [AT.redistributors, gic.redistributors],
      ];
    }
  }

  current(): number {
    return this.#current;
  }

  setInterrupt(processor: number, input: 'irq' | 'fiq', level: boolean): void {
    if ((this.#inputs.get(`${processor} ${input}`) ?? false) === level) throw new Error('the level does not change');
    this.#inputs.set(`${processor} ${input}`, level);
  }

  /** Carries one out. @returns what the answer is */
  access([processor, what, where, sizeBytes, value]: Access): string {
    this.#current = processor;
    const answer =
      typeof where === 'string'
        ? this.#register(processor, what, where, BigInt(value))
        : this.#memory(what, where, sizeBytes, BigInt(value));
    return answer === undefined ? 'refused' : `0x${answer.toString(16)}`;
  }

  #memory(what: 'read' | 'write', address: number, sizeBytes: AccessSize, value: bigint): bigint | undefined {
    if (address === UART_MASK) this.gic.raise(UART_SPI, (value & 0x20n) !== 0n);
    if (address >= AT.uart) return 0n;
    for (const [at, device] of this.#blocks) {
      if (address < at || address >= at + device.sizeBytes) continue;
      if (what === 'read') return device.read(address - at, sizeBytes);
      return device.write(address - at, sizeBytes, value) ? 0n : undefined;
    }
    return undefined;
  }

  #register(processor: number, what: 'read' | 'write', name: RegisterName, value: bigint): bigint | undefined {
    const timer = TIMERS[name];
    if (timer !== undefined) this.gic.raisePrivate(processor, timer, (value & 3n) === 1n);
    if (timer !== undefined) return 0n;
    const level = (input: 'irq' | 'fiq', bit: bigint) =>
      (this.#inputs.get(`${processor} ${input}`) ?? false) ? bit : 0n;
    if (name === 'ISR_EL1') return level('irq', 0x80n) | level('fiq', 0x40n);
    const { registers } = this.gic;
    if (registers === undefined) return undefined;
    if (what === 'read') return registers.read(processor, name);
    registers.write(processor, name, value);
    return 0n;
  }
}

/**
 * QEMU's GICv3 has LPIs, if only an ITS would use them, and says so: GICD_TYPER.LPIS, GICR_CTLR.CES, GICR_TYPER.PLPIS.
 * It has GICR_PROPBASER and GICR_PENDBASER, too.
 */
const withoutLpis = (where: number, answer: string): string => {
  const offset = where >= AT.redistributors ? (where - AT.redistributors) % 0x2_0000 : undefined;
  const clear = (bits: bigint) => `0x${(BigInt(answer) & ~bits).toString(16)}`;
  if (where === AT.distributor + 4) return clear(1n << 17n);
  if (offset === 0x00) return clear(2n);
  if (offset === 0x08) return clear(1n);
  return answer;
};

/** Where a controller of ours answers otherwise than QEMU did. */
export const differences = ({ version, processors, accesses, answers }: AccessCase): readonly string[] => {
  const replay = new Replay(version, processors);
  return accesses.flatMap((access, n) => {
    const ours = replay.access(access);
    const [processor, what, where, sizeBytes, value] = access;
    const theirs = answers[n] ?? '';
    const expected =
      version === 3 && typeof where === 'number' && what === 'read' ? withoutLpis(where, theirs) : theirs;
    if (ours === expected || (what === 'write' && ours !== 'refused' && theirs !== 'refused')) return [];
    const place = typeof where === 'string' ? where : `0x${where.toString(16)} (${sizeBytes} bytes)`;
    return [`access ${n}, processor ${processor}: ${what} of ${place}, ${value}: ${ours} instead of ${expected}`];
  });
};
