/** What machine_kexec() knows of a recorded machine. */
import type { Range } from '../../../kexec/base/range.js';
import type { Generation } from '../facts/generations.js';
import { parseResources, type Resource } from '../facts/iomem.js';
import { KCORE_HEAD } from '../facts/recorded-files.js';
import { type UndyingCpu, undyingCpu } from '../facts/stuck-cpus.js';
import type { RecordedMachine } from '../recorded-machine.js';

/** What the way out of a machine's kernel depends on, besides what is loaded. */
export interface KexecMachine {
  readonly generation: Generation;
  /** Bytes. */
  readonly pageSize: bigint;
  /** /proc/iomem. */
  readonly resources: readonly Resource[];
  /** What the kernel's page allocator hands out. */
  readonly freeMemory: readonly Range[];
  /** The exception level that the kernel was started at. */
  readonly bootEl: 1 | 2;
  readonly nrCpus: number;
  /** One that refuses to be switched off, which is the end of the old kernel. */
  readonly undyingCpu?: UndyingCpu | undefined;
  /** VMCOREINFO, or text that has it somewhere. */
  readonly vmcoreinfo: string;
  /** /proc/kallsyms, or part of it. */
  readonly kallsyms: string;
}

/** @param bootEl see `boardFacts` @throws KexecError when the recorded device tree is broken */
export const kexecMachine = ({ kernel, files, nrCpus }: RecordedMachine, bootEl: 1 | 2): KexecMachine => {
  const kcore = files.kind('/proc/kcore') === 'file' ? files.readAt('/proc/kcore', 0, KCORE_HEAD) : new Uint8Array();
  const { generation, pageSize, freeMemory } = kernel.facts;
  return {
    generation,
    pageSize,
    resources: parseResources(files.readText('/proc/iomem') ?? ''),
    freeMemory,
    bootEl,
    nrCpus,
    undyingCpu: undyingCpu(files, nrCpus),
    vmcoreinfo: new TextDecoder('latin1').decode(kcore),
    kallsyms: files.readText('/proc/kallsyms') ?? '',
  };
};
