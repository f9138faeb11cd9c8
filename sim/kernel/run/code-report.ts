/** The instructions around the one that a run ended at, in words. */
import { attempt } from '../../../kexec/base/attempt.js';
import type { CpuModel } from '../../cpu/state/model.js';
import { Mmu } from '../../cpu/system/mmu.js';
import type { Board } from '../../machine/board.js';
import { MachineError } from '../../machine/error.js';
import type { Place } from './end-report.js';

/** So many instructions before it are shown, and behind it. */
const BEFORE = 6;
const BEHIND = 2;
const WORD_BYTES = 4;
const PAGE_OFFSET = 0xfffn;
const MNEMONIC_COLUMNS = 8;

/** What is left out where it cannot be read. */
const wordAt = (cpu: CpuModel, board: Board, virtAddr: bigint): number | undefined => {
  const walk = new Mmu(board.bus, (name) => cpu.getSystemRegister(name)).walk(virtAddr, 'read', cpu.el);
  if (!('page' in walk)) return undefined;
  const physAddr = BigInt(walk.page) + (virtAddr & PAGE_OFFSET);
  const bytes = attempt(MachineError, () => board.memory.read(physAddr, WORD_BYTES));
  return bytes instanceof MachineError ? undefined : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
};

/** In two columns, without objdump's third one; a target has the name that its place has. */
const textOf = (text: string, target: bigint | undefined, place: Place): string => {
  const [mnemonic = '', operands = ''] = text.replace(/ *\t\/\//, ' //').split('\t');
  const named = target === undefined ? operands : operands.replace(`0x${target.toString(16)}`, () => place(target));
  return operands === '' ? mnemonic : `${mnemonic.padEnd(MNEMONIC_COLUMNS - 1)} ${named}`;
};

/**
 * The instructions around where a run ended, one a line: the one that could not be carried out, or the next one. Nothing
 * where there is no memory.
 */
export const formatCode = async (end: object, cpu: CpuModel, board: Board, place: Place): Promise<string> => {
  const pc = 'pc' in end && typeof end.pc === 'bigint' ? end.pc : cpu.pc;
  if (pc % BigInt(WORD_BYTES) !== 0n || wordAt(cpu, board, pc) === undefined) return '';
  // Most runs need none: commands start sooner without it.
  const { disassembleInstruction } = await import('../../cpu/disassembly/disassembler.js');
  const lines = Array.from({ length: BEFORE + 1 + BEHIND }, (_, index) => {
    const address = BigInt.asUintN(64, pc + BigInt(WORD_BYTES * (index - BEFORE)));
    const word = wordAt(cpu, board, address);
    if (word === undefined) return '';
    const { text, target } = disassembleInstruction(word, address);
    const mark = address === pc ? '->' : '  ';
    const hex = word.toString(16).padStart(8, '0');
    return `${mark} 0x${address.toString(16)}  ${hex}  ${textOf(text, target, place)}\n`;
  });
  return `instructions around ${place(pc)}:\n${lines.join('')}`;
};
