/** Where memory is not what was loaded. */
import { Range } from '../../../kexec/base/range.js';
import type { LoadedSegment, MemoryView } from './arrival.js';
import { firstChange } from '../state/segment-sums.js';

/** Where memory is not what was loaded. */
export type Difference =
  | {
      readonly kind: 'bytes';
      /** Number of the segment. */
      readonly segment: number;
      /** Physical address of the first byte that differs. */
      readonly physAddr: bigint;
      /** From that byte on; as many of both, at most 16. */
      readonly expected: Uint8Array;
      readonly found: Uint8Array;
    }
  /** The checksums of what was loaded tell no more than that some of these bytes differ. */
  | {
      readonly kind: 'checksum';
      readonly segment: number;
      readonly memory: Range;
      /** The first bytes there. */
      readonly found: Uint8Array;
    };

const SHOWN = 16;
const CHUNK = 1 << 20;

/** The first difference between memory and a segment: its data, and zeros behind it. */
const firstDifference = ({ memory, data }: LoadedSegment, segment: number, ram: MemoryView): Difference | undefined => {
  const size = Number(memory.size);
  for (let at = 0; at < size; at += CHUNK) {
    const found = ram.read(memory.start + BigInt(at), Math.min(CHUNK, size - at));
    const expected = new Uint8Array(found.length);
    expected.set(data.subarray(at, at + found.length));
    if (Buffer.compare(found, expected) === 0) continue;
    const first = found.findIndex((byte, i) => byte !== expected[i]);
    return {
      kind: 'bytes',
      segment,
      physAddr: memory.start + BigInt(at + first),
      expected: expected.slice(first, first + SHOWN),
      found: found.slice(first, first + SHOWN),
    };
  }
  return undefined;
};

/** The first difference between the bytes that are there to be loaded, and those that once were. */
const firstDamage = ({ memory, data, sums }: LoadedSegment, segment: number): Difference | undefined => {
  const change = sums === undefined ? undefined : firstChange(data, sums);
  if (change === undefined) return undefined;
  const { offset, size, was } = change;
  const physAddr = memory.start + BigInt(offset);
  const found = data.slice(offset, offset + Math.min(size, SHOWN));
  if (was !== undefined) return { kind: 'bytes', segment, physAddr, expected: Uint8Array.of(was), found };
  return { kind: 'checksum', segment, memory: Range.sized(physAddr, BigInt(size)), found };
};

/**
 * The first difference of each segment that memory does not hold as it was loaded.
 * @param except a segment that may have changed itself
 * @throws MachineError when a segment is not in RAM
 */
export const differences = (
  segments: readonly LoadedSegment[],
  except: LoadedSegment | undefined,
  ram: MemoryView,
): readonly Difference[] =>
  segments.flatMap((segment, i) =>
    segment === except ? [] : (firstDifference(segment, i, ram) ?? firstDamage(segment, i) ?? []),
  );

const bytesText = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');

/** "segment 1 differs from 0x40210000 on: 00 01 instead of ff 01" */
export const describeDifference = (difference: Difference): string => {
  const { segment, found } = difference;
  if (difference.kind === 'bytes') {
    const { physAddr, expected } = difference;
    return `segment ${segment} differs from 0x${physAddr.toString(16)} on: ${bytesText(found)} instead of ${bytesText(expected)}`;
  }
  const { start, last } = difference.memory;
  return (
    `segment ${segment} differs somewhere in 0x${start.toString(16)}-0x${last.toString(16)}, ` +
    `where the checksum is another one; the first bytes there are ${bytesText(found)}`
  );
};
