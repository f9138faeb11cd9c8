/**
 * The registers by which a GICv2 lets a hypervisor give interrupts to its guest (IHI 0048B 5.3): kept, as no guest of
 * one is run.
 */
import type { Json } from '../savable.js';
import { SavedState } from '../saved-state.js';
import { LIST_REGISTERS, listsThat } from './list-registers.js';
import { merged, RegisterBlock, type RegisterRow } from './register-block.js';

interface Kept {
  readonly at: number;
  readonly writable: number;
  readonly reset: number;
}

/** Four list registers, five bits of priority and of preemption, as QEMU has them. */
const GICH_VTR = 0x9000_0003;
/** What GICH_LR has where it stands for an interrupt of hardware, and what one has that is not. */
const LIST_BITS = 0xff8f_ffff;
const LR_HW = 1 << 31;
const LR_STATE = 3 << 28;
const LR_EOI = 1 << 19;

const FIRST_LIST = 3;
const KEPT: readonly Kept[] = [
  { at: 0x00, writable: 0xf800_00ff, reset: 0 }, // GICH_HCR
  { at: 0x08, writable: 0xf8fc_021f, reset: 0x4c_0000 }, // GICH_VMCR: the least binary points
  { at: 0xf0, writable: 0xffff_ffff, reset: 0 }, // GICH_APR
  ...Array.from({ length: LIST_REGISTERS }, (_, n) => ({ at: 0x100 + 4 * n, writable: LIST_BITS, reset: 0 })),
];

/** An interrupt that has ended, of which the hypervisor wants to know. */
const endsLoudly = (list: number): boolean => (list & (LR_HW | LR_STATE)) === 0 && (list & LR_EOI) !== 0;
const isFree = (list: number): boolean => (list & LR_STATE) === 0 && !endsLoudly(list);

const rowsOf = (state: Uint32Array): readonly RegisterRow[] => {
  const whose = (processor: number, holds: (list: number) => boolean): number =>
    listsThat((n) => holds(state[processor * KEPT.length + FIRST_LIST + n]!));
  return [
    ...KEPT.map(({ at, writable }, i): RegisterRow => {
      const place = (processor: number): number => processor * KEPT.length + i;
      return {
        at,
        read: (processor) => state[place(processor)]!,
        write: (processor, _index, value, mask) =>
          (state[place(processor)] = merged(state[place(processor)]!, value, mask & writable) >>> 0),
      };
    }),
    { at: 0x04, read: () => GICH_VTR },
    { at: 0x20, read: (processor) => whose(processor, endsLoudly) }, // GICH_EISR0
    { at: 0x30, read: (processor) => whose(processor, isFree) }, // GICH_ELRSR0
  ];
};

export class HypervisorInterface extends RegisterBlock {
  /** @param current gives the number of the processor whose access it is */
  constructor(
    processors: number,
    current: () => number,
    private readonly state = Uint32Array.from(
      { length: processors * KEPT.length },
      (_, i) => KEPT[i % KEPT.length]!.reset,
    ),
  ) {
    super(0x1000, rowsOf(state), current, () => {});
  }

  override save(): Json {
    return { registers: [...this.state] };
  }

  override restore(saved: unknown): void {
    const state = new SavedState('a hypervisor interface', saved);
    const { length } = this.state;
    this.state.set(state.numbers('registers', { count: length, max: 0xffff_ffff, exact: true }));
  }
}
