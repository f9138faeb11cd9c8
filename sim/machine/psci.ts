/**
 * The firmware: the Power State Coordination Interface (DEN0022) by calls after DEN0028, the SMC Calling Convention,
 * and what there was before it, the spin table (Linux Documentation/arch/arm64/booting.rst).
 */
import type { CpuModel, FirmwareEnd } from '../cpu/state/model.js';
import { type Quirk, type QuirkEvent, QUIRKS } from './quirks.js';
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

/** The range that DEN0028 gives to PSCI, with 32-bit and 64-bit arguments (7.1, table of owning entities). */
const isPsci = (functionId: number): boolean => (functionId & 0xbfff_ffe0) >>> 0 === 0x8400_0000;

const nameOf = (functionId: number): string => {
  const [name] = Object.entries(FUNCTION).find(([, id]) => id === functionId) ?? [];
  if (name === undefined) return `0x${functionId.toString(16)}`;
  return name
    .replace(/64$/, '')
    .replace(/(?<=[a-z])(?=[A-Z])/g, '_')
    .toUpperCase();
};

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

/** Where the entries end that firmware takes that has no more than 30 bits for them. */
const ENTRY_LIMIT = 1n << 30n;
/** No more is kept of what quirks have done: a guest may call for ever. */
const MAX_EVENTS = 16;

/** Aff3 in bits 39 to 32, Aff2 to Aff0 in bits 23 to 0. */
const AFFINITY = 0xff_00ff_ffffn;

export interface FirmwareOptions {
  readonly quirks?: readonly Quirk[] | undefined;
  /** Where each of the processors waits for an address to be written; undefined for one that does not. */
  readonly releaseAddrs?: readonly (bigint | undefined)[] | undefined;
  /** Eight bytes of memory, little-endian; undefined where there is none. */
  readonly read?: ((physAddr: bigint) => bigint | undefined) | undefined;
}

/** The firmware of a machine, and which processors it has switched on: at first the first one. */
export class Firmware implements Savable {
  readonly #off = new Set<CpuModel>();
  /** Those that have been switched off. */
  readonly #hasBeenOn = new Set<CpuModel>();
  /** Those whose call never comes back. */
  readonly #hung = new Set<CpuModel>();
  /** Those that wait for an address, and where. */
  readonly #spinning = new Map<CpuModel, bigint>();
  readonly #events: QuirkEvent[] = [];
  #known = 0;

  /** @param cpus those that there are by the time of a call, the one that boots first */
  constructor(
    private readonly cpus: readonly CpuModel[],
    private readonly options: FirmwareOptions = {},
  ) {}

  /** Whether it runs; one that hangs does not. */
  isOn(cpu: CpuModel): boolean {
    this.#meet();
    return !this.#off.has(cpu) && !this.#hung.has(cpu);
  }

  hangs(cpu: CpuModel): boolean {
    return this.#hung.has(cpu);
  }

  /** What happened because of quirks, the first things. */
  get events(): readonly QuirkEvent[] {
    return this.#events;
  }

  /**
   * The processors but the first one have been on, and were switched off before the machine came to where it is. From a
   * spin table there is no way back: who waited there now waits in a kernel that is no more.
   */
  tookDownOthers(): void {
    this.#meet();
    for (const cpu of this.#off) this.#hasBeenOn.add(cpu);
    this.#spinning.clear();
  }

  /** Processors that a kernel has switched on long before; nobody has seen it do so. */
  hasStarted(cpus: readonly CpuModel[]): void {
    this.#meet();
    for (const cpu of cpus) {
      this.#off.delete(cpu);
      this.#hasBeenOn.add(cpu);
      this.#spinning.delete(cpu);
    }
  }

  /** A processor that is on, and is never heard of again: what it runs is not here. */
  leaveAlone(cpu: CpuModel): void {
    this.#meet();
    this.#hung.add(cpu);
  }

  /** SEV: those that wait at the spin table, with WFE, look whether there is an address for them. */
  receiveEvent(): void {
    this.#meet();
    for (const [cpu, releaseAddr] of this.#spinning) {
      const entry = this.options.read?.(releaseAddr) ?? 0n;
      if (entry !== 0n) this.#start(cpu, entry, 0n);
    }
  }

  /** Carries out a call; the result goes to X0. @returns how the run of the processor ends, if it does */
  call(cpu: CpuModel): FirmwareEnd | undefined {
    this.#meet();
    const functionId = Number(BigInt.asUintN(32, cpu.getX(0)));
    if (isPsci(functionId) && cpu.affinity !== 0n && this.#has('psci-cpu0-only')) {
      this.#hung.add(cpu);
      this.#happened('psci-cpu0-only', `processor ${this.#numberOf(cpu)} hangs in its call of ${nameOf(functionId)}`);
      return { kind: 'processor-off' };
    }
    const result = this.#carryOut(cpu, functionId);
    if (typeof result !== 'bigint') return result;
    cpu.setX(0, BigInt.asUintN(64, result));
    return undefined;
  }

  save(): Json {
    this.#meet();
    return {
      processors: this.cpus.map((cpu) => ({
        on: !this.#off.has(cpu),
        hasBeenOn: this.#hasBeenOn.has(cpu),
        hung: this.#hung.has(cpu),
        spins: this.#spinning.has(cpu),
      })),
      events: this.#events.map(({ quirk, what }) => ({ quirk, what })),
    };
  }

  restore(saved: unknown): void {
    this.#meet();
    const state = new SavedState('the firmware', saved);
    const processors = state.list('processors');
    if (processors.length !== this.cpus.length) throw state.broken('processors');
    this.cpus.forEach((cpu, i) => this.#restoreOne(cpu, new SavedState('the firmware', processors[i]), i));
    const events = state.list('events');
    if (events.length > MAX_EVENTS) throw state.broken('events');
    const restored = events.map((event) => {
      const one = new SavedState('the firmware', event);
      return { quirk: one.oneOf('quirk', Object.keys(QUIRKS) as Quirk[]), what: one.line('what') };
    });
    this.#events.splice(0, this.#events.length, ...restored);
  }

  #restoreOne(cpu: CpuModel, state: SavedState, number: number): void {
    const put = (set: Set<CpuModel>, isIn: boolean): void => {
      if (isIn) set.add(cpu);
      else set.delete(cpu);
    };
    put(this.#off, !state.flag('on'));
    put(this.#hasBeenOn, state.flag('hasBeenOn'));
    put(this.#hung, state.flag('hung'));
    const releaseAddr = this.options.releaseAddrs?.[number];
    if (!state.flag('spins')) this.#spinning.delete(cpu);
    else if (releaseAddr === undefined) throw state.broken('spins');
    else this.#spinning.set(cpu, releaseAddr);
  }

  /** Processors but the first are off until they are switched on. */
  #meet(): void {
    for (; this.#known < this.cpus.length; this.#known++) {
      const cpu = this.cpus[this.#known];
      if (this.#known === 0 || cpu === undefined) continue;
      this.#off.add(cpu);
      const releaseAddr = this.options.releaseAddrs?.[this.#known];
      if (releaseAddr !== undefined) this.#spinning.set(cpu, releaseAddr);
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
        this.#hasBeenOn.add(cpu);
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
    const refused = `CPU_ON of processor ${this.#numberOf(cpu)} is refused`;
    if (entry >= ENTRY_LIMIT && this.#has('cpu-on-below-1g')) {
      this.#happened('cpu-on-below-1g', `${refused}: its entry is 0x${entry.toString(16)}`);
      return INVALID_ADDRESS;
    }
    if (this.#hasBeenOn.has(cpu) && this.#has('cpu-on-once')) {
      this.#happened('cpu-on-once', `${refused}: it has been switched off before`);
      // What a Raspberry Pi 5's answers; Linux makes -22 of it.
      return INVALID_PARAMETERS;
    }
    this.#start(cpu, entry, context);
    return SUCCESS;
  }

  /** It starts at the highest level that is not secure (DEN0022, 6.4), though the caller may have gone below. */
  #start(cpu: CpuModel, entry: bigint, x0: bigint): void {
    cpu.reset();
    cpu.pc = entry;
    [x0, 0n, 0n, 0n].forEach((value, register) => cpu.setX(register, value));
    this.#off.delete(cpu);
    this.#spinning.delete(cpu);
  }

  #has(quirk: Quirk): boolean {
    return this.options.quirks?.includes(quirk) === true;
  }

  #happened(quirk: Quirk, what: string): void {
    if (this.#events.length < MAX_EVENTS) this.#events.push({ quirk, what });
  }

  #numberOf(cpu: CpuModel): number {
    return this.cpus.indexOf(cpu);
  }

  #find(affinity: bigint): CpuModel | undefined {
    return this.cpus.find((cpu) => cpu.affinity === (affinity & AFFINITY));
  }
}
