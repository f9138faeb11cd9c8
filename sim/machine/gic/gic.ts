/** What both versions of Arm's Generic Interrupt Controller are to the machine, and how they tell the processors. */
import type { Device, InterruptController } from '../device.js';
import type { Json } from '../savable.js';
import { SavedState } from '../saved-state.js';
import type { CpuInterfaces } from './cpu-interface.js';
import { type Candidate, FIRST_PPI, FIRST_SPI, intidOf, type Interrupts, NO_CANDIDATE } from './interrupts.js';

/** What an interrupt controller asks its machine. */
export interface GicHost {
  /** The affinity fields of each processor's MPIDR_EL1, in order. */
  readonly affinities: readonly bigint[];
  /** Index of the processor whose access is being carried out: banked registers are its own. */
  current(): number;
  /** Sets the level of a processor's IRQ or FIQ input, which is low at the start; called only when it changes. */
  setInterrupt(processor: number, input: 'irq' | 'fiq', level: boolean): void;
}

export interface GicOptions {
  /** INTIDs that there are, private ones and SPIs: a multiple of 32. QEMU's board `virt` has 288. */
  readonly lines: number;
}

/**
 * What both versions offer to the machine. The lines of {@link InterruptController} are the INTIDs of SPIs, 32 and up.
 * When it is restored, the processors' inputs are set anew.
 */
export interface Gic extends InterruptController {
  readonly distributor: Device;
}

type Numbers = Uint8Array | Uint32Array;

const INPUTS = ['irq', 'fiq'] as const;

/** What both versions do alike. Group 0 is the one that may be signalled as FIQ. */
export abstract class GicCore implements Gic {
  abstract readonly distributor: Device;
  /** GICD_CTLR, whose lowest bits enable groups 0 and 1. */
  protected readonly distributorControl = new Uint32Array(1);
  /** The most urgent interrupt of each processor. */
  protected readonly best: Uint32Array;
  /** Levels of each processor's inputs, a bit for each of {@link INPUTS}. */
  readonly #inputs: Uint8Array;

  protected constructor(
    protected readonly host: GicHost,
    protected readonly interrupts: Interrupts,
    protected readonly interfaces: CpuInterfaces,
  ) {
    this.best = new Uint32Array(host.affinities.length).fill(NO_CANDIDATE);
    this.#inputs = new Uint8Array(host.affinities.length);
  }

  /** The input that an interrupt of group 0 is signalled by. */
  protected abstract group0Input(processor: number): 'irq' | 'fiq';

  /** What a version has beyond what both have. */
  protected abstract ownState(): Readonly<Record<string, Numbers>>;

  raise(line: number, level: boolean): void {
    if (line < FIRST_SPI || line >= this.interrupts.lines) return;
    this.interrupts.setLevel(0, line, level);
    this.update();
  }

  raisePrivate(processor: number, intid: number, level: boolean): void {
    if (intid < FIRST_PPI || intid >= FIRST_SPI) return;
    this.interrupts.setLevel(processor, intid, level);
    this.#updateProcessor(processor);
  }

  /** To be called when anything changed. */
  protected update(): void {
    for (let processor = 0; processor < this.best.length; processor++) this.#updateProcessor(processor);
  }

  #updateProcessor(processor: number): void {
    const best = this.interrupts.best(processor, this.distributorControl[0]!);
    this.best[processor] = best;
    const input = this.interfaces.signals(processor, best) ? this.#inputFor(processor, best) : undefined;
    const before = this.#inputs[processor]!;
    const after = input === undefined ? 0 : 1 << INPUTS.indexOf(input);
    if (after === before) return;
    this.#inputs[processor] = after;
    INPUTS.forEach((name, bit) => {
      if ((((after ^ before) >>> bit) & 1) !== 0) this.host.setInterrupt(processor, name, ((after >>> bit) & 1) !== 0);
    });
  }

  #inputFor(processor: number, candidate: Candidate): 'irq' | 'fiq' {
    return this.interrupts.groupOf(processor, intidOf(candidate)) === 0 ? this.group0Input(processor) : 'irq';
  }

  /** The inputs' levels are not of it: they follow from the rest. */
  #state(): Readonly<Record<string, Numbers>> {
    const { enabled, latched, level, active, group, edge, priority, routed } = this.interrupts;
    const { control, groups, priorityMask, binaryPoint, activePriorities } = this.interfaces;
    return {
      ...{ enabled, latched, level, active, group, edge, priority, routed },
      ...{ control, groups, priorityMask, binaryPoint, activePriorities },
      distributorControl: this.distributorControl,
      ...this.ownState(),
    };
  }

  save(): Json {
    return Object.fromEntries(Object.entries(this.#state()).map(([name, numbers]) => [name, [...numbers]]));
  }

  restore(saved: unknown): void {
    const state = new SavedState('an interrupt controller', saved);
    const read = Object.entries(this.#state()).map(([name, numbers]) => {
      const max = 2 ** (8 * numbers.BYTES_PER_ELEMENT) - 1;
      return [numbers, state.numbers(name, { count: numbers.length, max, exact: true })] as const;
    });
    for (const [numbers, values] of read) numbers.set(values);
    this.update();
  }
}
