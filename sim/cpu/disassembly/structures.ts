/** Operands of loads and stores of structures: LD1 to LD4, ST1 to ST4, and LD1R to LD4R. */

import { type Named, named } from './named.js';
import { registers } from './register-list.js';

const ARRANGEMENTS = ['8b', '16b', '4h', '8h', '2s', '4s', '1d', '2d'] as const;
const ELEMENTS = ['b', 'h', 's', 'd'] as const;

interface Layout {
  readonly elements: number;
  readonly registers: number;
}

/** By the opcode of multiple structures. */
const LAYOUTS: Readonly<Record<number, Layout>> = {
  0b0111: { elements: 1, registers: 1 },
  0b1010: { elements: 1, registers: 2 },
  0b0110: { elements: 1, registers: 3 },
  0b0010: { elements: 1, registers: 4 },
  0b1000: { elements: 2, registers: 2 },
  0b0100: { elements: 3, registers: 3 },
  0b0000: { elements: 4, registers: 4 },
};

/** The letter of a lane, and its number, of which Q, S and size hold as much as there are lanes. */
const laneOf = (Q: number, scale: number, S: number, size: number): string => {
  if (scale === 2 && (size & 1) === 1) return `d[${Q}]`;
  return `${ELEMENTS[scale]}[${((Q << 3) | (S << 2) | size) >> scale}]`;
};

const laneBytes = (scale: number, size: number): number => (scale === 2 && (size & 1) === 1 ? 8 : 1 << scale);

export const STRUCTURES: Readonly<Record<string, Named<string | undefined>>> = {
  elements: named('opcode', ({ opcode }) => LAYOUTS[opcode]?.elements.toString()),
  structures: named('opcode size Q Rt', ({ opcode, size, Q, Rt }) => {
    const layout = LAYOUTS[opcode];
    return layout && registers(Rt, layout.registers, ARRANGEMENTS[size * 2 + Q] ?? '');
  }),
  structureBytes: named('opcode Q', ({ opcode, Q }) => String((LAYOUTS[opcode]?.registers ?? 0) * (8 << Q))),
  elements1: named('o R', ({ o, R }) => String(o * 2 + R + 1)),
  lanes: named('o R Q scale S size Rt', ({ o, R, Q, scale, S, size, Rt }) => {
    const [letter = '', index = ''] = laneOf(Q, scale, S, size).split('[');
    return `${registers(Rt, o * 2 + R + 1, letter)}[${index}`;
  }),
  lanesBytes: named('o R scale size', ({ o, R, scale, size }) => String((o * 2 + R + 1) * laneBytes(scale, size))),
  replicated: named('o R Q size Rt', ({ o, R, Q, size, Rt }) =>
    registers(Rt, o * 2 + R + 1, ARRANGEMENTS[size * 2 + Q] ?? ''),
  ),
  replicatedBytes: named('o R size', ({ o, R, size }) => String((o * 2 + R + 1) << size)),
};
