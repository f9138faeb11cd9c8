/** A processor with some RAM, and nothing else around it. */

import { Range } from '../../../kexec/base/range.js';
import { createCpu } from '../../../sim/cpu/cpu.js';
import type { Bus } from '../../../sim/cpu/state/bus.js';
import type { CpuHost, CpuModel } from '../../../sim/cpu/state/model.js';
import { PhysicalMemory } from '../../../sim/machine/memory.js';

/** Where its RAM begins. */
export const RAM = 0x4000_0000n;

export interface BareProcessor {
  readonly cpu: CpuModel;
  readonly memory: PhysicalMemory;
}

/** What is around a processor that has memory alone, and perhaps a device where there is none. */
export const bareHost = (memory: PhysicalMemory, device: Partial<Pick<Bus, 'read' | 'write'>> = {}): CpuHost => ({
  bus: {
    linear: memory.linear,
    ramPage: (page) => memory.ramPage(page),
    read: () => undefined,
    write: () => false,
    ...device,
  },
  firmwareCall: () => undefined,
  connect: () => {},
  enter: () => {},
  instructionsUntil: () => 0,
  setTimer: () => {},
  interruptRegisters: undefined,
  counter: () => 0n,
  sendEvent: () => {},
  broadcastTlbi: () => {},
  counterFrequency: 62_500_000n,
  highestEl: 1,
});

/** At EL1, without translation of addresses; floating point is allowed. @param hotRuns 1: code is translated at once */
export const bareProcessor = (sizeBytes: bigint, hotRuns: number): BareProcessor => {
  const memory = new PhysicalMemory([Range.sized(RAM, sizeBytes)]);
  const cpu = createCpu(bareHost(memory), { hotRuns });
  cpu.setSystemRegister('CPACR_EL1', 3n << 20n);
  return { cpu, memory };
};
