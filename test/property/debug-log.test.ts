import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { splitWords } from '../../debug-log/command-line.js';
import { compareLogs } from '../../debug-log/compare.js';
import { diffLines } from '../../debug-log/line-diff.js';
import { parseLogs, type DebugLog } from '../../debug-log/parse.js';

const line = fc.constantFrom('a', 'b', 'c', 'd');
const text = fc.array(line, { maxLength: 30 });

/** Length of the longest common subsequence, the plain way. */
const common = (a: readonly string[], b: readonly string[]): number => {
  let row = new Array<number>(b.length + 1).fill(0);
  for (const x of a) {
    const next = [0];
    b.forEach((y, j) => next.push(x === y ? row[j]! + 1 : Math.max(row[j + 1]!, next[j]!)));
    row = next;
  }
  return row[b.length]!;
};

describe('a diff of lines', () => {
  const patch = (a: readonly string[], b: readonly string[], mostEdits?: number): readonly string[] => {
    const result: string[] = [];
    let at = 0;
    for (const { aStart, aEnd, bStart, bEnd } of diffLines(a, b, mostEdits)) {
      result.push(...a.slice(at, aStart), ...b.slice(bStart, bEnd));
      at = aEnd;
    }
    return [...result, ...a.slice(at)];
  };

  test('makes the one text into the other, also where it gives up', () => {
    fc.assert(
      fc.property(text, text, fc.nat(12), (a, b, mostEdits) => {
        expect(patch(a, b)).toEqual(b);
        expect(patch(a, b, mostEdits)).toEqual(b);
      }),
    );
  });

  test('is as short as can be, and its changes do not touch', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        const changes = diffLines(a, b);
        const edits = changes.reduce((sum, { aStart, aEnd, bStart, bEnd }) => sum + aEnd - aStart + bEnd - bStart, 0);
        expect(edits).toBe(a.length + b.length - 2 * common(a, b));
        changes.slice(1).forEach(({ aStart, bStart }, i) => {
          expect(aStart > changes[i]!.aEnd && bStart > changes[i]!.bEnd).toBe(true);
        });
      }),
    );
  });
});

const NAMES = ['virt-2g-2.0.20', 'virt-2g-2.0.25', 'virt-2g-2.0.32', 'virt-el2-4g-2.0.32-panic'] as const;
const LOGS = NAMES.map((name) => readFileSync(`test/data/logs/${name}.txt`, 'utf8').trimEnd().split('\n'));

const toLog = (lines: readonly string[]): DebugLog => {
  const logs = parseLogs(lines.join('\n'));
  expect(logs.length).toBe(1);
  return logs[0]!;
};

const prefix = fc.constantFrom(
  '',
  '> ',
  '> > ',
  '+ ',
  '    ',
  '[   12.345678] ',
  '[    1.5] kdump[123]: ',
  'kexec[77]: ',
  'Jul  5 20:03:06 pi kdump[12]: ',
  'Jul 05 20:03:06 EppdPi stage-2-init: ',
  '2025-07-05T20:03:06+0200 host kexec[9]: ',
  '<6>[  3.2] ',
  '\x1b[33m',
);

const noise = fc.constantFrom(
  '[  167.593405] kexec_file: nr_segments = 4',
  'Jul  5 20:03:07 pi systemd[1]: Started Daily apt activities.',
  'root@pi:~# ls',
  'random: crng init done, 40000000-bfffffff',
  '  ',
);

describe('a log', () => {
  test('differs in nothing from itself, whatever is before its lines, behind them and between them', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...LOGS),
        prefix,
        fc.constantFrom('', '\r', ' ', '\x1b[0m'),
        fc.array(fc.tuple(fc.nat(400), noise), { maxLength: 20 }),
        (lines, before, behind, noises) => {
          const messy = lines.map((each) => `${before}${each}${behind}`);
          for (const [at, other] of noises) messy.splice(at % (messy.length + 1), 0, other);
          const expected = new Set(toLog(lines).lines.map(({ normal }) => normal));
          const [real] = parseLogs(messy.join('\n'), expected);
          const comparison = compareLogs(real!, toLog(lines));
          expect(comparison).toEqual({ differences: [], differingLines: 0, purgatories: undefined, leftOut: 0 });
        },
      ),
      { numRuns: 60 },
    );
  });

  test('differs in a line that is left out, and in nothing else', () => {
    fc.assert(
      fc.property(fc.constantFrom(...LOGS), fc.nat(400), (lines, n) => {
        // Without its first line, a log is one that starts late.
        const at = 1 + (n % (lines.length - 1));
        const { differences } = compareLogs(toLog(lines.filter((_, i) => i !== at)), toLog(lines));
        expect(differences.flatMap(({ real, ours }) => [real.length, ...ours.map((each) => each.text)])).toEqual([
          0,
          lines[at],
        ]);
      }),
      { numRuns: 60 },
    );
  });

  test('is read to its end, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), noise, prefix, fc.constantFrom(...LOGS.flat())), {
          maxLength: 40,
        }),
        (lines) => {
          for (const log of parseLogs(lines.join('\n'))) expect(compareLogs(log, log).differences).toEqual([]);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('words of a command', () => {
  test('are what they were before they were quoted', () => {
    const word = fc.string({
      unit: fc.constantFrom('a', ' ', "'", '"', '\\', '$', '`', '=', '/', '&'),
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (words) => {
        const quoted = words.map((each) => `'${each.replaceAll("'", String.raw`'\''`)}'`).join(' ');
        expect(splitWords(quoted)).toEqual(words);
      }),
    );
  });
});
