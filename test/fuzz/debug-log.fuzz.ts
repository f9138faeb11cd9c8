/** Fuzz targets: debug logs, as people paste them. */
import { readFileSync } from 'node:fs';
import { commandLines } from '../../debug-log/command-line.js';
import { compareLogs } from '../../debug-log/compare.js';
import { parseLogs } from '../../debug-log/parse.js';
import { evidenceIn, nearestReleases } from '../../debug-log/releases.js';
import { formatDifferences, formatSetAside, paintFor } from '../../debug-log/report.js';
import type { FuzzTarget } from './fuzz-target.js';

const NAMES = ['hpe-apollo-2.0.32', 'qemu-virt-notes', 'rpi4-list', 'virt-2g-2.0.20', 'virt-el2-4g-2.0.32-panic'];
const read = (name: string): Buffer => readFileSync(`test/data/logs/${name}.txt`);
const OURS = parseLogs(read('virt-2g-2.0.25').toString())[0]!;
const EXPECTED: ReadonlySet<string> = new Set(OURS.lines.map(({ normal }) => normal));

export const targets: readonly FuzzTarget[] = [
  {
    name: 'debug-log',
    seeds: () => NAMES.map(read),
    run: (input) => {
      const names = { real: 'real', ours: 'ours' };
      for (const log of parseLogs(new TextDecoder().decode(input), EXPECTED)) {
        nearestReleases(evidenceIn(log));
        const comparison = compareLogs(log, OURS);
        formatSetAside(comparison, log, names);
        formatDifferences(comparison, names, paintFor(true));
        commandLines(log, [], 'real');
      }
    },
  },
];
