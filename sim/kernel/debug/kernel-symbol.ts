/** Where a kernel comes to one of its symbols, though nobody knows yet at which addresses it will run. */
import { KexecError } from '../../../kexec/base/error.js';
import type { CpuModel } from '../../cpu/state/model.js';
import { type ImageSymbols, readImageSymbols } from '../log/image-symbols.js';
import type { FirstStop } from './debugged-machine.js';

/**
 * A kernel begins where it lies in memory. Once it has made its tables, here, it goes on at the virtual address of the
 * other symbol, wherever KASLR has put that, by a branch to a register (arch/arm64/kernel/head.S).
 */
const SWITCH = '__primary_switch';
const SWITCHED = '__primary_switched';
/** So many bytes of it are looked at. */
const MAX_SWITCH = 0x400;
const UPPER_HALF = 1n << 63n;

/** The register that `br Xn` goes to; undefined for another instruction. */
export const branchRegister = (word: number): number | undefined =>
  (word & 0xffff_fc1f) >>> 0 === 0xd61f_0000 ? (word >> 5) & 31 : undefined;

/** Where an Image comes to one of its symbols. @param start physical address of its first byte @throws KexecError */
export const kernelStop = (option: string, name: string, image: Uint8Array, start: bigint): FirstStop => {
  const symbols = readImageSymbols(image);
  if (symbols === undefined) throw refuse(option, name, 'the kernel has no table of its symbols (CONFIG_KALLSYMS)');
  const offset = symbols.offsetOf(name);
  if (offset === undefined) throw refuse(option, name, 'neither the kernel nor what runs before it has such a symbol');
  const physical = start + BigInt(offset);
  const branches = branchesIn(image, start, symbols);
  const switched = symbols.offsetOf(SWITCHED);
  if (branches.size === 0 || switched === undefined) return { stopAt: new Set([physical]) };
  const isUpper = (cpu: CpuModel): boolean => {
    const register = branches.get(cpu.pc);
    return register !== undefined && cpu.getX(register) >= UPPER_HALF;
  };
  return {
    stopAt: new Set([physical, ...branches.keys()]),
    isThere: (cpu) => cpu.pc === physical || isUpper(cpu),
    then: (cpu) => {
      if (cpu.pc === physical) return undefined;
      const register = branches.get(cpu.pc) ?? 0;
      const virtual = cpu.getX(register) - BigInt(switched) + BigInt(offset);
      return { stopAt: new Set([physical, virtual]) };
    },
  };
};

/** The branches to registers in {@link SWITCH}, and which registers these are. */
const branchesIn = (image: Uint8Array, start: bigint, symbols: ImageSymbols): ReadonlyMap<bigint, number> => {
  const found = new Map<bigint, number>();
  const first = symbols.offsetOf(SWITCH);
  if (first === undefined) return found;
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const end = Math.min(first + Math.min(symbols.roomOf(SWITCH) ?? 0, MAX_SWITCH), image.length);
  for (let at = first; at + 4 <= end; at += 4) {
    const register = branchRegister(view.getUint32(at, true));
    if (register !== undefined) found.set(start + BigInt(at), register);
  }
  return found;
};

const refuse = (option: string, name: string, why: string): KexecError =>
  KexecError.die(`${option}: "${name}": ${why}`, { subject: name });
