/**
 * The interrupt controller as Linux uses it: brought up, its processors interrupt each other, and all is masked before
 * another kernel starts (drivers/irqchip/irq-gic.c, irq-gic-v3.c; machine_kexec_mask_interrupts()).
 */
import type { CpuModel } from '../../cpu/state/model.js';
import type { Board } from '../../machine/board.js';
import type { BoardDescription, GicV2Description, GicV3Description } from '../../machine/board-tree/description.js';

/** What is done with the controller, each on the processor that does it. */
export interface LinuxGic {
  /** The distributor, by the processor that boots, with the lines that are in use. */
  startDistributor(cpu: CpuModel, lines: readonly number[]): void;
  /** The interface of a processor, with its private lines that are in use. */
  startInterface(cpu: CpuModel, lines: readonly number[]): void;
  sendSgi(from: CpuModel, to: CpuModel, sgi: number): void;
  /** Takes an interrupt, as its handler does first. @returns its number; 1020 and above for none */
  acknowledge(cpu: CpuModel): number;
  /** Makes interrupts inactive and masks them: what of them is private is the processor's own. */
  mask(cpu: CpuModel, intids: readonly number[]): void;
}

const FIRST_SPI = 32;
const ALL = 0xffff_ffffn;
const SGIS = 0x0000_ffffn;
const PPIS = 0xffff_0000n;
/** Four interrupts of GICD_INT_DEF_PRI. */
const DEFAULT_PRIORITIES = 0xa0a0_a0a0n;
/** Priorities that are as urgent as others come through (GICC_INT_PRI_THRESHOLD, DEFAULT_PMR_VALUE). */
const THRESHOLD = 0xf0n;

/** Registers that both versions have at the same offsets, in the distributor or in a frame for private interrupts. */
const REGISTER = {
  control: 0x000,
  group: 0x080,
  setEnable: 0x100,
  clearEnable: 0x180,
  clearActive: 0x380,
  priority: 0x400,
  targets: 0x800,
  routers: 0x6000,
} as const;

/** @returns undefined where the board has no controller that we know */
export const linuxGic = (
  board: Board,
  { gic, processors }: BoardDescription,
  cpus: readonly CpuModel[],
): LinuxGic | undefined => {
  if (gic === undefined || processors.length === 0) return undefined;
  return gic.version === 2 ? new LinuxGicV2(board, gic, cpus) : new LinuxGicV3(board, gic, cpus);
};

abstract class RegisterAccess {
  constructor(
    protected readonly board: Board,
    protected readonly cpus: readonly CpuModel[],
  ) {}

  protected write(base: bigint, offset: number, value: bigint, sizeBytes = 4): void {
    this.board.write(Number(base) + offset, sizeBytes, value);
  }

  protected read(base: bigint, offset: number): bigint {
    return this.board.read(Number(base) + offset, 4) ?? 0n;
  }

  /** The bit of an interrupt, in registers of a bit for each. */
  protected setBit(base: bigint, register: number, intid: number): void {
    this.write(base, register + 4 * Math.floor(intid / 32), 1n << BigInt(intid % 32));
  }

  protected setPriorities(base: bigint, first: number, end: number): void {
    for (let intid = first; intid < end; intid += 4) this.write(base, REGISTER.priority + intid, DEFAULT_PRIORITIES);
  }
}

class LinuxGicV2 extends RegisterAccess implements LinuxGic {
  readonly #distributor: bigint;
  readonly #interface: bigint;

  constructor(board: Board, { distributor, cpuInterface }: GicV2Description, cpus: readonly CpuModel[]) {
    super(board, cpus);
    this.#distributor = distributor.start;
    this.#interface = cpuInterface.start;
  }

  /** gic_dist_init(). */
  startDistributor(cpu: CpuModel, lines: readonly number[]): void {
    this.board.enter(cpu);
    const base = this.#distributor;
    this.write(base, REGISTER.control, 0n);
    for (const line of lines) {
      this.setPriorities(base, line - (line % 4), line - (line % 4) + 4);
      this.write(base, REGISTER.targets + line, 1n << BigInt(this.cpus.indexOf(cpu)), 1);
      this.setBit(base, REGISTER.setEnable, line);
    }
    this.write(base, REGISTER.control, 1n);
  }

  /** gic_cpu_init(). */
  startInterface(cpu: CpuModel, lines: readonly number[]): void {
    this.board.enter(cpu);
    const base = this.#distributor;
    this.write(base, REGISTER.clearActive, ALL);
    this.write(base, REGISTER.clearEnable, PPIS);
    this.write(base, REGISTER.setEnable, SGIS);
    this.setPriorities(base, 0, FIRST_SPI);
    for (const line of lines) this.setBit(base, REGISTER.setEnable, line);
    this.write(this.#interface, 0x04, THRESHOLD); // GICC_PMR
    // Where EL2 is the kernel's, the end of an interrupt is split in two: its priority is dropped first (EOImodeNS).
    this.write(this.#interface, 0x00, 1n | (this.#splits ? 1n << 9n : 0n)); // GICC_CTLR
  }

  get #splits(): boolean {
    return this.board.highestEl === 2;
  }

  sendSgi(from: CpuModel, to: CpuModel, sgi: number): void {
    this.board.enter(from);
    this.write(this.#distributor, 0xf00, (1n << BigInt(16 + this.cpus.indexOf(to))) | BigInt(sgi)); // GICD_SGIR
  }

  acknowledge(cpu: CpuModel): number {
    this.board.enter(cpu);
    const taken = this.read(this.#interface, 0x0c); // GICC_IAR
    if (this.#splits) this.write(this.#interface, 0x10, taken); // GICC_EOIR
    return Number(taken & 0x3ffn);
  }

  mask(cpu: CpuModel, intids: readonly number[]): void {
    this.board.enter(cpu);
    for (const intid of intids) {
      this.setBit(this.#distributor, REGISTER.clearActive, intid);
      this.setBit(this.#distributor, REGISTER.clearEnable, intid);
    }
  }
}

/** Where a processor's redistributor lies: two frames of 64 KiB, one behind the other (IHI 0069, 12.10). */
const REDISTRIBUTOR_BYTES = 0x2_0000n;
const SGI_FRAME = 0x1_0000n;
const GICR_WAKER = 0x14;
/** GICD_CTLR: ARE_NS, EnableGrp1A, EnableGrp1. */
const ENABLE_GROUP_1 = 0x13n;

class LinuxGicV3 extends RegisterAccess implements LinuxGic {
  readonly #distributor: bigint;
  readonly #redistributors: bigint;

  constructor(board: Board, { distributor, redistributors }: GicV3Description, cpus: readonly CpuModel[]) {
    super(board, cpus);
    this.#distributor = distributor.start;
    this.#redistributors = redistributors[0]?.start ?? 0n;
  }

  /** The redistributor's second frame, which has what is private. */
  #frameOf(cpu: CpuModel): bigint {
    return this.#redistributors + REDISTRIBUTOR_BYTES * BigInt(this.cpus.indexOf(cpu)) + SGI_FRAME;
  }

  /** gic_dist_init(). */
  startDistributor(cpu: CpuModel, lines: readonly number[]): void {
    this.board.enter(cpu);
    const base = this.#distributor;
    this.write(base, REGISTER.control, ENABLE_GROUP_1);
    for (const line of lines) {
      this.setPriorities(base, line - (line % 4), line - (line % 4) + 4);
      this.write(base, REGISTER.group + 4 * Math.floor(line / 32), ALL);
      this.write(base, REGISTER.routers + 8 * line, cpu.affinity, 8);
      this.setBit(base, REGISTER.setEnable, line);
    }
  }

  /** gic_cpu_init(). */
  startInterface(cpu: CpuModel, lines: readonly number[]): void {
    this.board.enter(cpu);
    const frame = this.#frameOf(cpu);
    this.write(frame - SGI_FRAME, GICR_WAKER, 0n);
    this.write(frame, REGISTER.group, ALL);
    this.write(frame, REGISTER.clearActive, ALL);
    this.write(frame, REGISTER.clearEnable, PPIS);
    this.write(frame, REGISTER.setEnable, SGIS);
    this.setPriorities(frame, 0, FIRST_SPI);
    for (const line of lines) this.setBit(frame, REGISTER.setEnable, line);
    this.#set(cpu, 'ICC_PMR_EL1', THRESHOLD);
    this.#set(cpu, 'ICC_CTLR_EL1', this.#splits ? 1n << 1n : 0n);
    this.#set(cpu, 'ICC_IGRPEN1_EL1', 1n);
  }

  get #splits(): boolean {
    return this.board.highestEl === 2;
  }

  #set(cpu: CpuModel, name: string, value: bigint): void {
    this.board.interruptRegisters?.write(cpu, name, value);
  }

  /** gic_ipi_send_mask(): the target's cluster, and its place there in a list of bits. */
  sendSgi(from: CpuModel, to: CpuModel, sgi: number): void {
    this.board.enter(from);
    const part = (shift: bigint): bigint => (to.affinity >> shift) & 0xffn;
    const [aff0, aff1, aff2, aff3] = [part(0n), part(8n), part(16n), part(32n)];
    this.#set(
      from,
      'ICC_SGI1R_EL1',
      (1n << (aff0 & 0xfn)) | (aff1 << 16n) | (BigInt(sgi) << 24n) | (aff2 << 32n) | (aff3 << 48n),
    );
  }

  acknowledge(cpu: CpuModel): number {
    this.board.enter(cpu);
    const taken = this.board.interruptRegisters?.read(cpu, 'ICC_IAR1_EL1') ?? BigInt(0x3ff);
    if (this.#splits) this.#set(cpu, 'ICC_EOIR1_EL1', taken);
    return Number(taken);
  }

  mask(cpu: CpuModel, intids: readonly number[]): void {
    this.board.enter(cpu);
    for (const intid of intids) {
      const base = intid < FIRST_SPI ? this.#frameOf(cpu) : this.#distributor;
      this.setBit(base, REGISTER.clearActive, intid);
      this.setBit(base, REGISTER.clearEnable, intid);
    }
  }
}
