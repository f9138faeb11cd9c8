import { createDecoder } from '../../sim/cpu/language/decode.js';
import { SYSTEM } from '../../sim/cpu/isa/system.js';
import type { FakeMachine } from './fake-core.js';

const decode = createDecoder(SYSTEM);

/** Carries out one system instruction, by its encoding. */
export const execute = ({ state }: FakeMachine, word: number): void => {
  const decoded = decode(word);
  if (decoded.kind !== 'row') throw new Error(`0x${word.toString(16)} is not allocated`);
  const { row, fields } = decoded;
  if ('unmodelled' in row || ('semantics' in row && row.maintenance === undefined))
    throw new Error(`${row.name} is not for the system side`);
  state.execute(row, fields);
};

/** MRS of a place such as `S3_0_C1_C0_0`. */
export const mrs = (at: string, rt = 0): number => word(at, rt, true);

/** MSR, or SYS where op0 is 1. */
export const msr = (at: string, rt = 0): number => word(at, rt, false);

const word = (at: string, rt: number, isRead: boolean): number => {
  const [op0, op1, crn, crm, op2] = /^S(\d)_(\d)_C(\d+)_C(\d+)_(\d)$/.exec(at)!.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  return (
    (0xd500_0000 | (isRead ? 1 << 21 : 0) | (op0 << 19) | (op1 << 16) | (crn << 12) | (crm << 8) | (op2 << 5) | rt) >>>
    0
  );
};
