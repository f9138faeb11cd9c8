/** A machine, brought to the old kernel's last instructions. */
import type { Range } from '../../../kexec/base/range.js';
import type { CpuModel } from '../../cpu/state/model.js';
import type { Board } from '../../machine/board.js';
import type { CharacterInput } from '../../machine/device.js';
import type { PhysicalMemory } from '../../machine/memory.js';
import type { Quirk } from '../../machine/quirks.js';
import type { BoardFacts } from '../facts/board-arm64.js';
import type { LoadedKernel } from './loaded-kernel.js';
import type { KernelBug, Processors } from '../machine/processors.js';
import { type MachineOptions, wholeMachine } from '../machine/whole-machine.js';
import type { PlacedCode } from '../way-out/place-code.js';
import { type CodeSymbol, nameOf, purgatorySink, purgatorySymbols } from './purgatory-symbols.js';

/** What machine_kexec() leaves behind. */
export interface Prepared {
  /**
   * What the code at an address is called, such as `arm64_relocate_new_kernel+0x10`; undefined outside of the kernel's
   * own.
   */
  readonly symbolAt: (pc: bigint) => string | undefined;
  /** What the old kernel died of before it came there. */
  readonly bug?: KernelBug | undefined;
  /** The kernel's own code. */
  readonly code?: readonly PlacedCode[];
}

/** Brings a machine to where the old kernel's last code starts. */
export type Prepare = (memory: PhysicalMemory, cpu: CpuModel, log: (line: string) => void) => Prepared;

export interface LaunchOptions {
  readonly facts: BoardFacts;
  readonly kernel: LoadedKernel;
  /** The object that the purgatory may be made of, for the names of its functions. */
  readonly purgatory: Uint8Array;
  readonly createCpus: MachineOptions['createCpus'];
  readonly prepare: Prepare;
  /** What the firmware does in its own way, beside what the recording says. */
  readonly quirks?: readonly Quirk[] | undefined;
  /** Receives what the console sends. */
  readonly onOutput: (byte: number) => void;
  /** Receives what the kernel logs. */
  readonly log: (line: string) => void;
}

/** A machine whose old kernel has done all that it does before its last instructions. */
export interface Launched {
  readonly board: Board;
  /** What can be typed into. */
  readonly console: CharacterInput | undefined;
  readonly processors: Processors;
  /** `purgatory+0x10`; undefined for what has no name. */
  readonly nameOf: (pc: bigint) => string | undefined;
  /** `0x40200010 (purgatory+0x10)`. */
  readonly place: (pc: bigint) => string;
  /** Where the purgatory writes what it prints, if that is RAM, and not a console. */
  readonly sinkInRam: bigint | undefined;
  /** What the old kernel died of, before its last instructions. */
  readonly bug: KernelBug | undefined;
  /** The old kernel's last code. */
  readonly code: readonly PlacedCode[];
}

/** Does the same each time, to the last bit. @throws KexecError, MachineError */
export const launch = (options: LaunchOptions): Launched => {
  const { facts, kernel, purgatory, createCpus, prepare, quirks = [], onOutput, log } = options;
  const { board, console, cpus, processors } = wholeMachine({
    description: facts.board,
    ram: ramOf(facts),
    highestEl: facts.bootEl,
    createCpus,
    onOutput,
    sinks: facts.sinks,
    quirks: [...facts.quirks, ...quirks],
  });
  board.firmware.tookDownOthers();
  const [cpu] = cpus;
  const prepared = prepare(board.memory, cpu, log);
  cpu.invalidate();
  return launchedOn({ board, console, processors }, kernel, purgatory, prepared);
};

/** A machine that has been brought to the old kernel's last instructions, and what its places are called. */
export const launchedOn = (
  { board, console, processors }: Pick<Launched, 'board' | 'console' | 'processors'>,
  kernel: LoadedKernel,
  purgatory: Uint8Array,
  { symbolAt, bug, code = [] }: Prepared,
): Launched => {
  const symbols = (kernel.purgatory && purgatorySymbols(purgatory, kernel.purgatory)) ?? [];
  const nameAt = (pc: bigint): string | undefined => symbolAt(pc) ?? segmentName(kernel, symbols, pc);
  const place = (pc: bigint): string => {
    const name = nameAt(pc);
    return `0x${pc.toString(16)}${name === undefined ? '' : ` (${name})`}`;
  };
  const sink = kernel.purgatory && purgatorySink(purgatory, kernel.purgatory);
  const sinkInRam = sink !== undefined && board.memory.isRam(sink, 1n) ? sink : undefined;
  return { board, console, processors, nameOf: nameAt, place, sinkInRam, bug, code };
};

/** What Linux reserves for good is no System RAM, and yet it is RAM. */
const ramOf = ({ ram, board }: BoardFacts): readonly Range[] =>
  ram.every((range) => board.memory.some((all) => all.covers(range))) ? board.memory : ram;

const segmentName = (
  { segments, purgatory }: LoadedKernel,
  symbols: readonly CodeSymbol[],
  pc: bigint,
): string | undefined => {
  const index = segments.findIndex(({ memory }) => memory.size > 0n && memory.contains(pc));
  const segment = segments[index];
  if (segment === undefined) return undefined;
  const offset = `0x${(pc - segment.memory.start).toString(16)}`;
  if (segment !== purgatory) return `segment ${index}+${offset}`;
  const name = nameOf(symbols, pc);
  return name === undefined ? `purgatory segment+${offset}` : `${name} of the purgatory`;
};
