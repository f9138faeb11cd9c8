/** `kexec-sim doctor`: what a command line of kexec comes to on a machine, why it fails, and what can be done. */
import { join } from 'node:path';
import { attempt, attemptAsync } from '../../../kexec/base/attempt.js';
import type { Compat } from '../../../kexec/base/compat.js';
import { KexecError, SystemError } from '../../../kexec/base/error.js';
import { purgatory } from '../../../kexec/arch/arm64/purgatory.js';
import { KEXEC_ON_CRASH } from '../../../kexec/base/uapi.js';
import { concatCmdline, getCommandLine } from '../../../kexec/options/command-line.js';
import type { Settings } from '../../../kexec/options/settings.js';
import { findingsIn, findingsInLog } from './findings.js';
import type { Finding } from './finding.js';
import { formatFinding, formatLogFinding, formatWays, verdictOf } from './report.js';
import { lookAtCapture } from './capture-kernel.js';
import { type Arrived, type Attempt, type Crash, type Ran, type Seen, type Wanted, type Way, WAYS } from './seen.js';
import type { CrashLoad } from '../../kernel/execution/crash-load.js';
import type { LoadedKernel } from '../../kernel/execution/loaded-kernel.js';
import { boardFacts } from '../../kernel/facts/board-arm64.js';
import { OURS } from '../../kernel/execution-settings.js';
import { ramOf } from '../../kernel/facts/facts.js';
import { parseResources, type Resource } from '../../kernel/facts/iomem.js';
import { withInterrupts } from '../../kernel/interrupts.js';
import { tellingOfMachine } from '../../kernel/machine/machine-errors.js';
import type { ToldByTree } from '../../machine/board-tree/told-by-tree.js';
import type { Terminal } from '../../machine/terminal.js';
import type { RecordedMachine } from '../../kernel/recorded-machine.js';
import type { ImageSlot } from '../../kernel/rules/kexec-load.js';
import { describeEnd } from '../../kernel/run/end-report.js';
import { asTrouble, behindDashes, inScratch, kexecFor } from '../common/behind-dashes.js';
import {
  type CommonArguments,
  type CommonArgv,
  type RunKexec,
  type SubcommandContext,
  environmentOf,
  openMachine,
} from '../common/context.js';
import { type WantedLoad, chosenCompat, parseLoad, withOptions } from '../common/kexec-words.js';
import { readLog } from '../common/read-log.js';
import { formatJson } from '../common/text.js';

/** The exit code where errors were found. */
const FOUND = 1;

/** A run to the new kernel that takes longer is one that is not worth waiting for. */
const DEADLINE_MS = 300_000;

/** Larger files are not looked at. */
const MAX_KERNEL_BYTES = 1 << 30;

/** What is asked about: a command line, and where to try it. */
interface Case {
  readonly args: CommonArguments;
  readonly given: readonly string[];
  readonly settings: Settings;
  readonly wanted: Wanted;
  readonly machine: RecordedMachine;
  readonly scratch: string;
  readonly kexec: RunKexec;
  readonly context: SubcommandContext;
}

/** What the options ask for, and the files that they name. */
const wantedBy = ({ settings, kernel }: WantedLoad, compat: Compat, machine: RecordedMachine): Wanted => {
  const { options, flags, memMin, memMax, skipChecks } = settings;
  const value = (id: string): string | undefined => options.findLast((option) => option.id === id)?.argument;
  const onCrash = (flags & KEXEC_ON_CRASH) !== 0n;
  const read = <T>(action: () => T): T | undefined => {
    const result = attempt(SystemError, action);
    return result instanceof SystemError ? undefined : result;
  };
  const reused = options.some(({ id }) => id === 'reuse-cmdline')
    ? attempt(KexecError, () => getCommandLine(machine, compat, onCrash))
    : undefined;
  const initrd = value('initrd');
  return {
    compat,
    kernel,
    initrd,
    dtb: value('dtb'),
    serial: value('serial'),
    cmdline: concatCmdline(reused instanceof KexecError ? undefined : reused, value('append')),
    onCrash,
    skipsChecks: skipChecks,
    memMin,
    memMax,
    given: [...new Set(options.map(({ id }) => id))],
    kernelFile: read(() => readKernel(machine, kernel)),
    initrdBytes: initrd === undefined ? undefined : read(() => machine.stat(initrd).size),
  };
};

/** A pipe is read once only, which is kexec's to do. */
const readKernel = (machine: RecordedMachine, path: string): Uint8Array | undefined => {
  const { kind, size } = machine.stat(path);
  return kind === 'file' && size <= MAX_KERNEL_BYTES ? machine.readFile(path) : undefined;
};

const stateOf = ({ scratch }: Case, way: Way): string => join(scratch, way);

const environment = (tried: Case, way: Way): SubcommandContext['env'] => ({
  ...environmentOf(tried.args, tried.context.env),
  KEXEC_STATE: stateOf(tried, way),
  KEXEC_RECORD: undefined,
});

/** What a way comes to, in a state of its own. */
const tryWay = async (tried: Case, way: Way): Promise<Attempt> => {
  const { given, wanted, kexec } = tried;
  const run = async (state: string, ...more: readonly string[]) => {
    let said = '';
    const put = (text: string): void => void (said += text);
    const args = withOptions(given, ...(wanted.onCrash ? [] : ['-l']), `-${way}`, ...more);
    const env = { ...environment(tried, way), KEXEC_STATE: state, KEXEC_UNTIL: 'reboot' };
    return { exitCode: await kexec(args, { env, out: put, err: put }), said };
  };
  const { exitCode, said } = await run(stateOf(tried, way));
  // Asked for what it does, kexec asks the kernel for that, too, which older ones refuse.
  const words = exitCode === 0 ? said : said + (await run(`${stateOf(tried, way)}-debug`, '-d')).said;
  const { kernel } = machineOf(tried, way);
  const slot = wanted.onCrash ? kernel.state.crash : kernel.state.normal;
  const [, call, reason] = [...said.matchAll(/^(kexec_load|kexec_file_load) failed: (.*)$/gm)].at(-1) ?? [];
  return {
    way,
    exitCode,
    said: words,
    last: said.trim().split('\n').at(-1) ?? '',
    refusal: call === undefined ? undefined : { call: call as 'kexec_load' | 'kexec_file_load', reason: reason ?? '' },
    kernelLog: kernel.log.map(({ text }) => text),
    image: exitCode === 0 && typeof slot === 'object' ? slot : undefined,
  };
};

const machineOf = (tried: Case, way: Way): RecordedMachine =>
  openMachine({ ...tried.args, state: stateOf(tried, way) }, tried.context);

/** Runs what is loaded to its first instruction; of a crash kernel, looks at what it is told. */
const arrive = async (tried: Case, { way, image }: Attempt): Promise<Arrived | undefined> => {
  if (image === undefined) return undefined;
  const { openExecution } = await import('../../kernel/execution/execute-machine.js');
  const { rulesAt, rulesOfLoad, runToEntry } = await import('../../kernel/execution/execute.js');
  const arrived = await attemptAsync(KexecError, () =>
    withInterrupts((interrupted) =>
      tellingOfMachine(async (): Promise<Arrived> => {
        const options = openExecution(machineOf(tried, way), image, purgatory);
        if (tried.wanted.onCrash) return { rules: rulesOfLoad(options) };
        const bounds = { maxInstructions: undefined, deadline: performance.now() + DEADLINE_MS, interrupted };
        const run = { ...options, bounds, console: () => {}, step: undefined, progress: tried.context.progress };
        const { end, launched } = await runToEntry(run);
        if (end.kind === 'stop-at') return { rules: rulesAt(launched, options) };
        if (end.kind === 'kernel-bug') return { rules: [], bug: end };
        const reason = describeEnd(end, launched, options.describeEsr);
        return OURS.includes(end.kind) ? { rules: [], skipped: reason } : { rules: [], failure: reason };
      }),
    ),
  );
  return arrived instanceof KexecError ? { rules: [], skipped: arrived.message } : arrived;
};

/** What is in a slot, with its files; undefined where nothing is that could be read. */
const readLoaded = async (slot: ImageSlot, directory: string): Promise<LoadedKernel | undefined> => {
  if (typeof slot !== 'object') return undefined;
  const { readLoadedKernel } = await import('../../kernel/execution/loaded-kernel.js');
  const kernel = attempt(KexecError, () => readLoadedKernel(slot, directory));
  return kernel instanceof KexecError ? undefined : kernel;
};

/** What the device tree tells of a kernel that is loaded. */
const toldBy = async (kernel: LoadedKernel): Promise<ToldByTree | undefined> => {
  const { toldByBlob } = await import('../../kernel/execution/arrival.js');
  const { treeSegment } = await import('../../kernel/execution/loaded-kernel.js');
  const tree = treeSegment(kernel)?.data;
  return tree && toldByBlob(tree);
};

/** What a kernel that is loaded for a panic is told, and what it is. */
const lookAtCrash = async (
  tried: Case,
  kernel: LoadedKernel,
  resources: readonly Resource[],
): Promise<Crash | undefined> => {
  if (!tried.wanted.onCrash || tried.context.platform === undefined) return undefined;
  const { lookAtCrashLoad } = await import('../../kernel/execution/crash-load.js');
  const loadOf = (loaded: LoadedKernel): CrashLoad | undefined => {
    const load = attempt(KexecError, () => lookAtCrashLoad(loaded, ramOf(resources)));
    return load instanceof KexecError ? undefined : load;
  };
  const load = loadOf(kernel);
  if (load === undefined) return undefined;
  const own = openMachine(tried.args, tried.context);
  const slot = attempt(KexecError, () => own.kernel.state.crash);
  const before = slot instanceof KexecError ? undefined : await readLoaded(slot, own.stateDirectory);
  return {
    load,
    capture: await lookAtCapture(load, tried.machine.files, await tried.context.platform()),
    before: before && loadOf(before),
  };
};

/** Lets the new kernel run on, as kexec -e does. */
const runOn = async (tried: Case, { way }: Attempt): Promise<Ran> => {
  let [console, report] = ['', ''];
  const exitCode = await tried.kexec(['-e'], {
    env: environment(tried, way),
    out: (text) => void (console += text),
    err: (text) => void (report += text),
  });
  return { exitCode, console, report };
};

/** Nobody types, and nothing is shown yet. */
const quietTerminal = (console: (text: string) => void, aside: (text: string) => void): Terminal => ({
  isInteractive: false,
  isClosed: false,
  write: (bytes) => console(new TextDecoder('latin1').decode(bytes)),
  writeAside: (bytes) => aside(new TextDecoder().decode(bytes)),
  listen: (_raw, _onBytes, onEnd) => {
    onEnd();
    return { pause: () => {}, resume: () => {}, close: () => {} };
  },
});

/** Has the machine's kernel panic, and lets the crash kernel run on, as kexec-sim panic does. */
const panicOn = async (tried: Case, { way }: Attempt): Promise<Ran> => {
  const { runPanic } = await import('../panic/run-panic.js');
  let [console, report] = ['', ''];
  const terminal = quietTerminal(
    (text) => void (console += text),
    (text) => void (report += text),
  );
  const args = {
    ...tried.args,
    state: stateOf(tried, way),
    json: false,
    ...{ cpu: '0', cause: 'sysrq' as const, registers: undefined, 'deaf-cpu': [], corrupt: undefined, quirk: [] },
    vmcore: undefined,
    ...{ disk: [], until: 'halt', 'max-instructions': undefined, save: undefined, trace: undefined },
    ...{ gdb: undefined, 'gdb-at': undefined },
    timeout: String(DEADLINE_MS / 1000),
  };
  const put = (text: string): void => void (report += text);
  const failed = await attemptAsync(KexecError, () => runPanic(args, { ...tried.context, terminal, out: put }));
  return failed instanceof KexecError
    ? { exitCode: failed.exitCode, console, report: `${report}kexec-ts: ${failed.message}\n` }
    : { exitCode: 0, console, report };
};

const examine = async (tried: Case, runs: boolean): Promise<Seen> => {
  const { machine, settings, wanted } = tried;
  const ways = {
    s: await tryWay(tried, 's'),
    c: await tryWay(tried, 'c'),
    a: await tryWay(tried, 'a'),
  };
  const chosen = ways[!settings.fileSyscall ? 'c' : settings.fallback ? 'a' : 's'];
  const board = attempt(KexecError, () => boardFacts(machine.files, machine.bootEl));
  const arrived = await arrive(tried, chosen);
  const resources = parseResources(machine.files.readText('/proc/iomem') ?? '');
  const kernel = await readLoaded(chosen.image, stateOf(tried, chosen.way));
  return {
    files: machine.files,
    facts: machine.kernel.facts,
    state: machine.kernel.state,
    log: machine.kernel.log.map(({ text }) => text),
    board: board instanceof KexecError ? undefined : board,
    resources,
    wanted,
    chosen,
    ways,
    told: kernel && (await toldBy(kernel)),
    crash: kernel && (await lookAtCrash(tried, kernel, resources)),
    arrived,
    ran:
      runs && arrived?.rules.length !== 0 && arrived !== undefined
        ? await (wanted.onCrash ? panicOn : runOn)(tried, chosen)
        : undefined,
  };
};

interface Asked {
  readonly args: CommonArguments;
  readonly given: readonly string[];
  readonly compat: string | undefined;
  readonly runs: boolean;
}

/** @returns how many errors there are @throws KexecError */
const diagnose = async (
  { args, given, compat: wantedCompat, runs }: Asked,
  context: SubcommandContext,
): Promise<number> => {
  const kexec = kexecFor(given, context);
  const compat = chosenCompat(wantedCompat ?? context.env['KEXEC_COMPAT']);
  const parsed = parseLoad(given, compat);
  return inScratch('doctor', async (scratch) => {
    const env = { ...context.env, KEXEC_COMPAT: wantedCompat ?? context.env['KEXEC_COMPAT'] };
    const machine = openMachine({ ...args, state: join(scratch, 'as-recorded') }, context);
    const wanted = wantedBy(parsed, compat, machine);
    const tried = {
      args,
      given,
      settings: parsed.settings,
      wanted,
      machine,
      scratch,
      kexec,
      context: { ...context, env },
    };
    const seen = await examine(tried, runs);
    const findings = findingsIn(seen);
    context.out(args.json ? formatJson(toJson(tried, seen, findings)) : toText(seen, findings));
    return errorsIn(findings);
  });
};

const errorsIn = (findings: readonly Pick<Finding, 'severity'>[]): number =>
  findings.filter(({ severity }) => severity === 'error').length;

const toText = (seen: Seen, findings: readonly Finding[]): string =>
  `${seen.ran?.console ?? ''}${formatWays(seen)}\n${findings.length === 0 ? 'Nothing was found.\n' : findings.map(formatFinding).join('\n')}`;

const toJson = ({ machine, given }: Case, seen: Seen, findings: readonly Finding[]) => ({
  machine: machine.name,
  command: ['kexec', ...given],
  ways: Object.fromEntries(
    WAYS.map((way) => [`-${way}`, { works: seen.ways[way].exitCode === 0, verdict: verdictOf(seen.ways[way]) }]),
  ),
  findings,
  ...(seen.ran && { console: seen.ran.console }),
});

/** @returns how many errors there are @throws KexecError */
const diagnoseLog = async (path: string, json: boolean, context: SubcommandContext): Promise<number> => {
  const text = await readLog(path);
  const findings = findingsInLog(text);
  if (json) context.out(formatJson({ log: path, findings }));
  else
    context.out(
      findings.length === 0
        ? `Nothing in ${path} is known to tell of a failure.\n`
        : findings.map(formatLogFinding).join('\n'),
    );
  return errorsIn(findings);
};

/** Adds the subcommand, which ends with 0 where it finds no error, 1 where it does, 2 for trouble. */
export const addDoctorCommand = (yargs: CommonArgv, context: SubcommandContext): CommonArgv =>
  yargs.command(
    'doctor',
    'Tell what a load comes to on the machine, why it fails, and what can be done',
    (command) =>
      command
        .option('run', {
          type: 'boolean',
          default: false,
          describe: 'Let the new kernel run on, and judge its console',
        })
        .option('log', {
          type: 'string',
          requiresArg: true,
          describe: 'A log file, as somebody pasted it, in place of a machine',
        })
        .option('compat', {
          alias: 'sim-compat',
          type: 'string',
          requiresArg: true,
          describe: 'Release of kexec-tools to follow, VERSION[:LIB,...] (KEXEC_COMPAT)',
        })
        .parserConfiguration({ 'populate--': true })
        .example('$0 doctor --machine board.tar -- -l Image --reuse-cmdline', '')
        .epilogue(
          "Behind -- goes kexec's command line. Exits with 0 when no error is found, 1 when one is, 2 for trouble.",
        ),
    async (args) => {
      const given = behindDashes(args);
      const { log, json, compat, run: runs } = args;
      const errors = await asTrouble(async () => {
        if (log === undefined) return diagnose({ args, given, compat, runs }, context);
        if (given.length > 0)
          throw KexecError.die('--log, or a command line behind --, but not both', { subject: '--log' });
        return diagnoseLog(log, json, context);
      });
      if (errors > 0) throw KexecError.die(`${errors} error${errors === 1 ? '' : 's'} found`, { exitCode: FOUND });
    },
  );
