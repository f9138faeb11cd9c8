/** `kexec-sim diff`: the debug log of a real kexec beside ours. */
import { join } from 'node:path';
import { attemptAsync } from '../../kexec/base/attempt.js';
import { KexecError } from '../../kexec/base/error.js';
import {
  bestAttempts,
  checkCompat,
  compareWith,
  readRun,
  type Attempt,
  type AttemptSettings,
  type Compared,
  type RealLog,
} from '../../debug-log/attempts.js';
import { otherArchitectureIn } from '../../debug-log/architectures.js';
import type { Comparison } from '../../debug-log/compare.js';
import { describeReleases, evidenceIn, nearestReleases, type Evidence } from '../../debug-log/releases.js';
import {
  comparisonToJson,
  formatDifferences,
  formatRun,
  formatSetAside,
  paintFor,
  toJsonLines,
  type Names,
} from '../../debug-log/report.js';
import { findMachine } from '../kernel/recording/machines.js';
import { asTrouble, behindDashes, inScratch, kexecFor } from './common/behind-dashes.js';
import type { SubcommandContext, CommonArgv } from './common/context.js';
import { readLog } from './common/read-log.js';
import { formatJson, quoted } from './common/text.js';

/** As diff(1) ends: 0 when nothing differs, 1 when something does, 2 for trouble. */
const DIFFERENT = 1;

interface DiffArguments extends AttemptSettings {
  readonly real: RealLog;
  /** A file. */
  readonly ours: string | undefined;
  readonly machine: string | undefined;
  readonly purgatory: string | undefined;
  readonly json: boolean;
}

/** Runs ours where nothing of the user's is: with a new state for each run. @throws KexecError */
const runOurs = async (args: DiffArguments, context: SubcommandContext): Promise<readonly [Attempt, ...Attempt[]]> => {
  const kexec = kexecFor(args.given, context);
  return inScratch('diff', (scratch) => {
    let runs = 0;
    return bestAttempts(args.real, args, async (line, build) => {
      let said = '';
      const put = (text: string): void => void (said += text);
      const settings = {
        KEXEC_MACHINE: args.machine,
        KEXEC_PURGATORY: args.purgatory,
        KEXEC_COMPAT: build,
        KEXEC_STATE: join(scratch, `${runs++}`),
        KEXEC_RECORD: undefined,
        KEXEC_UNTIL: 'reboot',
      };
      await kexec(line, { env: { ...context.env, ...settings }, out: put, err: put });
      return said;
    });
  });
};

const evidenceLines = (evidence: readonly Evidence[]): string => evidence.map(({ text }) => `  ${text}\n`).join('');

/** What the text alone tells of the release. */
const describeRelease = (name: string, evidence: readonly Evidence[]): string => {
  const releases = nearestReleases(evidence);
  if (releases.length === 0) return `Nothing in ${name} tells which release it is of.\n${evidenceLines(evidence)}`;
  return `${name} looks like kexec-tools ${describeReleases(evidence)}:\n${evidenceLines(evidence)}`;
};

/** What was compared, for the exit status. */
interface DiffResult {
  readonly comparison: Comparison;
  readonly names: Names;
}

/**
 * Prints the answer. @returns undefined when there was nothing to compare with, but the release is known @throws
 * KexecError
 */
const diff = async (args: DiffArguments, context: SubcommandContext): Promise<DiffResult | undefined> => {
  const { real: log, json } = args;
  const other = otherArchitectureIn(log.text);
  if (other !== undefined) {
    throw KexecError.die(`${log.name} is a log of kexec for ${other}, which is not followed`, { subject: log.name });
  }
  if (args.machine !== undefined) findMachine(args.machine);
  checkCompat(args.compat);
  const answer = (data: Readonly<Record<string, unknown>>, words: string): void =>
    context.out(json ? formatJson({ real: log.name, ...data }) : words);
  /** Says what the log alone tells. @returns whether that is a release */
  const identify = (remark: string): boolean => {
    const real = readRun(log);
    const evidence = evidenceIn(real);
    answer(
      {
        ours: null,
        releases: nearestReleases(evidence),
        evidence: evidence.map(({ text }) => text),
        others: toJsonLines(real.others),
      },
      formatRun(real, log.name) + describeRelease(log.name, evidence) + remark,
    );
    return nearestReleases(evidence).length > 0;
  };
  const report = (
    { real, comparison }: Compared,
    names: Names,
    head: string,
    data: Readonly<Record<string, unknown>>,
  ): DiffResult => {
    answer(
      { ...data, ...comparisonToJson(comparison), others: toJsonLines(real.others) },
      formatRun(real, names.real) +
        head +
        formatSetAside(comparison, real, names) +
        formatDifferences(comparison, names, paintFor(context.colour === true)),
    );
    return { comparison, names };
  };

  if (args.ours !== undefined) {
    if (args.given.length > 0)
      throw KexecError.die('a log of ours, or a command line for ours behind --, but not both', { subject: args.ours });
    const ours = readRun({ name: args.ours, text: await readLog(args.ours), run: undefined });
    const compared = compareWith(log, ours);
    const evidence = evidenceIn(compared.real);
    const names = { real: log.name, ours: args.ours };
    return report(compared, names, describeRelease(log.name, evidence), {
      ours: args.ours,
      releases: nearestReleases(evidence),
    });
  }
  if (args.machine === undefined && args.given.length === 0) {
    if (identify('Nothing was compared: name a log of ours, or a --machine to run ours on.\n')) return undefined;
    throw KexecError.die(`${log.name}: nothing was compared, and no release was found`, { subject: log.name });
  }
  const best = await attemptAsync(KexecError, () => runOurs(args, context));
  if (best instanceof KexecError) {
    // What is known without a comparison is told all the same.
    identify('');
    throw best;
  }
  const [first] = best;
  const releases = [...new Set(best.map(({ release }) => release))];
  const without = first.libraries.length === 0 ? ' built without zlib, zstd and lzma' : '';
  const fits = args.compat === undefined ? `, which fit${releases.length === 1 ? 's' : ''} best` : '';
  const evidence = evidenceIn(first.real);
  const asItsText = nearestReleases(evidence).some((release) => releases.includes(release));
  const head = `ours: kexec-tools ${releases.join(' and ')}${without}${fits}: kexec ${first.args.map(quoted).join(' ')}\n`;
  return report(
    first,
    { real: log.name, ours: 'ours' },
    head + (asItsText ? '' : describeRelease(log.name, evidence)),
    {
      ours: ['kexec', ...first.args],
      releases,
    },
  );
};

/** The option's value, or else the variable's; what is empty is not set. */
const setting = (option: string | undefined, variable: string | undefined): string | undefined =>
  (option ?? variable) || undefined;

/** Adds the subcommand, which ends with 0, 1 or 2 as diff(1) does. */
export const addDiffCommand = (yargs: CommonArgv, context: SubcommandContext): CommonArgv =>
  yargs.command(
    'diff <real> [ours]',
    "Compare a real kexec's debug log (kexec -d) with ours",
    (command) =>
      command
        .positional('real', {
          type: 'string',
          demandOption: true,
          describe: 'The debug log of a real kexec, as it was pasted',
        })
        .positional('ours', { type: 'string', describe: 'A log of ours; without it, kexec runs on the machine' })
        .option('compat', {
          alias: 'sim-compat',
          type: 'string',
          requiresArg: true,
          describe: 'Release to follow, VERSION[:LIB,...]; the one that fits best by default (KEXEC_COMPAT)',
        })
        .option('purgatory', {
          alias: 'sim-purgatory',
          type: 'string',
          requiresArg: true,
          describe: "The real kexec's purgatory (KEXEC_PURGATORY)",
        })
        .option('run', {
          type: 'number',
          requiresArg: true,
          describe: "Which of kexec's runs in the log, from 1; the last by default",
        })
        .parserConfiguration({ 'populate--': true })
        .example('$0 diff real.log --machine virt-2g -- -l Image --reuse-cmdline', '')
        .epilogue(
          "Behind -- goes kexec's command line, or only the kernel. Exits with 0 when nothing differs, 1 when something does, 2 for trouble.",
        ),
    async (args) => {
      const { env } = context;
      const outcome = await asTrouble(async () =>
        diff(
          {
            real: { name: args.real, text: await readLog(args.real), run: args.run },
            ours: args.ours,
            given: behindDashes(args),
            machine: setting(args.machine, env['KEXEC_MACHINE']),
            purgatory: setting(args.purgatory, env['KEXEC_PURGATORY']),
            compat: setting(args.compat, env['KEXEC_COMPAT']),
            json: args.json,
          },
          context,
        ),
      );
      const places = outcome?.comparison.differences.length ?? 0;
      if (outcome === undefined || places === 0) return;
      const { real, ours } = outcome.names;
      throw KexecError.die(`${real} and ${ours} differ in ${places} place${places === 1 ? '' : 's'}`, {
        subject: real,
        exitCode: DIFFERENT,
      });
    },
  );
