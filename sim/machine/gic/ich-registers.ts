/**
 * The registers by which a hypervisor gives interrupts to its guest (IHI 0069, AArch64 virtualization control System
 * registers): kept, as no guest of one is run.
 */

import { LIST_REGISTERS, listsThat } from './list-registers.js';

interface IchRegister {
  readonly writable?: bigint;
  readonly reset?: bigint;
}

const WORD = 0xffff_ffffn;
/** What ICH_LR has: INTIDs of 16 bits. */
const LIST_BITS = 0xfff8_ffff_ffff_ffffn;
const LR_STATE = 3n << 62n;
const LR_HW = 1n << 61n;
const LR_EOI = 1n << 41n;

/** In the order in which they are kept. */
const ICH: ReadonlyMap<string, IchRegister> = new Map<string, IchRegister>([
  ['ICH_AP0R0_EL2', { writable: WORD }],
  ['ICH_AP1R0_EL2', { writable: WORD }],
  ['ICH_HCR_EL2', { writable: 0xf800_7cffn }],
  // Virtual FIQs, and the least binary points.
  ['ICH_VMCR_EL2', { writable: 0xfffc_0213n, reset: 0x4c_0008n }],
  // Four list registers, five bits of priority and of preemption, 16 of INTIDs; Aff3, nothing of GICv4.
  ['ICH_VTR_EL2', { reset: 0x90b8_0003n }],
  ['ICH_MISR_EL2', {}],
  ...Array.from({ length: LIST_REGISTERS }, (_, n) => [`ICH_LR${n}_EL2`, { writable: LIST_BITS }] as const),
]);
const NAMES = [...ICH.keys()];

export class HypervisorRegisters {
  /** Two words for each register, the lower first. */
  readonly state: Uint32Array;

  constructor(processors: number) {
    this.state = new Uint32Array(2 * NAMES.length * processors);
    for (let processor = 0; processor < processors; processor++) {
      for (const [name, { reset }] of ICH) this.#set(processor, name, reset ?? 0n);
    }
  }

  /** A name that is none reads as zero. */
  read(processor: number, name: string): bigint {
    if (name === 'ICH_ELRSR_EL2')
      return this.#whichLists(processor, (list) => (list & LR_STATE) === 0n && !endsLoudly(list));
    if (name === 'ICH_EISR_EL2')
      return this.#whichLists(processor, (list) => (list & LR_STATE) === 0n && endsLoudly(list));
    const at = this.#at(processor, name);
    return at === undefined ? 0n : BigInt(this.state[at]!) | (BigInt(this.state[at + 1]!) << 32n);
  }

  write(processor: number, name: string, value: bigint): void {
    const { writable = 0n, reset = 0n } = ICH.get(name) ?? {};
    if (writable !== 0n) this.#set(processor, name, (value & writable) | (reset & ~writable));
  }

  #whichLists(processor: number, fits: (list: bigint) => boolean): bigint {
    return BigInt(listsThat((n) => fits(this.read(processor, `ICH_LR${n}_EL2`))));
  }

  #set(processor: number, name: string, value: bigint): void {
    const at = this.#at(processor, name);
    if (at === undefined) return;
    this.state[at] = Number(BigInt.asUintN(32, value));
    this.state[at + 1] = Number(BigInt.asUintN(32, value >> 32n));
  }

  #at(processor: number, name: string): number | undefined {
    const index = NAMES.indexOf(name);
    return index < 0 ? undefined : 2 * (processor * NAMES.length + index);
  }
}

/** Whether the end of a list register's interrupt is told to the hypervisor. */
const endsLoudly = (list: bigint): boolean => (list & LR_HW) === 0n && (list & LR_EOI) !== 0n;
