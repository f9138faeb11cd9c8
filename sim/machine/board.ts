/** The machine around the processors, after QEMU's board `virt`: RAM, devices, firmware, a counter. */
import { attempt } from '../../kexec/base/attempt.js';
import type { Range } from '../../kexec/base/range.js';
import { expectElements, expectFields, fields, listOf, oneOf, optional } from '../../kexec/arguments/shape.js';
import { RANGE } from '../../kexec/arguments/shapes.js';
import type { Bus } from '../cpu/state/bus.js';
import type {
  CpuHost,
  CpuModel,
  FirmwareEnd,
  InterruptInput,
  InterruptRegisters,
  TimerName,
  TlbiScope,
} from '../cpu/state/model.js';
import { SavedCpuError } from '../cpu/state/saved-cpu.js';
import type { LinearMemory } from '../cpu/wasm/host.js';
import { COUNTER_FREQUENCY, counterAt, instructionsAt } from './counter.js';
import type { AccessSize, Device, InterruptController } from './device.js';
import { MachineError } from './error.js';
import { PhysicalMemory } from './memory.js';
import { Firmware, type FirmwareOptions } from './psci.js';
import type { Json, Savable } from './savable.js';
import { processorToJson, readProcessor } from './saved-processor.js';
import { SavedState } from './saved-state.js';

const DEVICE = fields({ sizeBytes: 'number', read: 'function', write: 'function', connect: 'function?' });

export interface BoardOptions {
  /** Where there is RAM. */
  readonly ram: readonly Range[];
  /** No two of them at one address. */
  readonly devices: readonly MappedDevice[];
  /** Makes what the devices' and the processors' lines lead to; without it they lead nowhere. */
  readonly interrupts?: (host: InterruptHost) => Interrupts;
  /** The highest exception level below the firmware's. */
  readonly highestEl: 1 | 2;
  /** Seconds since 1970 that its clock shows at the start. */
  readonly startSeconds?: bigint | undefined;
  /** What its firmware does in its own way. */
  readonly quirks?: FirmwareOptions['quirks'];
  /** Where its processors wait for an address to be written, in their order. */
  readonly releaseAddrs?: FirmwareOptions['releaseAddrs'];
}

/** What the interrupt controller asks of the board. */
export interface InterruptHost {
  /** Index of the processor whose access or instruction is being carried out. */
  current(): number;
  /** Sets the level of a processor's input. */
  setInterrupt(processor: number, input: InterruptInput, level: boolean): void;
}

/** The interrupt controller with its registers, and where the processors' own lines lead to. */
export interface Interrupts {
  readonly controller: InterruptController;
  readonly devices: readonly MappedDevice[];
  /** INTID of each timer's line; undefined for one that leads nowhere. */
  readonly timerLines: Readonly<Partial<Record<TimerName, number>>>;
}

/** A device, and how it is connected. */
export interface MappedDevice {
  /** Physical address of its first byte. */
  readonly physAddr: bigint;
  readonly device: Device;
  /** What it is called in a trace. */
  readonly name?: string;
  /** The interrupt controller's input that its line leads to; undefined for none. */
  readonly line?: number | undefined;
}

/** An access of a processor to a device. */
export interface DeviceAccess {
  /** Index of the processor. */
  readonly processor: number;
  readonly physAddr: bigint;
  readonly sizeBytes: number;
  readonly isWrite: boolean;
  readonly value: bigint;
}

interface DeviceOnBus {
  readonly start: number;
  readonly end: number;
  readonly device: Device;
  readonly name: string;
}

/** What it saves is all but its RAM. */
export class Board implements Bus, CpuHost, Savable {
  readonly memory: PhysicalMemory;
  readonly bus: Bus = this;
  readonly counterFrequency = COUNTER_FREQUENCY;
  readonly highestEl: 1 | 2;
  readonly interruptRegisters: InterruptRegisters | undefined;
  readonly #devices: readonly DeviceOnBus[];
  /** Those that do something when their time has come. */
  readonly #polled: readonly Device[];
  readonly #startSeconds: bigint;
  readonly #interrupts: Interrupts | undefined;
  readonly #cpus: CpuModel[] = [];
  readonly firmware: Firmware;
  /** Sees accesses to devices, behind a read and before a write. */
  onDeviceAccess: ((access: DeviceAccess) => void) | undefined;
  /** Instructions that could have been carried out in times when no processor ran. */
  #idle = 0n;
  #current = 0;

  /** @throws MachineError when the host has no room for the RAM */
  constructor(options: BoardOptions) {
    expectFields('Board: the options', options, {
      ...{ highestEl: oneOf([1, 2]), interrupts: 'function?', startSeconds: 'bigint?' },
      ...{ quirks: optional(listOf('string')), releaseAddrs: 'list?' },
    });
    expectElements('Board: the RAM', options.ram, RANGE);
    expectElements('Board: the devices', options.devices, { physAddr: 'bigint', line: 'number?', device: DEVICE });
    const { ram, devices, interrupts, highestEl, startSeconds = 0n, quirks, releaseAddrs } = options;
    this.firmware = new Firmware(this.#cpus, { quirks, releaseAddrs, read: (physAddr) => this.#word(physAddr) });
    this.memory = new PhysicalMemory(ram);
    this.highestEl = highestEl;
    this.#interrupts = interrupts?.({
      current: () => this.#current,
      setInterrupt: (processor, input, level) => this.#cpus[processor]?.setInterrupt(input, level),
    });
    this.#devices = [...devices, ...(this.#interrupts?.devices ?? [])].map(({ physAddr, device, name = 'device' }) => {
      const start = Number(physAddr);
      return { start, end: start + device.sizeBytes, device, name };
    });
    this.#polled = devices.map(({ device }) => device).filter(({ poll }) => poll !== undefined);
    this.#startSeconds = startSeconds;
    const controller = this.#interrupts?.controller;
    const registers = controller?.registers;
    this.interruptRegisters = registers && {
      read: (cpu, name) => registers.read(this.#indexOf(cpu), name),
      write: (cpu, name, value) => registers.write(this.#indexOf(cpu), name, value),
    };
    if (controller === undefined) return;
    for (const { device, line } of devices) {
      if (line !== undefined) device.connect?.((level) => controller.raise(line, level));
    }
  }

  /** What is on its bus beside RAM: ends are exclusive. */
  get devices(): readonly { readonly name: string; readonly start: bigint; readonly end: bigint }[] {
    return this.#devices.map(({ name, start, end }) => ({ name, start: BigInt(start), end: BigInt(end) }));
  }

  get linear(): LinearMemory {
    return this.memory.linear;
  }

  ramPage(page: number): number | undefined {
    return this.memory.ramPage(page);
  }

  read(physAddr: number, sizeBytes: number): bigint | undefined {
    const found = this.#deviceAt(physAddr, sizeBytes);
    if (found === undefined) return undefined;
    const value = found.device.read(physAddr - found.start, found.sizeBytes);
    if (value !== undefined) this.#tell(physAddr, sizeBytes, false, value);
    return value;
  }

  write(physAddr: number, sizeBytes: number, value: bigint): boolean {
    const found = this.#deviceAt(physAddr, sizeBytes);
    if (found === undefined) return false;
    const written = BigInt.asUintN(8 * sizeBytes, value);
    this.#tell(physAddr, sizeBytes, true, written);
    return found.device.write(physAddr - found.start, found.sizeBytes, written);
  }

  #tell(physAddr: number, sizeBytes: number, isWrite: boolean, value: bigint): void {
    const { onDeviceAccess } = this;
    onDeviceAccess?.({ processor: this.#current, physAddr: BigInt(physAddr), sizeBytes, isWrite, value });
  }

  firmwareCall(_conduit: 'hvc' | 'smc', cpu: CpuModel): FirmwareEnd | undefined {
    return this.firmware.call(cpu);
  }

  /** Whether a processor runs, as the firmware knows it: all others wait for CPU_ON. */
  isOn(cpu: CpuModel): boolean {
    return this.firmware.isOn(cpu);
  }

  connect(cpu: CpuModel): void {
    this.#cpus.push(cpu);
  }

  enter(cpu: CpuModel): void {
    this.#current = this.#indexOf(cpu);
  }

  #indexOf(cpu: CpuModel): number {
    return this.#cpus.indexOf(cpu);
  }

  /** Time goes on with the instructions of all processors, and while none has any. */
  counter(): bigint {
    return counterAt(this.#instructions);
  }

  get #instructions(): bigint {
    return this.#cpus.reduce((sum, { instructions }) => sum + instructions, this.#idle);
  }

  /** Seconds since 1970, as the machine's clock shows them. */
  get seconds(): bigint {
    return this.#startSeconds + this.counter() / COUNTER_FREQUENCY;
  }

  /** What the counter shows when a device is next to be polled; undefined while none is to be. */
  get alarm(): bigint | undefined {
    let first: bigint | undefined;
    for (const { alarm } of this.#polled) {
      if (alarm !== undefined && (first === undefined || alarm < first)) first = alarm;
    }
    return first === undefined ? undefined : (first - this.#startSeconds) * COUNTER_FREQUENCY;
  }

  /** Lets devices look whether their time has come. */
  poll(): void {
    for (const device of this.#polled) device.poll?.();
  }

  instructionsUntil(count: bigint): number {
    return Number(instructionsAt(count) - this.#instructions);
  }

  /** Lets time pass until the counter shows a value, since no processor has anything to do. */
  advanceTo(count: bigint): void {
    const more = instructionsAt(count) - this.#instructions;
    if (more > 0n) this.#idle += more;
  }

  setTimer(cpu: CpuModel, timer: TimerName, level: boolean): void {
    const line = this.#interrupts?.timerLines[timer];
    if (line !== undefined) this.#interrupts?.controller.raisePrivate(this.#indexOf(cpu), line, level);
  }

  sendEvent(): void {
    for (const cpu of this.#cpus) cpu.receiveEvent();
    this.firmware.receiveEvent();
  }

  broadcastTlbi(scope: TlbiScope): void {
    for (const cpu of this.#cpus) cpu.receiveTlbi(scope);
  }

  save(): Json {
    return {
      idle: `0x${this.#idle.toString(16)}`,
      current: this.#current,
      processors: this.#cpus.map((cpu) => processorToJson(cpu.save())),
      firmware: this.firmware.save(),
      devices: this.#devices.map(({ start, device }) => ({ start, state: device.save() })),
      controller: this.#interrupts?.controller.save() ?? null,
    };
  }

  /**
   * Goes on from what a board like this was, whose RAM this one has already. Devices need the time; the interrupt
   * controller comes last, because devices that set their lines would raise interrupts that were raised before.
   */
  restore(saved: unknown): void {
    const state = new SavedState('the board', saved);
    const processors = state.list('processors');
    if (processors.length !== this.#cpus.length) throw state.broken('processors');
    this.#cpus.forEach((cpu, i) => restoreProcessor(cpu, processors[i]));
    this.#idle = state.hex('idle');
    this.#current = state.number('current', Math.max(this.#cpus.length - 1, 0));
    this.firmware.restore(state.part('firmware'));
    const devices = state.list('devices').map((device) => new SavedState('the board', device));
    if (devices.length !== this.#devices.length) throw state.broken('devices');
    this.#devices.forEach(({ start, device }, i) => {
      if (devices[i]!.number('start', Number.MAX_SAFE_INTEGER) !== start) throw state.broken('devices');
      device.restore(devices[i]!.part('state'));
    });
    this.#interrupts?.controller.restore(state.part('controller'));
  }

  /** Eight bytes of RAM, little-endian. */
  #word(physAddr: bigint): bigint | undefined {
    if (!this.memory.isRam(physAddr, 8n)) return undefined;
    const bytes = this.memory.read(physAddr, 8);
    return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  }

  /** The device that all bytes of an access are in. No bus has accesses of other sizes: a page's end cuts them. */
  #deviceAt(physAddr: number, sizeBytes: number): (DeviceOnBus & { readonly sizeBytes: AccessSize }) | undefined {
    if (!isAccessSize(sizeBytes)) return undefined;
    const found = this.#devices.find(({ start, end }) => physAddr >= start && physAddr + sizeBytes <= end);
    return found && { ...found, sizeBytes };
  }
}

const restoreProcessor = (cpu: CpuModel, saved: unknown): void => {
  const state = readProcessor(saved);
  const result = attempt(SavedCpuError, () => cpu.restore(state));
  if (result instanceof SavedCpuError) {
    throw new MachineError(`the saved state of a processor is broken: ${result.message}`);
  }
};

const isAccessSize = (sizeBytes: number): sizeBytes is AccessSize => [1, 2, 4, 8].includes(sizeBytes);
