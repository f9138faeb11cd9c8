/** What may differ between the consoles of a kdump, ours and QEMU's, beside what may differ between those of boots. */
import { KNOWN_DIFFERENCES, type KnownDifference } from '../linux/known-differences.js';

const OF_ALL: readonly KnownDifference[] = [
  ...KNOWN_DIFFERENCES,
  {
    part: /(?<=^ {2}4[0-9a-f]{2}00000-4[0-9a-f]{2}0)[0-9a-f]{4}(?= : reserved$)/,
    reason: 'QEMU gives the tree that it is given twice its room',
  },
  {
    part: /(?<=^segment\[2\]\.memsz = 0x)[0-9a-f]+$|(?<=^segment\[3\]\.mem {3}= 0x[0-9a-f]{4})[0-9a-f]{4}$|(?<=^ {2}[0-9a-f]{4})[0-9a-f]{4}-[0-9a-f]{8}(?= : reserved$)|(?<=^Elf header: p_type = 4, p_offset = 0x)[0-9a-f]+ p_paddr = 0x[0-9a-f]+/,
    reason: 'QEMU leaves in the tree what it replaces; it may then take a page more, which moves what lies behind it',
  },
  {
    part: /(?<=^Elf header: .* p_vaddr = 0x)ffff[0-7][0-9a-f]{11}|(?<=^SYMBOL\((?:vmemmap|mem_section)\)=)[0-9a-f]{16}$|(?<=^NUMBER\(PHYS_OFFSET\)=)0x[0-9a-f]+$|^000000[6cf]0 .*$/,
    reason:
      'KASLR moves the linear map by what the bits of physical addresses leave, of which our processor has 48, where a Cortex-A57 has 44',
  },
  {
    part: /(?<=^vmcore at \d+ MiB, \d+ MiB: )[0-9a-f]{64}$/,
    reason: 'what is in memory: times, random numbers, and what a kernel does by them',
  },
  {
    part: /^EXT4-fs \(vda\): unmounting filesystem \S+$/,
    reason: 'it is chance whether the kernel or the program says first that the disk is no longer in use',
  },
  {
    part: /(?<=^CPU: \d+ (?:UID: 0 )?PID: )\d+/,
    reason: 'it is chance how many threads of the kernel have come and gone before a process starts',
  },
];

/** The large initramfs, with a kernel in it, is unpacked on one processor while the boot goes on on another. */
const OF_SEVERAL_PROCESSORS: readonly KnownDifference[] = [
  {
    part: /^Freeing initrd memory: \d+K$|(?<=^workingset: .* max_order=)\d+/,
    reason: 'it is chance when the initramfs is unpacked, and how much memory is free meanwhile',
  },
  { part: /^random: crng init done$/, reason: 'it is chance whether there is enough of it before the end' },
];

/** @param cpus of the machine */
export const knownOfKdumps = (cpus: number): readonly KnownDifference[] =>
  cpus > 1 ? [...OF_ALL, ...OF_SEVERAL_PROCESSORS] : OF_ALL;
