/** The kernel's log out of a core file (vmcore-dmesg/vmcore-dmesg.c). */
import { DEFAULT_COMPAT, type Compat } from '../kexec/base/compat.js';
import { CoreReader, type CoreSource } from '../kexec/running-kernel/core-reader.js';
import { readKcore } from '../kexec/running-kernel/elf-info.js';
import { KexecError, SystemError, strerror } from '../kexec/base/error.js';
import { createLog, silentLog, type Log } from '../kexec/base/log.js';
import { CoreMemory } from './core-memory.js';
import { characterLog } from './log-characters.js';
import { recordLog } from './log-records.js';
import { ringbufferLog } from './log-ringbuffer.js';

/** Bytes of output beyond which the original gives up (LOG_BUF_LEN_MAX, vmcore-dmesg/vmcore-dmesg.c). */
export const MAX_OUTPUT = 2 ** 31;

export interface VmcoreDmesgOptions {
  /** Release of kexec-tools to follow; the default is the latest one. */
  readonly compat?: Compat;
  /** Receives warnings; silent by default. */
  readonly log?: Log;
}

/**
 * Prints the kernel's log out of a core file: each piece of text that this yields, one byte a character, is the next of
 * what `vmcore-dmesg` writes to stdout. Of the file only the log is read, and no more than a few windows are kept.
 * @param source where `path` is read from, such as a System
 * @throws KexecError with the original's exit code; what was yielded before is what the original had written
 */
export function* vmcoreDmesg(
  source: CoreSource,
  path: string,
  { compat = DEFAULT_COMPAT, log = silentLog }: VmcoreDmesgOptions = {},
): Generator<string> {
  try {
    const memory = openCore(source, path, compat, log);
    let written = 0;
    for (const text of logOf(memory, compat)) {
      written += text.length;
      if (written > MAX_OUTPUT) throw memory.exit(53, 'The vmcore-dmesg.txt over 2G in size is not supported.');
      yield text;
    }
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw KexecError.die(`Cannot open ${path}: ${strerror(error.errno)}`, {
      exitCode: 2,
      subject: path,
      errno: -error.errno,
    });
  }
}

/**
 * main() and read_vmcore_dmesg(), up to where the log begins. @throws KexecError; SystemError when there is no opening
 * it
 */
const openCore = (source: CoreSource, path: string, compat: Compat, log: Log): CoreMemory => {
  let said = '';
  const keep = createLog(
    false,
    () => {},
    (text) => {
      said += text;
    },
  );
  const core = readKcore(source, path, keep, { compat, name: compat.dmesgNamesFile ? path : undefined });
  if (core.layout === undefined) {
    throw KexecError.die(`${said}Unable to read ELF information from vmcore`, { exitCode: core.result, subject: path });
  }
  log.err(said);
  return new CoreMemory(new CoreReader(source, path, 0), core, core.layout, compat);
};

/** dump_dmesg() of util_lib/elf_info.c. */
const logOf = (memory: CoreMemory, compat: Compat): Iterable<string> => {
  const { vmcoreinfo } = memory;
  const prb = vmcoreinfo.symbol('prb') ?? 0n;
  if (compat.knowsRingbuffer && prb !== 0n) return ringbufferLog(memory, prb);
  return (vmcoreinfo.symbol('log_first_idx') ?? 0n) !== 0n ? recordLog(memory, compat) : characterLog(memory);
};
