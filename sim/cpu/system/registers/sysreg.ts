/** Where a register or a system instruction is in the encoding space. */
export interface Place {
  readonly op0: number;
  readonly op1: number;
  readonly crn: number;
  readonly crm: number;
  readonly op2: number;
}

/** A place as one number, in the order in which an instruction has it. */
export const encodingOf = ({ op0, op1, crn, crm, op2 }: Place): number =>
  (op0 << 14) | (op1 << 11) | (crn << 7) | (crm << 3) | op2;

/** @throws Error for a text that is no place: a mistake in a table */
export const parsePlace = (at: string): Place => {
  const parts = /^S([0-3])_([0-7])_C(\d+)_C(\d+)_([0-7])$/.exec(at)?.slice(1).map(Number);
  if (parts === undefined) throw new Error(`no place of a register: ${at}`);
  const [op0, op1, crn, crm, op2] = parts as [number, number, number, number, number];
  return { op0, op1, crn, crm, op2 };
};

/** The least exception level that op1 stands for (Arm ARM C5.1.2); 3 for what EL3 and secure states have. */
export const LEVEL_OF_OP1: readonly number[] = [1, 1, 1, 0, 2, 3, 3, 3];

export const levelOf = ({ op1 }: Place): number => LEVEL_OF_OP1[op1]!;
