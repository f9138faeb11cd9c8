/** Sees what a machine does, and keeps the last of it. */
import type { CpuModel } from '../../cpu/state/model.js';
import type { CpuObserver } from '../../cpu/state/observer.js';
import type { WholeMachine } from '../machine/whole-machine.js';
import { CHUNK_BYTES, ChunkWriter } from './chunk.js';
import type { TraceDetail } from './events.js';
import type { Wanted } from './wanted.js';

const PAGE = 4096n;
const ERET = 0xd69f_03e0;

export type TracedMachine = Pick<WholeMachine, 'board' | 'processors'>;

/** The last events that find room in so many bytes. */
export class Tracer {
  #chunks: ChunkWriter[] = [new ChunkWriter()];
  /** Events that were dropped since there was no room. */
  dropped = 0;

  constructor(
    { board, processors }: TracedMachine,
    private readonly wanted: Wanted,
  ) {
    const cpus = [...processors];
    cpus.forEach((cpu, processor) => cpu.observe(this.#observerOf(cpu, processor)));
    if (!wanted.kinds.has('device')) return;
    board.onDeviceAccess = ({ processor, ...access }) => {
      const cpu = cpus[processor];
      if (cpu !== undefined) this.#add(cpu, processor, { kind: 'device', ...access });
    };
  }

  /** Pieces of the trace in order; see {@link readChunk}. */
  get chunks(): readonly Uint8Array[] {
    return this.#chunks.map(({ bytes }) => bytes);
  }

  /** The addresses of the instructions that it tells of, and where branches and exceptions lead. */
  get addresses(): ReadonlySet<bigint> {
    return new Set(this.#chunks.flatMap(({ addresses }) => [...addresses]));
  }

  /** Events that are kept. */
  get events(): number {
    return this.#chunks.reduce((sum, { events }) => sum + events, 0);
  }

  #observerOf(cpu: CpuModel, processor: number): CpuObserver {
    const { kinds, memory } = this.wanted;
    const add = (detail: TraceDetail, pc?: bigint): void => this.#add(cpu, processor, detail, pc);
    return {
      ...(kinds.has('exception')
        ? {
            exception: ({ from, to, by }) => {
              if (by === 'branch') return;
              if (by === 'return') return add({ kind: 'return', to }, from);
              const { target, vector, esr, far } = by;
              add({ kind: 'exception', to, target, vector, esr, far }, from);
            },
          }
        : {}),
      ...(kinds.has('branch') ? { branch: ({ from, to }) => add({ kind: 'branch', to }, from) } : {}),
      ...(kinds.has('register')
        ? { register: ({ name, kind, value }) => add({ kind: 'register', name, access: kind, value }) }
        : {}),
      ...(memory.length === 0
        ? {}
        : {
            ram: {
              isObserved: (page) => memory.some(({ start, end }) => start < BigInt(page) + PAGE && end > BigInt(page)),
              access: ({ physAddr: address, ...access }) => {
                const physAddr = BigInt(address);
                const end = physAddr + BigInt(access.sizeBytes);
                if (!memory.some((range) => physAddr < range.end && end > range.start)) return;
                add({ kind: 'memory', physAddr, ...access });
              },
            },
          }),
    };
  }

  #add(cpu: CpuModel, processor: number, detail: TraceDetail, pc: bigint = cpu.pc): void {
    // Accesses are seen while the instruction is carried out, all else when it is counted.
    const more = detail.kind === 'device' || detail.kind === 'memory' ? 1n : 0n;
    let chunk = this.#chunks.at(-1)!;
    if (chunk.isFull) {
      chunk = new ChunkWriter();
      this.#chunks.push(chunk);
      if (this.#chunks.length * CHUNK_BYTES > this.wanted.mostBytes) this.dropped += this.#chunks.shift()!.events;
    }
    // Behind a return, what is below may not be allowed to see the instruction.
    const word = detail.kind === 'return' ? ERET : cpu.wordAt(pc);
    chunk.add({ processor, instructions: cpu.instructions + more, pc, word, ...detail });
  }
}
