/** A machine with a kernel in its memory runs, is told of when it ends, and is saved where that is asked for. */
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import type { Range } from '../../../kexec/base/range.js';
import { createCpus } from '../../cpu/cpu.js';
import { describeEsr } from '../../cpu/system/esr.js';
import type { GdbSettings } from '../../gdb/options.js';
import type { Debugging } from '../../kernel/debug/debugging.js';
import { ENDED_BY_GDB } from '../../kernel/debug/target-machine.js';
import type { BootPlaces } from '../../kernel/boot/boot-places.js';
import { withInterrupts } from '../../kernel/interrupts.js';
import { Console } from '../../kernel/machine/console.js';
import { type RunEnd, deadlineIn } from '../../kernel/machine/processors.js';
import { type WholeMachine, wholeMachine } from '../../kernel/machine/whole-machine.js';
import { ConsoleWatch } from '../../kernel/run/console-watch.js';
import { reportOn } from '../../kernel/run/guest-report.js';
import { GuestView } from '../../kernel/run/guest-view.js';
import { type GuestEnd, type GuestRun, runGuest } from '../../kernel/run/run-guest.js';
import { ENDED_BY_USER, KEYS, TypedInput } from '../../kernel/run/typed-input.js';
import type { FinalEnd, MachineSetup } from '../../kernel/saving/saved-session.js';
import { checkReplaceable } from '../../kernel/saving/replace-file.js';
import { type NameOf, Tracing } from '../../kernel/trace/tracing.js';
import { parseTrace } from '../../kernel/trace/wanted.js';
import type { TraceRequest } from '../../kernel/execution-settings.js';
import type { KeptTranslations } from '../../kernel/translations/translation-file.js';
import { describeBoard } from '../../machine/board-tree/describe.js';
import { treeOfBlob } from '../../machine/board-tree/tree.js';
import { VirtioBlock } from '../../machine/devices/virtio/block.js';
import { VirtioEntropy } from '../../machine/devices/virtio/entropy.js';
import type { Terminal } from '../../machine/terminal.js';
import type { SubcommandContext } from '../common/context.js';
import { formatAddress, formatJson } from '../common/text.js';
import { type OpenDisk, openDisk } from '../disks/file-disk.js';
import {
  type BootUntil,
  type RunArguments,
  parseDisk,
  parseInstructions,
  parseTimeout,
  parseUntil,
} from './options.js';
import { debugBooted, gdbOf, withoutStreams } from './gdb.js';
import { checkSave, saveTo } from './save.js';

/** A run that nobody watches and that takes longer has lost its way. */
export const DEFAULT_TIMEOUT_MS = 300_000;

/** Random numbers are the same in every run. */
export const SEED = 1n;

/** What the user wants of a run. */
export interface Session {
  readonly terminal: Terminal;
  readonly until: BootUntil;
  /** Whether the user's keys are the machine's. */
  readonly interactive: boolean;
  /** Of this run. */
  readonly maxInstructions: bigint | undefined;
  readonly timeoutMs: number | undefined;
  readonly json: boolean;
  /** The file that the machine is saved to at the end. */
  readonly save: string | undefined;
  readonly trace: TraceRequest | undefined;
  readonly gdb: GdbSettings | undefined;
}

/** A machine, and who hears what it says. */
export interface Made {
  readonly setup: MachineSetup;
  readonly disks: readonly OpenDisk[];
  readonly whole: WholeMachine;
  readonly watch: ConsoleWatch;
  readonly console: Console;
  /** To be called when the machine has run. */
  readonly keepTranslations: () => void;
  /** The same, where it is traced. @param nameOf what an address is called @throws KexecError */
  readonly endTrace?: ((nameOf: NameOf) => void) | undefined;
}

/** The machine with its kernel in memory. */
export interface Booted extends Made {
  readonly places: BootPlaces;
  /** What was typed in an earlier run, and the console has not taken. */
  readonly typed?: Uint8Array;
  /** How the machine has come to its end already. */
  readonly end?: FinalEnd | undefined;
  /** What an address is called that is not the kernel's. */
  readonly nameOf?: (address: bigint) => string | undefined;
  /** Who debugs it since before, and is to hear of the kernel that runs. */
  readonly debugged?: { readonly debugging: Debugging; readonly look: (view: GuestView) => void } | undefined;
}

/**
 * @param at where the machine waits for gdb by default
 * @throws KexecError for options that make no sense, or a file that the machine cannot be saved to
 */
export const sessionOf = (args: RunArguments, context: SubcommandContext, at: 'first' | 'last' = 'first'): Session => {
  if (context.terminal === undefined) throw new Error('a console needs a terminal');
  const gdb = gdbOf(args, context, at);
  const terminal = gdb?.isPiped === true ? withoutStreams(context.terminal) : context.terminal;
  const isWatched = (isInteractive: boolean): boolean => isInteractive || gdb !== undefined;
  const until = parseUntil(args.until);
  const interactive = terminal.isInteractive && until.kind === 'halt' && !args.json;
  const session: Session = {
    terminal,
    until,
    interactive,
    maxInstructions: parseInstructions(args['max-instructions']),
    timeoutMs: parseTimeout(args.timeout, isWatched(interactive) ? undefined : DEFAULT_TIMEOUT_MS),
    json: args.json,
    save: args.save,
    trace: args.trace === undefined ? undefined : parseTrace(args.trace, '--trace'),
    gdb: gdb?.settings,
  };
  if (args.save !== undefined) checkSave(args.save);
  if (session.trace !== undefined) checkReplaceable(session.trace.file);
  return session;
};

/** @throws MachineError when there is no such machine */
export const makeMachine = (
  setup: MachineSetup,
  disks: readonly OpenDisk[],
  { terminal, until, json, trace }: Pick<Session, 'terminal' | 'until' | 'json'> & Partial<Pick<Session, 'trace'>>,
  { translations, keep }: KeptTranslations,
): Made => {
  const console = new Console((text) => {
    const bytes = Buffer.from(text, 'latin1');
    if (json) terminal.writeAside(bytes);
    else terminal.write(bytes);
  });
  const watch = new ConsoleWatch(console.put, until.kind === 'console' ? toByteString(until.text) : undefined);
  const whole = wholeMachine({
    description: describeBoard(treeOfBlob(setup.tree)),
    ram: setup.ram,
    highestEl: setup.el,
    createCpus: (host, affinities) => createCpus(host, affinities, { translations }),
    onOutput: watch.put,
    sinks: setup.sinks,
    quirks: setup.quirks,
    virtio: [
      ...disks.map(({ disk }, i) => new VirtioBlock(disk, `disk${i}`)),
      ...(setup.entropy ? [new VirtioEntropy(SEED)] : []),
    ],
  });
  const endTrace = trace && traced(whole, trace, terminal);
  return { setup, disks, whole, watch, console, keepTranslations: keep, endTrace };
};

/** Traces a machine. @returns the function that ends that, and may be called again */
const traced = (whole: WholeMachine, request: TraceRequest, terminal: Terminal): Made['endTrace'] => {
  const tracing = new Tracing(whole, request);
  let isOver = false;
  return (nameOf) => {
    if (isOver) return;
    isOver = true;
    terminal.writeAside(Buffer.from(`kexec-sim: ${tracing.finish(nameOf)}\n`));
  };
};

/**
 * @param more what JSON has beside the run
 * @throws KexecError when the run goes wrong, also where the kernel does, or the machine cannot be saved
 */
export const runSession = async (
  booted: Booted,
  context: SubcommandContext,
  session: Session,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> => {
  const { whole, places, nameOf, endTrace } = booted;
  const view = new GuestView(whole.board, places.kernel);
  await run(booted, context, session, more).finally(() =>
    endTrace?.((cpu, address) => view.nameOf(cpu, address) ?? nameOf?.(address)),
  );
};

const run = async (
  booted: Booted,
  context: SubcommandContext,
  session: Session,
  more: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const { whole, watch, places } = booted;
  const { terminal, interactive, json, save } = session;
  const tell = (text: string): void =>
    terminal.writeAside(Buffer.from(`kexec-sim: ${text}${interactive ? '\r' : ''}\n`));
  const start = performance.now();
  const { report, failure } = await withInterrupts(async (interrupted) => {
    const { typed: earlier } = booted;
    const view = new GuestView(whole.board, places.kernel);
    const debugging = await debuggingOf(booted, session, view);
    const input = new TypedInput({
      terminal,
      interactive,
      console: debugging?.console ?? whole.console,
      tell,
      earlier,
    });
    if (interactive) tell(KEYS);
    try {
      const guestRun = guestRunOf(booted, context, session, { input, view, run: debugging?.run }, interrupted);
      const end = booted.end === undefined ? await runGuest(guestRun) : endAgain(booted, booted.end);
      const byUser = end.kind === 'interrupted' && whoEnded(input, debugging);
      const told =
        typeof byUser === 'string'
          ? { kind: 'user', exitCode: 0, reason: byUser, details: '' }
          : { kind: end.kind, ...(await reportOn(end, guestRun, describeEsr)) };
      const typed = Buffer.from(input.left).toString('latin1');
      const saved =
        save === undefined
          ? undefined
          : attempt(KexecError, () => saveTo(save, { ...booted, typed, end: finalEndOf(end) }));
      return { report: told, failure: saved };
    } finally {
      input.close();
      debugging?.close();
    }
  });
  // What is told begins a line of its own, where the console shares its terminal.
  if (watch.isInLine) terminal.writeAside(Buffer.from('\n'));
  if (json) {
    context.out(
      formatJson({
        reason: report.kind,
        text: report.reason,
        details: report.details,
        instructions: Number(whole.processors.instructions),
        seconds: (performance.now() - start) / 1000,
        consoleBytes: watch.bytes,
        places: placesToJson(places),
        ...(save === undefined || failure !== undefined ? {} : { saved: save }),
        ...more,
      }),
    );
  } else terminal.writeAside(Buffer.from(report.details));
  booted.keepTranslations();
  if (failure instanceof KexecError) {
    if (!json) tell(report.reason);
    throw failure;
  }
  if (save !== undefined && !json) tell(`the machine is saved in ${save}`);
  if (report.exitCode !== 0) throw KexecError.die(report.reason, { subject: 'boot', exitCode: report.exitCode });
  if (!json) tell(report.reason);
};

const guestRunOf = (
  { whole, places, watch, console }: Booted,
  context: SubcommandContext,
  { terminal, until, interactive, maxInstructions, timeoutMs }: Session,
  { input, view, run }: { readonly input: TypedInput } & Pick<GuestRun, 'view' | 'run'>,
  interrupted: () => boolean,
): GuestRun => ({
  ...whole,
  watch,
  console,
  view,
  run,
  bounds: {
    maxInstructions: maxInstructions === undefined ? undefined : whole.processors.instructions + maxInstructions,
    deadline: deadlineIn(timeoutMs),
    interrupted: () => interrupted() || input.ended || terminal.isClosed,
  },
  stopAt: until.kind === 'entry' ? new Set([places.kernel.start]) : undefined,
  input,
  // What the console shows tells more, and would be torn apart.
  progress: (progress) => {
    if (!interactive && watch.bytes === 0) context.progress?.(progress);
  },
});

/** Opens disks for an action, as their options name them, and closes them behind it. @throws KexecError */
export const withDisks = async (
  options: readonly string[],
  action: (disks: readonly OpenDisk[]) => Promise<void>,
): Promise<void> => {
  const disks: OpenDisk[] = [];
  try {
    for (const { file, writes } of options.map(parseDisk)) disks.push(openDisk(file, writes));
    await action(disks);
  } finally {
    for (const disk of disks) disk.close();
  }
};

/** Who debugs the machine: from now on, or already. */
const debuggingOf = async (
  booted: Booted,
  { gdb, terminal }: Session,
  view: GuestView,
): Promise<Debugging | undefined> => {
  booted.debugged?.look(view);
  if (booted.debugged !== undefined) return booted.debugged.debugging;
  if (gdb === undefined || booted.end !== undefined) return undefined;
  return debugBooted(booted, gdb, view, (bytes) => terminal.writeAside(bytes));
};

/** Why a run is over that the user has ended; undefined for Ctrl-C. */
const whoEnded = (input: TypedInput, debugging: Debugging | undefined): string | undefined => {
  if (debugging?.isKilled === true) return ENDED_BY_GDB;
  return input.ended ? ENDED_BY_USER : undefined;
};

const finalEndOf = (guestEnd: GuestEnd): FinalEnd | undefined => {
  const end = guestEnd.kind === 'console' || guestEnd.kind === 'panic' ? guestEnd.run : guestEnd;
  if (end.kind === 'power') return end.what;
  return end.kind === 'processor-off' ? 'processors-off' : undefined;
};

/**
 * How a machine that has come to its end ends when it is to go on: nothing runs, but the console may show what is left.
 */
const endAgain = ({ watch, console }: Booted, end: FinalEnd): GuestEnd => {
  console.flush();
  const run: RunEnd = end === 'processors-off' ? { kind: 'processor-off' } : { kind: 'power', what: end };
  return watch.found ? { kind: 'console', run } : run;
};

const placesToJson = (places: BootPlaces): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(places).flatMap(([name, range]: readonly [string, Range | undefined]) =>
      range === undefined ? [] : [[name, { start: formatAddress(range.start), end: formatAddress(range.end) }]],
    ),
  );

/** One byte a character, as commands are typed. */
export const toByteString = (text: string): string => Buffer.from(text).toString('latin1');
