/** What the leaves of expressions stand for. */

import type { DirectRegister } from '../state/layout.js';

/** A register, as an instruction reads or writes it. */
export type Register =
  /** X0 to X30. */
  | { readonly kind: 'x'; readonly number: number }
  /** The stack pointer in use. */
  | { readonly kind: 'sp' }
  /** V0 to V31. */
  | { readonly kind: 'v'; readonly number: number }
  /** A system register that lies in memory. */
  | { readonly kind: 'system'; readonly register: DirectRegister }
  /** The register that a field of a word names, in a handler: the field's slot, and what registers it numbers. */
  | { readonly kind: 'operand'; readonly file: 'x' | 'sp' | 'v'; readonly slot: number };

/** What an expression reads. Who makes code of the expression knows where that is. */
export type Source =
  | Register
  /** Whether a condition holds (0 to 13, Arm ARM C1.2.4), the carry flag, and N, Z, C and V in bits 3 to 0. */
  | { readonly kind: 'condition'; readonly condition: number }
  | { readonly kind: 'carry' }
  | { readonly kind: 'nzcv' }
  /** A result of an effect of the same instruction. */
  | { readonly kind: 'temporary'; readonly index: number }
  /** An immediate of a word, and its address, in a handler. */
  | { readonly kind: 'immediate'; readonly index: number }
  | { readonly kind: 'own-pc' }
  /** A local of the function that is made. */
  | { readonly kind: 'local'; readonly index: number };

/** The number that SP has among the general registers. */
export const SP_NUMBER = 31;

export const isSameRegister = (a: Register, b: Register): boolean => {
  switch (a.kind) {
    case 'x':
    case 'v':
      return b.kind === a.kind && b.number === a.number;
    case 'sp':
      return b.kind === 'sp';
    case 'system':
      return b.kind === 'system' && b.register === a.register;
    case 'operand':
      return b.kind === 'operand' && b.file === a.file && b.slot === a.slot;
  }
};
