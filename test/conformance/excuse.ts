/** What a run is not compared in, and what holds of it instead. */
import type { Release } from '../../kexec/base/compat.js';
import type { Case } from './case.js';
import { differences } from './compare.js';
import type { Outcome } from './compare.js';
import { DEBIAN_RELEASES } from './debian.js';

/** The real one is killed, or what it does or prints depends on memory behind its buffers. */
export type Excuse = 'crash' | 'everything' | 'stdout' | 'stderr';

const EXCUSES: Readonly<Record<Excuse, string>> = {
  crash: 'the real one is killed, ours refuses',
  everything: 'all that the real one does depends on memory behind its buffers',
  stdout: 'what the real one prints on stdout depends on it',
  stderr: 'what the real one prints on stderr depends on it',
};

export interface Task {
  readonly test: Case;
  readonly release: Release;
}

export const excuseOf = ({ test, release }: Task): Excuse | undefined => {
  if (test.realCrashes !== undefined && (test.crashingReleases ?? DEBIAN_RELEASES).includes(release)) return 'crash';
  return test.unforeseeable?.releases.includes(release) === true ? test.unforeseeable.stream : undefined;
};

/** Ours must refuse, in words, where the real one was killed. */
const crashFailures = (theirs: Outcome, own: Outcome): string[] => [
  ...(theirs.signal === undefined ? [`marked as a crash of the real one, which ended with ${theirs.exitCode}`] : []),
  ...(own.exitCode > 0 && own.signal === undefined ? [] : [`ours ended with ${own.signal ?? own.exitCode}`]),
  ...(own.stderr.trim() === '' ? ['ours said nothing on stderr'] : []),
];

/** Where the real one cannot be foreseen, ours ends in order. */
const disorder = ({ exitCode, signal, stderr }: Outcome): string[] => [
  ...(signal === undefined ? [] : [`ours ended with ${signal}`]),
  ...(exitCode !== 0 && stderr.trim() === '' ? ['ours said nothing on stderr'] : []),
];

/** What is wrong with a command of an excused run. */
export const excusedFailures = (excuse: Excuse, theirs: Outcome, own: Outcome): string[] => {
  if (excuse === 'crash') return crashFailures(theirs, own);
  return excuse === 'everything' ? disorder(own) : differences(theirs, own, excuse);
};

/** An excuse that an excused run turned out not to need; in one of the streams both may agree by chance. */
export const needless = (excuse: Excuse | undefined, differs: boolean): string[] =>
  excuse === 'everything' && !differs ? [`marked: ${EXCUSES[excuse]}; but both agree`] : [];

export interface Compared extends Task {
  /** Whether the two differ, also in what is excused. */
  readonly differs: boolean;
}

/** Prints how many runs have which excuse. @returns the reasons that excuse nothing: all runs with one of them agree */
export const showExcuses = (runs: readonly Compared[]): readonly string[] => {
  const excused = runs.filter((run) => excuseOf(run) !== undefined);
  if (excused.length > 0) console.log('Not compared in all:');
  for (const [excuse, text] of Object.entries(EXCUSES)) {
    const these = excused.filter((run) => excuseOf(run) === excuse);
    const agree = these.filter(({ differs }) => !differs).length;
    if (these.length > 0) console.log(`  ${these.length}: ${text}${agree > 0 ? `, but agrees in ${agree}` : ''}`);
  }
  const reasons = new Set(excused.flatMap(({ test }) => test.unforeseeable?.why ?? []));
  const idle = [...reasons].filter((why) =>
    excused.every(({ test, differs }) => test.unforeseeable?.why !== why || !differs),
  );
  idle.forEach((why) => console.log(`Excuses nothing: ${why}`));
  return idle;
};
