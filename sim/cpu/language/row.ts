/** Rows of the instruction table: what they say, and the functions by which tables make them. */

import type { ExceptionLevel } from '../state/levels.js';
import type { SysregEncoding } from '../state/sysreg-encoding.js';
import type { Ops } from './ops.js';
import { type FieldNames, type Fields, type FieldsOf, NamedFields } from './pattern.js';

/** What a row says of itself. */
export interface Description {
  /** The Arm ARM's heading, such as `ADD (immediate)`. */
  readonly name: string;
  /** The group in the table of instructions covered, such as `Data processing (immediate)`. */
  readonly group: string;
  /** Section of the Arm ARM (DDI 0487), such as `C6.2.4`. */
  readonly section: string;
  /** How the assembler writes it, in the language of disassembly/syntax.ts. */
  readonly syntax: string;
  /** Needs CPACR_EL1.FPEN and its like to allow floating point; checked before the semantics. */
  readonly fp?: boolean;
}

interface RowBase extends Description {
  /** 32 bits from bit 31 on: `0`, `1`, and fields as `name:width`; blanks only divide. */
  readonly pattern: string;
  /**
   * False for encodings that match the pattern but are not allocated to this instruction. Sees true values of all
   * fields.
   */
  readonly allocated?: (fields: Fields) => boolean;
}

/** An instruction whose work is done by code that is made for it. */
export interface OpsRow extends RowBase {
  /** Adds to the executing side what the instruction does. */
  readonly semantics: (t: Ops, fields: Fields) => void;
  /**
   * Constants that the semantics use by `t.imm(index)` in place of the fields they are computed from. Two's complement.
   */
  readonly immediates?: (fields: Fields) => readonly bigint[];
  /**
   * Fields that only `allocated` and `immediates` look at. With the register fields (see {@link isRegisterField}) they
   * are what may vary between instructions that share a handler; the semantics must not read them.
   */
  readonly free?: readonly string[];
  /** Register fields whose true value the semantics need after all. */
  readonly fixed?: readonly string[];
  /**
   * Where the semantics access a system register: `read` or `write`, and its name. They are right only where
   * the context has that access among its direct ones, and the system model does the work elsewhere.
   * Undefined for fields whose register it never accesses itself. Or `ALONE` (context.ts), for semantics that are right
   * where there is no other processor.
   */
  readonly direct?: (fields: Fields) => string | undefined;
  /** What the system model does; see {@link direct}. */
  readonly system?: (cpu: SystemCpu, fields: Fields) => void;
  /**
   * What a higher exception level may forbid: then SystemState.execute raises the exception in place of the semantics.
   */
  readonly maintenance?: CacheMaintenance;
}

/** Cache maintenance by address, by the assembler's names. */
export type CacheMaintenance = 'DC ZVA' | 'DC IVAC' | 'DC CVAC' | 'DC CVAU' | 'DC CIVAC' | 'IC IVAU';

/** An instruction about the processor itself, carried out by TypeScript: rare, and everything is at hand. */
export interface SystemRow extends RowBase {
  readonly system: (cpu: SystemCpu, fields: Fields) => void;
}

export type InstructionRow = OpsRow | SystemRow;

/** A row's syntax with aliases: the first one counts whose conditions hold. */
export const alternatives = (...texts: readonly string[]): string => texts.join('; ');

/** Fields that hold a register number, everywhere. */
const REGISTER_FIELDS = ['Rd', 'Rn', 'Rm', 'Ra', 'Rt', 'Rt2', 'Rs'] as const;

type RegisterField = (typeof REGISTER_FIELDS)[number];

/** Whether a field holds a register number. */
export const isRegisterField = (name: string): boolean => REGISTER_FIELDS.some((register) => register === name);

/**
 * What {@link SystemRow.system} works with. The program counter moves on by 4 behind it, unless it sets or raises one.
 */
export interface SystemCpu {
  /** Address of the instruction. */
  readonly pc: bigint;
  readonly el: ExceptionLevel;
  /** X0 to X30; 31 reads as zero, and writes to it are lost. */
  x(register: number): bigint;
  setX(register: number, value: bigint): void;
  /** V0 to V31. */
  v(register: number): bigint;
  setV(register: number, value: bigint): void;
  /** MRS and MSR; op0 is 2 or 3. Raises the exception itself where the register is not accessible. */
  readSystemRegister(encoding: SysregEncoding, rt: number): void;
  writeSystemRegister(encoding: SysregEncoding, rt: number): void;
  /** MSR (immediate): PSTATE fields. */
  writePstate(op1: number, op2: number, imm: number): void;
  /** SYS and SYSL, op0 being 1: TLB maintenance, address translation, and cache maintenance by set and way. */
  system(encoding: SysregEncoding, rt: number, isRead: boolean): void;
  /** SVC, HVC, SMC, BRK, HLT. */
  call(kind: 'svc' | 'hvc' | 'smc' | 'brk' | 'hlt', imm16: number): void;
  exceptionReturn(): void;
  /** WFI and WFE. */
  wait(kind: 'wfi' | 'wfe'): void;
  /** YIELD: other processors may have their turn, as this one only waits for them. */
  yieldTurn(): void;
  /** SEV: an event for all processors of the machine, which the next WFE finds. */
  sendEvent(): void;
  /** SEVL: the same for this one alone. */
  receiveEvent(): void;
  /** Raises the Unknown reason exception. */
  undefined(): void;
}

/** What of a row depends on the `Text` of its pattern. */
export interface Encoding<Text extends string> {
  readonly pattern: Text;
  readonly allocated?: (fields: FieldsOf<Text>) => boolean;
}

/**
 * The parts of an {@link OpsRow}, whose functions know the names of the pattern's fields; the semantics, of those not
 * `Free`.
 */
export interface OpsParts<Text extends string, Free extends string> extends Encoding<Text>, Description {
  readonly semantics: (t: Ops, fields: FieldsOf<Text, Free>) => void;
  readonly immediates?: (fields: FieldsOf<Text>) => readonly bigint[];
  readonly free?: readonly Free[];
  readonly fixed?: readonly Extract<FieldNames<Text>, RegisterField>[];
  readonly maintenance?: CacheMaintenance;
  readonly direct?: (fields: FieldsOf<Text>) => string | undefined;
  readonly system?: (cpu: SystemCpu, fields: FieldsOf<Text>) => void;
}

/** Makes a row of its parts. */
export const opsRow = <const Text extends string, const Free extends FieldNames<Text> = never>({
  allocated,
  immediates,
  semantics,
  direct,
  system,
  ...rest
}: OpsParts<Text, Free>): OpsRow => {
  const all = new NamedFields(rest.pattern);
  const notFree = new NamedFields(rest.pattern, rest.free);
  return {
    ...rest,
    ...(allocated && { allocated: (fields) => allocated(all.from(fields)) }),
    ...(immediates && { immediates: (fields) => immediates(all.from(fields)) }),
    ...(direct && { direct: (fields) => direct(all.from(fields)) }),
    ...(system && { system: (cpu, fields) => system(cpu, all.from(fields)) }),
    semantics: (t, fields) => semantics(t, notFree.from(fields)),
  };
};

/** Gives the function that makes the rows of a group. */
export const rowsOf =
  (group: string) =>
  <const Text extends string, const Free extends FieldNames<Text> = never>(
    parts: Omit<OpsParts<Text, Free>, 'group'>,
  ): OpsRow =>
    opsRow<Text, Free>({ group, ...parts });

/** The same for rows that the system model carries out. */
export const systemRowsOf =
  (group: string) =>
  <const Text extends string>({
    allocated,
    system,
    ...rest
  }: Omit<Description, 'group'> &
    Encoding<Text> & { readonly system: (cpu: SystemCpu, fields: FieldsOf<Text>) => void }): SystemRow => {
    const all = new NamedFields(rest.pattern);
    return {
      group,
      ...rest,
      ...(allocated && { allocated: (fields) => allocated(all.from(fields)) }),
      system: (cpu, fields) => system(cpu, all.from(fields)),
    };
  };
