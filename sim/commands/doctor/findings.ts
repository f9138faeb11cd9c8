/**
 * The table of findings, and what it makes of what is seen. Where severities are equal, a row that stands first comes
 * first.
 */
import { type Finding, type Row, SEVERITIES } from './finding.js';
import { ANSWER_ROWS } from './rows-answers.js';
import { ARRIVAL_ROWS } from './rows-arrival.js';
import { CAPTURE_ROWS } from './rows-capture.js';
import { COMMAND_ROWS } from './rows-command.js';
import { DUMP_ROWS } from './rows-dump.js';
import { FILE_ROWS } from './rows-files.js';
import { MEMORY_ROWS } from './rows-memory.js';
import { type Seen, WAYS } from './seen.js';

/** What is left where no row explains a failure. */
const LAST_ROW: Row = {
  id: 'kexec-fails',
  severity: 'error',
  when: 'kexec fails, and no other finding tells why',
  example: 'kexec fails: Overlapping memory segments at 0x40200000.',
  fixes: ['look at what it says: kexec -d', "look at the kernel's log: kexec-sim dmesg"],
  isLastResort: true,
  isOfOneWay: true,
  look: ({ chosen }) => {
    if (chosen.exitCode === 0) return undefined;
    const { refusal, last, kernelLog, said } = chosen;
    const reason = refusal === undefined ? last : `${refusal.call} failed: ${refusal.reason}`;
    return {
      sentence: `kexec fails: ${reason.replace(/\.$/, '')}.`,
      evidence: [
        ...said
          .trim()
          .split('\n')
          .slice(-3)
          .map((line) => `kexec: ${line}`),
        ...kernelLog.map((line) => `dmesg: ${line}`),
      ],
    };
  },
};

export const ROWS: readonly Row[] = [
  ...FILE_ROWS,
  ...ANSWER_ROWS,
  ...MEMORY_ROWS,
  ...DUMP_ROWS,
  ...CAPTURE_ROWS,
  ...COMMAND_ROWS,
  ...ARRIVAL_ROWS,
  LAST_ROW,
];

/** The worst first. */
export const findingsIn = (seen: Seen): readonly Finding[] => {
  const found = ROWS.flatMap((row): { readonly row: Row; readonly finding: Finding }[] => {
    const one = row.look(seen);
    if (one === undefined) return [];
    const severity = one.severity ?? row.severity;
    const fixes = [...(row.isOfOneWay && severity === 'error' ? otherWays(seen) : []), ...(one.fixes ?? row.fixes)];
    return [
      {
        row,
        finding: {
          id: row.id,
          severity,
          sentence: one.sentence,
          evidence: one.evidence.filter((text) => text !== ''),
          fixes,
        },
      },
    ];
  });
  const isExplained = found.some(({ row, finding }) => finding.severity === 'error' && !row.isLastResort);
  const first = found.find(({ row }) => row.isLastResort);
  return found
    .filter((one) => !one.row.isLastResort || (!isExplained && one === first))
    .map(({ finding }) => finding)
    .sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
};

const NAMES = { s: 'kexec_file_load (-s)', c: 'kexec_load (-c)' } as const;

/** Another call that works here is the nearest way out. */
const otherWays = ({ ways, chosen }: Seen): readonly string[] =>
  WAYS.flatMap((way) =>
    way !== 'a' && ways[way].exitCode === 0 && chosen.exitCode !== 0 ? [`use ${NAMES[way]}, which works here`] : [],
  );

/** What a pasted log alone tells. */
export interface LogFinding extends Finding {
  readonly ask: string;
}

export const findingsInLog = (text: string): readonly LogFinding[] =>
  ROWS.flatMap(({ id, severity, fixes, log }): LogFinding[] => {
    const match =
      log === undefined ? null : new RegExp(log.pattern, `${log.pattern.flags.replace('m', '')}m`).exec(text);
    if (log === undefined || match === null) return [];
    const line = text.slice(0, match.index).split('\n').length;
    const whole = text.split('\n')[line - 1] ?? '';
    return [
      {
        id,
        severity,
        sentence: typeof log.sentence === 'string' ? log.sentence : log.sentence(match),
        evidence: [`line ${line}: ${whole.trim().slice(0, 200)}`],
        fixes,
        ask: log.ask,
      },
    ];
  }).sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
