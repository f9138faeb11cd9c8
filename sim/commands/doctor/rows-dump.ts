/** Findings about a crash dump: what the crash kernel is told of the old one's memory, and what the dump will lack. */
import { type ElfProgramHeader, PT_LOAD, PT_NOTE } from '../../../kexec/elf/elf.js';
import { attempt } from '../../../kexec/base/attempt.js';
import { SystemError } from '../../../kexec/base/error.js';
import { Range } from '../../../kexec/base/range.js';
import { MiB, U64_MAX, alignUp } from '../../../kexec/base/u64.js';
import { TOLD_RULES } from '../../kernel/execution/capture-told.js';
import type { CrashLoad } from '../../kernel/execution/crash-load.js';
import { cpuList, ramOf } from '../../kernel/facts/facts.js';
import { isAtLeast, kernelRelease } from '../../kernel/facts/generations.js';
import { kernelSymbol } from '../../kernel/facts/kallsyms.js';
import { configSays } from '../../kernel/facts/kernel-config.js';
import { withoutRange } from '../../kernel/facts/page-allocator.js';
import { KCORE_HEAD, type RecordedFiles } from '../../kernel/facts/recorded-files.js';
import { formatAddress, formatSize } from '../common/text.js';
import type { Found, Row } from './finding.js';
import { type Seen, captureCmdline, crashRegions, isByFile, keepsToOne } from './seen.js';
import { configEvidence } from './tell.js';

const CPUS = '/sys/devices/system/cpu';
const VMCOREINFO = '/sys/kernel/vmcoreinfo';

/** The program headers of a dump; none where nothing leads to its header, or Linux has something against it. */
const headersOf = (load: CrashLoad | undefined): readonly ElfProgramHeader[] => {
  const headers = load?.header?.programHeaders;
  return headers === undefined || typeof headers === 'string' ? [] : headers;
};

const loadsOf = (load: CrashLoad | undefined): readonly ElfProgramHeader[] =>
  headersOf(load).filter(({ type }) => type === PT_LOAD);

/** The memory that a header tells of; undefined for none, and for what goes round the end of the address space. */
const memoryOf = ({ paddr, memsz }: ElfProgramHeader): Range | undefined =>
  memsz === 0n || paddr + memsz - 1n > U64_MAX ? undefined : Range.sized(paddr, memsz);

const headerText = ({ type, paddr, vaddr, memsz }: ElfProgramHeader): string =>
  `elfcorehdr: ${type === PT_LOAD ? 'PT_LOAD' : 'PT_NOTE'} p_paddr ${formatAddress(paddr)}, p_vaddr ${formatAddress(vaddr)}, p_memsz ${formatAddress(memsz)}`;

const textOf = (ranges: readonly Range[]): string => ranges.map((range) => range.toString()).join(', ');

/** What of some ranges is in none of others. */
const outside = (ranges: readonly Range[], others: readonly Range[]): readonly Range[] =>
  others.reduce(withoutRange, [...ranges]);

const NO_TEXT_FIXES = [
  'run a kernel with CONFIG_KALLSYMS_ALL=y',
  'tell kexec of _text: write /proc/kallsyms to a file, with a line more, "ADDRESS T _text", and mount --bind it over /proc/kallsyms before kexec -p (the address is as far below that of _stext as in System.map, 0x10000 for Debian)',
] as const;

/** Without _text, kexec-tools takes its address for 2^64 - 1, or 0; since 2.0.21 it counts the physical one from it. */
const kallsymsFound = (seen: Seen): Found | undefined => {
  const { crash, files, wanted, ways } = seen;
  const kallsyms = files.readText('/proc/kallsyms') ?? '';
  const [text] = loadsOf(crash?.load);
  const hasLines = / _stext$/m.test(kallsyms);
  if (text === undefined || isByFile(seen) || !hasLines || kernelSymbol(kallsyms, '_text') !== undefined)
    return undefined;
  const stext = kernelSymbol(kallsyms, '_stext');
  const lost = stext === undefined ? 'The addresses of /proc/kallsyms are hidden' : '_text is not in /proc/kallsyms';
  const evidence = [
    stext === undefined
      ? '/proc/kallsyms: all addresses are 0'
      : `/proc/kallsyms: _stext at ${formatAddress(stext)}, no _text`,
    ...(configSays(files.kernelConfig(), 'KALLSYMS_ALL') === false
      ? [configEvidence(files.kernelConfig(), 'KALLSYMS_ALL')]
      : []),
    headerText(text),
  ];
  const fixes = [
    ...(ways.s.exitCode === 0 ? ['use kexec_file_load (-s), where the kernel makes the header itself'] : []),
    ...(stext === undefined ? ['load as root, with /proc/sys/kernel/kptr_restrict at 1 or 0'] : NO_TEXT_FIXES),
  ];
  const memory = memoryOf(text);
  if (memory !== undefined && outside([memory], ramOf(seen.resources)).length === 0) {
    return {
      sentence: `${lost}, and so the dump's header has no right virtual addresses: gdb finds nothing in the dump, while drgn, crash and makedumpfile go by VMCOREINFO.`,
      evidence,
      severity: 'warning',
      fixes,
    };
  }
  return {
    sentence: `${lost}, and kexec-tools ${wanted.compat.release} loads all the same: the dump's header has the kernel's text where no memory is, ${formatAddress(text.memsz)} bytes at ${formatAddress(text.paddr)}, and every read of /proc/vmcore ends in an oops of the capture kernel.`,
    evidence,
    fixes,
  };
};

const cpusIn = (files: RecordedFiles, name: 'possible' | 'online'): readonly number[] =>
  cpuList(files.readText(`${CPUS}/${name}`)) ?? [];

/** Processors that have no place for their registers: none, or one of no bytes. */
const notesOf = (files: RecordedFiles) => {
  const possible = cpusIn(files, 'possible');
  const online = cpusIn(files, 'online');
  const missing = possible.filter((cpu) => files.kind(`${CPUS}/cpu${cpu}/crash_notes`) === undefined);
  return {
    online: missing.filter((cpu) => online.includes(cpu)),
    others: missing.filter((cpu) => !online.includes(cpu)),
    empty: possible.filter((cpu) => /^0+$/m.test(files.readText(`${CPUS}/cpu${cpu}/crash_notes_size`) ?? '')),
  };
};

const MOST_NAMED = 8;
const named = (cpus: readonly number[]): string =>
  `${cpus.slice(0, MOST_NAMED).join(', ')}${cpus.length > MOST_NAMED ? ` and ${cpus.length - MOST_NAMED} more` : ''}`;

/** What is wrong with what a crash kernel is told. */
const wrongWith = ({ told, header, segments }: CrashLoad, seen: Seen): readonly string[] => {
  if (told === undefined) return [];
  const { usable } = told;
  const given = { usable, header, segments, crashRegions: crashRegions(seen), ram: ramOf(seen.resources) };
  return TOLD_RULES.flatMap(({ check }) => check(given) ?? []);
};

/** What has changed since a header was made. */
const staleIn = (load: CrashLoad, seen: Seen): readonly string[] => {
  const { files } = seen;
  const isUpdated = (what: 'memory' | 'cpu'): boolean =>
    files.readText(`/sys/devices/system/${what}/crash_hotplug`)?.trim() === '1';
  const ram = ramOf(seen.resources);
  // The first one is the kernel's text, which is in the others, too.
  const [, ...told] = loadsOf(load).map(memoryOf);
  const memory = told.flatMap((range) => range ?? []);
  const added = outside(ram, [...crashRegions(seen), ...memory]);
  const gone = outside(memory, ram);
  const notes = headersOf(load)
    .filter(({ type }) => type === PT_NOTE)
    .map(({ paddr }) => paddr);
  const cpus = cpusIn(files, 'online').filter((cpu) => {
    const [address] = /^[0-9a-f]{1,16}$/m.exec(files.readText(`${CPUS}/cpu${cpu}/crash_notes`) ?? '') ?? [];
    return address !== undefined && !notes.includes(BigInt(`0x${address}`));
  });
  return [
    ...(added.length === 0 || isUpdated('memory') ? [] : [`it lacks ${textOf(added)}, which is memory now`]),
    ...(gone.length === 0 || isUpdated('memory') ? [] : [`it has ${textOf(gone)}, which is no memory now`]),
    ...(cpus.length === 0 || isUpdated('cpu')
      ? []
      : [`it has no place for the registers of the processors ${named(cpus)}`]),
  ];
};

/** Bytes that a kernel takes beside its image and what is loaded: Debian's 6.1 starts init with 2 MiB, and with 0 not. */
const LEAST_ROOM = MiB(4n);

const vmcoreinfoOf = (files: RecordedFiles): string => {
  const head = attempt(SystemError, () => files.readAt('/proc/kcore', 0, KCORE_HEAD));
  return head instanceof SystemError ? '' : new TextDecoder('latin1').decode(head);
};

/** Pages with which makedumpfile takes 52 bits (calculate_plat_config(), arch/arm64.c). */
const PAGES_OF_52_BITS = 0x1_0000n;

/** crash_smp_send_stop(), arch/arm64/kernel/smp.c: what it says after a second; older kernels name all others. */
const NOT_STOPPED = /SMP: failed to stop secondary CPUs [\d,-]{1,200}/;

const notStopped = (line: string): string =>
  `Processors did not stop when the kernel died: ${NOT_STOPPED.exec(line)?.[0] ?? line}. Their registers are not in the dump, and they run on in the memory that it is of.`;

export const DUMP_ROWS: readonly Row[] = [
  {
    id: 'kallsyms-no-text',
    severity: 'error',
    when: 'a crash kernel is loaded by kexec_load, and /proc/kallsyms has no _text, as of kernels without CONFIG_KALLSYMS_ALL (Debian 11 and 12): kexec says nothing, and the header of the dump is wrong',
    example:
      "_text is not in /proc/kallsyms, and kexec-tools 2.0.25 loads all the same: the dump's header has the kernel's text where no memory is, 0xffffc1dceaea0000 bytes at 0x3e2356e00000, and every read of /proc/vmcore ends in an oops of the capture kernel.",
    fixes: NO_TEXT_FIXES,
    look: kallsymsFound,
    log: {
      pattern: /^load_crashdump_segments: page_offset: {3}0{16}$/m,
      sentence:
        "kexec finds no _text in /proc/kallsyms: the dump's header has the kernel's text where no memory is, and reading /proc/vmcore ends in an oops.",
      ask: 'grep " _text$" /proc/kallsyms, as root; grep KALLSYMS_ALL /boot/config-$(uname -r)',
    },
  },
  {
    id: 'crash-told-wrong',
    severity: 'error',
    when: 'what the device tree tells the crash kernel does not hold together: the memory that it may use (linux,usable-memory-range), what is loaded, and the header of the dump (linux,elfcorehdr, or elfcorehdr= of its command line)',
    example:
      'The crash kernel is told what cannot be: linux,usable-memory-range has 0xc0000000-0xc7ffffff, which is no RAM.',
    fixes: ['record /proc/iomem anew, as root', 'boot with another crashkernel=, without a place (@)'],
    look: (seen) => {
      const { crash } = seen;
      const wrong = crash === undefined ? [] : wrongWith(crash.load, seen);
      if (crash === undefined || wrong.length === 0) return undefined;
      return {
        sentence: `The crash kernel is told what cannot be: ${wrong.join('; ')}.`,
        evidence: [
          `device tree: linux,usable-memory-range ${textOf(crash.load.told?.usable ?? [])}`,
          ...ramOf(seen.resources).map((range) => `/proc/iomem: System RAM ${range.toString()}`),
        ],
      };
    },
  },
  {
    id: 'crash-room-small',
    severity: 'warning',
    when: 'kernel and initrd fit into the region for a crash kernel, and leave too little of it to unpack the initrd and to run',
    example:
      'The capture kernel is short of memory: of 64.0 MiB, what is loaded takes 46.7 MiB, and what its initrd unpacks to 19.8 MiB.',
    fixes: ['boot with a larger crashkernel=', 'make a smaller initrd, with what a dump needs only'],
    look: ({ crash }) => {
      const usable = crash?.load.told?.usable ?? [];
      const { initrd } = crash?.load ?? {};
      if (crash === undefined || usable.length === 0) return undefined;
      const sum = (ranges: readonly Range[]): bigint => ranges.reduce((total, { size }) => total + size, 0n);
      const all = sum(usable);
      const loaded = sum(crash.load.segments);
      const unpacked = crash.capture.initrd?.unpacked ?? BigInt(initrd?.length ?? 0);
      if (loaded + unpacked + LEAST_ROOM <= all) return undefined;
      const wanted = alignUp(loaded + unpacked + LEAST_ROOM, MiB(64n)) >> 20n;
      return {
        sentence: `The capture kernel is short of memory: of ${formatSize(all)}, what is loaded takes ${formatSize(loaded)}, and what its initrd unpacks to ${formatSize(unpacked)}.`,
        evidence: usable.map((range) => `/proc/iomem: Crash kernel ${range.toString()}`),
        fixes: [`boot with crashkernel=${wanted}M or more`, 'make a smaller initrd, with what a dump needs only'],
      };
    },
  },
  {
    id: 'crash-low-unused',
    severity: 'warning',
    when: 'there are a high and a low region for a crash kernel, and the capture kernel is older than 5.19, which takes the first of linux,usable-memory-range alone: it has no memory for devices that reach 32 bits only',
    example:
      'The capture kernel (5.10.0-32-arm64) takes one range of memory alone, and not [0xa0000000, 0xa7ffffff]: devices that reach 32 bits only will not work.',
    fixes: ['load a kernel of 5.19 or later', 'boot with one region below 4 GiB: crashkernel=SIZE without ,high'],
    look: ({ crash }) => {
      const [, ...others] = crash?.load.told?.usable ?? [];
      const banner = crash?.capture.banner;
      if (others.length === 0 || banner === undefined || isAtLeast(banner, 5, 19)) return undefined;
      return {
        sentence: `The capture kernel (${kernelRelease(banner)}) takes one range of memory alone, and not ${textOf(others)}: devices that reach 32 bits only will not work.`,
        evidence: [`device tree: linux,usable-memory-range ${textOf(crash?.load.told?.usable ?? [])}`, banner],
      };
    },
  },
  {
    id: 'crash-cpus-stay',
    severity: 'warning',
    when: 'processors do not stop, or are not switched off, when the kernel dies: a log says so of a panic ("SMP: failed to stop secondary CPUs"), or nothing can switch them off; one that does not answer runs on in the memory that is being saved',
    example:
      'Processors did not stop when the kernel died: SMP: failed to stop secondary CPUs 1-3. Their registers are not in the dump, and they run on in the memory that it is of.',
    fixes: [
      'keep the capture kernel to one processor: nr_cpus=1',
      'with a GICv3, run Linux 6.12 or later with irqchip.gicv3_pseudo_nmi=1: it reaches processors that mask interrupts',
    ],
    look: (seen) => {
      if (seen.crash === undefined) return undefined;
      const lines = [...(seen.files.note('dmesg') ?? '').split('\n'), ...seen.log];
      const line = lines.findLast((text) => NOT_STOPPED.test(text))?.trim();
      if (line !== undefined) {
        return { sentence: notStopped(line), evidence: [`log: ${line.slice(0, 200)}`] };
      }
      const stuck = seen.facts.stuckCpus?.();
      if (stuck === undefined) return undefined;
      return {
        sentence:
          'When the kernel dies, the other processors cannot be switched off: they wait in its memory, the capture kernel cannot start them, and the kernel warns: "Some CPUs may be stale, kdump will be unreliable".',
        evidence: stuck.evidence,
        ...(keepsToOne(captureCmdline(seen)) && { severity: 'note' as const }),
        fixes: ['keep the capture kernel to one processor: nr_cpus=1', 'use firmware with PSCI'],
      };
    },
    log: {
      pattern: NOT_STOPPED,
      sentence: ([line]) => notStopped(line),
      ask: 'what those processors did: the log before the panic, for lockups and for code that masks interrupts',
    },
  },
  {
    id: 'no-vmcoreinfo',
    severity: 'warning',
    when: 'the dump will have no VMCOREINFO, for /sys/kernel/vmcoreinfo is not there or tells of no bytes: without it no tool finds its way in a dump',
    example: 'The dump will have no VMCOREINFO, without which makedumpfile, crash and drgn find nothing in it.',
    fixes: ['record /sys/kernel/vmcoreinfo', 'run a kernel with CONFIG_VMCORE_INFO=y (CONFIG_CRASH_CORE before 6.9)'],
    look: (seen) => {
      const text = seen.files.readText(VMCOREINFO)?.trim();
      const [, size] = /^(?:0x)?[0-9a-f]+ (?:0x)?([0-9a-f]+)$/.exec(text ?? '') ?? [];
      if (seen.crash === undefined || isByFile(seen) || (size !== undefined && !/^0+$/.test(size))) return undefined;
      return {
        sentence: 'The dump will have no VMCOREINFO, without which makedumpfile, crash and drgn find nothing in it.',
        evidence: [text === undefined ? `the recording has no ${VMCOREINFO}` : `${VMCOREINFO}: ${text}`],
      };
    },
  },
  {
    id: 'no-crash-notes',
    severity: 'warning',
    when: 'a processor has no place for its registers (crash_notes), or one of no bytes: what it did is not in the dump',
    example: 'The dump will lack the registers of the processors 2, 3: they have no crash_notes.',
    fixes: ['record the machine with kexec-sim snapshot', 'load again when a processor has been added'],
    look: (seen) => {
      const { files, crash } = seen;
      if (crash === undefined || isByFile(seen)) return undefined;
      const { online, others, empty } = notesOf(files);
      const lost = [...online, ...others, ...empty];
      if (lost.length === 0) return undefined;
      const [why, evidence] =
        lost.length === empty.length
          ? ['their crash_notes have no bytes', empty.map((cpu) => `${CPUS}/cpu${cpu}/crash_notes_size: 0`)]
          : [
              online.length > 0 ? 'they have no crash_notes' : 'they are possible, but not there, and may come later',
              [...online, ...others].map((cpu) => `no ${CPUS}/cpu${cpu}/crash_notes`),
            ];
      return {
        sentence: `The dump will lack the registers of the processors ${named(lost)}: ${why}.`,
        evidence: [
          `${CPUS}/possible: ${files.readText(`${CPUS}/possible`)?.trim() ?? ''}`,
          ...evidence.slice(0, MOST_NAMED),
        ],
        ...(online.length + empty.length === 0 && { severity: 'note' as const }),
      };
    },
  },
  {
    id: 'dump-stale',
    severity: 'warning',
    when: "what is loaded for a panic in the machine's state was loaded before memory or processors were added or taken away: Linux for arm64, up to 7.2 at least, does not keep the header of the dump up to date (no CONFIG_CRASH_HOTPLUG)",
    example: 'What was loaded for a panic is out of date: it lacks [0x100000000, 0x13fffffff], which is memory now.',
    fixes: ['load again, as udev rules of kdump-tools do when memory or processors come and go'],
    look: (seen) => {
      const before = seen.crash?.before;
      const stale = before === undefined || headersOf(before).length === 0 ? [] : staleIn(before, seen);
      if (stale.length === 0) return undefined;
      return {
        sentence: `What was loaded for a panic is out of date: ${stale.join('; ')}.`,
        evidence: [
          ...loadsOf(before).slice(0, MOST_NAMED).map(headerText),
          ...ramOf(seen.resources).map((range) => `/proc/iomem: System RAM ${range.toString()}`),
        ],
      };
    },
  },
  {
    id: 'makedumpfile-52',
    severity: 'note',
    when: 'the running kernel is built for addresses of 52 bits with pages of 4 or 16 KiB, as Debian 13 is: makedumpfile up to 1.7.8 refuses its dumps',
    example:
      'makedumpfile, up to 1.7.8, refuses dumps of this kernel: "PAGE SIZE 0x1000 and VA Bits 52 not supported".',
    fixes: ['save the dump with cp', 'read it with drgn, gdb or vmcore-dmesg'],
    look: ({ crash, files, facts }) => {
      if (crash === undefined || facts.pageSize >= PAGES_OF_52_BITS) return undefined;
      const [, bits] = /^NUMBER\(VA_BITS\)=(\d{1,2})$/m.exec(vmcoreinfoOf(files)) ?? [];
      const isBuiltSo = /^CONFIG_ARM64_VA_BITS=52$/m.test(files.kernelConfig() ?? '');
      if (bits === undefined ? !isBuiltSo : bits !== '52') return undefined;
      return {
        sentence: `makedumpfile, up to 1.7.8, refuses dumps of this kernel: "PAGE SIZE ${formatAddress(facts.pageSize)} and VA Bits 52 not supported".`,
        evidence: [
          bits === undefined ? 'config: CONFIG_ARM64_VA_BITS=52' : '/proc/kcore: NUMBER(VA_BITS)=52 in VMCOREINFO',
          `pages of ${formatSize(facts.pageSize)}`,
        ],
      };
    },
  },
];
