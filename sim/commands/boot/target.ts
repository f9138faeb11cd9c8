/**
 * The machine that `kexec-sim boot` boots a kernel on: a recorded one, one that a device tree describes, or an invented
 * one.
 */
import { readFirstDtb } from '../../../kexec/arch/arm64/dtb-arm64.js';
import { KexecError } from '../../../kexec/base/error.js';
import { silentLog } from '../../../kexec/base/log.js';
import type { Range } from '../../../kexec/base/range.js';
import { boardFacts } from '../../kernel/facts/board-arm64.js';
import { MAX_PROCESSORS } from '../../kernel/machine/whole-machine.js';
import type { RecordedMachine } from '../../kernel/recorded-machine.js';
import type { MachineSetup } from '../../kernel/saving/saved-session.js';
import { describeBoard } from '../../machine/board-tree/describe.js';
import { treeOfBlob } from '../../machine/board-tree/tree.js';
import type { Quirk } from '../../machine/quirks.js';
import { virtTree } from '../../machine/boards/virt-tree.js';
import type { SubcommandContext } from '../common/context.js';
import { type BootArguments, parseCpus, parseMemory } from './options.js';

/** The machine that a kernel is booted on, and what its boot loader knows of it. */
export interface Target {
  /** What the board is. */
  readonly board: Uint8Array;
  /** Where there is RAM, if not where the tree says. */
  readonly ram: readonly Range[] | undefined;
  /** RAM that a kernel may be put in, if not all of it. */
  readonly freeRam: readonly Range[] | undefined;
  readonly el: 1 | 2;
  /** Where consoles are if the tree tells of none that we know. */
  readonly sinks: readonly bigint[];
  /** What its firmware does in its own way, as far as it is recorded. */
  readonly quirks: readonly Quirk[];
}

/** @param dtb the device tree that the kernel is to have, if the user named one @throws KexecError, MachineError */
export const targetOf = (
  args: BootArguments,
  dtb: Uint8Array | undefined,
  machine: RecordedMachine,
  env: SubcommandContext['env'],
): Target => {
  const invented = (['memory', 'cpus', 'gic', 'el'] as const).filter((name) => args[name] !== undefined);
  if (invented.length > 0 && (args.machine !== undefined || dtb !== undefined)) {
    const known = args.machine === undefined ? 'dtb' : 'machine';
    throw KexecError.die(`--${invented[0]!} is for an invented machine, and --${known} names one that is known`, {
      subject: `--${invented[0]!}`,
    });
  }
  if (args.machine !== undefined || (env['KEXEC_MACHINE'] !== undefined && invented.length === 0)) {
    return recordedTarget(machine);
  }
  if (dtb !== undefined) return describedTarget(dtb);
  return describedTarget(
    virtTree({
      memoryBytes: parseMemory(args.memory ?? '2G'),
      processors: parseCpus(args.cpus ?? '1', MAX_PROCESSORS),
      gic: args.gic ?? 2,
      el: args.el ?? 1,
    }),
  );
};

/** A recorded machine as it is. @throws KexecError, MachineError */
export const recordedTarget = (machine: RecordedMachine): Target => {
  const { ram, sinks, bootEl, quirks } = boardFacts(machine.files, machine.bootEl);
  const { bytes } = readFirstDtb(machine, silentLog, []);
  const memory = describeBoard(treeOfBlob(bytes)).memory;
  return { board: bytes, ram: memory.length === 0 ? ram : undefined, freeRam: ram, el: bootEl, sinks, quirks };
};

/** Where firmware is called by SMC, EL2 is the kernel's (Linux' bindings arm/psci.yaml: method). */
const describedTarget = (board: Uint8Array): Target => {
  const { conduit } = describeBoard(treeOfBlob(board));
  return { board, ram: undefined, freeRam: undefined, el: conduit === 'smc' ? 2 : 1, sinks: [], quirks: [] };
};

/**
 * What the machine is made of.
 * @param quirks what its firmware does otherwise beside what is recorded
 * @param disks how many of its virtio slots have a disk: what is left, a source of random numbers gets one of
 */
export const setupOf = (target: Target, quirks: readonly Quirk[], disks: number): MachineSetup => {
  const { memory, devices } = describeBoard(treeOfBlob(target.board));
  const slots = devices.filter(({ compatible }) => compatible.includes('virtio,mmio')).length;
  return {
    tree: target.board,
    ram: target.ram ?? memory,
    el: target.el,
    sinks: target.sinks,
    quirks: [...target.quirks, ...quirks],
    entropy: disks < slots,
  };
};
