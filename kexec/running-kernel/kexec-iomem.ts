/** The memory map in /proc/iomem (kexec/kexec-iomem.c). */
import { attempt } from '../base/attempt.js';
import { KexecError, SystemError } from '../base/error.js';
import { Range } from '../base/range.js';
import { fgetsLines, latin1, scanHex, skipSpace } from '../base/scan.js';
import type { System } from '../base/system.js';

/** Where the original reads the memory map (kexec/proc_iomem.c). */
export const PROC_IOMEM = '/proc/iomem';

/** Names of resources, newline included: a last line without one is not recognised (kexec/arch/arm64/iomem.h). */
export const SYSTEM_RAM = 'System RAM\n';
export const KERNEL_CODE = 'Kernel code\n';
export const KERNEL_DATA = 'Kernel data\n';
export const CRASH_KERNEL = 'Crash kernel\n';
export const IOMEM_RESERVED = 'reserved\n';

/** MAX_LINE of kexec/kexec.h: longer lines are read in pieces. */
const MAX_LINE = 160;

export interface IomemLine {
  readonly range: Range;
  /** What is behind the colon, newline included. */
  readonly name: string;
}

/**
 * The lines of a memory map that have two numbers, as the original's sscanf("%llx-%llx : %n") reads them
 * (kexec_iomem_for_each_line(), kexec/kexec-iomem.c).
 * QUIRK-5: a line without a colon takes its name from where the last line had it, in a buffer where that line may
 * still stand.
 */
export function* parseIomem(text: string): Generator<IomemLine> {
  let buffer = '\0'.repeat(MAX_LINE);
  let nameAt = 0;
  for (const line of fgetsLines(text, MAX_LINE)) {
    buffer = `${line}\0${buffer.slice(line.length + 1)}`;
    const start = scanHex(line, 0);
    if (start === undefined || line[start.end] !== '-') continue;
    const last = scanHex(line, start.end + 1);
    if (last === undefined) continue;
    const colon = skipSpace(line, last.end);
    if (line[colon] === ':') nameAt = skipSpace(line, colon + 1);
    const nul = buffer.indexOf('\0', nameAt);
    yield { range: Range.inclusive(start.value, last.value), name: buffer.slice(nameAt, nul < 0 ? undefined : nul) };
  }
}

/** The machine's memory map. @throws KexecError when it cannot be read */
export const readIomem = (system: System): readonly IomemLine[] => {
  const bytes = attempt(SystemError, () => system.readFile(PROC_IOMEM));
  if (!(bytes instanceof SystemError)) return [...parseIomem(latin1(bytes))];
  throw KexecError.die(`Cannot open ${PROC_IOMEM}`, { subject: PROC_IOMEM, errno: bytes.errno });
};
