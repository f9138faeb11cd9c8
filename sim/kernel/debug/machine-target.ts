/** A whole machine as gdb's protocol wants it: processors are threads, registers have numbers, memory is RAM. */
import { visible } from '../../../kexec/base/format.js';
import { isSet, SCTLR } from '../../cpu/state/control-bits.js';
import type { CpuModel } from '../../cpu/state/model.js';
import type { GdbTarget, Resumption, Space, StopPoint, TargetStop, ThreadDescription } from '../../gdb/target.js';
import type { Order, Told } from './debugged-machine.js';
import { DebuggedMemory } from './memory.js';
import { runMonitor } from './monitor.js';
import { GdbRegisters } from './registers.js';
import type { TargetMachine } from './target-machine.js';

/** Exit code of a machine that ends under its debugger: what comes of it is told by the command. */
const ENDED = 0;

export class MachineTarget implements GdbTarget {
  readonly architecture = 'aarch64';
  readonly generalFeatures = 2;
  readonly #all: readonly CpuModel[];
  readonly #registers: GdbRegisters;
  readonly #memory: DebuggedMemory;

  constructor(private readonly parts: TargetMachine) {
    const { board, processors } = parts;
    this.#all = [...processors];
    this.#registers = new GdbRegisters(board.highestEl);
    this.#memory = new DebuggedMemory(board);
  }

  get features(): GdbTarget['features'] {
    return this.#registers.features;
  }

  get ram(): GdbTarget['ram'] {
    return this.parts.board.memory.ranges;
  }

  get canReverse(): boolean {
    return this.parts.machine.canReverse;
  }

  get current(): number {
    return this.#threadOf(this.parts.processors.current);
  }

  get threads(): readonly ThreadDescription[] {
    const { board, told } = this.parts;
    return this.#all.map((cpu, i) => ({
      name: `cpu${i}`,
      state: board.isOn(cpu) ? `EL${cpu.el} at ${visible(told.place(cpu, cpu.pc))}` : 'switched off',
    }));
  }

  readRegister(thread: number, register: number): bigint | undefined {
    return this.#registers.read(this.#cpu(thread), register);
  }

  writeRegister(thread: number, register: number, value: bigint): string | undefined {
    const why = this.#registers.write(this.#cpu(thread), register, value);
    if (why === undefined) this.parts.machine.changed();
    return why;
  }

  readMemory(thread: number, space: Space, address: bigint, sizeBytes: number): Uint8Array {
    return this.#memory.read(this.#cpu(thread), space, address, sizeBytes);
  }

  writeMemory(thread: number, space: Space, address: bigint, bytes: Uint8Array): boolean {
    const isDone = this.#memory.write(this.#cpu(thread), space, address, bytes);
    if (isDone && bytes.length > 0) this.parts.machine.wrote();
    return isDone;
  }

  addStop(kind: StopPoint, address: bigint, sizeBytes: bigint): boolean {
    const { stops } = this.parts.machine;
    if (kind === 'breakpoint') return stops.addBreakpoint(address);
    // With the MMU off an address is that of the memory, which a kernel before may have reached by another one.
    const { current: cpu } = this.parts.processors;
    const isPhysical = !isSet(cpu.getSystemRegister(`SCTLR_EL${cpu.el === 0 ? 1 : cpu.el}`), SCTLR.M);
    return stops.addWatchpoint(kind, address, sizeBytes, isPhysical);
  }

  removeStop(kind: StopPoint, address: bigint, sizeBytes: bigint): void {
    const { stops } = this.parts.machine;
    if (kind === 'breakpoint') stops.removeBreakpoint(address);
    else stops.removeWatchpoint(kind, address, sizeBytes);
  }

  async resume({ backwards, step, among }: Resumption): Promise<TargetStop> {
    const order: Order = {
      backwards,
      step: step === undefined ? undefined : this.#cpu(step),
      among: among && new Set(among.map((thread) => this.#cpu(thread))),
    };
    // One that is switched off carries nothing out, and waits for nobody.
    const waitsForever = order.step !== undefined && !this.parts.board.isOn(order.step);
    if (waitsForever) return { kind: 'step', thread: this.#threadOf(order.step) };
    return this.#stopOf(await this.parts.machine.resume(order));
  }

  #stopOf(told: Told): TargetStop {
    const { processors, machine } = this.parts;
    const thread = this.#threadOf('cpu' in told ? told.cpu : processors.current);
    switch (told.kind) {
      case 'watchpoint':
        return {
          kind: 'watchpoint',
          thread,
          by: machine.stops.kindOf(told.virtAddr, told.isWrite),
          address: told.virtAddr,
        };
      case 'end':
        return { kind: 'end', thread, text: `kexec-ts: ${visible(this.parts.told.describeEnd(told.end))}` };
      case 'gone':
        return { kind: 'gone', exitCode: ENDED };
      default:
        return { kind: told.kind, thread };
    }
  }

  interrupt(): void {
    this.parts.machine.interrupt();
  }

  attach(): Promise<void> {
    return this.parts.machine.halt();
  }

  detach(): void {
    this.parts.machine.release();
  }

  kill(): void {
    this.parts.machine.kill();
  }

  leave(): void {
    this.parts.machine.stops.clear();
    this.parts.machine.interrupt();
  }

  monitor(command: string): string {
    return runMonitor(command, this.parts);
  }

  #cpu(thread: number): CpuModel {
    const cpu = this.#all[thread - 1];
    if (cpu === undefined) throw new RangeError(`no thread ${thread}`);
    return cpu;
  }

  #threadOf(cpu: CpuModel): number {
    return this.#all.indexOf(cpu) + 1;
  }
}
