/** A core for tests of the system side: small RAM, no devices, and a processor without translated code. */
import type { Bus } from '../../../sim/cpu/state/bus.js';
import type { Core } from '../../../sim/cpu/state/core.js';
import type { DirectRegister } from '../../../sim/cpu/state/layout.js';
import type { Space } from '../../../sim/cpu/state/space.js';
import type { CpuHost, CpuModel } from '../../../sim/cpu/state/model.js';
import { SystemState } from '../../../sim/cpu/system/state.js';
import type { LinearMemory } from '../../../sim/cpu/wasm/host.js';

/** RAM from {@link RAM_START} on, small and whole. */
export const RAM_START = 0x4000_0000;
const RAM_BYTES = 1 << 20;
const PAGE = 4096;

export class FakeBus implements Bus {
  readonly linear: LinearMemory = { buffer: new ArrayBuffer(RAM_BYTES) };
  /** How often somebody looked for RAM. */
  lookups = 0;
  readonly #view = new DataView(this.linear.buffer);

  ramPage(page: number): number | undefined {
    this.lookups++;
    return page >= RAM_START && page + PAGE <= RAM_START + RAM_BYTES ? page - RAM_START : undefined;
  }

  read(): bigint | undefined {
    return undefined;
  }

  write(): boolean {
    return false;
  }

  /** Puts a descriptor into a table. */
  describe(table: number, index: number, descriptor: bigint): void {
    this.#view.setBigUint64(table - RAM_START + 8 * index, descriptor, true);
  }
}

/** Registers without an instruction that would work on them. */
export class FakeCore implements Core {
  pc = 0x1000n;
  sp = 0n;
  nzcv = 0;
  fpcr = 0;
  instructions = 0n;
  /** What was asked of the core, in order: `flush`, `flush 0x1000`, `context`, `clear exclusive`. */
  readonly log: string[] = [];
  readonly #x = new Map<number, bigint>();

  constructor(readonly bus: FakeBus) {}

  getX(register: number): bigint {
    return this.#x.get(register) ?? 0n;
  }

  setX(register: number, value: bigint): void {
    this.#x.set(register, value);
  }

  readonly #direct = new Map<DirectRegister, bigint>();

  getDirect(register: DirectRegister): bigint {
    return this.#direct.get(register) ?? 0n;
  }

  setDirect(register: DirectRegister, value: bigint): void {
    this.#direct.set(register, value);
  }

  flushUsers(): void {
    this.log.push('flush users');
  }

  spaceChanged({ lower, upper }: Space): void {
    this.log.push(`space ${lower.toString(16)} ${upper.toString(16)}`);
  }

  levelChanged(): void {
    this.log.push('level');
  }

  timersChanged(): void {
    this.log.push('timers');
  }

  readonly #v = new Map<number, bigint>();

  getV(register: number): bigint {
    return this.#v.get(register) ?? 0n;
  }

  setV(register: number, value: bigint): void {
    this.#v.set(register, value);
  }

  clearExclusive(): void {
    this.log.push('clear exclusive');
  }

  flushTlb(virtAddr?: bigint, sizeBytes = PAGE): void {
    const size = sizeBytes === PAGE ? '' : ` 0x${sizeBytes.toString(16)}`;
    this.log.push(virtAddr === undefined ? 'flush' : `flush 0x${virtAddr.toString(16)}${size}`);
  }

  breakpointsChanged(addresses: readonly bigint[]): void {
    this.log.push(`breakpoints ${addresses.map((address) => `0x${address.toString(16)}`).join()}`.trim());
  }

  contextChanged(): void {
    this.log.push('context');
  }
}

export interface FakeMachine {
  readonly bus: FakeBus;
  readonly core: FakeCore;
  readonly host: CpuHost;
  readonly state: SystemState;
  /** What reached the rest of the machine: calls to the firmware, events, TLB invalidations. */
  readonly calls: string[];
}

const SYSTEM_OFF = 0x8400_0008n;

/** A system state at the highest exception level that the machine has, whose only processor it is. */
export const fakeMachine = (highestEl: 1 | 2 = 1, affinity = 0n): FakeMachine => {
  const bus = new FakeBus();
  const core = new FakeCore(bus);
  const calls: string[] = [];
  const host: CpuHost = {
    bus,
    highestEl,
    counterFrequency: 62_500_000n,
    connect: () => {},
    enter: () => {},
    instructionsUntil: () => 0,
    setTimer: () => {},
    interruptRegisters: undefined,
    counter: () => core.instructions * 2n,
    sendEvent: () => {
      calls.push('event');
      state.receiveEvent();
    },
    broadcastTlbi: (scope) => {
      calls.push(`tlbi ${scope.toString(16)}`);
      state.receiveTlbi(scope);
    },
    firmwareCall: (conduit) => {
      calls.push(conduit);
      return core.getX(0) === SYSTEM_OFF ? { kind: 'power', what: 'off' } : undefined;
    },
  };
  // The firmware above looks at the core.
  const model = (): CpuModel => core as unknown as CpuModel;
  const state = new SystemState(core, host, { affinity }, model);
  return { bus, core, host, state, calls };
};
