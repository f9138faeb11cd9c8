/** Puts pieces of machine code into memory, with what they refer to filled in. */
import type { PhysicalMemory } from '../../machine/memory.js';
import type { CodePiece } from './code.js';

/** Code that was put into memory. */
export interface PlacedCode {
  readonly piece: CodePiece;
  /** Physical address. */
  readonly at: bigint;
  /** Virtual address that it is reached at too, before the MMU is off. */
  readonly virtAddr: bigint | undefined;
}

export const placeCode = (memory: PhysicalMemory, piece: CodePiece, at: bigint, virtAddr?: bigint): PlacedCode => {
  memory.write(at, piece.bytes);
  return { piece, at, virtAddr };
};

/** Physical address of a symbol. */
export const symbolIn = ({ piece, at }: PlacedCode, name: string): bigint => {
  const symbol = piece.symbols.find((one) => one.name === name);
  if (symbol === undefined) throw new RangeError(`${piece.name}: no symbol ${name}`);
  return at + BigInt(symbol.offset);
};

const INSTRUCTION = 4;

/**
 * What the code at an address is called, `name+0x10`, as long as it is there: the new kernel may be copied over it.
 * @param pc virtual or physical
 */
export const nameCode = (memory: PhysicalMemory, code: readonly PlacedCode[], pc: bigint): string | undefined => {
  for (const { piece, at, virtAddr } of code) {
    for (const base of virtAddr === undefined ? [at] : [at, virtAddr]) {
      const offset = Number(pc - base);
      const symbol = piece.symbols.find((one) => one.offset <= offset && offset < one.offset + one.size);
      if (symbol === undefined) continue;
      const present = memory.read(at + BigInt(offset), INSTRUCTION);
      if (!present.every((byte, i) => byte === piece.bytes[offset + i])) continue;
      return `${symbol.name}+0x${(offset - symbol.offset).toString(16)}`;
    }
  }
  return undefined;
};
