import type { Fields, InstructionRow, Ops } from '../../language/ops.js';
import { i32, i64, type I64 } from '../../language/value.js';
import {
  accessMemory,
  type AddressingMode,
  BASE,
  bytesOf,
  heading,
  LITERAL,
  operandsOf,
  POST_INDEX,
  PRE_INDEX,
  REGISTER_OFFSET,
  row,
  UNPRIVILEGED,
  UNSCALED,
  UNSIGNED_OFFSET,
} from './addressing.js';

/** Loads and stores of one general-purpose register, and prefetches. */

interface Kind {
  readonly mode: AddressingMode;
  readonly section: string;
  /** Behind LD and ST in the mnemonics. */
  readonly letter: 'R' | 'UR' | 'TR';
}

const ORDINARY: readonly Kind[] = [UNSIGNED_OFFSET, POST_INDEX, PRE_INDEX, REGISTER_OFFSET].map((mode) => ({
  mode,
  section: 'C3.2.1',
  letter: 'R',
}));
const KINDS: readonly Kind[] = [
  ...ORDINARY,
  { mode: UNSCALED, section: 'C3.2.2', letter: 'UR' },
  { mode: UNPRIVILEGED, section: 'C3.2.5', letter: 'TR' },
];

const sizeOf = ({ size }: Fields): number => size!;

const accessOf = (mode: AddressingMode) => (mode === UNPRIVILEGED ? { ...BASE, unprivileged: true } : BASE);

const mnemonics = (stem: string, ...suffixes: readonly string[]): string =>
  suffixes.map((suffix) => stem + suffix).join(', ');

const store = ({ mode, section, letter }: Kind): InstructionRow => {
  const access = accessOf(mode);
  return row({
    name: heading(mnemonics(`ST${letter}`, '', 'B', 'H'), mode.title),
    section,
    pattern: `size:2 111 0 ${mode.bits[0]} 00 ${mode.bits[1]} Rn:5 Rt:5`,
    ...operandsOf(mode, sizeOf),
    semantics: (t, fields) => {
      const { size, Rt } = fields;
      accessMemory(t, fields, mode, size!, (at) => t.store(bytesOf(size!), at, t.x(Rt!), access));
    },
  });
};

const load = ({ mode, section, letter }: Kind): InstructionRow => {
  const access = accessOf(mode);
  return row({
    name: heading(mnemonics(`LD${letter}`, '', 'B', 'H'), mode.title),
    section,
    pattern: `size:2 111 0 ${mode.bits[0]} 01 ${mode.bits[1]} Rn:5 Rt:5`,
    ...operandsOf(mode, sizeOf),
    semantics: (t, fields) => {
      const { size, Rt } = fields;
      accessMemory(t, fields, mode, size!, (at) => t.setX(Rt!, t.load(bytesOf(size!), at, access)));
    },
  });
};

const EXTEND_64: readonly ((value: I64) => I64)[] = [i64.extend8S, i64.extend16S, i64.extend32S];

const setExtended = (t: Ops, { size, narrow, Rt }: Fields, loaded: I64): void => {
  if (narrow === 0) t.setX(Rt!, EXTEND_64[size!]!(loaded));
  else t.setW(Rt!, (size === 0 ? i32.extend8S : i32.extend16S)(i32.wrap(loaded)));
};

const loadSigned = ({ mode, section, letter }: Kind): InstructionRow => {
  const access = accessOf(mode);
  return row({
    name: heading(mnemonics(`LD${letter}S`, 'B', 'H', 'W'), mode.title),
    section,
    pattern: `size:2 111 0 ${mode.bits[0]} 1 narrow:1 ${mode.bits[1]} Rn:5 Rt:5`,
    allocated: ({ size, narrow }) => size! < (narrow === 1 ? 2 : 3),
    ...operandsOf(mode, sizeOf),
    semantics: (t, fields) => {
      const { size } = fields;
      accessMemory(t, fields, mode, size!, (at) => setExtended(t, fields, t.load(bytesOf(size!), at, access)));
    },
  });
};

const prefetch = (mnemonic: string, mode: AddressingMode, free: readonly string[]): InstructionRow =>
  row({
    name: heading(mnemonic, mode.title),
    section: 'C3.2.11',
    pattern: `11 111 0 ${mode.bits[0]} 10 ${mode.bits[1]} Rn:5 Rt:5`,
    free,
    semantics: () => {},
  });

const LITERALS: readonly InstructionRow[] = [
  row({
    name: 'LDR (literal)',
    section: 'C3.2.1',
    pattern: '0 wide:1 011 0 00 imm19:19 Rt:5',
    free: LITERAL.free!,
    immediates: LITERAL.immediates!,
    semantics: (t, { wide, Rt }) => t.setX(Rt!, t.load(wide === 1 ? 8 : 4, LITERAL.address(t))),
  }),
  row({
    name: 'LDRSW (literal)',
    section: 'C3.2.1',
    pattern: '10 011 0 00 imm19:19 Rt:5',
    free: LITERAL.free!,
    immediates: LITERAL.immediates!,
    semantics: (t, { Rt }) => t.setX(Rt!, i64.extend32S(t.load(4, LITERAL.address(t)))),
  }),
  row({
    name: 'PRFM (literal)',
    section: 'C3.2.11',
    pattern: '11 011 0 00 imm19:19 Rt:5',
    free: LITERAL.free!,
    semantics: () => {},
  }),
];

export const LOAD_STORE_REGISTER: readonly InstructionRow[] = [
  ...KINDS.flatMap((kind) => [store(kind), load(kind), loadSigned(kind)]),
  prefetch('PRFM', UNSIGNED_OFFSET, ['imm12']),
  prefetch('PRFM', REGISTER_OFFSET, ['signed', 'wide', 'S']),
  prefetch('PRFUM', UNSCALED, ['imm9']),
  ...LITERALS,
];
