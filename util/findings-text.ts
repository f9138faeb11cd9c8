/** The text of docs/findings.md, made from the table of findings. */
import type { Row } from '../sim/commands/doctor/finding.js';

type Told = Pick<Row, 'id' | 'severity' | 'when' | 'example' | 'fixes' | 'log'>;

/** What `kexec-sim doctor` can find, an entry a finding, as a Markdown text. */
export const findingsText = (rows: readonly Told[]): string => `# Findings

Written by \`npm run findings\` from \`sim/commands/doctor/\`: do not edit.

What \`kexec-sim doctor\` can say of a load. An *error* is what the load fails for, or the new kernel behind it; a
*warning* may be one on the machine itself; a *note* is good to know. Of those marked *log*, \`--log FILE\` tells, too.

${rows.map(entry).join('\n')}`;

const entry = ({ id, severity, when, example, fixes, log }: Told): string =>
  `## ${id}

*${severity}${log === undefined ? '' : ', log'}*: when ${when}.

> ${example}

${fixes.map((fix) => `- ${fix}\n`).join('')}`;
