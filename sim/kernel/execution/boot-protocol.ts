/**
 * What an arm64 kernel may rely on at its first instruction (Linux Documentation/arch/arm64/booting.rst, where the
 * segments were meant to be, and what the device tree says), checked against processor and memory.
 */
import { hex } from '../../../kexec/base/format.js';
import { FDT_MAGIC } from '../../../kexec/device-tree/libfdt.js';
import { GiB, MiB, alignDown } from '../../../kexec/base/u64.js';
import { isSet, SCTLR } from '../../cpu/state/control-bits.js';
import { type Arrival, lookAtKernel } from './arrival.js';
import { CAPTURE_RULES } from './capture-rules.js';
import { type Rule, type RuleResult, address, rangeText } from './rule.js';
import { describeDifference, differences } from './segment-difference.js';
import { TREE_RULES } from './tree-rules.js';

/** CNTHCTL_EL2 (D17.11.2): whether EL1 may read the physical counter. */
const EL1PCTEN = 1n << 0n;

const SCTLR_RULES: readonly Rule[] = (
  [
    ['the MMU is off', SCTLR.M],
    ['the data cache is off', SCTLR.C],
    ['data is little-endian', SCTLR.EE],
  ] as const
).map(([rule, bit]) => ({
  rule,
  check: ({ cpu }) => {
    const name = `SCTLR_EL${cpu.el}`;
    const value = cpu.getSystemRegister(name);
    return isSet(value, bit) ? `${name} is ${address(value)}: bit ${bit} is set` : undefined;
  },
}));

const noTree = ({ cpu }: Arrival): string => `there is no device tree at x0 = ${address(cpu.getX(0))}`;

const RULES: readonly Rule[] = [
  {
    rule: 'the exception level is EL2 or EL1',
    check: ({ cpu }) => (cpu.el === 0 ? 'it is EL0' : undefined),
  },
  {
    rule: 'debug exceptions, SError, IRQ and FIQ are masked',
    check: ({ cpu: { daif } }) =>
      daif === 0b1111
        ? undefined
        : `not masked: ${['D', 'A', 'I', 'F'].filter((_, i) => ((daif >> (3 - i)) & 1) === 0).join(', ')}`,
  },
  ...SCTLR_RULES,
  {
    rule: 'CNTFRQ_EL0 has the frequency of the counter',
    check: ({ cpu }) => (cpu.getSystemRegister('CNTFRQ_EL0') === 0n ? 'CNTFRQ_EL0 is 0' : undefined),
  },
  {
    rule: 'EL1 may read the physical counter',
    check: ({ cpu, highestEl }) => {
      if (cpu.el !== 1 || highestEl === 1) return undefined;
      const value = cpu.getSystemRegister('CNTHCTL_EL2');
      return (value & EL1PCTEN) !== 0n ? undefined : `CNTHCTL_EL2 is ${address(value)}: bit 0 is clear`;
    },
  },
  {
    rule: 'x1, x2 and x3 are zero',
    check: ({ cpu }) => {
      const wrong = [1, 2, 3].filter((register) => cpu.getX(register) !== 0n);
      return wrong.length === 0
        ? undefined
        : wrong.map((register) => `x${register} is ${address(cpu.getX(register))}`).join(', ');
    },
  },
  {
    rule: 'x0 is a multiple of 8',
    check: ({ cpu }) => (cpu.getX(0) % 8n === 0n ? undefined : `x0 is ${address(cpu.getX(0))}`),
  },
  {
    rule: 'x0 points to a device tree in RAM',
    check: ({ cpu, memory }, { tree }) => {
      const x0 = cpu.getX(0);
      if (!memory.isRam(x0, 8n)) return `there is no RAM at x0 = ${address(x0)}`;
      if (tree === undefined) {
        const found = new DataView(memory.read(x0, 4).buffer).getUint32(0);
        return `at x0 = ${address(x0)} there is 0x${hex(found)} in place of the magic number 0x${hex(FDT_MAGIC)}`;
      }
      return memory.isRam(tree.memory.start, tree.memory.size)
        ? undefined
        : `its end is not in RAM: ${rangeText(tree.memory)}`;
    },
  },
  {
    rule: 'the device tree has at most 2 MB',
    check: (arrival, { tree }) => {
      if (tree === undefined) return noTree(arrival);
      return tree.memory.size <= MiB(2n) ? undefined : `its totalsize is ${tree.memory.size} bytes`;
    },
  },
  {
    rule: 'the kernel begins with the header of an Image',
    check: ({ cpu }, { header }) =>
      header === undefined ? `there is no "ARM\\x64" at ${address(cpu.pc + 56n)}` : undefined,
  },
  {
    rule: 'the kernel is text_offset bytes from a 2 MB boundary',
    check: ({ cpu }, { textOffset }) =>
      (cpu.pc - textOffset) % MiB(2n) === 0n
        ? undefined
        : `it is at ${address(cpu.pc)}, and its text_offset is ${address(textOffset)}`,
  },
  {
    rule: "all of the kernel's image_size bytes are RAM",
    check: ({ memory }, kernel) =>
      memory.isRam(kernel.memory.start, kernel.memory.size)
        ? undefined
        : `not all of ${rangeText(kernel.memory)} is RAM`,
  },
  {
    rule: "the kernel's memory holds neither device tree nor initrd",
    check: (_, { memory, tree }) => {
      const inside = (
        [
          ['the device tree', tree?.memory],
          ['the initrd', tree?.initrd],
        ] as const
      ).flatMap(([name, range]) => (range?.overlaps(memory) === true ? [`${name} (${rangeText(range)})`] : []));
      return inside.length === 0 ? undefined : `in its memory ${rangeText(memory)} is ${inside.join(' and ')}`;
    },
  },
  {
    rule: 'the initrd is in RAM',
    check: (arrival, { tree }) => {
      if (tree === undefined) return noTree(arrival);
      const { initrd } = tree;
      return initrd === undefined || arrival.memory.isRam(initrd.start, initrd.size)
        ? undefined
        : `not all of ${rangeText(initrd)} is RAM`;
    },
  },
  {
    rule: 'kernel and initrd are within 32 GB from a 1 GB boundary',
    check: (_, { memory, tree }) => {
      const initrd = tree?.initrd;
      if (initrd === undefined) return undefined;
      const first = initrd.start < memory.start ? initrd : memory;
      const end = initrd.end > memory.end ? initrd.end : memory.end;
      return end - alignDown(first.start, GiB(1n)) <= GiB(32n)
        ? undefined
        : `the kernel is at ${rangeText(memory)}, the initrd at ${rangeText(initrd)}`;
    },
  },
  {
    rule: 'the kernel is where it was loaded',
    check: ({ cpu, segments, purgatory }) =>
      segments.some((segment) => segment !== purgatory && segment.memory.start === cpu.pc)
        ? undefined
        : `no segment begins at ${address(cpu.pc)}`,
  },
  {
    rule: 'the device tree is where it was loaded',
    check: ({ cpu, segments, purgatory }) =>
      segments.some((segment) => segment !== purgatory && segment.memory.start === cpu.getX(0))
        ? undefined
        : `no segment begins at x0 = ${address(cpu.getX(0))}`,
  },
  {
    rule: 'memory holds what was loaded',
    check: ({ segments, purgatory, memory }) => {
      const elsewhere = segments.findIndex((segment) => !memory.isRam(segment.memory.start, segment.memory.size));
      if (elsewhere >= 0) return `segment ${elsewhere} is not in RAM: ${rangeText(segments[elsewhere]!.memory)}`;
      const found = differences(segments, purgatory, memory);
      return found.length === 0 ? undefined : found.map(describeDifference).join('; ');
    },
  },
];

/** All rules, in order; each is checked, whatever the others found. A kernel that takes a dump has some of its own. */
export const checkBootProtocol = (arrival: Arrival): readonly RuleResult[] => {
  const own = arrival.running.crashRegions === undefined ? [] : CAPTURE_RULES;
  return checkRules([...RULES, ...TREE_RULES, ...own], arrival);
};

/** What can be said of a load without running it: what its device tree tells the new kernel. */
export const checkTree = (arrival: Arrival): readonly RuleResult[] => checkRules(TREE_RULES, arrival);

const checkRules = (rules: readonly Rule[], arrival: Arrival): readonly RuleResult[] => {
  const kernel = lookAtKernel(arrival);
  return rules.map(({ rule, warns, check }) => {
    const problem = check(arrival, kernel);
    if (problem === undefined) return { rule, ok: true };
    return warns === true ? { rule, ok: true, warning: problem } : { rule, ok: false, problem };
  });
};

/** A line for each rule. */
export const formatRuleResults = (results: readonly RuleResult[]): string => results.map(formatRuleResult).join('');

const formatRuleResult = (result: RuleResult): string => {
  if (!result.ok) return `WRONG ${result.rule}: ${result.problem}\n`;
  return result.warning === undefined ? `ok    ${result.rule}\n` : `warn  ${result.rule}: ${result.warning}\n`;
};
