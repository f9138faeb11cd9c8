/** The firmware: the Power State Coordination Interface (DEN0022) by calls after DEN0028, the SMC Calling Convention. */
import type { CpuModel, FirmwareEnd } from '../cpu/state/model.js';
import type { Json, Savable } from './savable.js';
import { SavedState } from './saved-state.js';

/** Function identifiers (DEN0022, 5.1); those with bit 30 take 64-bit arguments. */
const FUNCTION = {
  version: 0x8400_0000,
  cpuSuspend: 0x8400_0001,
  cpuOff: 0x8400_0002,
  cpuOn: 0x8400_0003,
  affinityInfo: 0x8400_0004,
  migrateInfoType: 0x8400_0006,
  systemOff: 0x8400_0008,
  systemReset: 0x8400_0009,
  features: 0x8400_000a,
  systemReset2: 0x8400_0012,
  cpuSuspend64: 0xc400_0001,
  cpuOn64: 0xc400_0003,
  affinityInfo64: 0xc400_0004,
  systemReset264: 0xc400_0012,
} as const;

const IMPLEMENTED: readonly number[] = Object.values(FUNCTION);

/** Major version in bits 31 to 16, minor below: 1.1, the first with SYSTEM_RESET2 as an option. */
const VERSION = 0x1_0001n;

/** Return values (DEN0022, 5.2.2). */
const SUCCESS = 0n;
const NOT_SUPPORTED = -1n;
const INVALID_PARAMETERS = -2n;
const ALREADY_ON = -4n;
const INVALID_ADDRESS = -9n;

/** What AFFINITY_INFO says of a processor. */
const AFFINITY_ON = 0n;
const AFFINITY_OFF = 1n;
/** No trusted operating system has to be moved before a processor is switched off (MIGRATE_INFO_TYPE). */
const NO_MIGRATION = 2n;

/** Aff3 in bits 39 to 32, Aff2 to Aff0 in bits 23 to 0. */
const AFFINITY = 0xff_00ff_ffffn;

/** The firmware of a machine, and which processors it has switched on: at first the first one. */
export class Firmware implements Savable {
  readonly #off = new Set<CpuModel>();
  #known = 0;

  /** @param cpus those that there are by the time of a call, the one that boots first */
  constructor(private readonly cpus: readonly CpuModel[]) {}

  isOn(cpu: CpuModel): boolean {
    this.#meet();
    return !this.#off.has(cpu);
  }

  /** Carries out a call; the result goes to X0. @returns how the run of the processor ends, if it does */
  call(cpu: CpuModel): FirmwareEnd | undefined {
    this.#meet();
    const functionId = Number(BigInt.asUintN(32, cpu.getX(0)));
    const result = this.#carryOut(cpu, functionId);
    if (typeof result !== 'bigint') return result;
    cpu.setX(0, BigInt.asUintN(64, result));
    return undefined;
  }

  save(): Json {
    this.#meet();
    return { on: this.cpus.map((cpu) => !this.#off.has(cpu)) };
  }

  restore(saved: unknown): void {
    this.#meet();
    const state = new SavedState('the firmware', saved);
    const on = state.list('on');
    if (on.length !== this.cpus.length || on.some((isOn) => typeof isOn !== 'boolean')) throw state.broken('on');
    this.#off.clear();
    this.cpus.forEach((cpu, i) => {
      if (on[i] === false) this.#off.add(cpu);
    });
  }

  /** Processors but the first are off until they are switched on. */
  #meet(): void {
    for (; this.#known < this.cpus.length; this.#known++) {
      if (this.#known > 0) this.#off.add(this.cpus[this.#known]!);
    }
  }

  #carryOut(cpu: CpuModel, functionId: number): bigint | FirmwareEnd {
    switch (functionId) {
      case FUNCTION.version:
        return VERSION;
      case FUNCTION.features:
        return IMPLEMENTED.includes(Number(BigInt.asUintN(32, cpu.getX(1)))) ? SUCCESS : NOT_SUPPORTED;
      case FUNCTION.migrateInfoType:
        return NO_MIGRATION;
      case FUNCTION.cpuOn:
      case FUNCTION.cpuOn64:
        return this.#cpuOn(cpu, functionId === FUNCTION.cpuOn64 ? 64 : 32);
      case FUNCTION.affinityInfo:
      case FUNCTION.affinityInfo64: {
        const found = this.#find(cpu.getX(1));
        if (found === undefined) return INVALID_PARAMETERS;
        return this.#off.has(found) ? AFFINITY_OFF : AFFINITY_ON;
      }
      case FUNCTION.cpuOff:
        this.#off.add(cpu);
        return { kind: 'processor-off' };
      case FUNCTION.cpuSuspend:
      case FUNCTION.cpuSuspend64:
        // It may be over at once, as after an interrupt that was pending.
        return SUCCESS;
      case FUNCTION.systemOff:
        return { kind: 'power', what: 'off' };
      case FUNCTION.systemReset:
      case FUNCTION.systemReset2:
      case FUNCTION.systemReset264:
        return { kind: 'power', what: 'reset' };
      default:
        return NOT_SUPPORTED;
    }
  }

  #cpuOn(caller: CpuModel, bits: 32 | 64): bigint {
    const [target, entry, context] = [1, 2, 3].map((register) => BigInt.asUintN(bits, caller.getX(register))) as [
      bigint,
      bigint,
      bigint,
    ];
    const cpu = this.#find(target);
    if (cpu === undefined) return INVALID_PARAMETERS;
    if (!this.#off.has(cpu)) return ALREADY_ON;
    if (entry % 4n !== 0n) return INVALID_ADDRESS;
    // It starts at the highest level that is not secure (DEN0022, 6.4), though the caller may have gone below.
    cpu.reset();
    cpu.pc = entry;
    cpu.setX(0, context);
    this.#off.delete(cpu);
    return SUCCESS;
  }

  #find(affinity: bigint): CpuModel | undefined {
    return this.cpus.find((cpu) => cpu.affinity === (affinity & AFFINITY));
  }
}
