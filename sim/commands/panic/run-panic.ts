/** `kexec-sim panic`: the machine's kernel dies, and its crash kernel starts, is judged, and runs. */
import { purgatory } from '../../../kexec/arch/arm64/purgatory.js';
import { attemptAsync } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import { visible } from '../../../kexec/base/format.js';
import { describeEsr } from '../../cpu/system/esr.js';
import type { Debugging } from '../../kernel/debug/debugging.js';
import { ENDED_BY_GDB } from '../../kernel/debug/target-machine.js';
import type { BootPlaces } from '../../kernel/boot/boot-places.js';
import { lookAtKernel } from '../../kernel/execution/arrival.js';
import {
  type JudgeOptions,
  arrivalOf,
  describeFailure,
  formatArrival,
  rulesAt,
  runToKernel,
} from '../../kernel/execution/execute.js';
import { knownImage } from '../../kernel/execution/execute-machine.js';
import { type Launched, launchedOn } from '../../kernel/execution/launch.js';
import { type LoadedKernel, imageSegment, readLoadedKernel } from '../../kernel/execution/loaded-kernel.js';
import { boardFacts } from '../../kernel/facts/board-arm64.js';
import { crashRegionsOf } from '../../kernel/facts/facts.js';
import { parseResources } from '../../kernel/facts/iomem.js';
import { withInterrupts } from '../../kernel/interrupts.js';
import { tellingOfMachine } from '../../kernel/machine/machine-errors.js';
import { type RunEnd, deadlineIn } from '../../kernel/machine/processors.js';
import { type PanicEnd, type PanicRequest, die } from '../../kernel/panic/dying-kernel.js';
import type { PanicLine } from '../../kernel/panic/panic-log.js';
import type { RecordedMachine } from '../../kernel/recorded-machine.js';
import type { ImageSlot, LoadedImage } from '../../kernel/rules/kexec-load.js';
import { describeEnd } from '../../kernel/run/end-report.js';
import { checkReplaceable } from '../../kernel/saving/replace-file.js';
import { translationsOf } from '../../kernel/translations/translation-file.js';
import { dumpOf } from '../../kernel/vmcore/dump.js';
import { describeBoard } from '../../machine/board-tree/describe.js';
import { treeOfBlob } from '../../machine/board-tree/tree.js';
import { saveTo } from '../boot/save.js';
import {
  type Booted,
  type Made,
  type Session,
  makeMachine,
  runSession,
  sessionOf,
  withDisks,
} from '../boot/session.js';
import { recordedTarget, setupOf } from '../boot/target.js';
import { type SubcommandContext, openMachine } from '../common/context.js';
import { formatJson } from '../common/text.js';
import type { OpenDisk } from '../disks/file-disk.js';
import { reportOn, writeDump } from '../vmcore/write-dump.js';
import { type PanicArguments, requestOf } from './request.js';

const FAILED = 1;
const INTERRUPTED = 130;

/** @throws KexecError where there is no dump, or the capture kernel's run goes wrong */
export const runPanic = (args: PanicArguments, context: SubcommandContext): Promise<void> =>
  tellingOfMachine(async () => {
    const request = await requestOf(args);
    const session = sessionOf(args, context, 'last');
    if (args.vmcore !== undefined) checkReplaceable(args.vmcore);
    await withDisks(args.disk, (disks) =>
      new PanicRun(args, context, session, openMachine(args, context), disks).run(request),
    );
  });

/** A machine whose kernel is dead, and its crash kernel in its memory. */
interface Died {
  readonly made: Made;
  readonly end: PanicEnd;
  readonly lines: readonly PanicLine[];
  /** Undefined where nothing is loaded. */
  readonly kernel: LoadedKernel | undefined;
  readonly whyNone: string;
}

class PanicRun {
  readonly #start = performance.now();

  constructor(
    private readonly args: PanicArguments,
    private readonly context: SubcommandContext,
    private readonly session: Session,
    private readonly machine: RecordedMachine,
    private readonly disks: readonly OpenDisk[],
  ) {}

  async run(request: PanicRequest): Promise<void> {
    const died = this.machine.kernel.panic((crash, earlier) => this.#die(request, crash, earlier));
    if (died.end.kind !== 'kexec' || died.kernel === undefined) return this.#withoutDump(died);
    const { made, kernel } = died;
    const launched = launchedOn(made.whole, kernel, purgatory, died.end.prepared);
    this.#tellOfSink(launched);
    const debugged = await this.#debug(launched, made, kernel);
    try {
      const end = await this.#toKernel(launched, made, kernel, debugged?.debugging);
      if (debugged?.debugging.isKilled === true) throw KexecError.die(ENDED_BY_GDB, { subject: 'panic', exitCode: 0 });
      if (end.kind === 'stop-at') return await this.#capture(launched, died, kernel, debugged);
      made.endTrace?.((_cpu, address) => launched.nameOf(address));
      await this.#failed(end, launched, died, kernel);
    } finally {
      debugged?.debugging.close();
    }
  }

  async #debug(launched: Launched, made: Made, kernel: LoadedKernel): Promise<Booted['debugged']> {
    const { gdb } = this.session;
    if (gdb === undefined) return undefined;
    const { debugLaunched } = await import('../../kernel/execution/debug-launched.js');
    return debugLaunched(launched, gdb, {
      kernel,
      purgatory,
      describeEsr,
      disks: made.disks.map(({ disk }) => disk),
      watch: made.watch,
      screen: made.console,
      err: (text) => this.#aside(text),
    });
  }

  #aside(text: string): void {
    this.session.terminal.writeAside(Buffer.from(text));
  }

  #die(request: PanicRequest, crash: ImageSlot | 'busy', earlier: readonly PanicLine[]): Died {
    const { machine } = this;
    const image = crash === 'busy' ? undefined : knownImage(machine, crash);
    const kernel = image && readLoadedKernel(image, machine.stateDirectory);
    const made = this.#make(kernel);
    const lines: PanicLine[] = [];
    const whyNone = this.#whyNone(crash, earlier);
    const { bootEl } = boardFacts(machine.files, machine.bootEl);
    const end = die(machine, made.whole, request, {
      description: describeBoard(treeOfBlob(made.setup.tree)),
      bootEl,
      image: image && kernel && crashImage(image, kernel),
      whyNone,
      earlier,
      tell: (line) => {
        lines.push(line);
        this.#aside(`${visible(line.text)}\n`);
      },
    });
    return { made, end, lines, kernel, whyNone };
  }

  /** The machine as it is after power-on, with what the user adds to it. */
  #make(kernel: LoadedKernel | undefined): Made {
    const { args, machine, disks, session } = this;
    const setup = setupOf(recordedTarget(machine), args.quirk, disks.length);
    // Up to its entry, code of a kernel does not run.
    const started = session.until.kind === 'entry' ? undefined : kernel && imageSegment(kernel);
    return makeMachine(setup, disks, session, translationsOf(started?.data, machine.translationDirectory));
  }

  #whyNone(crash: ImageSlot | 'busy', earlier: readonly PanicLine[]): string {
    if (crash === 'busy') return 'a load is under way, which has the lock that a crash needs';
    if (this.machine.kernel.facts.crashRegion === undefined) {
      return 'no crash kernel is loaded, and no memory is reserved for one (crashkernel=)';
    }
    const refused = earlier.findLast(({ text }) => /^kexec-ts: kexec_(file_)?load: /.test(text));
    return refused === undefined
      ? 'no crash kernel is loaded'
      : `no crash kernel is loaded; the last load was refused: ${refused.text.slice('kexec-ts: '.length)}`;
  }

  #withoutDump({ end, lines, whyNone }: Died): void {
    const how = end.kind === 'reset' ? 'the machine resets itself' : 'the machine stands still';
    const text = `the kernel panicked, and there is no dump: ${whyNone}; ${how}`;
    if (this.session.json) this.context.out(formatJson({ reason: 'no-dump', text, log: lines }));
    const saved = this.session.save === undefined ? '' : `; nothing is saved in ${this.session.save}`;
    throw KexecError.die(`${text}${saved}`, { subject: 'panic', exitCode: FAILED });
  }

  #tellOfSink({ sinkInRam }: Launched): void {
    if (sinkInRam === undefined) return;
    this.#aside(`kexec-ts: the purgatory prints into RAM, at 0x${sinkInRam.toString(16)}: no console is there\n`);
  }

  #toKernel(
    launched: Launched,
    { console }: Made,
    kernel: LoadedKernel,
    debugging: Debugging | undefined,
  ): Promise<RunEnd> {
    const { maxInstructions, timeoutMs } = this.session;
    const { processors, place } = launched;
    const betweenSlices = (): void => {
      console.flush();
      this.context.progress?.({
        what: `at ${place(processors.current.pc)}`,
        unit: 'instructions',
        done: Number(processors.instructions),
      });
    };
    return withInterrupts((interrupted) => {
      const bounds = { maxInstructions, deadline: deadlineIn(timeoutMs), interrupted };
      return runToKernel(launched, kernel, bounds, betweenSlices, debugging?.run);
    });
  }

  /** @throws KexecError always */
  async #failed(end: RunEnd, launched: Launched, { made, lines }: Died, kernel: LoadedKernel): Promise<void> {
    const { json, save } = this.session;
    const text = describeEnd(end, launched, describeEsr);
    const details = await describeFailure(end, launched, kernel);
    if (save !== undefined) {
      const places = placesOfSegments(kernel);
      saveTo(save, { ...made, places, typed: '', end: undefined });
    }
    if (json) {
      const saved = save === undefined ? {} : { saved: save };
      this.context.out(formatJson({ reason: end.kind, text, details, log: lines, ...saved }));
    } else {
      this.#aside(details);
      if (save !== undefined) this.#aside(`kexec-sim: the machine is saved in ${save}\n`);
    }
    const exitCode = end.kind === 'interrupted' ? INTERRUPTED : FAILED;
    throw KexecError.die(text, { subject: 'panic', exitCode });
  }

  /** Writes the dump. The run goes on without one, too. @returns what is told of it, or why there is none */
  async #dump({ board, processors }: Launched, file: string) {
    const refuse = (why: string): KexecError => KexecError.die(`Cannot make a vmcore: ${why}`, { subject: file });
    const told = await attemptAsync(KexecError, async () => {
      const dump = dumpOf({ memory: board.memory, tree: processors.current.getX(0), refuse });
      return reportOn(await writeDump(dump, file, 'elf', this.context.progress));
    });
    this.#aside(told instanceof KexecError ? `kexec-sim: ${visible(told.message)}\n` : told.text);
    return told instanceof KexecError ? told : told.values;
  }

  /** The capture kernel, from its first instruction on. */
  async #capture(
    launched: Launched,
    { made, lines }: Died,
    kernel: LoadedKernel,
    debugged: Booted['debugged'],
  ): Promise<void> {
    const { machine, session, context } = this;
    const judge: JudgeOptions = {
      facts: boardFacts(machine.files, machine.bootEl),
      kernel,
      quirks: this.args.quirk,
      crashRegions: crashRegionsOf(parseResources(machine.files.readText('/proc/iomem') ?? '')),
    };
    const rules = rulesAt(launched, judge);
    const report = formatArrival(launched, rules);
    const { memory, tree } = lookAtKernel(arrivalOf(launched, judge));
    const places: BootPlaces = { kernel: memory, initrd: tree?.initrd, tree: tree?.memory ?? memory };
    if (session.until.kind === 'entry' && !session.json) context.out(report);
    else this.#aside(report);
    const dump = this.args.vmcore === undefined ? undefined : await this.#dump(launched, this.args.vmcore);
    const done = launched.processors.instructions;
    const spent = performance.now() - this.#start;
    const rest: Session = {
      ...session,
      maxInstructions: session.maxInstructions && atLeastOne(session.maxInstructions - done),
      timeoutMs: session.timeoutMs === undefined ? undefined : Math.max(1, session.timeoutMs - spent),
    };
    const entry = `0x${launched.processors.current.pc.toString(16)}`;
    await runSession({ ...made, places, debugged, nameOf: launched.nameOf }, context, rest, {
      entry,
      processor: made.whole.cpus.indexOf(launched.processors.current),
      rules,
      log: lines,
      ...(dump === undefined || dump instanceof KexecError ? {} : { vmcore: dump }),
    });
    if (dump instanceof KexecError) throw dump;
    const broken = rules.filter(({ ok }) => !ok);
    if (broken.length === 0) return;
    throw KexecError.die(`the capture kernel cannot rely on it: ${broken.map(({ rule }) => rule).join('; ')}`, {
      subject: 'panic',
      exitCode: FAILED,
    });
  }
}

const atLeastOne = (count: bigint): bigint => (count > 1n ? count : 1n);

const crashImage = (image: LoadedImage, { segments }: LoadedKernel) => ({
  entry: image.entry,
  dtb: image.segments.find(({ role }) => role === 'dtb')?.mem,
  segments: segments.map(({ memory, data }) => ({ mem: memory.start, memsz: memory.size, data })),
});

/** Where the kernel is of a machine that has not come to it. */
const placesOfSegments = (loaded: LoadedKernel): BootPlaces => {
  const { memory } = imageSegment(loaded) ?? loaded.segments[0]!;
  return { kernel: memory, initrd: undefined, tree: memory };
};
