/** The machine around the processors, after QEMU's board `virt`: RAM, devices, firmware, a counter. */
import type { Range } from '../../kexec/base/range.js';
import type { Bus } from '../cpu/state/bus.js';
import type { CpuHost, CpuModel } from '../cpu/state/model.js';
import type { LinearMemory } from '../cpu/wasm/host.js';
import { COUNTER_FREQUENCY, counterAt } from './counter.js';
import type { AccessSize, Device, InterruptController } from './device.js';
import { PhysicalMemory } from './memory.js';
import { callFirmware } from './psci.js';

export interface BoardOptions {
  /** Where there is RAM. */
  readonly ram: readonly Range[];
  /** No two of them at one address. */
  readonly devices: readonly MappedDevice[];
  /** What the devices' lines lead to; without it they lead nowhere. */
  readonly interrupts?: InterruptController;
  /** The highest exception level below the firmware's. */
  readonly highestEl: 1 | 2;
}

/** A device, and how it is connected. */
export interface MappedDevice {
  /** Physical address of its first byte. */
  readonly physAddr: bigint;
  readonly device: Device;
  /** The interrupt controller's input that its line leads to; undefined for none. */
  readonly line?: number;
}

interface DeviceOnBus {
  readonly start: number;
  readonly end: number;
  readonly device: Device;
}

export class Board implements Bus, CpuHost {
  readonly memory: PhysicalMemory;
  readonly bus: Bus = this;
  readonly counterFrequency = COUNTER_FREQUENCY;
  readonly highestEl: 1 | 2;
  readonly #devices: readonly DeviceOnBus[];
  readonly #cpus: CpuModel[] = [];

  /** @throws MachineError when the host has no room for the RAM */
  constructor({ ram, devices, interrupts, highestEl }: BoardOptions) {
    this.memory = new PhysicalMemory(ram);
    this.highestEl = highestEl;
    this.#devices = devices.map(({ physAddr, device }) => {
      const start = Number(physAddr);
      return { start, end: start + device.sizeBytes, device };
    });
    if (interrupts === undefined) return;
    for (const { device, line } of devices) {
      if (line !== undefined) device.connect?.((level) => interrupts.raise(line, level));
    }
  }

  get linear(): LinearMemory {
    return this.memory.linear;
  }

  ramPage(page: number): number | undefined {
    return this.memory.ramPage(page);
  }

  read(physAddr: number, sizeBytes: number): bigint | undefined {
    const found = this.#deviceAt(physAddr, sizeBytes);
    return found?.device.read(physAddr - found.start, found.sizeBytes);
  }

  write(physAddr: number, sizeBytes: number, value: bigint): boolean {
    const found = this.#deviceAt(physAddr, sizeBytes);
    if (found === undefined) return false;
    return found.device.write(physAddr - found.start, found.sizeBytes, BigInt.asUintN(8 * sizeBytes, value));
  }

  firmwareCall(
    _conduit: 'hvc' | 'smc',
    cpu: CpuModel,
  ): { readonly kind: 'power'; readonly what: 'off' | 'reset' } | undefined {
    const answer = callFirmware(cpu.getX(0), cpu.getX(1));
    if (answer.kind === 'power') return answer;
    cpu.setX(0, answer.value);
    return undefined;
  }

  connect(cpu: CpuModel): void {
    this.#cpus.push(cpu);
  }

  /** Time goes on with the instructions of all processors. */
  counter(): bigint {
    return counterAt(this.#cpus.reduce((sum, { instructions }) => sum + instructions, 0n));
  }

  sendEvent(): void {
    for (const cpu of this.#cpus) cpu.receiveEvent();
  }

  broadcastTlbi(virtAddr: bigint | undefined): void {
    for (const cpu of this.#cpus) cpu.receiveTlbi(virtAddr);
  }

  /** The device that all bytes of an access are in. No bus has accesses of other sizes: a page's end cuts them. */
  #deviceAt(physAddr: number, sizeBytes: number): (DeviceOnBus & { readonly sizeBytes: AccessSize }) | undefined {
    if (!isAccessSize(sizeBytes)) return undefined;
    const found = this.#devices.find(({ start, end }) => physAddr >= start && physAddr + sizeBytes <= end);
    return found && { ...found, sizeBytes };
  }
}

const isAccessSize = (sizeBytes: number): sizeBytes is AccessSize => [1, 2, 4, 8].includes(sizeBytes);
