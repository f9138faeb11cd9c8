/** Findings about what the new kernel meets at its first instruction, and behind it. */
import type { RecordedFiles } from '../../kernel/facts/recorded-files.js';
import type { Found, Row, Severity } from './finding.js';
import { type Seen, runningCmdline, wordOf } from './seen.js';

/** A rule of the machine's judge, and the row that tells of it. */
interface RuleRow {
  readonly rule: string;
  readonly row: Row;
}

const ofRule = (
  rule: string,
  row: Pick<Row, 'id' | 'when' | 'example' | 'fixes'> & {
    readonly severity: Severity;
    readonly say: (problem: string) => string;
    readonly weigh?: (seen: Seen) => Severity;
  },
): RuleRow => {
  const { say, weigh, ...rest } = row;
  const look = (seen: Seen): Found | undefined => {
    const problem = problemOf(seen, rule);
    return problem === undefined
      ? undefined
      : { sentence: say(problem), evidence: [`rule broken: ${rule}`], severity: weigh?.(seen) };
  };
  return { rule, row: { ...rest, look } };
};

/** QEMU's controller lets LPIs be switched off again, which the new kernel then does. */
const isQemu = (files: RecordedFiles): boolean =>
  ['/sys/firmware/devicetree/base/compatible', '/sys/firmware/fdt'].some(
    (path) => files.readText(path)?.includes('linux,dummy-virt') === true,
  );

const problemOf = ({ arrived }: Seen, rule: string): string | undefined => {
  const result = arrived?.rules.find((one) => one.rule === rule);
  return result === undefined ? undefined : result.ok ? result.warning : result.problem;
};

const ITS_SENTENCE = `The GIC's ITS has tables in memory that the new kernel is not told of: it may say "Booted with LPIs enabled, memory probably corrupted".`;

/** Boards on which public reports found the device that a new kernel fails at. */
const REPORTED: readonly { readonly board: string; readonly what: string }[] = [
  {
    board: 'rockchip,rk3566',
    what: 'the initcall of its GRF driver hangs before the console is there (initcall_blacklist=rockchip_grf_init)',
  },
  {
    board: 'nvidia,tegra234',
    what: "the console's UART is without its clock, and a kernel that does not ask the BPMP for it first ends in a RAS error of the firmware",
  },
];

const RULE_ROWS: readonly RuleRow[] = [
  ofRule("the device tree, or UEFI's memory map, tells of memory", {
    id: 'tree-without-memory',
    severity: 'error',
    when: "the new device tree has no /memory node with a size, nor UEFI's memory map: kexec adds none",
    example:
      'The new kernel is told of no memory: no /memory node has a size, and /chosen has no linux,uefi-mmap-start.',
    fixes: [
      "leave out --dtb: the running kernel's tree tells of memory",
      'put the memory into the file, as firmware does: fdtput -t x FILE /memory@0 reg ...',
    ],
    say: (problem) => `The new kernel is told of no memory: ${problem}.`,
  }),
  ofRule('the kernel, the initrd and the device tree are in that memory', {
    id: 'outside-tree-memory',
    severity: 'error',
    when: 'the new device tree tells of memory, and what is loaded lies elsewhere',
    example:
      'What is loaded lies outside of the memory that the new device tree tells of: the kernel is not: 0x80000000-0x819fffff.',
    fixes: ["leave out --dtb, or give one with this machine's memory"],
    say: (problem) => `What is loaded lies outside of the memory that the new device tree tells of: ${problem}.`,
  }),
  ofRule('no segment is in memory that the device tree reserves', {
    id: 'reserved-memory',
    severity: 'error',
    when: 'what is loaded lies in memory that the new device tree reserves, for firmware or a device',
    example:
      'What is loaded lies in reserved memory: segment 0 (0x1600000-0x309ffff) is in /reserved-memory/tz@1400000 (0x1400000-0x33fffff).',
    fixes: ['give a --mem-min behind it', "leave out --dtb: the running kernel's reservations are kept clear of"],
    say: (problem) => `What is loaded lies in reserved memory: ${problem}.`,
  }),
  ofRule("UEFI's tables are handed on as the running kernel has them", {
    id: 'uefi-lost',
    severity: 'error',
    when: 'the running kernel knows UEFI, and the new device tree does not tell of it: no ACPI, no memory map',
    example:
      "The new kernel is not told of UEFI, and so has neither ACPI nor a memory map: /chosen has not the running kernel's linux,uefi-system-table.",
    fixes: ['leave out --dtb', 'copy the linux,uefi-* properties of /proc/device-tree/chosen into the file'],
    say: (problem) => `The new kernel is not told of UEFI, and so has neither ACPI nor a memory map: ${problem}.`,
  }),
  ofRule('the other processors can be started', {
    id: 'cpus-lost',
    severity: 'warning',
    when: 'the new kernel cannot start processors other than the first: its tree tells no way, or firmware refuses',
    example: 'The new kernel gets one processor only: the firmware has the quirk cpu-on-once.',
    fixes: ['boot the new kernel with nr_cpus=1, so that it does not try', 'update the firmware'],
    say: (problem) => `The new kernel gets one processor only: ${problem}.`,
  }),
  ofRule("tables of a GIC's ITS are handed on", {
    id: 'its-without-uefi',
    severity: 'warning',
    when: "there is a GIC with an ITS, and no UEFI table that tells the new kernel where the old one's LPI tables are",
    example: ITS_SENTENCE,
    fixes: ['boot both kernels with irqchip.gicv3_nolpi=1', 'boot by UEFI'],
    // Without devices that send messages, nobody writes to the tables.
    weigh: ({ files }) =>
      /LPI (?:pending|property) table/.test(files.note('dmesg') ?? '') && !isQemu(files) ? 'warning' : 'note',
    say: () => ITS_SENTENCE,
  }),
  ofRule('a console is named', {
    id: 'no-console',
    severity: 'warning',
    when: 'neither the command line nor the device tree names a console: whatever happens, nothing is seen of it',
    example: 'The new kernel has no console: no stdout-path leads anywhere, and the command line has no console=.',
    fixes: ['add console=..., or earlycon', 'use --reuse-cmdline'],
    say: (problem) => `The new kernel has no console: ${problem}.`,
  }),
];

const ON_BOUNDARY = 'the kernel is text_offset bytes from a 2 MB boundary';

const hasRow = (rule: string): boolean => RULE_ROWS.some((one) => one.rule === rule);

const OWN_END = /^the machine (?:switched itself off|reset itself)/;

export const ARRIVAL_ROWS: readonly Row[] = [
  ...RULE_ROWS.map(({ row }) => row),
  {
    id: 'cpu-undying',
    severity: 'error',
    when: 'the load works, and kexec -e ends in a BUG of the running kernel: a processor refuses to be switched off (PSCI 0.1 without CPU_OFF, a trusted operating system that stays on it)',
    example:
      'The load works, and at kexec -e the running kernel dies: CPU 1 cannot be switched off (Operation not supported): /psci is "arm,psci" (0.1), and has no cpu_off.',
    fixes: [
      'boot with maxcpus=1: a processor that was never on need not be switched off',
      'use firmware with PSCI 0.2 or later',
    ],
    look: ({ arrived }): Found | undefined =>
      arrived?.bug === undefined
        ? undefined
        : {
            sentence: `The load works, and at kexec -e the running kernel dies: ${arrived.bug.why}.`,
            evidence: arrived.bug.log.map((line) => `its last words: ${line}`),
          },
  },
  {
    id: 'devices-left-off',
    severity: 'note',
    when: 'the running kernel has switched off the clocks and power domains that nobody uses, and a new kernel that touches such a device before it switches it on hangs, or is stopped by firmware, without a word',
    example:
      'Devices keep the state that the running kernel leaves them in, and reports tell of this board (rockchip,rk3566): the initcall of its GRF driver hangs before the console is there.',
    fixes: [
      'boot the running kernel with clk_ignore_unused pd_ignore_unused, and load from there',
      'boot the new kernel with earlycon initcall_debug, and leave out the last initcall: initcall_blacklist=NAME',
    ],
    look: (seen): Found | undefined => {
      const { gates = [], compatible = [] } = seen.board?.board ?? {};
      if (seen.chosen.image === undefined) return undefined;
      const keepsOn = ['clk_ignore_unused', 'pd_ignore_unused'].every(
        (word) => wordOf(runningCmdline(seen), new RegExp(`^${word}$`)) !== undefined,
      );
      if (gates.length === 0 || keepsOn) return undefined;
      const known = REPORTED.find(({ board }) => compatible.includes(board));
      const keep = 'Devices keep the state that the running kernel leaves them in';
      return {
        sentence:
          known === undefined
            ? `${keep}: clocks and power domains that it has switched off stay off.`
            : `${keep}, and reports tell of this board (${known.board}): ${known.what}.`,
        evidence: [
          `device tree: ${gates.slice(0, 3).join(', ')}`,
          '/proc/cmdline: no clk_ignore_unused pd_ignore_unused',
        ],
        ...(known && { severity: 'warning' as const }),
      };
    },
  },
  {
    id: 'does-not-arrive',
    severity: 'error',
    when: 'executed, what is loaded never comes to the new kernel: the purgatory stops it, or there is an exception on the way',
    example:
      'The new kernel is never reached: stuck at 0x434a21d4 (purgatory+0x184 of the purgatory): a branch to itself, and no interrupt can come.',
    fixes: ['look at the run: kexec -d -e'],
    isLastResort: true,
    look: ({ arrived }): Found | undefined =>
      arrived?.failure === undefined
        ? undefined
        : { sentence: `The new kernel is never reached: ${arrived.failure}.`, evidence: [] },
  },
  {
    id: 'boot-protocol',
    severity: 'error',
    when: "a rule of Linux' booting.rst is broken at the new kernel's first instruction",
    example:
      'The new kernel cannot rely on this: the kernel is text_offset bytes from a 2 MB boundary: it is at 0x40100000, and its text_offset is 0x0.',
    fixes: ['report it: kexec-tools or the kernel has a fault'],
    look: ({ arrived, chosen }) => {
      const broken = (arrived?.rules ?? []).filter((result) => !result.ok && !hasRow(result.rule));
      if (broken.length === 0) return undefined;
      const text = broken.map((result) => `${result.rule}: ${result.ok ? '' : result.problem}`).join('; ');
      const sentence = `The new kernel cannot rely on this: ${text}.`;
      const isContiguous = chosen.image?.segments.some(({ contiguous }) => contiguous) === true;
      if (!isContiguous || broken.some(({ rule }) => rule !== ON_BOUNDARY)) return { sentence, evidence: [] };
      return {
        sentence,
        evidence: [
          'the running kernel put it into contiguous memory (CMA), aligned to CONFIG_CMA_ALIGNMENT',
          'Linux 7.2 starts so, and says "[Firmware Bug]: Kernel image misaligned at boot"',
        ],
        severity: 'warning',
        fixes: ['give --no-cma'],
      };
    },
  },
  {
    id: 'kernel-fails',
    severity: 'error',
    when: 'with --run, the new kernel panics, or is stuck; with -p, the running kernel is made to panic, and the capture kernel is the new one',
    example: 'The new kernel panics: Failed to allocate page table page.',
    fixes: ['look at its console, above'],
    look: ({ ran, wanted }) => {
      if (ran === undefined || ran.exitCode === 0) return undefined;
      // The panic of the running kernel is not on the capture kernel's console, but in the report.
      const said = wanted.onCrash ? ran.console : ran.console + ran.report;
      const panic = /Kernel panic - not syncing: ([^\r\n]*)/.exec(said)?.[1];
      const reason = [...ran.report.matchAll(/^kexec-ts: (.*)$/gm)].at(wanted.onCrash ? -1 : 0)?.[1];
      // It may be a rule that does not hold: the kernel has come to its own end all the same.
      if (panic === undefined && (reason === undefined || OWN_END.test(reason))) return undefined;
      const name = wanted.onCrash ? 'The capture kernel' : 'The new kernel';
      return {
        sentence: panic === undefined ? `${name} does not go on: ${reason}.` : `${name} panics: ${panic}.`,
        evidence: reason === undefined ? [] : [reason],
      };
    },
  },
  {
    id: 'not-executed',
    severity: 'note',
    when: 'what is loaded could not be executed here, for a reason that is none of the machine itself',
    example: 'What is loaded was not executed here: 80 processors: there can be 8 at most.',
    fixes: ['nothing: the load itself was tried'],
    look: ({ arrived }) =>
      arrived?.skipped === undefined
        ? undefined
        : { sentence: `What is loaded was not executed here: ${arrived.skipped}.`, evidence: [] },
  },
];
