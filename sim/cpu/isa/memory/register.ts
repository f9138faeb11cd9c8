/** Loads and stores of one general-purpose register, and prefetches. */

import { at } from '../../language/lookup.js';
import type { Ops } from '../../language/ops.js';
import type { Fields } from '../../language/pattern.js';
import type { InstructionRow } from '../../language/row.js';
import { i32, i64, type I64 } from '../../language/value.js';
import {
  accessRow,
  type AddressingMode,
  BASE,
  bytesOf,
  heading,
  LITERAL,
  POST_INDEX,
  PRE_INDEX,
  REGISTER_OFFSET,
  row,
  UNPRIVILEGED,
  UNSCALED,
  UNSIGNED_OFFSET,
} from './addressing.js';

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

const sizeOf = ({ size }: Fields<'size'>): number => size;

const accessOf = (mode: AddressingMode) => (mode === UNPRIVILEGED ? { ...BASE, unprivileged: true } : BASE);

const mnemonics = (stem: string, ...suffixes: readonly string[]): string =>
  suffixes.map((suffix) => stem + suffix).join(', ');

const store = ({ mode, section, letter }: Kind): InstructionRow =>
  accessRow(mode, {
    name: heading(mnemonics(`ST${letter}`, '', 'B', 'H'), mode.title),
    section,
    pattern: `size:2 111 0 ${mode.bits[0]} 00 ${mode.bits[1]} Rn:5 Rt:5`,
    syntax: `st${letter.toLowerCase()}<size?b|h||> <size?WWWXt>, ${mode.operand('size')}`,
    scale: sizeOf,
    transfer: (t, { Rt }, at, scale) => t.store(bytesOf(scale), at, t.x(Rt), accessOf(mode)),
  });

const load = ({ mode, section, letter }: Kind): InstructionRow =>
  accessRow(mode, {
    name: heading(mnemonics(`LD${letter}`, '', 'B', 'H'), mode.title),
    section,
    pattern: `size:2 111 0 ${mode.bits[0]} 01 ${mode.bits[1]} Rn:5 Rt:5`,
    syntax: `ld${letter.toLowerCase()}<size?b|h||> <size?WWWXt>, ${mode.operand('size')}`,
    scale: sizeOf,
    transfer: (t, { Rt }, at, scale) => t.setX(Rt, t.load(bytesOf(scale), at, accessOf(mode))),
  });

const EXTEND_64 = [i64.extend8S, i64.extend16S, i64.extend32S] as const;

const setExtended = (t: Ops, { size, narrow, Rt }: Fields<'size' | 'narrow' | 'Rt'>, loaded: I64): void => {
  if (narrow === 0) t.setX(Rt, at(EXTEND_64, size)(loaded));
  else t.setW(Rt, (size === 0 ? i32.extend8S : i32.extend16S)(i32.wrap(loaded)));
};

const loadSigned = ({ mode, section, letter }: Kind): InstructionRow =>
  accessRow(mode, {
    name: heading(mnemonics(`LD${letter}S`, 'B', 'H', 'W'), mode.title),
    section,
    pattern: `size:2 111 0 ${mode.bits[0]} 1 narrow:1 ${mode.bits[1]} Rn:5 Rt:5`,
    syntax: `ld${letter.toLowerCase()}s<size?b|h|w> <narrow?XWt>, ${mode.operand('size')}`,
    allocated: ({ size, narrow }) => size < (narrow === 1 ? 2 : 3),
    scale: sizeOf,
    transfer: (t, fields, address, scale) => setExtended(t, fields, t.load(bytesOf(scale), address, accessOf(mode))),
  });

/** Prefetches, which do nothing here. */
const PREFETCHES: readonly InstructionRow[] = [
  row({
    name: heading('PRFM', UNSIGNED_OFFSET.title),
    section: 'C3.2.11',
    pattern: '11 111 0 01 10 imm12:12 Rn:5 Rt:5',
    syntax: `prfm <prfop>, ${UNSIGNED_OFFSET.operand('3')}`,
    free: ['imm12'],
    semantics: () => {},
  }),
  row({
    name: heading('PRFM', REGISTER_OFFSET.title),
    section: 'C3.2.11',
    pattern: '11 111 0 00 10 1 Rm:5 signed:1 1 wide:1 S:1 10 Rn:5 Rt:5',
    syntax: `prfm <prfop>, ${REGISTER_OFFSET.operand('3')}`,
    free: ['signed', 'wide', 'S'],
    semantics: () => {},
  }),
  row({
    name: 'PRFUM',
    section: 'C3.2.11',
    pattern: '11 111 0 00 10 0 imm9:9 00 Rn:5 Rt:5',
    syntax: `prfum <prfop>, ${UNSCALED.operand('3')}`,
    free: ['imm9'],
    semantics: () => {},
  }),
];

const LITERALS: readonly InstructionRow[] = [
  row({
    name: 'LDR (literal)',
    section: 'C3.2.1',
    pattern: '0 wide:1 011 0 00 imm19:19 Rt:5',
    syntax: 'ldr <wide?WXt>, <label19>',
    free: LITERAL.free,
    immediates: LITERAL.immediates,
    semantics: (t, { wide, Rt }) => t.setX(Rt, t.load(wide === 1 ? 8 : 4, LITERAL.address(t))),
  }),
  row({
    name: 'LDRSW (literal)',
    section: 'C3.2.1',
    pattern: '10 011 0 00 imm19:19 Rt:5',
    syntax: 'ldrsw <Xt>, <label19>',
    free: LITERAL.free,
    immediates: LITERAL.immediates,
    semantics: (t, { Rt }) => t.setX(Rt, i64.extend32S(t.load(4, LITERAL.address(t)))),
  }),
  row({
    name: 'PRFM (literal)',
    section: 'C3.2.11',
    pattern: '11 011 0 00 imm19:19 Rt:5',
    syntax: 'prfm <prfop>, <label19>',
    free: LITERAL.free,
    semantics: () => {},
  }),
];

export const LOAD_STORE_REGISTER: readonly InstructionRow[] = [
  ...KINDS.flatMap((kind) => [store(kind), load(kind), loadSigned(kind)]),
  ...PREFETCHES,
  ...LITERALS,
];
