/** What can be seen of a kernel that runs on a machine: its memory by its own addresses, its symbols, its log. */
import { attempt } from '../../../kexec/base/attempt.js';
import type { Range } from '../../../kexec/base/range.js';
import type { CpuModel } from '../../cpu/state/model.js';
import { Mmu } from '../../cpu/system/mmu.js';
import type { Board } from '../../machine/board.js';
import { MachineError } from '../../machine/error.js';
import { guestLog } from '../log/guest-log.js';
import type { Place } from './end-report.js';
import { type ImageSymbols, readImageSymbols } from '../log/image-symbols.js';

/** No Image is larger. */
const MAX_IMAGE = 256n << 20n;
const PAGE_OFFSET = 0xfffn;

export class GuestView {
  readonly #board: Board;
  #known: ImageSymbols | undefined;
  #looked = false;

  /**
   * @param kernel the memory that the kernel's Image takes, its variables included
   * @param otherwise what an address is called that is not in it
   */
  constructor(
    board: Board,
    private readonly kernel: Range,
    private readonly otherwise: Place = (virtAddr) => `0x${virtAddr.toString(16)}`,
  ) {
    this.#board = board;
  }

  /** `0xffff800080010000 (_stext+0x0)`. */
  place(cpu: CpuModel, virtAddr: bigint): string {
    const name = this.nameOf(cpu, virtAddr);
    return name === undefined ? this.otherwise(virtAddr) : `0x${virtAddr.toString(16)} (${name})`;
  }

  /** `_stext+0x0`; undefined for what is not the kernel's. */
  nameOf(cpu: CpuModel, virtAddr: bigint): string | undefined {
    const physAddr = this.#translate(cpu, virtAddr);
    const inside = physAddr !== undefined && this.kernel.contains(physAddr);
    return inside ? this.#symbols?.nameAt(Number(physAddr - this.kernel.start)) : undefined;
  }

  /** The kernel's log, a line each; undefined where there is none to be found. */
  log(cpu: CpuModel): string | undefined {
    const memory = {
      read: (physAddr: bigint, sizeBytes: number) => this.#read(physAddr, sizeBytes),
      translate: (virtAddr: bigint) => this.#translate(cpu, virtAddr),
    };
    return guestLog(memory, this.kernel, this.#symbols);
  }

  get #symbols(): ImageSymbols | undefined {
    if (!this.#looked) {
      this.#looked = true;
      const image = this.kernel.size > MAX_IMAGE ? undefined : this.#read(this.kernel.start, Number(this.kernel.size));
      this.#known = image && readImageSymbols(image);
    }
    return this.#known;
  }

  #read(physAddr: bigint, sizeBytes: number): Uint8Array | undefined {
    const bytes = attempt(MachineError, () => this.#board.memory.read(physAddr, sizeBytes));
    return bytes instanceof MachineError ? undefined : bytes;
  }

  #translate(cpu: CpuModel, virtAddr: bigint): bigint | undefined {
    const mmu = new Mmu(this.#board.bus, (name) => cpu.getSystemRegister(name));
    const walk = mmu.walk(virtAddr, 'read', 1);
    return 'page' in walk ? BigInt(walk.page) + (virtAddr & PAGE_OFFSET) : undefined;
  }
}
