/** How characters and times of a log are printed. */
import { s64, u64 } from '../kexec/base/u64.js';

/** isprint() and isspace() of the C locale. */
const isShown = (byte: number): boolean => (byte >= 0x20 && byte < 0x7f) || (byte >= 0x09 && byte <= 0x0d);

const SHOWN: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  isShown(byte) ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
);

/** A byte of a message as it is printed. */
export const shown = (byte: number): string => SHOWN[byte]!;

const NSEC_PER_SEC = 1_000_000_000n;

/** What a line begins with. The time counts as signed, and its parts are printed as unsigned. */
export const timestamp = (nanoseconds: bigint): string => {
  const time = s64(nanoseconds);
  const seconds = u64(time / NSEC_PER_SEC).toString();
  const microseconds = u64((time % NSEC_PER_SEC) / 1000n).toString();
  return `[${seconds.padStart(5)}.${microseconds.padStart(6, '0')}] `;
};
