/** What a run of vmcore-dmesg ended with, the real one and ours, and how they are compared. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Release } from '../../../kexec/base/compat.js';
import { runVmcoreDmesg } from '../../../host/run-vmcore-dmesg.js';
import { DATA, FAULTS } from './cases.js';

/** What a run of vmcore-dmesg ended with. */
export interface Outcome {
  readonly exitCode: number;
  readonly stderr: string;
  /** The text, or of a long one its digest. */
  readonly stdout: string;
}

/** What the real one of some releases does with a case. */
export interface RealOutcome extends Outcome {
  readonly releases: readonly Release[];
}

/** By the names of the cases. */
export type RealOutcomes = Readonly<Record<string, readonly RealOutcome[]>>;

export const REAL_OUTCOMES = join(DATA, 'real.json');

export const readRealOutcomes = (): RealOutcomes => JSON.parse(readFileSync(REAL_OUTCOMES, 'utf8')) as RealOutcomes;

const LONGEST_TEXT = 300;

/** Text of one byte a character as it is kept. */
export const kept = (text: string): string =>
  text.length <= LONGEST_TEXT
    ? text
    : `${text.length} bytes, SHA-256 ${createHash('sha256').update(text, 'latin1').digest('hex')}`;

/** Ours, on a file of the host, which is called `name` where the real one runs. */
export const ourOutcome = (file: string, name: string, release: Release): Outcome => {
  let [stdout, stderr] = ['', ''];
  const exitCode = runVmcoreDmesg([file], {
    env: { KEXEC_COMPAT: release },
    out: (text) => {
      stdout += text;
    },
    err: (text) => {
      stderr += text;
    },
  });
  return { exitCode, stderr: stderr.replaceAll(file, name), stdout: kept(stdout) };
};

/**
 * @param theirs undefined when the real one was killed
 * @returns what is wrong with ours; undefined when nothing is
 */
export const mismatch = (
  name: string,
  release: Release,
  theirs: Outcome | undefined,
  ours: Outcome,
): string | undefined => {
  const fault = FAULTS.get(name);
  if (fault?.releases.includes(release) === true) {
    const refuses = ours.exitCode !== 0 && /^.+\n/.test(ours.stderr);
    return refuses
      ? undefined
      : `the real one ${fault.why}; ours ends with ${ours.exitCode} and ${JSON.stringify(ours.stderr)}`;
  }
  if (theirs === undefined) return 'the real one was killed';
  const fields = (['exitCode', 'stderr', 'stdout'] as const).filter((field) => theirs[field] !== ours[field]);
  if (fields.length === 0) return undefined;
  return fields
    .map((field) => `${field}: real ${JSON.stringify(theirs[field])}\n${field}: ours ${JSON.stringify(ours[field])}`)
    .join('\n');
};
