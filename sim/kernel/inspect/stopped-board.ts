/** A board whose processors stand still, as those see it who look into it. */
import { attempt } from '../../../kexec/base/attempt.js';
import type { CpuModel } from '../../cpu/state/model.js';
import type { Board } from '../../machine/board.js';
import { MachineError } from '../../machine/error.js';
import type { PhysicalMemory } from '../../machine/memory.js';
import type { ReadPhysical, StoppedMachine, StoppedProcessor } from './stopped.js';

/** @param current the processor that is looked at first */
export const stoppedBoard = (board: Board, cpus: readonly CpuModel[], current: CpuModel): StoppedMachine => ({
  read: readFrom(board.memory),
  ram: board.memory.ranges,
  processors: cpus.map((cpu) => stoppedProcessor(cpu, board.highestEl)),
  current: cpus.indexOf(current),
});

/** Reads RAM for those who ask for what may not be there. */
const readFrom =
  (memory: Pick<PhysicalMemory, 'read'>): ReadPhysical =>
  (physAddr, sizeBytes) => {
    const bytes = attempt(MachineError, () => memory.read(physAddr, sizeBytes));
    return bytes instanceof MachineError ? undefined : bytes;
  };

const FLAGS_SHIFT = 28;
const MASKS_SHIFT = 6;
const LEVEL_SHIFT = 2;
/** SP_ELx is in use; whether SP_EL0 is, the model's view does not tell, and SP is the right one anyway. */
const OWN_STACK = 1;

/** A processor of a machine that is whole. */
const stoppedProcessor = (cpu: CpuModel, highestEl: 1 | 2): StoppedProcessor => ({
  x: (register) => cpu.getX(register),
  sp: cpu.sp,
  pc: cpu.pc,
  pstate: BigInt(
    ((cpu.nzcv << FLAGS_SHIFT) >>> 0) +
      (cpu.daif << MASKS_SHIFT) +
      (cpu.el << LEVEL_SHIFT) +
      (cpu.el === 0 ? 0 : OWN_STACK),
  ),
  system: (name) => (highestEl === 1 && name.endsWith('_EL2') ? undefined : cpu.getSystemRegister(name)),
});
