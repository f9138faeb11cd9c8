import type { OnProgress } from '../../../kexec/base/progress.js';
import type { CpuModel, ExceptionInfo, Jump } from '../../cpu/state/model.js';
import { checkBootProtocol, formatRuleResults, type RuleResult } from './boot-protocol.js';
import { Console } from './console.js';
import type { Executed, ExecutionSettings, Until } from '../execution-settings.js';
import { type Launched, type LaunchOptions, launch } from './launch.js';
import type { LoadedKernel } from './loaded-kernel.js';
import { type RunBounds, type RunEnd, runCpu } from './run-cpu.js';
import { type DescribeEsr, describeEnd, describeStuckPurgatory, formatJumps, formatRegisters } from './stop-report.js';

export interface ExecuteOptions
  extends Pick<LaunchOptions, 'facts' | 'kernel' | 'purgatory' | 'createCpu' | 'prepare'>,
    Pick<ExecutionSettings, 'console' | 'out' | 'err' | 'step'> {
  readonly describeEsr: DescribeEsr;
  /** `entry` by default. */
  readonly until: Until | undefined;
  readonly bounds: RunBounds;
  readonly progress?: OnProgress | undefined;
}

/** SCTLR_ELx.M (Arm ARM D17.2.118): the MMU is on. */
const SCTLR_M = 1n;

const INTERRUPTED = 130;
const FAILED = 1;

/** Ends that are no answer of the machine, but of the model or the user: what is loaded can be tried again. */
const OURS: readonly RunEnd['kind'][] = ['unmodelled', 'max-instructions', 'timeout', 'interrupted'];

/** Ends whose last branches are worth running to once more. */
const TRACED: readonly RunEnd['kind'][] = ['exception', 'stuck', 'unmodelled'];

const SHOWN_JUMPS = 16;
/** Enough instructions to have that many branches among them, but in a long copy. */
const TRACED_INSTRUCTIONS = 20_000n;

/** Carries out what the machine does after reboot(LINUX_REBOOT_CMD_KEXEC) was called. @throws KexecError */
export const execute = async (options: ExecuteOptions): Promise<Executed> => {
  const { kernel, bounds, step } = options;
  const { until = 'entry' } = options;
  const start = performance.now();
  const { end: arrival, launched, betweenSlices } = await runToEntry(options);
  if (arrival.kind !== 'stop-at') return fail(arrival, launched, options);
  const { cpu, place } = launched;
  step?.(`kexec-ts: the new kernel starts at ${place(cpu.pc)}\n`);
  const rules = rulesAt(launched, kernel);
  const wrong = rules.filter(({ ok }) => !ok);
  if (until === 'entry') {
    step?.(formatSpeed(cpu, performance.now() - start));
    options.out(`${entryLine(launched)}${formatRuleResults(rules)}`);
  } else {
    if (wrong.length > 0) options.err(formatRuleResults(wrong));
    step?.(formatRuleResults(rules.filter(({ ok }) => ok)));
    const end = await runKernel(launched, bounds, betweenSlices);
    step?.(formatSpeed(cpu, performance.now() - start));
    if (end.kind !== 'power') return fail(end, launched, options);
    step?.(`kexec-ts: ${describeEnd(end, launched, options.describeEsr)}\n`);
  }
  return { exitCode: wrong.length === 0 ? 0 : FAILED, keepsImage: false };
};

export interface Arrived {
  /** `stop-at` for a machine that stands before the new kernel's first instruction. */
  readonly end: RunEnd;
  readonly launched: Launched;
  /** Lets out what the console has of an unfinished line, and tells how far the run is. */
  readonly betweenSlices: () => void;
}

/** @throws KexecError when the machine cannot be brought to where it would start */
export const runToEntry = async (options: Omit<ExecuteOptions, 'until' | 'out' | 'err'>): Promise<Arrived> => {
  const { kernel, bounds, step } = options;
  const terminal = new Console(options.console);
  const launched = launch({ ...options, onOutput: terminal.put, log: (line) => step?.(`${line}\n`) });
  const betweenSlices = (): void => {
    terminal.flush();
    tell(launched, options.progress);
  };
  const end = await runCpu(launched.cpu, { stopAt: kernel.kernelEntries, stopOnException: true }, bounds, betweenSlices);
  return { end, launched, betweenSlices };
};

const tell = ({ cpu, place }: Launched, progress: OnProgress | undefined): void =>
  progress?.({ what: `at ${place(cpu.pc)}`, unit: 'instructions', done: Number(cpu.instructions) });

/** A kernel may take exceptions, but not to where it has no code: it would never come out of that. */
const runKernel = ({ board, cpu }: Launched, bounds: RunBounds, betweenSlices: () => void): Promise<RunEnd> => {
  const hasNoVector = ({ target, handler }: ExceptionInfo): boolean => {
    const isMmuOn = (cpu.getSystemRegister(`SCTLR_EL${target}`) & SCTLR_M) !== 0n;
    return !isMmuOn && !board.memory.isRam(handler);
  };
  return runCpu(cpu, { stopOnException: hasNoVector }, bounds, betweenSlices);
};

/** The report on the boot protocol, of a machine that stands before the new kernel's first instruction. */
export const rulesAt = ({ board, cpu }: Launched, { segments, purgatory }: LoadedKernel): readonly RuleResult[] =>
  checkBootProtocol({ cpu, memory: board.memory, highestEl: board.highestEl, segments, purgatory });

const entryLine = ({ cpu }: Launched): string =>
  `The new kernel's first instruction: 0x${cpu.pc.toString(16)} at EL${cpu.el}, x0 0x${cpu.getX(0).toString(16)}, ` +
  `after ${cpu.instructions} instructions\n`;

const formatSpeed = ({ instructions, statistics }: CpuModel, milliseconds: number): string => {
  const millions = Number(instructions) / (milliseconds * 1000);
  return (
    `kexec-ts: ${instructions} instructions in ${(milliseconds / 1000).toFixed(3)} s: ${millions.toFixed(1)} million a second\n` +
    `kexec-ts: translated ${statistics.translatedInstructions} instructions in ${statistics.regions} regions, ` +
    `in ${statistics.translationMs.toFixed(1)} ms\n`
  );
};

const fail = async (end: RunEnd, launched: Launched, options: ExecuteOptions): Promise<Executed> => {
  const { cpu, place } = launched;
  options.err(`kexec-ts: ${describeEnd(end, launched, options.describeEsr)}\n`);
  const verdict = describeStuckPurgatory(end, launched, options.kernel);
  if (verdict !== undefined) options.err(`kexec-ts: ${verdict}\n`);
  options.err(formatRegisters(cpu));
  if (TRACED.includes(end.kind)) {
    options.err(formatJumps(await lastJumps(end, cpu.instructions, options), place, options.describeEsr));
  }
  return { exitCode: end.kind === 'interrupted' ? INTERRUPTED : FAILED, keepsImage: OURS.includes(end.kind) };
};

/** The same run once more, and its last jumps. Nobody sees its output. */
const lastJumps = async (end: RunEnd, instructions: bigint, options: ExecuteOptions): Promise<readonly Jump[]> => {
  const launched = launch({ ...options, onOutput: () => {}, log: () => {} });
  const { cpu } = launched;
  const betweenSlices = (): void => tell(launched, options.progress);
  const before = instructions - TRACED_INSTRUCTIONS;
  if (before > 0n) {
    const { kind } = await runCpu(cpu, {}, { ...options.bounds, maxInstructions: before }, betweenSlices);
    if (kind !== 'max-instructions') return [];
  }
  const jumps: Jump[] = [];
  cpu.traceJumps((jump) => jumps.push(jump));
  const isTheEnd = (): boolean => end.kind === 'exception' && cpu.instructions === instructions;
  await runCpu(cpu, { stopOnException: isTheEnd }, { ...options.bounds, maxInstructions: instructions });
  return jumps.slice(-SHOWN_JUMPS);
};
