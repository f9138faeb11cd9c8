import type { Range } from '../../kexec/base/range.js';
import type { Bus } from '../cpu/state/bus.js';
import type { CpuHost, CpuModel } from '../cpu/state/model.js';
import type { LinearMemory } from '../cpu/wasm/host.js';
import { COUNTER_FREQUENCY, counterAt } from './counter.js';
import type { Device } from './device.js';
import { PhysicalMemory } from './memory.js';
import { Pl011 } from './pl011.js';
import { callFirmware } from './psci.js';

export interface BoardOptions {
  /** Where there is RAM. */
  readonly ram: readonly Range[];
  /** Physical address of the console, a PL011; multiple of 4. */
  readonly uart: bigint;
  /** The highest exception level below the firmware's. */
  readonly highestEl: 1 | 2;
  /** Receives the bytes that the console sends, at once. */
  readonly onOutput: (byte: number) => void;
}

interface Place {
  readonly base: number;
  readonly device: Device;
}

/** The machine around the processor, after QEMU's board `virt`: RAM, a console, firmware, a counter. */
export class Board implements Bus, CpuHost {
  readonly memory: PhysicalMemory;
  readonly bus: Bus = this;
  readonly counterFrequency = COUNTER_FREQUENCY;
  readonly highestEl: 1 | 2;
  readonly #places: readonly Place[];

  /** @throws KexecError when the host has no room for the RAM */
  constructor({ ram, uart, highestEl, onOutput }: BoardOptions) {
    this.memory = new PhysicalMemory(ram);
    this.highestEl = highestEl;
    this.#places = [{ base: Number(uart), device: new Pl011(onOutput) }];
  }

  get linear(): LinearMemory {
    return this.memory.linear;
  }

  ramPage(page: number): number | undefined {
    return this.memory.ramPage(page);
  }

  read(physAddr: number, sizeBytes: number): bigint | undefined {
    const place = this.#placeOf(physAddr, sizeBytes);
    const value = place?.device.read(physAddr - place.base);
    return value === undefined ? undefined : BigInt.asUintN(8 * sizeBytes, BigInt(value));
  }

  write(physAddr: number, sizeBytes: number, value: bigint): boolean {
    const place = this.#placeOf(physAddr, sizeBytes);
    return place?.device.write(physAddr - place.base, Number(BigInt.asUintN(8 * sizeBytes, value))) ?? false;
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

  counter(instructions: bigint): bigint {
    return counterAt(instructions);
  }

  /** The device whose register starts at the address: devices have 32-bit registers, and answer to nothing wider. */
  #placeOf(physAddr: number, sizeBytes: number): Place | undefined {
    if (sizeBytes > 4) return undefined;
    return this.#places.find(({ base, device }) => {
      const offset = physAddr - base;
      return offset >= 0 && offset < device.sizeBytes && offset % 4 === 0;
    });
  }
}
