/** The registers of a program as JSON, and addresses as the command line has them. */
import { KexecError } from '../../../kexec/base/error.js';
import type { CpuModel } from '../../cpu/state/model.js';
import { type Json, jsonError, optionalField } from '../state/json.js';

interface Register {
  readonly name: string;
  readonly bits: number;
  readonly get: (cpu: CpuModel) => bigint;
  readonly set: (cpu: CpuModel, value: bigint) => void;
}

const numbered = (letter: 'x' | 'v', count: number): readonly Register[] =>
  Array.from({ length: count }, (_, i) => ({
    name: `${letter}${i}`,
    bits: letter === 'x' ? 64 : 128,
    get: (cpu) => (letter === 'x' ? cpu.getX(i) : cpu.getV(i)),
    set: (cpu, value) => (letter === 'x' ? cpu.setX(i, value) : cpu.setV(i, value)),
  }));

export const REGISTERS: readonly Register[] = [
  ...numbered('x', 31),
  {
    name: 'sp',
    bits: 64,
    get: (cpu) => cpu.sp,
    set: (cpu, value) => {
      cpu.sp = value;
    },
  },
  {
    name: 'pc',
    bits: 64,
    get: (cpu) => cpu.pc,
    set: (cpu, value) => {
      cpu.pc = value;
    },
  },
  {
    name: 'nzcv',
    bits: 4,
    get: (cpu) => BigInt(cpu.nzcv),
    set: (cpu, value) => {
      cpu.nzcv = Number(value);
    },
  },
  ...numbered('v', 32),
];

/** All of them as hexadecimal numbers. */
export const registersToJson = (cpu: CpuModel): Readonly<Record<string, string>> =>
  Object.fromEntries(REGISTERS.map(({ name, get }) => [name, `0x${get(cpu).toString(16)}`]));

/** Sets the registers that an object names; the others stay. @throws KexecError when it names what is none */
export const setRegisters = (cpu: CpuModel, json: Json): void => {
  const known = new Map(REGISTERS.map((register) => [register.name, register]));
  // Asked for any field, this complains of what is no object.
  optionalField(json, '');
  for (const [name, value] of Object.entries(json.value as object)) {
    const register = known.get(name);
    if (register === undefined) throw jsonError(json, `there is no register "${name}"`);
    register.set(cpu, registerValue({ ...json, value, path: `"${name}"` }, register.bits));
  }
};

const registerValue = (json: Json, bits: number): bigint => {
  const { value } = json;
  const number = typeof value === 'string' && /^0x[0-9a-fA-F]{1,32}$/.test(value) ? BigInt(value) : undefined;
  if (number === undefined || number >> BigInt(bits) !== 0n) {
    throw jsonError(json, `must be a string from "0x0" to "0x${((1n << BigInt(bits)) - 1n).toString(16)}"`);
  }
  return number;
};

/** "0x40000000" or "1234". @throws KexecError naming `subject` */
export const parseAddress = (text: string, subject: string): bigint => {
  if (/^(0x[0-9a-fA-F]{1,16}|\d{1,19})$/.test(text)) return BigInt(text);
  throw KexecError.die(`${subject}: "${text}" is not an address`, { subject });
};
