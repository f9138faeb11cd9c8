/** What a recording tells of where a kernel leaves what its dump is to have: VMCOREINFO and the processors' notes. */
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import { silentLog } from '../../../kexec/base/log.js';
import type { System } from '../../../kexec/base/system.js';
import { notesIn } from '../../../kexec/elf/elf-note.js';
import {
  ELFCLASS64,
  ELFDATA2LSB,
  PT_NOTE,
  hasElfMagic,
  readFileHeader,
  readProgramHeader,
  sizesOf,
} from '../../../kexec/elf/elf.js';
import { type NoteMemory, getCrashNotesPerCpu, getKernelVmcoreinfo } from '../../../kexec/running-kernel/crashdump.js';
import { cpuList } from '../facts/facts.js';
import { KCORE_HEAD, type RecordedFiles } from '../facts/recorded-files.js';

/** A kernel's dump begins in its memory. Undefined is what the recording does not tell. */
export interface CrashFacts {
  /** Where the note is. */
  readonly vmcoreinfoAt: NoteMemory | undefined;
  /** Its text. */
  readonly vmcoreinfo: Uint8Array | undefined;
  /** Numbers of the processors that are on. */
  readonly online: readonly number[];
  /** Where a processor's registers go. */
  readonly notesOf: (cpu: number) => NoteMemory | undefined;
}

const ONLINE = '/sys/devices/system/cpu/online';
/** What cannot be read is not told. */
const told = <T>(read: () => T | undefined): T | undefined => {
  const value = attempt(KexecError, read);
  return value instanceof KexecError ? undefined : value;
};

export const crashFacts = (machine: System & { readonly files: RecordedFiles }): CrashFacts => ({
  vmcoreinfoAt: told(() => getKernelVmcoreinfo(machine)),
  vmcoreinfo: vmcoreinfoText(machine.files),
  online: cpuList(machine.files.readText(ONLINE)) ?? Array.from({ length: machine.nrCpus }, (_, cpu) => cpu),
  notesOf: (cpu) => told(() => getCrashNotesPerCpu(machine, cpu, silentLog)),
});

const KCORE = '/proc/kcore';
const LAYOUT = { class: ELFCLASS64, data: ELFDATA2LSB } as const;

/** The VMCOREINFO note of /proc/kcore. */
const vmcoreinfoText = (files: RecordedFiles): Uint8Array | undefined => {
  if (files.kind(KCORE) !== 'file') return undefined;
  const head = files.readAt(KCORE, 0, KCORE_HEAD);
  const sizes = sizesOf(LAYOUT);
  if (head.length < sizes.header || !hasElfMagic(head)) return undefined;
  const { phnum, phoff } = readFileHeader(head, LAYOUT);
  for (let i = 0; i < phnum; i++) {
    const at = Number(phoff) + i * sizes.programHeader;
    if (at + sizes.programHeader > head.length) return undefined;
    const { type, offset, filesz } = readProgramHeader(head, LAYOUT, at);
    if (type !== PT_NOTE || offset > BigInt(head.length)) continue;
    for (const { name, desc } of notesIn(head.subarray(Number(offset), Number(offset + filesz)))) {
      if (name === 'VMCOREINFO') return desc;
    }
  }
  return undefined;
};
