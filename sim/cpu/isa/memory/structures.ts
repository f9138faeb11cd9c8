/**
 * LD1 to LD4 and ST1 to ST4: structures of one to four elements, whose n-th elements are in the n-th of consecutive
 * registers; register 0 is consecutive to 31.
 */

import { at, present } from '../../language/lookup.js';
import type { Access, Ops } from '../../language/ops.js';
import { type Fields, NamedFields } from '../../language/pattern.js';
import type { InstructionRow } from '../../language/row.js';
import { i64, type I64, type V128 } from '../../language/value.js';
import { element, low64, scalar64, shuffle, sized, splat, withElement } from '../vector/values.js';
import { BASE, bytesOf, row } from './addressing.js';

/** Where the base register goes, and the bits that say so; a register to add is a field of the form's own. */
interface Form {
  readonly title: string;
  /** The address in the assembler's syntax, and how far it moves. @param bytes the operand that says the size */
  readonly operand: (bytes: string) => string;
  readonly isPost: 0 | 1;
  readonly rm: string;
  readonly allocated: (fields: Fields) => boolean;
  readonly advance?: (t: Ops, fields: Fields, sizeBytes: number) => I64;
}

const INDEX_REGISTER = 'Rm:5';
const indexRegister = new NamedFields(INDEX_REGISTER);

const FORMS: readonly Form[] = [
  { title: 'no offset', operand: () => '[<Xn|SP>]', isPost: 0, rm: '00000', allocated: () => true },
  {
    title: 'post-index by the size',
    operand: (bytes) => `[<Xn|SP>], #<${bytes}>`,
    isPost: 1,
    rm: '11111',
    allocated: () => true,
    advance: (_t, _fields, sizeBytes) => i64.const(sizeBytes),
  },
  {
    title: 'post-index by a register',
    operand: () => '[<Xn|SP>], <Xm>',
    isPost: 1,
    rm: INDEX_REGISTER,
    allocated: (fields) => indexRegister.from(fields).Rm !== 31,
    advance: (t, fields) => t.x(indexRegister.from(fields).Rm),
  },
];

const advanceBase = (t: Ops, fields: Fields<'Rn'>, form: Form, sizeBytes: number): void => {
  if (form.advance) t.setXsp(fields.Rn, i64.add(t.xsp(fields.Rn), form.advance(t, fields, sizeBytes)));
};

/** The n-th of consecutive registers. */
const registerOf = ({ Rt }: Fields<'Rt'>, n: number): number => (Rt + n) % 32;

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n);

// Multiple structures.

interface Layout {
  /** Elements of a structure; registers as well, except for LD1 and ST1, which move one register behind the other. */
  readonly elements: number;
  readonly registers: number;
}

const LAYOUTS: Readonly<Record<number, Layout>> = {
  0b0111: { elements: 1, registers: 1 },
  0b1010: { elements: 1, registers: 2 },
  0b0110: { elements: 1, registers: 3 },
  0b0010: { elements: 1, registers: 4 },
  0b1000: { elements: 2, registers: 2 },
  0b0100: { elements: 3, registers: 3 },
  0b0000: { elements: 4, registers: 4 },
};

/** The fields that rows of multiple structures have. */
type Multiple = Fields<'Q' | 'size' | 'Rn' | 'Rt'>;

/** Strict alignment counts by elements (Arm ARM C3.2.10), however large the pieces are in which memory is accessed. */
const multipleAccess = ({ size }: Multiple): Access => ({ ...BASE, strictAlignment: bytesOf(size) });

/** 16 bytes of memory, or 8. */
interface Piece {
  readonly at: I64;
  readonly isHalf: boolean;
}

const loadPiece = (t: Ops, piece: Piece, access: Access): V128 =>
  piece.isHalf ? scalar64(t.load(8, piece.at, access)) : t.load128(piece.at, access);

const storePiece = (t: Ops, piece: Piece, value: V128, access: Access): void =>
  piece.isHalf ? t.store(8, piece.at, low64(value), access) : t.store128(piece.at, value, access);

const registerBytes = ({ Q }: Fields<'Q'>): number => (Q === 1 ? 16 : 8);

/** The memory of all registers: for elements that follow each other by register, otherwise as large as can be. */
const pieces = (t: Ops, fields: Multiple, { elements, registers }: Layout): readonly Piece[] => {
  const sizeBytes = registers * registerBytes(fields);
  const step = elements === 1 ? registerBytes(fields) : 16;
  return upTo(Math.ceil(sizeBytes / step)).map((n) => ({
    at: i64.add(t.xsp(fields.Rn), i64.const(step * n)),
    isHalf: sizeBytes - step * n < 16 || step < 16,
  }));
};

/** The vector whose bytes are those with the numbers `from` of all sources laid end to end; any byte beyond the end. */
const gather = ([head, ...tail]: readonly V128[], from: readonly number[]): V128 => {
  const first = present(head);
  const [second = first, ...others] = tail;
  return others.reduce(
    (gathered, source, n) =>
      shuffle(0, gathered, source, (lane) => {
        const byte = at(from, lane);
        return byte >> 4 === n + 2 ? 16 + (byte & 15) : lane;
      }),
    shuffle(0, first, second, (lane) => at(from, lane) & 31),
  );
};

const loadMultiple = (t: Ops, fields: Multiple, layout: Layout): void => {
  const { elements, registers } = layout;
  const size = bytesOf(fields.size);
  const memory = pieces(t, fields, layout).map((piece) => loadPiece(t, piece, multipleAccess(fields)));
  for (const n of upTo(registers)) {
    const from = upTo(16).map((byte) => (Math.floor(byte / size) * elements + n) * size + (byte % size));
    const value = elements === 1 ? at(memory, n) : sized(fields.Q, gather(memory, from));
    t.setV(registerOf(fields, n), value);
  }
};

const storeMultiple = (t: Ops, fields: Multiple, layout: Layout): void => {
  const { elements, registers } = layout;
  const size = bytesOf(fields.size);
  const sources = upTo(registers).map((n) => t.v(registerOf(fields, n)));
  for (const [n, piece] of pieces(t, fields, layout).entries()) {
    const from = upTo(16).map((lane) => {
      const byte = 16 * n + lane;
      const element = Math.floor(byte / size);
      return 16 * (element % elements) + Math.floor(element / elements) * size + (byte % size);
    });
    storePiece(t, piece, elements === 1 ? at(sources, n) : gather(sources, from), multipleAccess(fields));
  }
};

const multiple = (form: Form, isLoad: 0 | 1): InstructionRow => {
  const transfer = isLoad === 1 ? loadMultiple : storeMultiple;
  const mnemonic = isLoad === 1 ? 'LD' : 'ST';
  return row({
    name: `${mnemonic}1, ${mnemonic}2, ${mnemonic}3, ${mnemonic}4 (multiple structures, ${form.title})`,
    section: 'C3.2.10.1',
    pattern: `0 Q:1 001100 ${form.isPost} ${isLoad} 0 ${form.rm} opcode:4 size:2 Rn:5 Rt:5`,
    syntax: `${mnemonic.toLowerCase()}<elements> <structures>, ${form.operand('structureBytes')}`,
    fp: true,
    fixed: ['Rt'],
    allocated: (fields) => {
      const layout = LAYOUTS[fields.opcode];
      if (layout === undefined || !form.allocated(fields)) return false;
      // Half a register has room for one doubleword only: nothing to interleave.
      return layout.elements === 1 || fields.size !== 3 || fields.Q === 1;
    },
    semantics: (t, fields) => {
      const layout = present(LAYOUTS[fields.opcode]);
      transfer(t, fields, layout);
      advanceBase(t, fields, form, layout.registers * registerBytes(fields));
    },
  });
};

// Single structures, to and from one lane of each register, or to all lanes.

interface Lane {
  readonly scale: number;
  readonly lane: number;
}

/** Q, S and size hold as much of the lane's number as there are lanes; what is left over must be 0. */
const laneOf = ({ Q, scale, S, size }: Fields<'Q' | 'scale' | 'S' | 'size'>): Lane | undefined => {
  const bits = (Q << 3) | (S << 2) | size;
  if (scale === 2 && (size & 1) === 1) return (bits & 6) === 0 ? { scale: 3, lane: Q } : undefined;
  return (bits & ((1 << scale) - 1)) === 0 ? { scale, lane: bits >> scale } : undefined;
};

/** The fields that rows of single structures have. */
type Single = Fields<'o' | 'R' | 'Rn' | 'Rt'>;

/** Gives `transfer` each element's address and register in turn, and moves the base on. */
const eachElement = (
  t: Ops,
  fields: Single,
  form: Form,
  scale: number,
  transfer: (register: number, at: I64, access: Access) => void,
): void => {
  const elements = ((fields.o << 1) | fields.R) + 1;
  for (const n of upTo(elements)) {
    transfer(registerOf(fields, n), i64.add(t.xsp(fields.Rn), i64.const(n << scale)), BASE);
  }
  advanceBase(t, fields, form, elements << scale);
};

const single = (form: Form, isLoad: 0 | 1): InstructionRow => {
  const mnemonic = isLoad === 1 ? 'LD' : 'ST';
  return row({
    name: `${mnemonic}1, ${mnemonic}2, ${mnemonic}3, ${mnemonic}4 (single structure, ${form.title})`,
    section: 'C3.2.10.1',
    pattern: `0 Q:1 001101 ${form.isPost} ${isLoad} R:1 ${form.rm} scale:2 o:1 S:1 size:2 Rn:5 Rt:5`,
    syntax: `${mnemonic.toLowerCase()}<elements1> <lanes>, ${form.operand('lanesBytes')}`,
    fp: true,
    fixed: ['Rt'],
    allocated: (fields) => fields.scale !== 3 && laneOf(fields) !== undefined && form.allocated(fields),
    semantics: (t, fields) => {
      const { scale, lane } = present(laneOf(fields));
      eachElement(t, fields, form, scale, (register, address, access) => {
        if (isLoad === 0) return t.store(bytesOf(scale), address, element(scale, 'u', t.v(register), lane), access);
        const loaded = t.load(bytesOf(scale), address, access);
        t.setV(register, withElement(scale, t.v(register), lane, loaded));
      });
    },
  });
};

const replicated = (form: Form): InstructionRow =>
  row({
    name: `LD1R, LD2R, LD3R, LD4R (${form.title})`,
    section: 'C3.2.10.2',
    pattern: `0 Q:1 001101 ${form.isPost} 1 R:1 ${form.rm} 11 o:1 0 size:2 Rn:5 Rt:5`,
    syntax: `ld<elements1>r <replicated>, ${form.operand('replicatedBytes')}`,
    fp: true,
    fixed: ['Rt'],
    allocated: (fields) => form.allocated(fields),
    semantics: (t, fields) => {
      const scale = fields.size;
      eachElement(t, fields, form, scale, (register, address, access) => {
        t.setV(register, sized(fields.Q, splat(scale, t.load(bytesOf(scale), address, access))));
      });
    },
  });

export const LOAD_STORE_STRUCTURES: readonly InstructionRow[] = FORMS.flatMap((form) => [
  multiple(form, 0),
  multiple(form, 1),
  single(form, 0),
  single(form, 1),
  replicated(form),
]);
