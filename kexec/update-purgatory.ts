/** The digest of what is loaded, written into the purgatory. */
import { KexecError } from './base/error.js';
import type { Platform } from './base/platform.js';
import type { LoadedPurgatory } from './elf/loaded-purgatory.js';
import type { Segment } from './base/segment.js';

/** Places for regions in the purgatory's table (SHA256_REGIONS, kexec/kexec-sha256.h). */
const MAX_REGIONS = 16;
const REGION_SIZE = 16;
const ZEROS_SIZE = 65536;

/**
 * Tells the purgatory what it is to check before it starts the kernel: the digest of all segments but its own, zero
 * padding included (update_purgatory(), kexec/kexec.c).
 * @throws KexecError
 */
export const updatePurgatory = (
  purgatory: LoadedPurgatory,
  segments: readonly Segment[],
  skipChecks: boolean,
  platform: Platform,
): void => {
  if (skipChecks) {
    purgatory.setSymbol('skip_checks', new Uint8Array([1, 0, 0, 0]));
    return;
  }
  const checked = segments.filter(({ memory }) => memory.start !== purgatory.address);
  if (checked.length > MAX_REGIONS) {
    throw KexecError.die(`The purgatory can check ${MAX_REGIONS} segments, not ${checked.length}`, {
      subject: 'segments',
    });
  }
  const regions = new Uint8Array(MAX_REGIONS * REGION_SIZE);
  const view = new DataView(regions.buffer);
  const sha256 = platform.sha256();
  checked.forEach(({ data, memory }, i) => {
    sha256.update(data);
    updateZeros(sha256, memory.size - BigInt(data.length));
    view.setBigUint64(i * REGION_SIZE, memory.start, true);
    view.setBigUint64(i * REGION_SIZE + 8, memory.size, true);
  });
  purgatory.setSymbol('sha256_regions', regions);
  purgatory.setSymbol('sha256_digest', sha256.digest());
};

const updateZeros = (sha256: { update(bytes: Uint8Array): void }, count: bigint): void => {
  const zeros = new Uint8Array(Number(count < BigInt(ZEROS_SIZE) ? count : BigInt(ZEROS_SIZE)));
  for (let left = count; left > 0n; left -= BigInt(zeros.length)) {
    sha256.update(left < BigInt(zeros.length) ? zeros.subarray(0, Number(left)) : zeros);
  }
};
