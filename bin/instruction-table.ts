/** Writes INSTRUCTIONS.md from the table of instructions. */
import { writeFileSync } from 'node:fs';
import { INSTRUCTIONS } from '../sim/cpu/isa/index.js';
import { instructionTable } from '../util/instruction-table.js';

writeFileSync('INSTRUCTIONS.md', instructionTable(INSTRUCTIONS));
