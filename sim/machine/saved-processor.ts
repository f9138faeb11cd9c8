/** A processor's saved state as JSON, and back. */
import type { InterruptInput, TimerName } from '../cpu/state/model.js';
import type { SavedCpu, SavedMark, SavedSystem } from '../cpu/state/saved-cpu.js';
import type { Json } from './savable.js';
import { SavedState } from './saved-state.js';

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** A value that may not be there, as a list of one or none. */
const optional = <T, J extends Json>(value: T | undefined, toJson: (value: T) => J): readonly J[] =>
  value === undefined ? [] : [toJson(value)];

export const processorToJson = ({ general, system, ...rest }: SavedCpu): Json => ({
  x: general.x.map(hex),
  pc: hex(general.pc),
  v: general.v.map(hex),
  mark: optional(general.mark, ({ virtAddr, sizeBytes, low, high }) => ({
    ...{ virtAddr: hex(virtAddr), sizeBytes },
    ...{ low: hex(low), high: hex(high) },
  })),
  system: {
    el: system.el,
    spSel: system.spSel,
    stackPointers: system.stackPointers.map(hex),
    registers: Object.fromEntries([...system.registers].map(([name, value]) => [name, hex(value)])),
    inputs: system.inputs,
    event: system.event,
    waitsAt: optional(system.waitsAt, hex),
    ss: system.ss,
    stepped: system.stepped,
    high: system.timers.high,
    deadline: optional(system.timers.deadline, hex),
  },
  instructions: hex(rest.instructions),
  fpcr: rest.fpcr,
  fpsr: rest.fpsr,
  nzcv: rest.nzcv,
  markedPage: optional(rest.markedPage, (page) => page),
});

const WHAT = 'a processor';
const INPUTS: readonly InterruptInput[] = ['irq', 'fiq'];
const TIMERS: readonly TimerName[] = ['physical', 'virtual', 'hypervisor'];
const MARK_BYTES = [1, 2, 4, 8, 16];
/** More instructions cannot be counted, nor addresses be told of, by a number. */
const MOST = Number.MAX_SAFE_INTEGER;

/** @throws MachineError when it is none */
export const readProcessor = (saved: unknown): SavedCpu => {
  const state = new SavedState(WHAT, saved);
  const instructions = state.hex('instructions');
  if (instructions > BigInt(MOST)) throw state.broken('instructions');
  return {
    general: {
      x: state.hexes('x', { count: 31 }),
      pc: state.hex('pc'),
      v: state.hexes('v', { count: 32, bits: 128 }),
      mark: readMark(state),
    },
    system: readSystem(state.part('system')),
    instructions,
    fpcr: state.number('fpcr'),
    fpsr: state.number('fpsr'),
    nzcv: state.number('nzcv', 15),
    markedPage: state.numbers('markedPage', { count: 1, max: MOST })[0],
  };
};

const readMark = (state: SavedState): SavedMark | undefined => {
  const [part] = state.list('mark');
  if (part === undefined) return undefined;
  const mark = new SavedState(WHAT, part);
  const sizeBytes = mark.number('sizeBytes', 16);
  if (!MARK_BYTES.includes(sizeBytes)) throw mark.broken('sizeBytes');
  return { virtAddr: mark.hex('virtAddr'), sizeBytes, low: mark.hex('low'), high: mark.hex('high') };
};

const readSystem = (saved: unknown): SavedSystem => {
  const state = new SavedState(WHAT, saved);
  const registers = new SavedState(WHAT, state.part('registers'));
  const [sp0, sp1, sp2] = state.hexes('stackPointers', { count: 3 });
  return {
    el: state.oneOfNumbers('el', [0, 1, 2]),
    spSel: state.oneOfNumbers('spSel', [0, 1]),
    stackPointers: [sp0!, sp1!, sp2!],
    registers: new Map(registers.names.map((name) => [name, registers.hex(name)])),
    inputs: state.someOf('inputs', INPUTS),
    event: state.flag('event'),
    waitsAt: readOptional(state, 'waitsAt'),
    ss: state.oneOfNumbers('ss', [0, 1]),
    stepped: state.oneOf('stepped', ['nothing', 'instruction', 'load-exclusive']),
    timers: {
      high: state.someOf('high', TIMERS),
      deadline: readOptional(state, 'deadline'),
    },
  };
};

const readOptional = (state: SavedState, name: string): bigint | undefined =>
  state.list(name).length === 0 ? undefined : state.hexes(name, { count: 1 })[0];
