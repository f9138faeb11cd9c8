/** A processor with some RAM, and nothing else around it. */

import { Range } from '../../../kexec/base/range.js';
import { createCpu } from '../../../sim/cpu/cpu.js';
import type { CpuHost, CpuModel } from '../../../sim/cpu/state/model.js';
import { PhysicalMemory } from '../../../sim/machine/memory.js';

/** Where its RAM begins. */
export const RAM = 0x4000_0000n;

export interface BareProcessor {
  readonly cpu: CpuModel;
  readonly memory: PhysicalMemory;
}

/** At EL1, without translation of addresses; floating point is allowed. @param hotRuns 1: code is translated at once */
export const bareProcessor = (sizeBytes: bigint, hotRuns: number): BareProcessor => {
  const memory = new PhysicalMemory([Range.sized(RAM, sizeBytes)]);
  const host: CpuHost = {
    bus: {
      linear: memory.linear,
      ramPage: (page) => memory.ramPage(page),
      read: () => undefined,
      write: () => false,
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
  };
  const cpu = createCpu(host, { hotRuns });
  cpu.setSystemRegister('CPACR_EL1', 3n << 20n);
  return { cpu, memory };
};
