/** Where the running kernel will leave notes when it crashes (kexec/crashdump.c). */
import { attempt } from '../base/attempt.js';
import { Errno, KexecError, SystemError, strerror } from '../base/error.js';
import { hex } from '../base/format.js';
import type { Log } from '../base/log.js';
import { cString, fgetsLines, latin1, scanDecimal, scanHex } from '../base/scan.js';
import type { System } from '../base/system.js';

/** A piece of the running kernel's memory where it will leave notes when it crashes. */
export interface NoteMemory {
  /** Physical address. */
  readonly address: bigint;
  /** Bytes. */
  readonly size: bigint;
}

/** Size of a CPU's notes where the kernel does not tell it (MAX_NOTE_BYTES, kexec/crashdump.h). */
const MAX_NOTE_BYTES = 1024n;

/** MAX_LINE of kexec/kexec.h: what is behind the 159th byte is not looked at. */
const MAX_LINE = 160;

const VMCOREINFO = '/sys/kernel/vmcoreinfo';
const SYS_DEVICES = '/sys/devices';

/**
 * Where the kernel leaves the registers of a CPU (get_crash_notes_per_cpu(), kexec/crashdump.c).
 * @returns undefined when the CPU is not there
 * @throws KexecError
 */
export const getCrashNotesPerCpu = (
  system: System,
  cpu: number,
  log: Log,
  leftoverErrno: number = Errno.ENOENT,
): NoteMemory | undefined => {
  const directory = `${SYS_DEVICES}/system/cpu/cpu${cpu}`;
  const notes = `${directory}/crash_notes`;
  const notesSize = `${directory}/crash_notes_size`;

  const line = firstLine(system, notes, leftoverErrno);
  if ('openErrno' in line) {
    if (line.openErrno !== Errno.ENOENT) throw cannotOpen(notes, line.openErrno);
    requireSysfs(system);
    return undefined;
  }
  const address = scanHex(line.text, 0)?.value;
  if (address === undefined) throw cannotParse(notes, leftoverErrno);

  const sizeLine = firstLine(system, notesSize, leftoverErrno);
  const size = 'openErrno' in sizeLine ? MAX_NOTE_BYTES : scanDecimal(sizeLine.text, 0)?.value;
  if (size === undefined) throw cannotParse(notesSize, leftoverErrno);
  log.dbg(`get_crash_notes_per_cpu: crash_notes addr = ${hex(address)}, size = ${size}\n`);
  return { address, size };
};

/**
 * Where the kernel has its VMCOREINFO note (get_kernel_vmcoreinfo(), kexec/crashdump.c).
 * @returns undefined when it does not tell
 * @throws KexecError
 */
export const getKernelVmcoreinfo = (system: System, leftoverErrno: number = Errno.ENOENT): NoteMemory | undefined => {
  const line = firstLine(system, VMCOREINFO, leftoverErrno);
  if ('openErrno' in line) return undefined;
  const address = scanHex(line.text, 0);
  const size = address && scanHex(line.text, address.end);
  // sscanf() clears errno where it has converted a number.
  if (size === undefined) throw cannotParse(VMCOREINFO, address === undefined ? leftoverErrno : 0);
  return { address: address!.value, size: size.value };
};

/**
 * The first line of a file, as C sees what fgets() gave.
 * @throws KexecError when there is none
 */
const firstLine = (
  system: System,
  path: string,
  leftoverErrno: number,
): { readonly text: string } | { readonly openErrno: number } => {
  const bytes = attempt(SystemError, () => system.readAt(path, 0, MAX_LINE - 1));
  if (bytes instanceof SystemError) {
    if (bytes.call === 'open') return { openErrno: bytes.errno };
    throw cannotParse(path, bytes.errno);
  }
  for (const text of fgetsLines(latin1(bytes), MAX_LINE)) return { text: cString(text) };
  throw cannotParse(path, leftoverErrno);
};

/**
 * The original prints errno even where nothing set it. It then is what was left over: since 2.0.29, from closing the
 * kernel's file twice, and before from looking for /proc/xen, which is not there.
 */
const cannotParse = (path: string, errno: number): KexecError =>
  KexecError.die(`Cannot parse ${path}: ${strerror(errno)}`, { subject: path });

const cannotOpen = (path: string, errno: number): KexecError =>
  KexecError.die(`Could not open "${path}": ${strerror(errno)}`, { subject: path, errno: -errno });

/** A missing CPU is no fault, missing sysfs is one. @throws KexecError */
const requireSysfs = (system: System): void => {
  const stat = attempt(SystemError, () => system.stat(SYS_DEVICES));
  if (stat instanceof SystemError) {
    if (stat.errno !== Errno.ENOENT) throw cannotOpen(SYS_DEVICES, stat.errno);
    throw KexecError.die(`"${SYS_DEVICES}" does not exist. Sysfs does not seem to be mounted. Try mounting sysfs.`, {
      subject: SYS_DEVICES,
    });
  }
};
