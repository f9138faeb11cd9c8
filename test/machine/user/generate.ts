/** Random sequences of instructions, made of the rows of the table. */

import { wordOf } from '../../../sim/cpu/language/encode.js';
import { type Fields, parsePattern, type Pattern } from '../../../sim/cpu/language/pattern.js';
import type { InstructionRow } from '../../../sim/cpu/language/row.js';
import type { Random } from '../../fuzz/mutate.js';
import { encode } from '../../support/processor/assemble.js';
import { excludedFromUserMode, namesSystemRegister, systemRegisterFields } from './exclusions.js';
import { ALIGNED_BASES, BASES, INDEXES, pick, randomState, rarely, SMALL_INDEX } from './operands.js';
import { BRK, CODE, PAGE_SIZE, PC, type Sequence, WINDOW, WINDOW_SIZE } from './sequence.js';

/** A row of the instruction table, ready to make words of: what its name and group tell is found out once. */
interface Candidate {
  readonly row: InstructionRow;
  readonly pattern: Pattern;
  readonly kind: 'indirect' | 'maintenance' | 'store-exclusive' | 'other';
  readonly isMemory: boolean;
  /** Its result is a vector register. */
  readonly isVector: boolean;
  readonly isPostIndex: boolean;
  /** The address register is written. */
  readonly movesOn: boolean;
  readonly mayBeUnaligned: boolean;
  readonly namesSystemRegister: boolean;
  /** The field that says where a branch leads. */
  readonly branchOffset: string | undefined;
}

/** One instruction, or a few that are of use only together: branches lead to the first of them. */
interface Unit {
  readonly row: InstructionRow;
  readonly words: readonly number[];
  /** Which variant of the row it is. */
  readonly variant: string;
  /** A branch: how many units on it leads to, and how that is put into the words. */
  readonly branch?: { readonly units: number; readonly link: (distance: number) => readonly number[] };
}

export interface Generated extends Sequence {
  /** What is sure to be carried out if the sequence ends where it should: no branch can pass it by. */
  readonly certain: readonly { readonly index: number; readonly row: InstructionRow; readonly variant: string }[];
}

const SP_OR_ZERO = 31;
const MEMORY = /^(?:Loads and stores|Atomics)/;
const STORE_EXCLUSIVE = /^STXR|^STXP/;
/** qemu does not fault where nothing is mapped, as the architecture would have it; or at another instruction. */
const CACHE_MAINTENANCE = /^(?:DC|IC) /;
const CLREX = encode('CLREX', { CRm: 15 });
const ADR = encode('ADR', { immlo: 0, immhi: 0, Rd: 0 });
/** Where loads and stores take their addresses from. */
const ANY_BASES = [...BASES, SP_OR_ZERO];
const ALIGNED = [...ALIGNED_BASES, SP_OR_ZERO];
const INDIRECT = ['BR', 'BLR', 'RET'];
/** SIMD&FP instructions whose result is a general register. */
const TO_GENERAL = /general|UMOV|SMOV|^FCVT.*\b[SU]\b/;

const kindOf = ({ name }: InstructionRow): Candidate['kind'] => {
  if (INDIRECT.includes(name)) return 'indirect';
  if (CACHE_MAINTENANCE.test(name)) return 'maintenance';
  return STORE_EXCLUSIVE.test(name) ? 'store-exclusive' : 'other';
};

const candidateOf = (row: InstructionRow): Candidate => {
  const { name, group } = row;
  const pattern = parsePattern(row.pattern);
  const offset = pattern.fields.find((field) => /^imm(?:26|19|14)$/.test(field.name));
  return {
    row,
    pattern,
    kind: kindOf(row),
    isMemory: MEMORY.test(group),
    isVector: row.fp === true && !TO_GENERAL.test(name),
    isPostIndex: name.includes('post-index'),
    movesOn: /pre-index|post-index/.test(name),
    mayBeUnaligned: /^(?:LDR|STR|LDP|STP|LDUR|STUR|LDTR|STTR|LDNP|STNP|PRFM|PRFUM|LD[1-4]|ST[1-4])\b/.test(name),
    namesSystemRegister: namesSystemRegister(row),
    branchOffset: group === 'Branches' ? offset?.name : undefined,
  };
};

const candidatesOf = (rows: readonly InstructionRow[]): readonly Candidate[] =>
  rows.filter((row) => excludedFromUserMode(row) === undefined).map(candidateOf);

/** Fields of up to two bits select what an instruction is; the others are its operands. */
const variantOf = ({ fields }: Pattern, values: Fields): string =>
  fields.flatMap(({ name, width }) => (width <= 2 ? [`${name}=${values[name]!}`] : [])).join(' ');

/** Bits of a field: anything, or an edge. */
const operand = (random: Random, width: number): number => {
  const limit = 2 ** width;
  if (width <= 4 || rarely(random, 2)) return random.below(limit);
  return pick(random, [0, 1, limit - 1, limit / 2, limit / 2 - 1, 2 ** random.below(width)]);
};

/** ADR: the address of `target`, within a megabyte of `pc`, into a register. */
const addressOf = (target: number, pc: number, register: number): number =>
  (ADR | (((target - pc) & 3) << 29) | ((((target - pc) >> 2) & 0x7_ffff) << 5) | register) >>> 0;

const wordsAhead = (pc: number, target: number, width: number): number => {
  const words = Math.trunc((target - pc) / 4);
  return words < 0 ? words + 2 ** width : words;
};

/** Makes random sequences of the rows of the table that user mode can run. */
export class Generator {
  readonly #candidates: readonly Candidate[];
  readonly #loadExclusive: (word: number) => number;

  constructor(rows: readonly InstructionRow[]) {
    this.#candidates = candidatesOf(rows);
    // A store-exclusive and the load that lets it succeed differ in bit 22, and in the unused or result field.
    this.#loadExclusive = (word) => ((word & ~(31 << 16)) | (1 << 22) | (31 << 16)) >>> 0;
  }

  get rows(): readonly InstructionRow[] {
    return this.#candidates.map(({ row }) => row);
  }

  /** The same code, to be run from other registers. */
  fromOtherState(random: Random, sequence: Generated): Generated {
    const state = randomState(random);
    state[PC] = sequence.state[PC]!;
    return { ...sequence, state };
  }

  /** @param page which of the code's pages it is to lie in */
  sequence(random: Random, page: number, units: number): Generated {
    const start = CODE + page * PAGE_SIZE;
    const state = randomState(random);
    state[PC] = BigInt(start);
    const made: Unit[] = [];
    let at = start;
    for (let i = 0; i < units; i++) {
      const unit = this.#unit(random, at);
      made.push(unit);
      at += unit.words.length * 4;
    }
    const offsets = made.map(() => 0);
    made.reduce((offset, { words }, i) => (offsets[i] = offset) + words.length, 0);
    const end = (at - start) / 4;
    const words = made.flatMap(({ words, branch }, i) =>
      branch === undefined ? words : branch.link((offsets[i + branch.units] ?? end) - offsets[i]!),
    );
    let sure = 0;
    const certain = made.flatMap(({ row, variant, branch }, i) => {
      const passed = i < sure;
      if (branch !== undefined) sure = Math.max(sure, i + branch.units);
      return passed ? [] : [{ index: offsets[i]!, row, variant }];
    });
    return { words: Uint32Array.from([...words, BRK]), state, certain };
  }

  #unit(random: Random, pc: number): Unit {
    const candidate = pick(random, this.#candidates);
    const { row, pattern, kind, branchOffset } = candidate;
    const fields = this.#fields(random, candidate, pc);
    const word = wordOf(pattern, fields);
    const unit = { row, variant: variantOf(pattern, fields) };
    if (branchOffset !== undefined) {
      const link = (distance: number): readonly number[] => [wordOf(pattern, { ...fields, [branchOffset]: distance })];
      return { ...unit, words: [word], branch: { units: 1 + random.below(4), link } };
    }
    switch (kind) {
      case 'indirect':
        return { ...unit, words: [0, word], branch: this.#indirect(random, fields.Rn!, word) };
      case 'maintenance':
        return { ...unit, words: [addressOf(WINDOW + random.below(WINDOW_SIZE), pc, fields.Rt!), word] };
      case 'store-exclusive':
        // Nothing can be said of a store-exclusive before which the monitor is in an unknown state.
        if (!rarely(random, 4)) return { ...unit, words: [this.#loadExclusive(word), word] };
        // qemu has all ones for "none": that address must not be the store's.
        return {
          ...unit,
          words: [addressOf(WINDOW + 16 * random.below(WINDOW_SIZE / 16), pc, fields.Rn!), CLREX, word],
        };
      case 'other':
        return { ...unit, words: [word] };
    }
  }

  /** ADR puts the target into the register that the branch reads. */
  #indirect(random: Random, register: number, word: number): NonNullable<Unit['branch']> {
    const link = (distance: number): readonly number[] => [addressOf(4 * distance, 0, register), word];
    return { units: 1 + random.below(4), link };
  }

  #fields(random: Random, candidate: Candidate, pc: number): Fields {
    const { row, pattern } = candidate;
    for (;;) {
      const fields: Record<string, number> = {
        ...(candidate.namesSystemRegister ? systemRegisterFields(random, row) : {}),
      };
      for (const { name, width } of pattern.fields) fields[name] ??= this.#field(random, candidate, name, width, pc);
      if ((row.allocated === undefined || row.allocated(fields)) && this.#predictable(candidate, fields)) return fields;
    }
  }

  /** Left out: what the Arm ARM calls CONSTRAINED UNPREDICTABLE and where implementations do differ (K1.1). */
  #predictable({ kind }: Candidate, { Rs, Rt, Rt2, Rn }: Fields): boolean {
    switch (kind) {
      case 'indirect':
        return Rn !== SP_OR_ZERO;
      case 'maintenance':
        return Rt !== SP_OR_ZERO;
      case 'store-exclusive':
        // The load before the store must not change the address.
        return Rs !== Rt && Rs !== Rt2 && (Rs !== Rn || Rn === SP_OR_ZERO) && Rt !== Rn && Rt2 !== Rn;
      case 'other':
        return true;
    }
  }

  #field(random: Random, candidate: Candidate, name: string, width: number, pc: number): number {
    const { isMemory } = candidate;
    switch (name) {
      case 'Rd':
      case 'Rt':
      case 'Rt2':
      case 'Rs':
        return this.#destination(random, candidate);
      case 'Rn':
        return isMemory ? this.#base(random, candidate) : random.below(32);
      case 'Rm':
        if (!isMemory || rarely(random, 64)) return random.below(2 ** width);
        return candidate.isPostIndex ? SMALL_INDEX : pick(random, INDEXES);
      case 'imm12':
        return isMemory && !rarely(random, 64) ? random.below(0x200) : operand(random, width);
      case 'imm19':
        return isMemory ? this.#literal(random, pc, width) : operand(random, width);
      default:
        return operand(random, width);
    }
  }

  /** Mostly not a register that later loads and stores take their address from. */
  #destination(random: Random, { isVector }: Candidate): number {
    const register = random.below(32);
    const kept = register !== SP_OR_ZERO && (BASES.includes(register) || INDEXES.includes(register));
    return isVector || !kept || rarely(random, 24) ? register : register - 16;
  }

  #base(random: Random, { movesOn, mayBeUnaligned }: Candidate): number {
    if (rarely(random, 200)) return random.below(32);
    if (movesOn) return pick(random, [16, 17, 18, 19]);
    return pick(random, mayBeUnaligned && !rarely(random, 4) ? ANY_BASES : ALIGNED);
  }

  /** In the sequence, or in the window. */
  #literal(random: Random, pc: number, width: number): number {
    const target = rarely(random, 3)
      ? pc - (pc % PAGE_SIZE) + 4 * random.below(16)
      : WINDOW + 4 * random.below(WINDOW_SIZE / 4 - 4);
    return wordsAhead(pc, target, width);
  }
}
