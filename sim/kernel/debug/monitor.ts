/** What is typed behind gdb's `monitor`: questions about the machine that gdb has no words for. */
import { attempt } from '../../../kexec/base/attempt.js';
import { visible } from '../../../kexec/base/format.js';
import { treeOfBlob } from '../../machine/board-tree/tree.js';
import { MachineError } from '../../machine/error.js';
import { formatMappings, mappingsOf } from './mappings.js';
import { walkFor } from './memory.js';
import { formatTree } from './tree-text.js';
import type { TargetMachine } from './target-machine.js';

interface Command {
  readonly name: string;
  readonly argument?: string;
  readonly what: string;
  /** @returns lines */
  readonly run: (machine: TargetMachine, argument: string) => readonly string[];
}

/** Larger trees are wrong. */
const MAX_TREE_BYTES = 2 << 20;
const TREE_HEADER_BYTES = 40n;
const PAGE = 4096n;

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

const vtop = ({ board, processors }: TargetMachine, argument: string): readonly string[] => {
  if (!/^(0x)?[0-9a-fA-F]{1,16}$/.test(argument)) return [`vtop: "${visible(argument)}" is not an address in hex`];
  const virtAddr = BigInt(`0x${argument.replace(/^0x/, '')}`);
  const cpu = processors.current;
  const walk = walkFor(board, cpu, virtAddr);
  if ('faultStatus' in walk) return [`${hex(virtAddr)} leads nowhere: fault status ${hex(BigInt(walk.faultStatus))}`];
  const physAddr = BigInt(walk.page) + (virtAddr % PAGE);
  const by = walk.mappedBytes === 0 ? 'the MMU is off' : `by a descriptor of ${walk.mappedBytes / 1024} KiB`;
  const kind = walk.device ? 'device memory' : 'normal memory';
  const what = board.memory.isRam(physAddr) ? 'RAM' : 'no RAM';
  return [`${hex(virtAddr)} -> ${hex(physAddr)} (${what}; ${kind}; ${by})`];
};

const log = ({ processors, told }: TargetMachine): readonly string[] => {
  const text = told.log(processors.current);
  return text === undefined ? ['there is no log of a kernel in memory'] : text.trimEnd().split('\n').map(visible);
};

const dtb = ({ board: { memory }, told }: TargetMachine): readonly string[] => {
  const address = told.tree();
  if (address === undefined || !memory.isRam(address, TREE_HEADER_BYTES)) return ['nobody knows of a device tree'];
  const size = new DataView(memory.read(address, 8).buffer).getUint32(4);
  const isReadable = size >= Number(TREE_HEADER_BYTES) && size <= MAX_TREE_BYTES && memory.isRam(address, BigInt(size));
  if (!isReadable) return [`there is no device tree at ${hex(address)}`];
  const tree = attempt(MachineError, () => treeOfBlob(memory.read(address, size)));
  return tree instanceof MachineError ? [`at ${hex(address)}: ${tree.reason}`] : formatTree(tree);
};

const COMMANDS: readonly Command[] = [
  {
    name: 'help',
    what: 'this',
    run: () => COMMANDS.map(({ name, argument = '', what }) => `${`${name} ${argument}`.padEnd(14)} ${what}`),
  },
  { name: 'info', what: 'the machine: its RAM, and where its processors are', run: info },
  { name: 'vtop', argument: 'ADDR', what: 'where a virtual address leads', run: vtop },
  { name: 'log', what: "the kernel's log, as it is in memory", run: log },
  {
    name: 'pagetable',
    what: 'all that the tables map of the processor that stopped',
    run: ({ board, processors }) => formatMappings(mappingsOf(board, processors.current)),
  },
  { name: 'dtb', what: "the kernel's device tree", run: dtb },
];

/** Carries out a command. @returns whole lines */
export const runMonitor = (text: string, machine: TargetMachine): string => {
  const [name = '', argument = '', ...rest] = text.split(/\s+/);
  const command = COMMANDS.find((one) => one.name === (name === '' ? 'help' : name));
  const isWrong = rest.length > 0 || (argument !== '') !== (command?.argument !== undefined);
  const lines =
    command === undefined
      ? [`"${visible(name)}" is no command: try "monitor help"`]
      : isWrong
        ? [`usage: monitor ${command.name}${command.argument === undefined ? '' : ` ${command.argument}`}`]
        : command.run(machine, argument);
  return lines.map((line) => `${line}\n`).join('');
};
