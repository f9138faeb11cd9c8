/** Findings as text. */
import type { Finding } from './finding.js';
import type { LogFinding } from './findings.js';
import { type Attempt, type Seen, WAYS, type Way } from './seen.js';

const WAY_TEXTS: Readonly<Record<Way, string>> = {
  s: '-s  kexec_file_load',
  c: '-c  kexec_load',
  a: '-a  the one, or else the other',
};

const LABEL = 18;
const SEVERITY = 8;

/** How a way ends, in a few words. */
export const verdictOf = ({ exitCode, refusal, last, image }: Attempt): string => {
  if (exitCode === 0) {
    return image === undefined
      ? 'works'
      : `works, by ${image.segments.some(({ role }) => role !== undefined) ? 'kexec_file_load' : 'kexec_load'}`;
  }
  return `fails: ${refusal === undefined ? last : `${refusal.call} failed: ${refusal.reason}`}`;
};

export const formatWays = ({ ways }: Pick<Seen, 'ways'>): string =>
  WAYS.map((way) => `${WAY_TEXTS[way].padEnd(34)}${visible(verdictOf(ways[way]))}\n`).join('');

/** What was recorded by others may steer a terminal. */
const visible = (text: string): string =>
  text.replace(/[^\x20-\x7e\u00a0-\uffff]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);

export const formatFinding = ({ severity, id, sentence, evidence, fixes }: Finding): string => {
  const line = (label: string, text: string): string =>
    `${' '.repeat(SEVERITY)}${label.padEnd(LABEL)} ${visible(text)}\n`;
  return (
    `${severity.padEnd(SEVERITY)}${id.padEnd(LABEL)} ${visible(sentence)}\n` +
    evidence.map((text, i) => line(i === 0 ? 'evidence' : '', text)).join('') +
    fixes.map((text, i) => line(i === 0 ? 'fix' : '', text)).join('')
  );
};

export const formatLogFinding = (finding: LogFinding): string =>
  `${formatFinding(finding)}${' '.repeat(SEVERITY)}${'to know more'.padEnd(LABEL)} ${finding.ask}\n`;
