/** Findings about the options and the command line: what they leave out, what is ignored, what takes long. */
import { formatSize } from '../common/text.js';
import type { Row } from './finding.js';
import { runningCmdline, wordOf } from './seen.js';
import { kernelRelease } from '../../kernel/facts/generations.js';

/** Options that kexec_file_load has no use for. */
const FOR_KEXEC_LOAD: readonly string[] = ['dtb', 'serial', 'mem-min', 'mem-max', 'entry', 'no-checks'];

/** What the purgatory does for a byte of SHA-256, and how long that takes where each instruction waits for memory. */
const INSTRUCTIONS_PER_BYTE = 29;
const NANOSECONDS = 30;
const LONG_SECONDS = 120;
const WORTH_A_NOTE_SECONDS = 20;

export const COMMAND_ROWS: readonly Row[] = [
  {
    id: 'console-above-4g',
    severity: 'warning',
    when: '--serial finds a console above 4 GiB: kexec keeps ten characters of its address, and the purgatory prints into RAM',
    example:
      '--serial=ttyAMA10 is at 0x107D001000, of which kexec keeps 0x107d0010: the purgatory prints nothing, and writes there.',
    fixes: ['leave out --serial', "use earlycon on the new kernel's command line instead"],
    look: ({ files, wanted, chosen, arrived }) => {
      if (wanted.serial === undefined || chosen.image?.segments.every(({ role }) => role === undefined) !== true)
        return undefined;
      const told = files.readText(`/sys/class/tty/${wanted.serial}/iomem_base`)?.trim() ?? '';
      if (told.length <= 10 || !/^0x[0-9a-f]+$/i.test(told)) return undefined;
      return {
        sentence: `--serial=${wanted.serial} is at ${told}, of which kexec keeps ${told.slice(0, 10).toLowerCase()}: the purgatory prints nothing, and writes there.`,
        evidence: [`/sys/class/tty/${wanted.serial}/iomem_base: ${told}`],
        // Where there is no RAM either, the purgatory gets an exception.
        ...(arrived?.failure !== undefined && { severity: 'error' as const }),
      };
    },
  },
  {
    id: 'serial-unknown',
    severity: 'warning',
    when: '--serial names a terminal that the machine does not have, or whose address is not told',
    example: '--serial=ttyS9 is no terminal of this machine: the purgatory prints nothing.',
    fixes: ['give one of /sys/class/tty whose iomem_base is not 0'],
    look: ({ wanted, chosen }) =>
      wanted.serial !== undefined &&
      /find_purgatory_sink: (?:No valid console|No able to open|not able)|console memory is at 0(?:x0)?$/m.test(
        chosen.said,
      )
        ? {
            sentence: `--serial=${wanted.serial} is no terminal of this machine that has an address: the purgatory prints nothing.`,
            evidence: [/^.*find_purgatory_sink.*$|^console memory is at.*$/m.exec(chosen.said)?.[0] ?? ''],
          }
        : undefined,
  },
  {
    id: 'file-load-ignores',
    severity: 'warning',
    when: 'the kernel is loaded by kexec_file_load, which has no use for --dtb, --serial, --mem-min, --mem-max, --entry and --no-checks',
    example: '--dtb is ignored: kexec_file_load, by which the kernel is loaded, makes its own device tree.',
    fixes: ['use kexec_load (-c)'],
    look: ({ wanted, chosen }) => {
      if (chosen.image?.segments.some(({ role }) => role !== undefined) !== true) return undefined;
      const ignored = wanted.given.filter((option) => FOR_KEXEC_LOAD.includes(option));
      // Nothing is lost where there is no purgatory whose checks could be left out.
      if (ignored.every((option) => option === 'no-checks')) return undefined;
      return {
        sentence: `${ignored.map((option) => `--${option}`).join(', ')} ${ignored.length === 1 ? 'is' : 'are'} ignored: the kernel is loaded by kexec_file_load, which has no use for ${ignored.length === 1 ? 'it' : 'them'}.`,
        evidence: ['kexec: kexec_file_load succeeded'],
      };
    },
  },
  {
    id: 'no-command-line',
    severity: 'warning',
    when: 'no command line is given, though the running kernel has one: what the device tree has in /chosen stays (kexec_load), or there is none but what is built into the new kernel (CONFIG_CMDLINE)',
    example:
      'The new kernel gets no command line but what is built into it (CONFIG_CMDLINE); the running one has root=/dev/mmcblk0p2 console=ttyS0.',
    fixes: ['add --reuse-cmdline, or --append'],
    look: (seen) => {
      const running = runningCmdline(seen);
      if (seen.wanted.cmdline !== undefined || running === '' || seen.chosen.image === undefined) return undefined;
      const kept = seen.told?.bootargs?.trim() ?? '';
      if (kept === running) return undefined;
      const own = `the running one has ${running.slice(0, 200)}`;
      if (kept === '') {
        return {
          sentence: `The new kernel gets no command line but what is built into it (CONFIG_CMDLINE); ${own}.`,
          evidence: ['/proc/cmdline', 'device tree: /chosen has no bootargs, or empty ones'],
        };
      }
      return {
        sentence: `The new kernel gets the command line that the device tree has, ${kept.slice(0, 200)}; ${own}.`,
        evidence: ['/proc/cmdline', 'device tree: bootargs of /chosen, which kexec_load leaves as they are'],
        severity: 'note',
      };
    },
  },
  {
    id: 'root-missing',
    severity: 'warning',
    when: 'the new kernel has neither an initrd nor a root=, though the running one was given a root=',
    example: 'The new kernel has neither an initrd nor a root=; the running one has root=/dev/nvme0n1p1.',
    fixes: ['add --initrd', 'add --reuse-cmdline'],
    look: (seen) => {
      const { wanted, chosen } = seen;
      const root = wordOf(runningCmdline(seen), /^root=/);
      if (
        chosen.image === undefined ||
        wanted.cmdline === undefined ||
        wanted.initrd !== undefined ||
        root === undefined
      )
        return undefined;
      if (wordOf(wanted.cmdline, /^(root|rdinit|init)=/) !== undefined) return undefined;
      return {
        sentence: `The new kernel has neither an initrd nor a root=; the running one has ${root}.`,
        evidence: [`command line: ${wanted.cmdline}`],
      };
    },
  },
  {
    id: 'sha256-slow',
    severity: 'note',
    when: "the purgatory's SHA-256 over what is loaded, with caches off, takes a while on a board",
    example: "The purgatory's SHA-256 of 226.0 MiB takes about 206 s with caches off: nothing is printed meanwhile.",
    fixes: ['add --no-checks (-i)', 'use kexec_file_load (-s), which has no purgatory', 'load a smaller initrd'],
    look: ({ wanted, chosen }) => {
      const { image } = chosen;
      if (image === undefined || wanted.skipsChecks || image.segments.some(({ role }) => role !== undefined))
        return undefined;
      const bytes = image.segments.reduce((sum, { memsz }) => sum + memsz, 0n);
      const seconds = (Number(bytes) * INSTRUCTIONS_PER_BYTE * NANOSECONDS) / 1e9;
      if (seconds < WORTH_A_NOTE_SECONDS) return undefined;
      return {
        sentence: `The purgatory's SHA-256 of ${formatSize(bytes)} takes about ${Math.round(seconds)} s with caches off: nothing is printed meanwhile.`,
        evidence: [
          `${INSTRUCTIONS_PER_BYTE} instructions a byte; taken for ${NANOSECONDS} ns each, as memory without caches is`,
        ],
        ...(seconds >= LONG_SECONDS && { severity: 'warning' as const }),
      };
    },
  },
  {
    id: 'kcore-warnings',
    severity: 'note',
    when: 'kexec warns that it cannot open /proc/kcore, or cannot get VA_BITS from it: it goes on by other means',
    example: 'What kexec says of /proc/kcore and VA_BITS is no fault: it goes on without.',
    fixes: ['look at the lines behind it'],
    look: ({ chosen }) => {
      const line = /^(?:Can't open \(\/proc\/kcore\)\.|Warning, can't get the VA_BITS from kcore)/m.exec(
        chosen.said,
      )?.[0];
      return line === undefined
        ? undefined
        : {
            sentence: 'What kexec says of /proc/kcore and VA_BITS is no fault: it goes on without.',
            evidence: [`kexec: ${line}`],
          };
    },
    log: {
      pattern: /^.*(?:Can't open \(\/proc\/kcore\)|Warning, can't get the VA_BITS)/m,
      sentence: 'What kexec says of /proc/kcore and VA_BITS is no fault: it goes on without.',
      ask: 'the lines behind it; if there are none, whether the load worked: cat /sys/kernel/kexec_loaded',
    },
  },
  {
    id: 'level-unknown',
    severity: 'note',
    when: 'nothing tells whether the kernel was started at EL2, where it goes another way out; EL1 is taken here',
    example: 'Nothing tells at which exception level the kernel was started: EL1 is taken.',
    fixes: ['record the log with kexec-sim snapshot', 'say so: --sim-el=2, or KEXEC_EL=2'],
    look: ({ board }) =>
      board?.elIsKnown === false
        ? {
            sentence: 'Nothing tells at which exception level the kernel was started: EL1 is taken.',
            evidence: ['no "CPU: All CPU(s) started at EL" in dmesg, no /psci in the device tree'],
          }
        : undefined,
  },
  {
    id: 'release-unlike',
    severity: 'note',
    when: 'the running kernel is of a release whose answers are not known: those of the nearest one are given',
    example: 'The kernel is 6.17.0, whose answers are not known: it answers as 6.12.',
    fixes: ["compare with the machine's own answer"],
    look: ({ files, facts }) => {
      const release = kernelRelease(files.readText('/proc/version'));
      if (release === undefined || release.startsWith(`${facts.generation}.`)) return undefined;
      return {
        sentence: `The kernel is ${release}, whose answers are not known: it answers as ${facts.generation}.`,
        evidence: ['/proc/version'],
      };
    },
  },
];
