/** A machine that stands still, as those see it who look into it: running, saved, or no more than a core file. */
import type { Range } from '../../../kexec/base/range.js';

/** Bytes at a physical address; undefined where there is no memory, or where a core file has none. */
export type ReadPhysical = (physAddr: bigint, sizeBytes: number) => Uint8Array | undefined;

/** Registers of a processor; undefined where they are not known, as most are not in a core file. */
export interface StoppedProcessor {
  /** X0 to X30. */
  readonly x: (register: number) => bigint;
  readonly sp: bigint;
  readonly pc: bigint;
  /** PSTATE, as SPSR_ELx has it. */
  readonly pstate: bigint;
  /** A system register by its name. */
  readonly system: (name: string) => bigint | undefined;
}

export interface StoppedMachine {
  readonly read: ReadPhysical;
  /** Where there is memory. */
  readonly ram: readonly Range[];
  readonly processors: readonly StoppedProcessor[];
  /** The processor that is looked at first. */
  readonly current: number;
}

const EL_SHIFT = 2n;

/** The exception level that PSTATE tells. */
export const levelOf = ({ pstate }: StoppedProcessor): 0 | 1 | 2 | 3 =>
  Number((pstate >> EL_SHIFT) & 3n) as 0 | 1 | 2 | 3;

/** A little-endian number of up to eight bytes. */
export const numberAt = (bytes: Uint8Array): bigint =>
  bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
