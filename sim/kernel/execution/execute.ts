/** The course of an execution: from the old kernel's last instructions to the new kernel's first one or its end. */
import type { OnProgress } from '../../../kexec/base/progress.js';
import { isSet, SCTLR } from '../../cpu/state/control-bits.js';
import type { CpuModel, ExceptionInfo, Jump } from '../../cpu/state/model.js';
import { checkBootProtocol, formatRuleResults, type RuleResult } from './boot-protocol.js';
import { Console } from '../machine/console.js';
import type { Executed, ExecutionSettings, Until } from '../execution-settings.js';
import { type Launched, type LaunchOptions, launch } from './launch.js';
import type { LoadedKernel } from './loaded-kernel.js';
import type { GuestLimits, Processors, RunBounds, RunEnd } from '../machine/processors.js';
import { type DescribeEsr, describeEnd, formatJumps, formatRegisters } from '../run/end-report.js';
import { describeStuckPurgatory } from './stop-report.js';

export interface ExecuteOptions
  extends Pick<LaunchOptions, 'facts' | 'kernel' | 'purgatory' | 'createCpu' | 'prepare'>,
    Pick<ExecutionSettings, 'console' | 'out' | 'err' | 'step'> {
  readonly describeEsr: DescribeEsr;
  /** `entry` by default. */
  readonly until: Until | undefined;
  readonly bounds: RunBounds;
  readonly progress?: OnProgress | undefined;
}

const INTERRUPTED = 130;
const FAILED = 1;

/** Ends that are no answer of the machine, but of the model or the user: what is loaded can be tried again. */
const OURS: readonly RunEnd['kind'][] = ['unmodelled', 'max-instructions', 'timeout', 'interrupted'];

/** Ends whose last branches are worth running to once more. */
const TRACED: readonly RunEnd['kind'][] = ['exception', 'stuck', 'unmodelled'];

const SHOWN_JUMPS = 16;
/** Enough instructions to have that many branches among them, but in a long copy. */
const TRACED_INSTRUCTIONS = 20_000n;

/** Carries out what the machine does after reboot(LINUX_REBOOT_CMD_KEXEC) was called. @throws KexecError, MachineError */
export const execute = async (options: ExecuteOptions): Promise<Executed> => {
  const { kernel, bounds, step } = options;
  const { until = 'entry' } = options;
  const start = performance.now();
  const { end: arrival, launched, betweenSlices } = await runToEntry(options);
  if (arrival.kind !== 'stop-at') return fail(arrival, launched, options);
  const { processors, place } = launched;
  const cpu = processors.current;
  step?.(`kexec-ts: the new kernel starts at ${place(cpu.pc)}\n`);
  const rules = rulesAt(launched, kernel);
  const wrong = rules.filter(({ ok }) => !ok);
  if (until === 'entry') {
    step?.(formatSpeed(processors, performance.now() - start));
    options.out(`${entryLine(launched)}${formatRuleResults(rules)}`);
  } else {
    if (wrong.length > 0) options.err(formatRuleResults(wrong));
    step?.(formatRuleResults(rules.filter(({ ok }) => ok)));
    const end = await runKernel(launched, bounds, betweenSlices);
    step?.(formatSpeed(processors, performance.now() - start));
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

/** @throws KexecError when the machine cannot be brought to where it would start @throws MachineError */
export const runToEntry = async (options: Omit<ExecuteOptions, 'until' | 'out' | 'err'>): Promise<Arrived> => {
  const { kernel, bounds, step } = options;
  const terminal = new Console(options.console);
  const launched = launch({ ...options, onOutput: terminal.put, log: (line) => step?.(`${line}\n`) });
  const betweenSlices = (): void => {
    terminal.flush();
    tell(launched, options.progress);
  };
  const limits: GuestLimits = { stopAt: kernel.kernelEntries, stopOnException: true };
  const end = await launched.processors.run(() => limits, bounds, betweenSlices);
  return { end, launched, betweenSlices };
};

const tell = ({ processors, place }: Launched, progress: OnProgress | undefined): void =>
  progress?.({
    what: `at ${place(processors.current.pc)}`,
    unit: 'instructions',
    done: Number(processors.instructions),
  });

/** A kernel may take exceptions, but not to where it has no code: it would never come out of that. */
const runKernel = (
  { board, processors }: Launched,
  bounds: RunBounds,
  betweenSlices: () => void,
): Promise<RunEnd> => {
  const hasVector = (cpu: CpuModel, { target, handler }: ExceptionInfo): boolean => {
    const isMmuOn = isSet(cpu.getSystemRegister(`SCTLR_EL${target}`), SCTLR.M);
    return isMmuOn || board.memory.isRam(handler);
  };
  const limitsOf = (cpu: CpuModel): GuestLimits => ({ stopOnException: (exception) => !hasVector(cpu, exception) });
  return processors.run(limitsOf, bounds, betweenSlices);
};

/** The report on the boot protocol, of a machine that stands before the new kernel's first instruction. */
export const rulesAt = (
  { board, processors }: Launched,
  { segments, purgatory }: LoadedKernel,
): readonly RuleResult[] =>
  checkBootProtocol({ cpu: processors.current, memory: board.memory, highestEl: board.highestEl, segments, purgatory });

const entryLine = ({ processors: { current: cpu } }: Launched): string =>
  `The new kernel's first instruction: 0x${cpu.pc.toString(16)} at EL${cpu.el}, x0 0x${cpu.getX(0).toString(16)}, ` +
  `after ${cpu.instructions} instructions\n`;

const formatSpeed = ({ instructions, first: { statistics } }: Processors, milliseconds: number): string => {
  const millions = Number(instructions) / (milliseconds * 1000);
  return (
    `kexec-ts: ${instructions} instructions in ${(milliseconds / 1000).toFixed(3)} s: ${millions.toFixed(1)} million a second\n` +
    `kexec-ts: translated ${statistics.translatedInstructions} instructions in ${statistics.regions} regions, ` +
    `in ${statistics.translationMs.toFixed(1)} ms\n`
  );
};

const fail = async (end: RunEnd, launched: Launched, options: ExecuteOptions): Promise<Executed> => {
  const { processors, place } = launched;
  options.err(`kexec-ts: ${describeEnd(end, launched, options.describeEsr)}\n`);
  const verdict = describeStuckPurgatory(end, launched, options.kernel);
  if (verdict !== undefined) options.err(`kexec-ts: ${verdict}\n`);
  options.err(formatRegisters(processors.current));
  if (TRACED.includes(end.kind)) {
    options.err(formatJumps(await lastJumps(end, processors.instructions, options), place, options.describeEsr));
  }
  return { exitCode: end.kind === 'interrupted' ? INTERRUPTED : FAILED, keepsImage: OURS.includes(end.kind) };
};

/** The same run once more, and its last jumps. Nobody sees its output. */
const lastJumps = async (end: RunEnd, instructions: bigint, options: ExecuteOptions): Promise<readonly Jump[]> => {
  const launched = launch({ ...options, onOutput: () => {}, log: () => {} });
  const { processors } = launched;
  const betweenSlices = (): void => tell(launched, options.progress);
  const before = instructions - TRACED_INSTRUCTIONS;
  if (before > 0n) {
    const bounds = { ...options.bounds, maxInstructions: before };
    const { kind } = await processors.run(() => ({}), bounds, betweenSlices);
    if (kind !== 'max-instructions') return [];
  }
  const jumps: Jump[] = [];
  for (const cpu of processors) cpu.traceJumps((jump) => jumps.push(jump));
  const isTheEnd = (): boolean => end.kind === 'exception' && processors.instructions === instructions;
  const bounds = { ...options.bounds, maxInstructions: instructions };
  await processors.run(() => ({ stopOnException: isTheEnd }), bounds);
  return jumps.slice(-SHOWN_JUMPS);
};
