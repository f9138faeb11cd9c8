/** Reports on how a run ended, and on what the processors were doing. */
import { hex16 } from '../../../kexec/base/format.js';
import type { CpuModel, Jump } from '../../cpu/state/model.js';
import type { Board } from '../../machine/board.js';
import type { Processors, RunEnd } from '../machine/processors.js';

/** What an address is called, for messages. */
export type Place = (pc: bigint) => string;

export type DescribeEsr = (esr: bigint, far?: bigint) => string;

/** As many as Linux shows in a line, which fit into 80 columns. */
const REGISTERS_A_LINE = 3;

/** The general registers. */
export const formatRegisters = (cpu: CpuModel): string => {
  const named = [
    ...Array.from({ length: 31 }, (_, i): [string, bigint] => [`x${i}`, cpu.getX(i)]),
    ['sp', cpu.sp] as const,
    ['pc', cpu.pc] as const,
  ];
  const cells = named.map(([name, value]) => `${name.padStart(3)} ${hex16(value)}`);
  const lines = Array.from({ length: Math.ceil(cells.length / REGISTERS_A_LINE) }, (_, i) =>
    cells.slice(REGISTERS_A_LINE * i, REGISTERS_A_LINE * (i + 1)).join('  '),
  );
  const flags = ['N', 'Z', 'C', 'V'].map((flag, i) => ((cpu.nzcv >> (3 - i)) & 1 ? flag : '-')).join('');
  return `${lines.join('\n')}\nnzcv ${flags}  EL${cpu.el}\n`;
};

/** A table of vectors has this size, and is aligned to it (Arm ARM D1.10.2). */
const VECTORS_BYTES = 0x800n;

/** The exception that led to where a processor is, if that is one of its vectors; for the end of a sentence. */
const causeOfVector = (cpu: CpuModel, place: Place, describeEsr: DescribeEsr): string => {
  if (cpu.el === 0) return '';
  const register = (name: string): bigint => cpu.getSystemRegister(`${name}_EL${cpu.el}`);
  const [vectors, esr, elr, far] = (['VBAR', 'ESR', 'ELR', 'FAR'] as const).map(register) as [
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  // No exception leaves a syndrome of 0.
  if (cpu.pc < vectors || cpu.pc >= vectors + VECTORS_BYTES || esr === 0n) return '';
  const values = [
    `ESR_EL${cpu.el} 0x${esr.toString(16)}`,
    `ELR_EL${cpu.el} ${place(elr)}`,
    `FAR_EL${cpu.el} 0x${far.toString(16)}`,
  ];
  return `; the exception that led there: ${describeEsr(esr, far)} (${values.join(', ')})`;
};

/** One sentence, without its end. */
export const describeEnd = (
  end: RunEnd,
  { board, processors, place }: { readonly board: Board; readonly processors: Processors; readonly place: Place },
  describeEsr: DescribeEsr,
): string => {
  const { current: cpu, instructions } = processors;
  const after = `after ${instructions} instructions`;
  switch (end.kind) {
    case 'stop-at':
      return `stopped at ${place(end.pc)} ${after}`;
    case 'watchpoint':
      return `stopped at ${place(end.pc)} ${after}: it ${end.isWrite ? 'writes' : 'reads'} 0x${end.virtAddr.toString(16)}`;
    case 'power':
      return `the machine ${end.what === 'off' ? 'switched itself off' : 'reset itself'} ${after}`;
    case 'stuck':
      return `stuck at ${place(end.pc)} ${after}: ${end.why}${causeOfVector(cpu, place, describeEsr)}`;
    case 'exception': {
      const { exception } = end;
      return (
        `exception at ${place(end.pc)} ${after}: ${describeEsr(exception.esr, exception.far)} ` +
        `(ESR_EL${exception.target} 0x${exception.esr.toString(16)}` +
        `${exception.far === undefined ? '' : `, FAR 0x${exception.far.toString(16)}`}, vector ${place(exception.handler)})`
      );
    }
    case 'unmodelled': {
      const encoding = end.encoding === undefined ? '' : `, encoding 0x${end.encoding.toString(16).padStart(8, '0')}`;
      return `not modelled yet: ${end.what} at ${place(end.pc)}${encoding}, ${after}`;
    }
    case 'processor-off':
      return board.firmware.hangs(cpu)
        ? `the last processor hangs in its firmware ${after}`
        : `the last processor switched itself off ${after}`;
    case 'turn-over':
    case 'max-instructions':
      return `the limit of ${instructions} instructions is reached at ${place(cpu.pc)}`;
    case 'kernel-bug':
      return `the old kernel dies on its way out: ${end.why}`;
    case 'timeout':
      return `the time limit is reached at ${place(cpu.pc)} ${after}`;
    case 'interrupted':
      return `interrupted at ${place(cpu.pc)} ${after}`;
  }
};

/** What the firmware's quirks have done, one a line. */
export const formatQuirkEvents = ({ firmware }: Board): string =>
  firmware.events.map(({ quirk, what }) => `the quirk ${quirk}: ${what}\n`).join('');

/** The last jumps of a run, one a line. */
export const formatJumps = (jumps: readonly Jump[], place: Place, describeEsr: DescribeEsr): string =>
  jumps.length === 0
    ? ''
    : `last branches, the newest at the end:\n${jumps.map((jump) => `  ${describeJump(jump, place, describeEsr)}\n`).join('')}`;

const describeJump = ({ from, to, by }: Jump, place: Place, describeEsr: DescribeEsr): string => {
  const way = `${place(from)} -> ${place(to)}`;
  if (by === 'branch') return way;
  if (by === 'return') return `${way}: exception return`;
  const vector = `vector +0x${(to % VECTORS_BYTES).toString(16)}`;
  return `${way}: exception to EL${by.target}, ${vector}: ${describeEsr(by.esr, by.far)}`;
};
