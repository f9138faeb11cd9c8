/** What is typed behind gdb's `monitor`: questions about the machine that gdb has no words for. */
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import { visible } from '../../../kexec/base/format.js';
import { disassembleInstruction } from '../../cpu/disassembly/disassembler.js';
import { INSPECT_COMMANDS, runInspection } from '../inspect/commands.js';
import { Inspector } from '../inspect/inspector.js';
import { KernelView } from '../inspect/kernel-view.js';
import { MemoryView } from '../inspect/memory-view.js';
import { stoppedBoard } from '../inspect/stopped-board.js';
import { treeText } from '../inspect/tree-text.js';
import type { TargetMachine } from './target-machine.js';

/** Larger trees are wrong. */
const MAX_TREE_BYTES = 2 << 20;
const TREE_HEADER_BYTES = 40n;
/** An answer has no more lines: gdb is given it as a whole. */
export const MOST_MONITOR_LINES = 10_000;

const hex = (value: bigint): string => `0x${value.toString(16)}`;

const info = ({ board, processors, told }: TargetMachine): readonly string[] => [
  ...board.memory.ranges.map(({ start, last }) => `RAM ${hex(start)}-${hex(last)}`),
  `${processors.instructions} instructions so far; the counter shows ${board.counter()}`,
  ...[...processors].map((cpu, i) => {
    const turn = cpu === processors.current ? ', has the turn' : '';
    const where = board.isOn(cpu) ? `EL${cpu.el} at ${visible(told.place(cpu, cpu.pc))}` : 'switched off';
    return `cpu${i} (thread ${i + 1}, MPIDR ${hex(cpu.affinity)}): ${where}, ${cpu.instructions} instructions${turn}`;
  }),
];

const log = ({ processors, told }: TargetMachine): readonly string[] => {
  const text = told.log(processors.current);
  return text === undefined ? ['there is no log of a kernel in memory'] : text.trimEnd().split('\n').map(visible);
};

/** Of the kernel that runs; undefined where there is none in memory. */
const treeOf = ({ board: { memory }, told }: TargetMachine): Uint8Array | undefined => {
  const address = told.tree();
  if (address === undefined || !memory.isRam(address, TREE_HEADER_BYTES)) return undefined;
  const size = new DataView(memory.read(address, 8).buffer).getUint32(4);
  const isReadable = size >= Number(TREE_HEADER_BYTES) && size <= MAX_TREE_BYTES && memory.isRam(address, BigInt(size));
  return isReadable ? memory.read(address, size) : undefined;
};

const inspectorOf = (machine: TargetMachine): Inspector => {
  const { board, processors, told } = machine;
  const { current } = processors;
  const stopped = stoppedBoard(board, [...processors], current);
  const view = new MemoryView(stopped, stopped.processors[stopped.current]!);
  const kernel = told.kernel();
  return new Inspector(view, kernel && KernelView.at(view, kernel), disassembleInstruction, {
    iomem: () => undefined,
    kimage: () => undefined,
    dtb: (path) => treeText(treeOf(machine), path),
  });
};

/** What a command of `kexec-sim inspect` is called, too. */
const ALIASES: Readonly<Record<string, string>> = { pagetable: 'pt' };

const inspected = (machine: TargetMachine, name: string, line: string): readonly string[] => {
  const alias = Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined;
  const asked = alias === undefined ? line : `${alias}${line.trim().slice(name.length)}`;
  const answer = attempt(KexecError, () => {
    const lines: string[] = [];
    for (const one of runInspection(inspectorOf(machine), asked)) {
      if (lines.push(one) < MOST_MONITOR_LINES) continue;
      lines.push(`... and more than ${MOST_MONITOR_LINES} lines`);
      break;
    }
    return lines;
  });
  return answer instanceof KexecError ? [visible(answer.message)] : answer;
};

const help = (): readonly string[] =>
  [
    { name: 'help', usage: '', what: 'These lines' },
    { name: 'info', usage: '', what: 'The machine: its RAM, and where its processors are' },
    { name: 'log', usage: '', what: "The kernel's log, as it is in memory" },
    { name: 'pagetable', usage: '', what: 'As pt' },
    ...INSPECT_COMMANDS.filter(({ name }) => !['help', 'log', 'iomem', 'kimage'].includes(name)),
  ].map(({ name, usage, what }) => `${`${name} ${usage}`.padEnd(48)} ${what}`);

/** Carries out a command. @returns whole lines */
export const runMonitor = (text: string, machine: TargetMachine): string => {
  const [name = '', ...words] = text.trim().split(/\s+/);
  const own = { '': help, help, info, log }[name];
  const lines = own === undefined || words.length > 0 ? inspected(machine, name, text) : own(machine);
  return lines.map((line) => `${line}\n`).join('');
};
