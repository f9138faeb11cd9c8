/** Arm's Generic Interrupt Controller version 2 (IHI 0048B), without the Security Extensions, as QEMU has it. */
import { CpuInterfaces } from './cpu-interface.js';
import { HypervisorInterface } from './gich-registers.js';
import { GicCore, type GicHost, type GicOptions } from './gic.js';
import { interruptRows } from './interrupt-registers.js';
import {
  FIRST_PPI,
  FIRST_SPI,
  intidOf,
  Interrupts,
  lowestBit,
  NO_PRIORITY,
  priorityOf,
  SPURIOUS,
} from './interrupts.js';
import { merged, RegisterBlock, type RegisterRow } from './register-block.js';

/** Instead of an interrupt of group 1, where GICC_CTLR.AckCtl does not let it be acknowledged (IHI 0048B 3.2.5). */
const GROUP_1_PENDING = 1022;

/** Bits of GICC_CTLR (IHI 0048B 4.4.1); the groups' enables are the lowest two. */
const ACK_CTL = 1 << 2;
const FIQ_EN = 1 << 3;
const CBPR = 1 << 4;
const EOI_MODE_S = 1 << 9;
const GROUPS = 3;

/** GICD_IIDR: Arm. */
const GICD_IIDR = 0x43b;
/** GICC_IIDR: architecture 2, Arm. */
const GICC_IIDR = 0x0002_043b;

/** What GICD_ICPIDR2 and its neighbours read as, from 0xfd0: a PL390's successor, as QEMU has it. */
const IDENTIFICATION = [0x04, 0, 0, 0, 0x90, 0xb4, 0x2b, 0, 0x0d, 0xf0, 0x05, 0xb1] as const;

/** Every SGI. */
const SGIS = (1 << FIRST_PPI) - 1;

export class GicV2 extends GicCore {
  readonly distributor: RegisterBlock;
  readonly cpuInterface: RegisterBlock;
  readonly hypervisorInterface: HypervisorInterface;
  /** What a hypervisor's guest has for its CPU interface: no guest is run, so that nothing is there to be given. */
  readonly virtualCpuInterface: RegisterBlock;
  /** Which processors an SGI is pending from: 16 bytes for each processor that it goes to. */
  readonly #sources: Uint8Array;

  constructor(host: GicHost, { lines }: GicOptions) {
    const processors = host.affinities.length;
    const interrupts = new Interrupts(processors, lines);
    super(
      host,
      interrupts,
      new CpuInterfaces(processors, interrupts, { preemptionBits: 7, cbpr: CBPR, eoiMode: EOI_MODE_S }),
    );
    this.#sources = new Uint8Array(FIRST_PPI * processors);
    interrupts.enabled.fill(SGIS, 0, processors);
    // A single processor has all SPIs, and ITARGETSR is reserved (IHI 0048B 4.3.12).
    if (processors === 1) interrupts.routed.fill(-1);
    const processor = () => host.current();
    const update = () => this.update();
    this.distributor = new RegisterBlock(0x1000, this.#distributorRows(), processor, update);
    this.cpuInterface = new RegisterBlock(0x2000, this.#interfaceRows(), processor, update);
    this.hypervisorInterface = new HypervisorInterface(processors, processor);
    this.virtualCpuInterface = new RegisterBlock(0x2000, [], processor, () => {});
  }

  protected override group0Input(processor: number): 'irq' | 'fiq' {
    return (this.interfaces.control[processor]! & FIQ_EN) !== 0 ? 'fiq' : 'irq';
  }

  protected override ownState() {
    return { sources: this.#sources };
  }

  /** IHI 0048B 4.3. */
  #distributorRows(): readonly RegisterRow[] {
    const { interrupts, distributorControl: control } = this;
    const { processors, words } = interrupts;
    const any = { narrowest: 1, widest: 8 } as const;
    return [
      {
        at: 0x000, // GICD_CTLR
        ...any,
        read: () => control[0]!,
        write: (_processor, _index, value, mask) => (control[0] = merged(control[0]!, value, mask) & GROUPS),
      },
      { at: 0x004, ...any, read: () => (words - 1) | ((processors - 1) << 5) }, // GICD_TYPER
      { at: 0x008, ...any, read: () => GICD_IIDR },
      ...interruptRows(interrupts, { frame: 0, first: 0, end: words, priorityMask: 0xff, fixed: SGIS, ...any }),
      {
        at: 0x800, // GICD_ITARGETSR
        count: 8 * words,
        ...any,
        read: (processor, index) => this.#targets(processor, 4 * index),
        write: (_processor, index, value, mask) => this.#setTargets(4 * index, value, mask),
      },
      { at: 0xf00, write: (processor, _index, value) => this.#generateSgi(processor, value) }, // GICD_SGIR
      {
        at: 0xf10, // GICD_CPENDSGIR
        count: 4,
        ...any,
        read: (processor, index) => this.#sgiSources(processor, index),
        write: (processor, index, value) =>
          this.#setSgiSources(processor, index, this.#sgiSources(processor, index) & ~value),
      },
      {
        at: 0xf20, // GICD_SPENDSGIR
        count: 4,
        ...any,
        read: (processor, index) => this.#sgiSources(processor, index),
        write: (processor, index, value) =>
          this.#setSgiSources(processor, index, this.#sgiSources(processor, index) | value),
      },
      { at: 0xfd0, count: IDENTIFICATION.length, ...any, read: (_processor, index) => IDENTIFICATION[index] ?? 0 },
    ];
  }

  /** Bytes of four interrupts from `intid` on, in which bit n is the processor n. Private ones are the reader's. */
  #targets(processor: number, intid: number): number {
    const { interrupts } = this;
    if (interrupts.processors === 1) return 0;
    if (intid < FIRST_SPI) return 0x0101_0101 << processor;
    let targets = 0;
    for (let n = 0; n < 4; n++) {
      for (let target = 0; target < interrupts.processors; target++) {
        if (interrupts.isRouted(target, intid + n)) targets |= 1 << (8 * n + target);
      }
    }
    return targets;
  }

  #setTargets(intid: number, value: number, mask: number): void {
    const { interrupts } = this;
    if (interrupts.processors === 1 || intid < FIRST_SPI) return;
    for (let n = 0; n < 4; n++) {
      if (((mask >>> (8 * n)) & 1) === 0) continue;
      for (let target = 0; target < interrupts.processors; target++) {
        interrupts.route(target, intid + n, ((value >>> (8 * n + target)) & 1) !== 0);
      }
    }
  }

  /** GICD_SGIR: the number is in bits 3 to 0, processors in 23 to 16, which of them are meant in 25 and 24. */
  #generateSgi(source: number, value: number): void {
    const all = (1 << this.interrupts.processors) - 1;
    const listed = [value >>> 16, ~(1 << source), 1 << source, 0][(value >>> 24) & 3]! & all;
    for (let target = 0; target < this.interrupts.processors; target++) {
      if ((listed >>> target) & 1) this.#setSources(target, value & 0xf, (now) => now | (1 << source));
    }
  }

  #setSources(processor: number, sgi: number, change: (sources: number) => number): void {
    const at = FIRST_PPI * processor + sgi;
    const sources = change(this.#sources[at]!) & ((1 << this.interrupts.processors) - 1);
    this.#sources[at] = sources;
    this.interrupts.set(this.interrupts.latched, processor, sgi, sources !== 0);
  }

  /** Bytes of four SGIs. */
  #sgiSources(processor: number, index: number): number {
    const at = FIRST_PPI * processor + 4 * index;
    return [0, 1, 2, 3].reduce((word, n) => word | (this.#sources[at + n]! << (8 * n)), 0);
  }

  #setSgiSources(processor: number, index: number, word: number): void {
    for (let n = 0; n < 4; n++) this.#setSources(processor, 4 * index + n, () => (word >>> (8 * n)) & 0xff);
  }

  /** IHI 0048B 4.4. */
  #interfaceRows(): readonly RegisterRow[] {
    const { interfaces } = this;
    const { control, groups, priorityMask } = interfaces;
    return [
      {
        at: 0x00, // GICC_CTLR
        read: (processor) => control[processor]! | groups[processor]!,
        write: (processor, _index, value) => {
          control[processor] = value & (ACK_CTL | FIQ_EN | CBPR | EOI_MODE_S);
          groups[processor] = value & GROUPS;
        },
      },
      {
        at: 0x04, // GICC_PMR
        read: (processor) => priorityMask[processor]!,
        write: (processor, _index, value) => (priorityMask[processor] = value),
      },
      this.#binaryPointRow(0x08, 0), // GICC_BPR
      { at: 0x0c, read: (processor) => this.#acknowledge(processor) }, // GICC_IAR
      { at: 0x10, write: (processor, _index, value) => this.#end(processor, value & SPURIOUS) }, // GICC_EOIR
      { at: 0x14, read: (processor) => Math.min(interfaces.runningPriority(processor), 0xff) }, // GICC_RPR
      { at: 0x18, read: (processor) => this.#highestPending(processor) }, // GICC_HPPIR
      this.#binaryPointRow(0x1c, 1), // GICC_ABPR
      this.#activePrioritiesRow(0xd0, 0), // GICC_APR
      this.#activePrioritiesRow(0xe0, 1), // GICC_NSAPR
      { at: 0xfc, read: () => GICC_IIDR },
      {
        at: 0x1000, // GICC_DIR
        write: (processor, _index, value) => {
          if (interfaces.splitsEnd(processor)) this.#deactivate(processor, value & SPURIOUS);
        },
      },
    ];
  }

  #binaryPointRow(at: number, group: 0 | 1): RegisterRow {
    return {
      at,
      read: (processor) => this.interfaces.getBinaryPoint(processor, group),
      write: (processor, _index, value) => this.interfaces.setBinaryPoint(processor, group, value),
    };
  }

  #activePrioritiesRow(at: number, group: 0 | 1): RegisterRow {
    const { activePriorities } = this.interfaces;
    return {
      at,
      count: 4,
      read: (processor, index) => activePriorities[this.interfaces.activeAt(processor, group, index)]!,
      write: (processor, index, value) => (activePriorities[this.interfaces.activeAt(processor, group, index)] = value),
    };
  }

  /** Without the source of an SGI. */
  #highestPending(processor: number): number {
    const candidate = this.best[processor]!;
    if (priorityOf(candidate) >= this.interfaces.priorityMask[processor]!) return SPURIOUS;
    const intid = intidOf(candidate);
    const mayAcknowledge = (this.interfaces.control[processor]! & ACK_CTL) !== 0;
    return this.interrupts.groupOf(processor, intid) === 1 && !mayAcknowledge ? GROUP_1_PENDING : intid;
  }

  /** An SGI is acknowledged for one of its sources, the first, which is in bits 12 to 10. */
  #acknowledge(processor: number): number {
    const candidate = this.best[processor]!;
    const intid = this.#highestPending(processor);
    if (intid >= GROUP_1_PENDING) return intid;
    if (!this.interfaces.signals(processor, candidate)) return SPURIOUS;
    this.interfaces.activate(processor, candidate);
    let source = 0;
    if (intid < FIRST_PPI) {
      source = lowestBit(this.#sources[FIRST_PPI * processor + intid]!);
      this.#setSources(processor, intid, (now) => now & (now - 1));
    }
    this.update();
    return intid | (source << 10);
  }

  #end(processor: number, intid: number): void {
    const { interfaces, interrupts } = this;
    if (intid >= interrupts.lines || interfaces.runningPriority(processor) === NO_PRIORITY) return;
    interfaces.drop(processor, interrupts.groupOf(processor, intid));
    if (!interfaces.splitsEnd(processor)) this.#deactivate(processor, intid);
  }

  #deactivate(processor: number, intid: number): void {
    if (intid < this.interrupts.lines) this.interrupts.set(this.interrupts.active, processor, intid, false);
  }
}
