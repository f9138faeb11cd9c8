/** A stopped machine's memory by the addresses that one of its processors has for it. */
import { concatBytes } from '../../../kexec/base/bytes.js';
import type { StoppedMachine, StoppedProcessor } from './stopped.js';
import { type TableWalk, type Tables, halfOf, mmuIsOn, tablesOf, walkTables } from './walk.js';

const PAGE = 4096n;

/** Where memory ends in the middle of what is read. */
export interface Missing {
  readonly missing: bigint;
}

export const isMissing = (bytes: Uint8Array | Missing): bytes is Missing => 'missing' in bytes;

export class MemoryView {
  /** @param tables in place of those in use: their half of the addresses is resolved by them */
  constructor(
    readonly machine: StoppedMachine,
    readonly processor: StoppedProcessor,
    private readonly tables?: Tables,
  ) {}

  /** What resolves an address; undefined with the MMU off, or where nobody knows. */
  tablesFor(virtAddr: bigint): Tables | undefined {
    if (this.tables !== undefined) return this.tables;
    return mmuIsOn(this.processor) ? tablesOf(this.processor, halfOf(virtAddr)) : undefined;
  }

  walk(virtAddr: bigint): { readonly tables: Tables; readonly walk: TableWalk } | undefined {
    const tables = this.tablesFor(virtAddr);
    return tables && { tables, walk: walkTables(tables, virtAddr, this.machine.read) };
  }

  /** The physical address; undefined where nothing is mapped. With the MMU off it is the address itself. */
  translate(virtAddr: bigint): bigint | undefined {
    if (this.tables === undefined && !mmuIsOn(this.processor)) return virtAddr;
    const end = this.walk(virtAddr)?.walk.end;
    return end?.kind === 'mapped' ? end.physAddr : undefined;
  }

  /** Bytes at a virtual address. */
  read(virtAddr: bigint, sizeBytes: number): Uint8Array | Missing {
    const pieces: Uint8Array[] = [];
    const end = virtAddr + BigInt(sizeBytes);
    for (let at = virtAddr; at < end;) {
      const pageEnd = at - (at % PAGE) + PAGE;
      const physAddr = this.translate(at);
      const bytes =
        physAddr === undefined ? undefined : this.machine.read(physAddr, Number((pageEnd < end ? pageEnd : end) - at));
      if (bytes === undefined) return { missing: at };
      pieces.push(bytes);
      at = pageEnd;
    }
    return concatBytes(pieces);
  }

  readPhysical(physAddr: bigint, sizeBytes: number): Uint8Array | Missing {
    return this.machine.read(physAddr, sizeBytes) ?? { missing: physAddr };
  }
}
