/** A machine's memory as its debugger sees it: RAM alone, by virtual or physical addresses. */
import type { CpuModel } from '../../cpu/state/model.js';
import { Mmu, type Walk } from '../../cpu/system/mmu.js';
import type { Fault } from '../../cpu/state/fault.js';
import type { Space } from '../../gdb/target.js';
import type { Board } from '../../machine/board.js';

const PAGE = 4096n;
const ADDRESSES = 1n << 64n;

/** Where an address leads by a processor's tables, whoever may access it. */
export const walkFor = (board: Board, cpu: CpuModel, virtAddr: bigint): Walk | Fault => {
  const mmu = new Mmu(board.bus, (name) => cpu.getSystemRegister(name));
  return mmu.walk(virtAddr, 'read', cpu.el === 2 ? 2 : 1);
};

/** Bytes of one page. */
interface Piece {
  readonly physAddr: bigint;
  /** Of the first byte, among those that were asked for. */
  readonly at: number;
  readonly sizeBytes: number;
}

export class DebuggedMemory {
  constructor(private readonly board: Board) {}

  /** As many bytes as there are, from the first one on: what a device would answer is not asked for. */
  read(cpu: CpuModel, space: Space, address: bigint, sizeBytes: number): Uint8Array {
    const bytes = new Uint8Array(sizeBytes);
    let known = 0;
    for (const piece of this.#pieces(cpu, space, address, sizeBytes)) {
      bytes.set(this.board.memory.read(piece.physAddr, piece.sizeBytes), piece.at);
      known = piece.at + piece.sizeBytes;
    }
    return bytes.subarray(0, known);
  }

  /** All or nothing. @returns whether there is RAM */
  write(cpu: CpuModel, space: Space, address: bigint, bytes: Uint8Array): boolean {
    const pieces = [...this.#pieces(cpu, space, address, bytes.length)];
    const last = pieces.at(-1);
    if ((last === undefined ? 0 : last.at + last.sizeBytes) < bytes.length) return false;
    for (const { physAddr, at, sizeBytes } of pieces) {
      cpu.receiveWrite(Number(physAddr), sizeBytes);
      this.board.memory.write(physAddr, bytes.subarray(at, at + sizeBytes));
    }
    return true;
  }

  /** Page by page, up to the first one that is no RAM. */
  *#pieces(cpu: CpuModel, space: Space, address: bigint, sizeBytes: number): Generator<Piece> {
    for (let at = 0; at < sizeBytes;) {
      const here = address + BigInt(at);
      if (here >= ADDRESSES) return;
      const left = Math.min(sizeBytes - at, Number(PAGE - (here % PAGE)));
      const physAddr = space === 'physical' ? here : this.#translate(cpu, here);
      if (physAddr === undefined || !this.board.memory.isRam(physAddr, BigInt(left))) return;
      yield { physAddr, at, sizeBytes: left };
      at += left;
    }
  }

  #translate(cpu: CpuModel, virtAddr: bigint): bigint | undefined {
    const walk = walkFor(this.board, cpu, virtAddr);
    return 'page' in walk ? BigInt(walk.page) + (virtAddr % PAGE) : undefined;
  }
}
