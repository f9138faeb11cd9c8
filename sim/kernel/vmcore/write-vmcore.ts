/** Writes a dump as the ELF file that /proc/vmcore is. */
import { type OnProgress, PROGRESS_BYTES } from '../../../kexec/base/progress.js';
import type { Dump } from './dump.js';

/** Takes the bytes of a file in order. */
export interface DumpSink {
  write(bytes: Uint8Array): void;
  /** Zeros. */
  skip(sizeBytes: number): void;
}

export interface DumpProgress {
  /** What messages call the file. */
  readonly file: string;
  readonly progress: OnProgress | undefined;
  /** Is awaited now and then; what it throws ends the work. */
  readonly breathe: () => Promise<void>;
}

/** What is written without a pause. */
const BREATH_BYTES = 8 << 20;

/** @returns how many bytes were written that are not in holes @throws what the sink throws */
export const writeVmcore = async (
  dump: Dump,
  sink: DumpSink,
  { file, progress, breathe }: DumpProgress,
): Promise<number> => {
  const total = Number(dump.sizeBytes);
  let [done, filled, told, breath] = [0, 0, 0, 0];
  const put = (bytes: Uint8Array): void => {
    sink.write(bytes);
    done += bytes.length;
    filled += bytes.length;
    breath += bytes.length;
  };
  const skipTo = (offset: number): void => {
    sink.skip(offset - done);
    done = offset;
  };
  put(dump.headers);
  put(dump.notes);
  for (const { memory } of dump.pieces) {
    const start = done;
    const offsetOf = (physAddr: bigint): number => start + Number(physAddr - memory.start);
    for (const { physAddr, bytes } of dump.memory.filled(memory)) {
      skipTo(offsetOf(physAddr));
      put(bytes);
      if (done - told >= PROGRESS_BYTES) {
        told = done;
        progress?.({ what: `writing ${file}`, unit: 'bytes', done, total });
      }
      if (breath >= BREATH_BYTES) {
        breath = 0;
        await breathe();
      }
    }
    skipTo(offsetOf(memory.end));
  }
  return filled;
};
