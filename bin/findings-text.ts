/** Writes docs/findings.md from the table of findings. */
import { writeFileSync } from 'node:fs';
import { ROWS } from '../sim/commands/doctor/findings.js';
import { findingsText } from '../util/findings-text.js';

writeFileSync('docs/findings.md', findingsText(ROWS));
