/** The log that a recording has of its kernel, as `dmesg` prints it. */
import type { LogRecord } from './printk-memory.js';

const LINE = /^\[ {0,8}(\d{1,10})\.(\d{6})\] ?(.*)$/;
/** What a line has that nobody says more of. */
const LEVEL = 6;

/** A line without a time has that of the line before. */
export const recordedLog = (dmesg: string | undefined): readonly LogRecord[] => {
  let nanoseconds = 0n;
  return (dmesg ?? '')
    .split(/\r?\n/)
    .filter((line) => line !== '')
    .map((line) => {
      const [, seconds, microseconds, text] = LINE.exec(line) ?? [];
      if (seconds !== undefined && microseconds !== undefined) {
        nanoseconds = BigInt(seconds) * 1_000_000_000n + BigInt(microseconds) * 1000n;
      }
      return { level: LEVEL, nanoseconds, text: text ?? line };
    });
};
