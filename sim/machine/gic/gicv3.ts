/**
 * Arm's Generic Interrupt Controller version 3 (IHI 0069), with one security state (GICD_CTLR.DS is 1), affinity
 * routing always on, and without LPIs: as QEMU's board `virt` has it without an ITS.
 */
import { CpuInterfaces } from './cpu-interface.js';
import { GicCore, type GicHost, type GicOptions } from './gic.js';
import { CBPR, EOI_MODE, ICC, type IccRegister, type SgiTargets } from './icc-registers.js';
import { HypervisorRegisters } from './ich-registers.js';
import { type InterruptRegisters, interruptRows } from './interrupt-registers.js';
import { FIRST_PPI, FIRST_SPI, intidOf, Interrupts, SPURIOUS } from './interrupts.js';
import { merged, RegisterBlock, type RegisterRow } from './register-block.js';

/** A redistributor has two frames; more would be for virtual LPIs. */
const FRAMES_BYTES = 0x2_0000;
const SGI_FRAME = 0x1_0000;

/** GICD_CTLR: groups 0 and 1, and what is always so: ARE and DS. */
const GROUPS = 3;
const ARE = 1 << 4;
const DS = 1 << 6;

/** GICD_TYPER without the number of lines: 16 bits of INTIDs, Aff3, and no interrupt to any of several processors. */
const TYPER = (1 << 25) | (1 << 24) | (15 << 19);

/** GICD_IIDR and GICR_IIDR: Arm. */
const IIDR = 0x43b;

/** GICR_TYPER: redistributors of the same Aff3 would share their tables of LPIs; Last. */
const COMMON_LPI_AFF = 1 << 24;
const LAST = 1 << 4;

/** GICR_WAKER: the processor sleeps when it says so, and is woken as soon. */
const PROCESSOR_SLEEP = 1 << 1;
const CHILDREN_ASLEEP = 1 << 2;

/** GICD_PIDR4 and on, from 0xffd0: GICv3 of Arm. The part number's byte is the redistributor's or the distributor's. */
const identification = (at: number, part: number): RegisterRow => {
  const bytes = [0x44, 0, 0, 0, part, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1];
  return { at, count: bytes.length, read: (_processor, index) => bytes[index] ?? 0 };
};

export class GicV3 extends GicCore {
  readonly distributor: RegisterBlock;
  /** Those of the processors, in order, {@link FRAMES_BYTES} each. */
  readonly redistributors: RegisterBlock;
  /** The processors' interfaces; names that are no registers of them read as zero. */
  readonly registers = {
    read: (processor: number, name: string): bigint => this.#readRegister(processor, name),
    write: (processor: number, name: string, value: bigint): void => this.#writeRegister(processor, name, value),
  };
  readonly #hypervisor: HypervisorRegisters;
  /** GICD_IROUTER, two words for each INTID. */
  readonly #routers: Uint32Array;
  /** GICR_WAKER of each processor. */
  readonly #wakers: Uint8Array;

  constructor(host: GicHost, { lines }: GicOptions) {
    const processors = host.affinities.length;
    const interrupts = new Interrupts(processors, lines);
    super(
      host,
      interrupts,
      new CpuInterfaces(processors, interrupts, { preemptionBits: 5, cbpr: CBPR, eoiMode: EOI_MODE }),
    );
    this.#hypervisor = new HypervisorRegisters(processors);
    this.#routers = new Uint32Array(2 * lines);
    this.#wakers = new Uint8Array(processors).fill(PROCESSOR_SLEEP | CHILDREN_ASLEEP);
    for (let intid = FIRST_SPI; intid < lines; intid++) this.#route(intid);
    const update = () => this.update();
    this.distributor = new RegisterBlock(0x1_0000, this.#distributorRows(), () => host.current(), update);
    this.redistributors = new RegisterBlock(
      FRAMES_BYTES * processors,
      this.#redistributorRows(),
      (offset) => Math.floor(offset / FRAMES_BYTES),
      update,
      FRAMES_BYTES,
    );
  }

  protected override group0Input(): 'fiq' {
    return 'fiq';
  }

  protected override ownState() {
    return { routers: this.#routers, wakers: this.#wakers, hypervisor: this.#hypervisor.state };
  }

  #interruptRegisters(frame: number, first: number, end: number): readonly RegisterRow[] {
    const of: InterruptRegisters = { frame, first, end, priorityMask: 0xff, fixed: 0, narrowest: 4, widest: 4 };
    return interruptRows(this.interrupts, of);
  }

  /** IHI 0069, the distributor register map. */
  #distributorRows(): readonly RegisterRow[] {
    const { interrupts, distributorControl: control } = this;
    const { words, lines } = interrupts;
    return [
      {
        at: 0x0000, // GICD_CTLR
        read: () => control[0]! | ARE | DS,
        write: (_processor, _index, value) => (control[0] = value & GROUPS),
      },
      // QEMU counts the words of SPIs alone.
      { at: 0x0004, read: () => TYPER | (words - 2) }, // GICD_TYPER
      { at: 0x0008, read: () => IIDR }, // GICD_IIDR
      ...this.#interruptRegisters(0, 1, words),
      {
        at: 0x6000 + 8 * FIRST_SPI, // GICD_IROUTER
        count: 2 * (lines - FIRST_SPI),
        widest: 8,
        read: (_processor, index) => this.#routers[2 * FIRST_SPI + index]!,
        write: (_processor, index, value, mask) => {
          const at = 2 * FIRST_SPI + index;
          this.#routers[at] = merged(this.#routers[at]!, value, mask);
          this.#route(at >>> 1);
        },
      },
      identification(0xffd0, 0x92),
    ];
  }

  /** IHI 0069, the redistributor register map. */
  #redistributorRows(): readonly RegisterRow[] {
    return [
      { at: 0x0004, read: () => IIDR }, // GICR_IIDR
      {
        at: 0x0008, // GICR_TYPER
        count: 2,
        widest: 8,
        read: (processor, index) => this.#redistributorType(processor)[index]!,
      },
      {
        at: 0x0014, // GICR_WAKER
        read: (processor) => this.#wakers[processor]!,
        write: (processor, _index, value) => {
          this.#wakers[processor] = value & PROCESSOR_SLEEP ? PROCESSOR_SLEEP | CHILDREN_ASLEEP : 0;
        },
      },
      identification(0xffd0, 0x93),
      ...this.#interruptRegisters(SGI_FRAME, 0, 1),
    ];
  }

  /** Aff2 to Aff0 in bits 23 to 0, and Aff3. */
  #affinity(processor: number): readonly [low: number, aff3: number] {
    const affinity = this.host.affinities[processor] ?? 0n;
    return [Number(affinity & 0xff_ffffn), Number((affinity >> 32n) & 0xffn)];
  }

  #redistributorType(processor: number): readonly [low: number, high: number] {
    const [affinity, aff3] = this.#affinity(processor);
    const last = processor === this.interrupts.processors - 1 ? LAST : 0;
    return [COMMON_LPI_AFF | (processor << 8) | last, (aff3 << 24) | affinity];
  }

  /** An SPI goes to the one processor that its register names; to none where there is no such processor. */
  #route(intid: number): void {
    const [low, high] = [this.#routers[2 * intid]!, this.#routers[2 * intid + 1]!];
    for (let processor = 0; processor < this.interrupts.processors; processor++) {
      const [affinity, aff3] = this.#affinity(processor);
      this.interrupts.route(processor, intid, (low & 0xff_ffff) === affinity && (high & 0xff) === aff3);
    }
  }

  #readRegister(processor: number, name: string): bigint {
    const row: IccRegister | undefined = ICC[name];
    if (row === undefined) return this.#hypervisor.read(processor, name);
    return BigInt((row.read?.(this.#access, processor) ?? 0) >>> 0);
  }

  #writeRegister(processor: number, name: string, value: bigint): void {
    const row: IccRegister | undefined = ICC[name];
    if (row === undefined) return this.#hypervisor.write(processor, name, value);
    row.write?.(this.#access, processor, Number(BigInt.asUintN(32, value)), Number(BigInt.asUintN(32, value >> 32n)));
    this.update();
  }

  /** What the registers of a processor's interface do. */
  readonly #access = {
    interfaces: this.interfaces,
    highestPending: (processor: number, group: 0 | 1): number => this.#highestPending(processor, group),
    acknowledge: (processor: number, group: 0 | 1): number => this.#acknowledge(processor, group),
    end: (processor: number, group: 0 | 1, intid: number): void => this.#end(processor, group, intid),
    deactivate: (processor: number, intid: number): void => this.#deactivate(processor, intid),
    sendSgi: (processor: number, sgi: number, targets: SgiTargets, groups: number): void =>
      this.#sendSgi(processor, sgi, targets, groups),
  };

  /** The most urgent interrupt, if it is of that group and the group is enabled. */
  #highestPending(processor: number, group: 0 | 1): number {
    const intid = intidOf(this.best[processor]!);
    if (intid === SPURIOUS || ((this.interfaces.groups[processor]! >>> group) & 1) === 0) return SPURIOUS;
    return this.interrupts.groupOf(processor, intid) === group ? intid : SPURIOUS;
  }

  #acknowledge(processor: number, group: 0 | 1): number {
    const candidate = this.best[processor]!;
    if (!this.interfaces.signals(processor, candidate)) return SPURIOUS;
    const intid = this.#highestPending(processor, group);
    if (intid === SPURIOUS) return SPURIOUS;
    this.interfaces.activate(processor, candidate);
    this.update();
    return intid;
  }

  #end(processor: number, group: 0 | 1, intid: number): void {
    if (intid >= this.interrupts.lines || this.interfaces.runningGroup(processor) !== group) return;
    this.interfaces.drop(processor, group);
    if (!this.interfaces.splitsEnd(processor)) this.#setInactive(processor, intid);
  }

  #deactivate(processor: number, intid: number): void {
    if (intid < this.interrupts.lines && this.interfaces.splitsEnd(processor)) this.#setInactive(processor, intid);
  }

  #setInactive(processor: number, intid: number): void {
    this.interrupts.set(this.interrupts.active, processor, intid, false);
  }

  /** @param groups bit n: the SGI goes where it is of group n */
  #sendSgi(source: number, sgi: number, { list, cluster, aff3, all }: SgiTargets, groups: number): void {
    for (let processor = 0; processor < this.interrupts.processors; processor++) {
      const [affinity, itsAff3] = this.#affinity(processor);
      const [aff0, itsCluster] = [affinity & 0xff, affinity >>> 8];
      const isListed = itsAff3 === aff3 && itsCluster === cluster && aff0 < FIRST_PPI && ((list >>> aff0) & 1) !== 0;
      if (!(all ? processor !== source : isListed)) continue;
      if (((groups >>> this.interrupts.groupOf(processor, sgi)) & 1) === 0) continue;
      this.interrupts.set(this.interrupts.latched, processor, sgi, true);
    }
  }
}
