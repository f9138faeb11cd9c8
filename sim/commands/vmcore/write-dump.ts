/** Writes a dump to a file of the host, whole or not at all, and tells of it. */
import { constants, deflateSync } from 'node:zlib';
import { setImmediate } from 'node:timers/promises';
import { KexecError } from '../../../kexec/base/error.js';
import { visible } from '../../../kexec/base/format.js';
import type { OnProgress } from '../../../kexec/base/progress.js';
import { withInterrupts } from '../../kernel/interrupts.js';
import { replaceFileSlowly } from '../../kernel/saving/replace-file.js';
import type { Dump } from '../../kernel/vmcore/dump.js';
import { writeKdumpCompressed } from '../../kernel/vmcore/kdump-compressed.js';
import { writeVmcore } from '../../kernel/vmcore/write-vmcore.js';
import { formatAddress, formatSize } from '../common/text.js';

export interface WrittenDump {
  readonly dump: Dump;
  readonly file: string;
  readonly format: DumpFormat;
  /** Bytes that are not in holes. */
  readonly filledBytes: number;
}

/** As shells say it of a command that Ctrl-C ends. */
const INTERRUPTED = 130;

/** How a dump is written: as /proc/vmcore is, or as makedumpfile compresses it. */
export type DumpFormat = 'elf' | 'kdump-compressed';

/**
 * The fastest: memory is mostly pointers and zeros. A page is all that zlib sees, and making what it keeps for more
 * would take longer than the page: a window of twice the page (it does not look back over all of it), and no more
 * symbols in a block than a page can have.
 */
const deflater = (pageSize: bigint): ((page: Uint8Array) => Uint8Array) => {
  const pageBits = pageSize.toString(2).length - 1;
  const options = {
    level: constants.Z_BEST_SPEED,
    windowBits: Math.min(pageBits + 1, constants.Z_MAX_WINDOWBITS),
    memLevel: Math.min(pageBits - MEM_LEVEL_BITS, constants.Z_MAX_MEMLEVEL),
    chunkSize: Number(pageSize) + ROOM,
  };
  return (page) => deflateSync(page, options);
};

/** At a level L, zlib keeps 2^(L + 6) symbols (deflateInit2(), its lit_bufsize). */
const MEM_LEVEL_BITS = 6;
/** Bytes by which a page may grow, at least. */
const ROOM = 128;

/** @throws KexecError when the host cannot write the file, or the user presses Ctrl-C; it is as it was then */
export const writeDump = (
  dump: Dump,
  file: string,
  format: DumpFormat,
  progress: OnProgress | undefined,
): Promise<WrittenDump> =>
  withInterrupts(async (interrupted) => {
    const breathe = async (): Promise<void> => {
      await setImmediate();
      if (interrupted())
        throw KexecError.die(`interrupted: ${file} is not written`, { subject: file, exitCode: INTERRUPTED });
    };
    let filledBytes = 0;
    await replaceFileSlowly(file, async (sink) => {
      const options = { file, progress, breathe };
      filledBytes =
        format === 'elf'
          ? await writeVmcore(dump, sink, options)
          : await writeKdumpCompressed(dump, sink, deflater(dump.captureKernel.pageSize), options);
    });
    return { dump, file, format, filledBytes };
  });

/** What is told of a dump, as text and as values for JSON. */
export const reportOn = ({
  dump,
  file,
  format,
  filledBytes,
}: WrittenDump): { readonly text: string; readonly values: Readonly<Record<string, unknown>> } => {
  const { captureKernel, elfcorehdr, elfcorehdrFrom, vmcoreinfo, processors, programHeaders, sizeBytes, warnings } =
    dump;
  const { release, pageSize, found } = captureKernel;
  const filled = formatSize(BigInt(filledBytes));
  const text = [
    `${file}: ${formatSize(sizeBytes)}, of which ${filled} are not zeros${format === 'elf' ? '' : ', compressed'}`,
    `of Linux ${vmcoreinfo.osRelease ?? '(unknown)'}, by the elfcorehdr at ${formatAddress(elfcorehdr)} (${visible(elfcorehdrFrom)})`,
    `as Linux ${release ?? '(unknown)'} makes it, with pages of ${formatSize(pageSize)}${found ? '' : ', for all that is known'}`,
    `registers of ${processors} processor${processors === 1 ? '' : 's'}; ${programHeaders.length - 1} pieces of memory`,
    ...warnings.map((warning) => `Linux warns: ${warning}`),
  ];
  return {
    text: text.map((line) => `${line}\n`).join(''),
    values: {
      file,
      format,
      sizeBytes: Number(sizeBytes),
      filledBytes,
      elfcorehdr: formatAddress(elfcorehdr),
      osRelease: vmcoreinfo.osRelease ?? null,
      captureKernel: { release: release ?? null, pageSize: Number(pageSize), found },
      processors,
      programHeaders: programHeaders.map(({ type, offset, vaddr, paddr, memsz }) => ({
        type: type === 1 ? 'PT_LOAD' : 'PT_NOTE',
        ...Object.fromEntries(
          Object.entries({ offset, vaddr, paddr, memsz }).map(([name, value]) => [name, formatAddress(value)]),
        ),
      })),
      warnings,
    },
  };
};
