/** Writes docs/limits.md from the table of limits. */
import { writeFileSync } from 'node:fs';
import { limitTable } from '../util/limit-table.js';
import { LIMITS } from '../util/limits.js';

writeFileSync('docs/limits.md', limitTable(LIMITS));
