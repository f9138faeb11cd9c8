/**
 * The registers that set interrupts up: those of GICv2's distributor, and of GICv3's distributor and redistributors.
 */
import type { Interrupts } from './interrupts.js';
import { merged, type RegisterRow } from './register-block.js';

export interface InterruptRegisters {
  /** Offset of the frame that they are in. */
  readonly frame: number;
  /** Words of interrupts that have registers here: from `first`, below `end`. */
  readonly first: number;
  readonly end: number;
  /** Bits of a priority that there are. */
  readonly priorityMask: number;
  /** Interrupts of word 0 that these registers cannot enable, disable, or make pending. */
  readonly fixed: number;
  /** Narrowest access of other registers than those of priorities. */
  readonly narrowest: 1 | 4;
  readonly widest: 4 | 8;
}

/** Configuration fields of 16 interrupts, two bits for each, of which the upper one says edge-triggered. */
const spread = (half: number): number => {
  let fields = 0;
  for (let n = 0; n < 16; n++) fields |= ((half >>> n) & 1) << (2 * n + 1);
  return fields;
};

const gathered = (fields: number): number => {
  let half = 0;
  for (let n = 0; n < 16; n++) half |= ((fields >>> (2 * n + 1)) & 1) << n;
  return half;
};

/** Rows of the registers, whose offsets are the same wherever they are (IHI 0048B 4.3; IHI 0069 has the same). */
export const interruptRows = (interrupts: Interrupts, of: InterruptRegisters): readonly RegisterRow[] => {
  const { enabled, latched, active, group, edge, priority } = interrupts;
  const { first, end, narrowest, widest } = of;
  const slot = (processor: number, index: number) => interrupts.slot(processor, first + index);
  const changeable = (index: number) => (first + index === 0 ? ~of.fixed : -1);

  /** A register with a bit for each interrupt. */
  const perWord = (
    at: number,
    read: (slot: number) => number,
    write: (slot: number, value: number, mask: number, changeable: number) => void,
  ): RegisterRow => ({
    at: of.frame + at + 4 * first,
    count: end - first,
    narrowest,
    widest,
    read: (processor, index) => read(slot(processor, index)),
    write: (processor, index, value, mask) => write(slot(processor, index), value, mask, changeable(index)),
  });
  /** Two registers of which one sets bits, and the other clears them. */
  const setAndClear = (at: number, bits: Uint32Array, read = (slot: number) => bits[slot]!, fixed = true) => [
    perWord(at, read, (slot, value, _mask, changeable) => {
      bits[slot]! |= fixed ? value & changeable : value;
    }),
    perWord(at + 0x80, read, (slot, value, _mask, changeable) => {
      bits[slot]! &= ~(fixed ? value & changeable : value);
    }),
  ];

  return [
    // IGROUPR, ISENABLER, ICENABLER, ISPENDR, ICPENDR, ISACTIVER, ICACTIVER
    perWord(
      0x080,
      (slot) => group[slot]!,
      (slot, value, mask) => (group[slot] = merged(group[slot]!, value, mask)),
    ),
    ...setAndClear(0x100, enabled),
    ...setAndClear(0x200, latched, (slot) => interrupts.pending(slot)),
    ...setAndClear(0x300, active, undefined, false),
    {
      // IPRIORITYR
      at: of.frame + 0x400 + 32 * first,
      count: 8 * (end - first),
      narrowest: 1,
      widest,
      read: (processor, index) => {
        const at = 32 * slot(processor, index >>> 3) + 4 * (index & 7);
        return priority[at]! | (priority[at + 1]! << 8) | (priority[at + 2]! << 16) | (priority[at + 3]! << 24);
      },
      write: (processor, index, value, mask) => {
        const at = 32 * slot(processor, index >>> 3) + 4 * (index & 7);
        for (let n = 0; n < 4; n++) {
          if ((mask >>> (8 * n)) & 1) priority[at + n] = (value >>> (8 * n)) & of.priorityMask;
        }
      },
    },
    {
      // ICFGR, of which that of the SGIs cannot be written
      at: of.frame + 0xc00 + 8 * first,
      count: 2 * (end - first),
      narrowest,
      widest,
      read: (processor, index) => spread(edge[slot(processor, index >>> 1)]! >>> (16 * (index & 1))),
      write: (processor, index, value, mask) => {
        if (first === 0 && index === 0) return;
        const at = slot(processor, index >>> 1);
        const shift = 16 * (index & 1);
        edge[at] = merged(edge[at]!, gathered(value) << shift, gathered(mask) << shift);
      },
    },
  ];
};
