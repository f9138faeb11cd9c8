/** The course of an execution: from the old kernel's last instructions to the new kernel's first one or its end. */
import type { OnProgress } from '../../../kexec/base/progress.js';
import type { Range } from '../../../kexec/base/range.js';
import type { Jump } from '../../cpu/state/model.js';
import { allJumps } from '../../cpu/state/observer.js';
import { PhysicalMemory } from '../../machine/memory.js';
import type { Keyboard } from '../../machine/terminal.js';
import { checkBootProtocol, checkTree, formatRuleResults } from './boot-protocol.js';
import { Console } from '../machine/console.js';
import { CONSOLE, type Executed, type ExecutionSettings, OURS, type Until } from '../execution-settings.js';
import { formatCode } from '../run/code-report.js';
import { ConsoleWatch } from '../run/console-watch.js';
import { ENDED_BY_USER, KEYS, TypedInput } from '../run/typed-input.js';
import { reportOn } from '../run/guest-report.js';
import { GuestView } from '../run/guest-view.js';
import { type GuestRun, runGuest } from '../run/run-guest.js';
import type { GdbSettings } from '../../gdb/options.js';
import { ENDED_BY_GDB } from '../debug/target-machine.js';
import type { Debugged } from './debug-launched.js';
import { type Arrival, type RunningMachine, lookAtKernel } from './arrival.js';
import { type Launched, type LaunchOptions, launch } from './launch.js';
import { type LoadedKernel, imageSegment, treeSegment } from './loaded-kernel.js';
import type { GuestLimits, Processors, RunBounds, RunEnd, RunMachine } from '../machine/processors.js';
import { type DescribeEsr, describeEnd, formatJumps, formatQuirkEvents, formatRegisters } from '../run/end-report.js';
import type { RuleResult } from './rule.js';
import { describeStuckPurgatory } from './stop-report.js';

export interface ExecuteOptions
  extends
    Pick<LaunchOptions, 'facts' | 'kernel' | 'purgatory' | 'createCpus' | 'prepare' | 'quirks'>,
    Pick<ExecutionSettings, 'console' | 'out' | 'err' | 'step' | 'gdb'> {
  readonly describeEsr: DescribeEsr;
  /** `halt` by default. */
  readonly until: Until | undefined;
  readonly bounds: RunBounds;
  /** What is typed into the new kernel's console. */
  readonly keyboard?: Keyboard | undefined;
  readonly progress?: OnProgress | undefined;
  /** Is given the machine before it runs. */
  readonly onLaunch?: ((launched: Launched) => void) | undefined;
}

const INTERRUPTED = 130;
const FAILED = 1;

/** Ends whose last branches are worth running to once more. */
const TRACED: readonly RunEnd['kind'][] = ['exception', 'stuck', 'unmodelled'];

const SHOWN_JUMPS = 16;
/** Enough instructions to have that many branches among them, but in a long copy. */
const TRACED_INSTRUCTIONS = 20_000n;

/** A run behind the new kernel's first instruction is only made again for its last branches if it is no longer. */
const MAX_RERUN = 200_000_000n;

/**
 * Carries out what the machine does after reboot(LINUX_REBOOT_CMD_KEXEC) was called. @throws KexecError, MachineError
 */
export const execute = async (options: ExecuteOptions): Promise<Executed> => {
  const start = performance.now();
  const arrived = await runToEntry(options);
  try {
    return await goOn(arrived, options, start);
  } finally {
    arrived.debugged?.debugging.close();
  }
};

/** What follows when the machine has come to the new kernel, or has not. @param start when the run began */
const goOn = async (arrived: Arrived, options: ExecuteOptions, start: number): Promise<Executed> => {
  const { step, until = 'halt' } = options;
  const { end, launched, debugged } = arrived;
  if (launched.sinkInRam !== undefined) {
    options.err(
      `kexec-ts: the purgatory prints into RAM, at 0x${launched.sinkInRam.toString(16)}: no console is there\n`,
    );
  }
  if (debugged?.debugging.isKilled === true) return endedByGdb(options);
  if (end.kind !== 'stop-at') return fail(end, launched, options);
  const { processors, place } = launched;
  step?.(`kexec-ts: the new kernel starts at ${place(processors.current.pc)}\n`);
  const rules = rulesAt(launched, options);
  const report = formatArrival(launched, rules);
  const speed = (): void => step?.(formatSpeed(processors, performance.now() - start));
  const kept = rules.every(({ ok }) => ok);
  if (until === 'entry') {
    speed();
    options.out(report);
    return { exitCode: kept ? 0 : FAILED, keepsImage: false };
  }
  options.err(report);
  const exitCode = await runOn(arrived, until, options, speed);
  return typeof exitCode === 'number' ? { exitCode: kept ? exitCode : FAILED, keepsImage: false } : exitCode;
};

/** Whether somebody sits at the keyboard whose keys are the machine's, up to its end. */
export const isAttended = (keyboard: Keyboard | undefined, until: Until | undefined): boolean =>
  keyboard?.isInteractive === true && (until ?? 'halt') === 'halt';

/** Runs the new kernel. @returns the exit code, or more where the end was not its own */
const runOn = async (
  { launched, terminal, redirect, debugged }: Arrived,
  until: Exclude<Until, 'entry'>,
  options: ExecuteOptions,
  speed: () => void,
): Promise<number | Executed> => {
  const { board, processors, place } = launched;
  const entry = processors.instructions;
  const watch = new ConsoleWatch(terminal.put, until === 'halt' ? undefined : until.slice(CONSOLE.length));
  redirect(watch);
  const kernel = lookAtKernel(arrivalOf(launched, options)).memory;
  const interactive = isAttended(options.keyboard, until);
  const debugging = debugged?.debugging;
  const typedInto = debugging === undefined ? launched.console : debugging.console;
  const input = options.keyboard && typedInput(options.keyboard, typedInto, interactive, options.err);
  const { interrupted } = options.bounds;
  const run: GuestRun = {
    board,
    processors,
    watch,
    console: terminal,
    view: new GuestView(board, kernel, place),
    run: debugging?.run,
    bounds: { ...options.bounds, interrupted: () => interrupted() || input?.ended === true },
    input,
    // What the console shows tells more, and would be torn apart.
    progress: interactive ? undefined : options.progress,
  };
  debugged?.look(run.view);
  const end = await runGuest(run).finally(() => input?.close());
  // What is told begins a line of its own, where the console shares its terminal.
  if (interactive && watch.isInLine) options.err('\n');
  speed();
  if (end.kind === 'interrupted' && debugging?.isKilled === true) return endedByGdb(options);
  if (end.kind === 'interrupted' && input?.ended === true) {
    options.err(`kexec-ts: ${ENDED_BY_USER}\n`);
    return { exitCode: 0, keepsImage: true };
  }
  const { exitCode, reason, details } = await reportOn(end, run, options.describeEsr);
  const tell = exitCode === 0 && !(end.kind === 'power' && end.what === 'reset') ? options.step : options.err;
  tell?.(`kexec-ts: ${reason}\n`);
  if (exitCode === 0) {
    options.err(details);
    return 0;
  }
  options.err(details === '' ? formatRegisters(processors.current) : details);
  if (details === '') options.err(await formatCode(end, processors.current, board, place));
  const ran = end.kind !== 'panic' && end.kind !== 'console';
  // What was typed would not be there, nor what a debugger has changed.
  const canRerun = ran && input?.hasGiven !== true && debugging === undefined && TRACED.includes(end.kind);
  if (canRerun && processors.instructions - entry <= MAX_RERUN) {
    options.err(formatJumps(await lastJumps(end, processors.instructions, options), place, options.describeEsr));
  }
  return { exitCode, keepsImage: ran && OURS.includes(end.kind) };
};

const endedByGdb = ({ err }: ExecuteOptions): Executed => {
  err(`kexec-ts: ${ENDED_BY_GDB}\n`);
  return { exitCode: 0, keepsImage: true };
};

const typedInput = (
  keyboard: Keyboard,
  console: Launched['console'],
  interactive: boolean,
  err: (text: string) => void,
): TypedInput => {
  const tell = (text: string): void => err(`kexec-ts: ${text}${interactive ? '\r' : ''}\n`);
  const input = new TypedInput({ terminal: keyboard, interactive, console, tell });
  if (interactive) tell(KEYS);
  return input;
};

export interface Arrived {
  /** `stop-at` for a machine that stands before the new kernel's first instruction. */
  readonly end: RunEnd;
  readonly launched: Launched;
  /** Receives what the console sends. */
  readonly terminal: Console;
  /** Has somebody else look at what the console sends. */
  readonly redirect: (watch: ConsoleWatch) => void;
  /** Who debugs it. */
  readonly debugged: Debugged | undefined;
}

type RunToEntryOptions = Omit<ExecuteOptions, 'until' | 'out' | 'err'> & Partial<Pick<ExecuteOptions, 'err'>>;

/** @throws KexecError when the machine cannot be brought to where it would start @throws MachineError */
export const runToEntry = async (options: RunToEntryOptions): Promise<Arrived> => {
  const { kernel, bounds, step } = options;
  const terminal = new Console(options.console);
  let watch = new ConsoleWatch(terminal.put, undefined);
  const launched = launch({ ...options, onOutput: (byte) => watch.put(byte), log: (line) => step?.(`${line}\n`) });
  options.onLaunch?.(launched);
  const betweenSlices = (): void => {
    terminal.flush();
    tell(launched, options.progress);
  };
  const { bug } = launched;
  const debugged =
    options.gdb && bug === undefined ? await debugIn(launched, options.gdb, options, terminal, () => watch) : undefined;
  const end: RunEnd =
    bug === undefined
      ? await runToKernel(launched, kernel, bounds, betweenSlices, debugged?.debugging.run)
      : { kind: 'kernel-bug', ...bug };
  const redirect = (other: ConsoleWatch): void => {
    watch = other;
  };
  return { end, launched, terminal, redirect, debugged };
};

/** Has gdb come; only then is there more to load. */
const debugIn = async (
  launched: Launched,
  gdb: GdbSettings,
  options: RunToEntryOptions,
  screen: Console,
  watch: () => ConsoleWatch,
): Promise<Debugged> => {
  const { debugLaunched } = await import('./debug-launched.js');
  return debugLaunched(launched, gdb, {
    ...options,
    disks: [],
    watch: { save: () => watch().save(), restore: (saved) => watch().restore(saved) },
    screen,
  });
};

/** Runs the old kernel's last instructions, and a purgatory, up to the new kernel's first one. @throws MachineError */
export const runToKernel = (
  { processors }: Launched,
  { kernelEntries }: LoadedKernel,
  bounds: RunBounds,
  betweenSlices: () => void,
  run: RunMachine = processors.run.bind(processors),
): Promise<RunEnd> => {
  const limits: GuestLimits = { stopAt: kernelEntries, stopOnException: true };
  return run(() => limits, bounds, betweenSlices);
};

const tell = ({ processors, place }: Launched, progress: OnProgress | undefined): void =>
  progress?.({
    what: `at ${place(processors.current.pc)}`,
    unit: 'instructions',
    done: Number(processors.instructions),
  });

/** What a new kernel is judged by. */
export interface JudgeOptions extends Pick<ExecuteOptions, 'facts' | 'kernel' | 'quirks'> {
  /** See {@link RunningMachine.crashRegions}. */
  readonly crashRegions?: readonly Range[] | undefined;
}

/** The machine as those see it who judge it. */
export const arrivalOf = ({ board, processors }: Launched, options: JudgeOptions): Arrival => ({
  cpu: processors.current,
  memory: board.memory,
  highestEl: board.highestEl,
  segments: options.kernel.segments,
  purgatory: options.kernel.purgatory,
  running: runningMachine(options),
});

const runningMachine = ({ facts, quirks = [], crashRegions }: Omit<JudgeOptions, 'kernel'>): RunningMachine => ({
  uefi: facts.uefi,
  quirks: [...facts.quirks, ...quirks],
  memory: facts.board.memory,
  crashRegions,
});

/** The report on the boot protocol, of a machine that stands before the new kernel's first instruction. */
export const rulesAt = (launched: Launched, options: JudgeOptions): readonly RuleResult[] =>
  checkBootProtocol(arrivalOf(launched, options));

/** What can be said of a load that is not executed: where its kernel and its device tree are, and what that tells. */
export const rulesOfLoad = ({ facts, kernel }: Pick<ExecuteOptions, 'facts' | 'kernel'>): readonly RuleResult[] => {
  const { segments, purgatory } = kernel;
  const memory = new PhysicalMemory(segments.flatMap((segment) => (segment.memory.size > 0n ? [segment.memory] : [])));
  for (const segment of segments) if (segment.data.length > 0) memory.write(segment.memory.start, segment.data);
  const tree = treeSegment(kernel)?.memory.start ?? 0n;
  const pc = imageSegment(kernel)?.memory.start ?? 0n;
  const affinity = facts.board.processors[0]?.affinity ?? 0n;
  const cpu = { pc, el: 1, daif: 0, affinity, getX: () => tree, getSystemRegister: () => 0n } as const;
  return checkTree({ cpu, memory, highestEl: 1, segments, purgatory, running: runningMachine({ facts }) });
};

/** The machine at the new kernel's first instruction, in words. */
export const formatArrival = (launched: Launched, rules: readonly RuleResult[]): string =>
  `${entryLine(launched)}${formatRuleResults(rules)}`;

const entryLine = ({ processors: { current: cpu } }: Launched): string =>
  `The new kernel's first instruction: 0x${cpu.pc.toString(16)} at EL${cpu.el}, x0 0x${cpu.getX(0).toString(16)}, ` +
  `after ${cpu.instructions} instructions\n`;

const formatSpeed = ({ instructions, first: { statistics } }: Processors, milliseconds: number): string => {
  const millions = Number(instructions) / (milliseconds * 1000);
  return (
    `kexec-ts: ${instructions} instructions in ${(milliseconds / 1000).toFixed(3)} s: ${millions.toFixed(1)} million a second\n` +
    `kexec-ts: translated ${statistics.translatedInstructions} instructions in ${statistics.regions} regions, ` +
    `in ${statistics.translationMs.toFixed(1)} ms` +
    (statistics.takenIn === 0 ? '\n' : `; earlier runs had translated ${statistics.takenIn} more\n`)
  );
};

const fail = async (end: RunEnd, launched: Launched, options: ExecuteOptions): Promise<Executed> => {
  const { processors, place } = launched;
  const reason = `kexec-ts: ${describeEnd(end, launched, options.describeEsr)}\n`;
  if (end.kind === 'kernel-bug') {
    options.err(`${end.log.join('\n')}\n${reason}`);
    return { exitCode: FAILED, keepsImage: false };
  }
  options.err(reason + (await describeFailure(end, launched, options.kernel)));
  if (TRACED.includes(end.kind)) {
    options.err(formatJumps(await lastJumps(end, processors.instructions, options), place, options.describeEsr));
  }
  return { exitCode: end.kind === 'interrupted' ? INTERRUPTED : FAILED, keepsImage: OURS.includes(end.kind) };
};

/** What can be said of a run that has not come to the new kernel, beside its end: whole lines. */
export const describeFailure = async (end: RunEnd, launched: Launched, kernel: LoadedKernel): Promise<string> => {
  const verdict = describeStuckPurgatory(end, launched, kernel);
  return (
    (verdict === undefined ? '' : `kexec-ts: ${verdict}\n`) +
    formatQuirkEvents(launched.board) +
    formatRegisters(launched.processors.current) +
    (await formatCode(end, launched.processors.current, launched.board, launched.place))
  );
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
  for (const cpu of processors) cpu.observe(allJumps((jump) => jumps.push(jump)));
  const isTheEnd = (): boolean => end.kind === 'exception' && processors.instructions === instructions;
  const bounds = { ...options.bounds, maxInstructions: instructions };
  await processors.run(() => ({ stopOnException: isTheEnd }), bounds);
  return jumps.slice(-SHOWN_JUMPS);
};
