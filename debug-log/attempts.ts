/** Runs of our kexec beside the real log: which release and which command line fit it best. */
import { LIBRARIES, RELEASES, parseCompat, type Compat, type Library, type Release } from '../kexec/base/compat.js';
import { KexecError } from '../kexec/base/error.js';
import { commandLines, librariesIn } from './command-line.js';
import { compareLogs, type Comparison } from './compare.js';
import { parseLogs, type DebugLog } from './parse.js';
import { evidenceIn, nearestReleases, otherSourceLines, preferReleased } from './releases.js';

/** A file with what a real kexec said in it. */
export interface RealLog {
  /** For messages. */
  readonly name: string;
  readonly text: string;
  /** Which of the runs in it, from 1; undefined: the last one. */
  readonly run: number | undefined;
}

/** @param expected see {@link parseLogs} @throws KexecError without such a run */
export const readRun = ({ name, text, run }: RealLog, expected?: ReadonlySet<string>): DebugLog => {
  const logs = parseLogs(text, expected);
  const log = run === undefined ? logs.at(-1) : logs[run - 1];
  if (log !== undefined) return log;
  throw KexecError.die(
    logs.length === 0
      ? `${name} has no line of kexec's debug log for arm64`
      : `--run: ${name} has ${logs.length} of kexec's runs`,
    { subject: name },
  );
};

/** A real run beside one of ours. */
export interface Compared {
  readonly real: DebugLog;
  readonly ours: DebugLog;
  readonly comparison: Comparison;
}

/**
 * What ours says is taken for kexec's in the real log too, whatever it looks like.
 * @param sameFiles whether the user's files must have the same names
 * @throws KexecError
 */
export const compareWith = (log: RealLog, ours: DebugLog, sameFiles = true): Compared => {
  const real = readRun(log, new Set(ours.lines.map(({ normal }) => normal)));
  return { real, ours, comparison: compareLogs(real, ours, sameFiles) };
};

/** A run of ours and how it compares. */
export interface Attempt extends Compared {
  readonly release: Release;
  /** That it was built with, of those that a log may show. */
  readonly libraries: readonly Library[];
  readonly args: readonly string[];
}

/** Runs our kexec. @param build VERSION[:LIB,...] to follow @returns what it said, on both streams */
export type Runner = (args: readonly string[], build: string) => Promise<string>;

export interface AttemptSettings {
  /** What stands behind `--`: see {@link commandLines}. */
  readonly given: readonly string[];
  /** VERSION[:LIB,...] that the user wants; undefined: any. */
  readonly compat: string | undefined;
}

/** What Debian builds kexec with, for a log that does not show it; it may be a build without any. */
const UNSEEN_LIBRARIES: readonly (readonly Library[])[] = [['zlib'], []];

/** @throws KexecError unless it is VERSION[:LIB,...], or nothing */
export const checkCompat = (wanted: string | undefined): Compat | undefined => {
  if (wanted === undefined) return undefined;
  const compat = parseCompat(wanted);
  if (compat !== undefined) return compat;
  throw KexecError.die(
    `--compat: "${wanted}" is not VERSION[:LIB,...] (${RELEASES.join(', ')}; ${LIBRARIES.join(', ')})`,
    { subject: wanted },
  );
};

interface Build {
  readonly release: Release;
  readonly libraries: readonly Library[];
  /** VERSION[:LIB,...]. */
  readonly name: string;
}

const buildsToTry = (log: DebugLog, wanted: string | undefined): readonly Build[] => {
  const compat = checkCompat(wanted);
  if (compat !== undefined && wanted !== undefined) {
    return [{ release: compat.release, libraries: [...compat.libraries], name: wanted }];
  }
  const seen = librariesIn(log);
  // What the log proves counts more than what else fits.
  const proved = nearestReleases(evidenceIn(log));
  return (proved.length === 0 ? RELEASES : proved).flatMap((release) =>
    (seen.length === 0 ? UNSEEN_LIBRARIES : [seen]).map((libraries) => ({
      release,
      libraries,
      name: `${release}:${libraries.join(',')}`,
    })),
  );
};

const CANNOT_OPEN = /^(?:Cannot open [`"]?|Failed to open file |Could not open initrd file )([^':]+)/;

/** Without the files there is nothing to compare. */
const refuseMissingFile = ({ real, ours }: Compared, args: readonly string[]): void => {
  const said = new Set(real.lines.map(({ normal }) => normal));
  const complaint = ours.lines.find(({ text, normal }) => CANNOT_OPEN.test(text) && !said.has(normal));
  const file = complaint && CANNOT_OPEN.exec(complaint.text)?.[1];
  if (file === undefined || !args.some((arg) => arg.includes(file))) return;
  throw KexecError.die(`${file} cannot be opened here; give kexec's command line with files that are here behind --`, {
    subject: file,
  });
};

/**
 * Runs ours in every way that may have made the log.
 * @returns those that fit best, by the lines that differ and then by the source lines that messages tell; all of them
 * fit alike
 * @throws KexecError when there is nothing to compare
 */
export const bestAttempts = async (
  log: RealLog,
  { given, compat }: AttemptSettings,
  run: Runner,
): Promise<readonly [Attempt, ...Attempt[]]> => {
  const real = readRun(log);
  const lines = commandLines(real, given, log.name);
  let best: [Attempt, ...Attempt[]] | undefined;
  let silent = '';
  for (const { release, libraries, name } of buildsToTry(real, compat)) {
    for (const args of lines) {
      const said = await run(args, name);
      const [ours] = parseLogs(said);
      // Without -d a load that works says nothing.
      if (ours === undefined) {
        silent = said.trim();
        continue;
      }
      const compared = compareWith(log, ours, given.length === 0);
      refuseMissingFile(compared, args);
      const attempt = { ...compared, release, libraries, args };
      const better = best === undefined ? -1 : misfit(attempt) - misfit(best[0]);
      if (better < 0) best = [attempt];
      else if (better === 0 && best?.every((other) => other.release !== release) === true) best.push(attempt);
    }
  }
  if (best === undefined) throw KexecError.die(`kexec has nothing to compare to say: ${silent}`, { subject: 'kexec' });
  const [first, ...rest] = preferReleased(best, ({ release }) => release);
  return [first!, ...rest];
};

/** Lines that differ weigh more than all the source lines that a log may tell, and these more than lines left out. */
const misfit = ({ real, release, comparison }: Attempt): number =>
  comparison.differingLines * 10 + otherSourceLines(real, release) + comparison.leftOut / 1e6;
