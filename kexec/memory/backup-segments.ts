/** Memory that is set aside for a jump back into the running kernel. */
import type { Placement } from './placement.js';
import { RANGE_RAM } from '../base/range.js';
import { alignDown, alignUp, u64 } from '../base/u64.js';

interface Piece {
  readonly base: bigint;
  readonly size: bigint;
}

const NOTHING = new Uint8Array();

/**
 * Sets memory aside that the new kernel would overwrite, for a jump back (add_backup_segments(), kexec/kexec.c): all
 * RAM within the limits that no segment takes, as segments without data.
 * QUIRK-11: the original takes a range's last byte for its end, so that the last page of a range may be left out.
 * @throws KexecError
 */
export const addBackupSegments = (placement: Placement): void => {
  const { memMin, memMax } = placement.limits;
  let base = memMin;
  let size = u64(memMax - memMin + 1n);
  while (size > 0n) {
    const memory = findMemory(placement, { base, size });
    if (memory === undefined) return;
    size = u64(base + size - (memory.base + memory.size));
    base = u64(memory.base + memory.size);
    let left = memory;
    while (left.size > 0n) {
      placement.sortSegments();
      const hole = findHole(placement, left);
      if (hole === undefined) break;
      const start = alignUp(hole.base, placement.pageSize);
      const end = alignDown(u64(hole.base + hole.size), placement.pageSize);
      placement.addSegment(NOTHING, start, u64(end - start));
      left = { base: u64(hole.base + hole.size), size: u64(left.base + left.size - (hole.base + hole.size)) };
    }
  }
};

/** The first piece of RAM in `wanted` (find_memory_range()). */
const findMemory = ({ memoryRanges }: Placement, wanted: Piece): Piece | undefined => {
  for (const { range, type } of memoryRanges) {
    if (type !== RANGE_RAM) continue;
    let { base, size } = wanted;
    if (range.last <= base || range.start >= u64(base + size)) continue;
    if (range.start > base) {
      size = u64(base + size - range.start);
      base = range.start;
    }
    if (range.last < u64(base + size)) size = range.last - base;
    return { base, size };
  }
  return undefined;
};

/** The first piece of `wanted` that no segment takes (find_segment_hole()). */
const findHole = ({ segments }: Placement, wanted: Piece): Piece | undefined => {
  let { base, size } = wanted;
  for (const { memory } of segments) {
    const end = u64(memory.start + memory.size);
    if (end <= base) continue;
    if (memory.start >= u64(base + size)) break;
    if (base < memory.start) {
      size = memory.start - base;
      break;
    }
    if (end >= u64(base + size)) return undefined;
    size = u64(base + size - end);
    base = end;
  }
  return size === 0n ? undefined : { base, size };
};
