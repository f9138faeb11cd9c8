/** What a run gave, and how two runs differ. */

export interface Outcome {
  readonly exitCode: number;
  /** The signal that ended the command. */
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly calls: readonly RecordedCall[];
}

/** An entry of calls.json with the data in place of the file names. */
export interface RecordedCall {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly data: readonly (Uint8Array | undefined)[];
}

/** Addresses in the tool's own memory, and the names of its temporary files: made up. Nothing else may differ. */
const withoutMadeUp = (text: string): string =>
  text
    .replace(/^(kernel: |segment\[\d+\]\.buf {3}= )0x[0-9a-f]+/gm, '$1POINTER')
    .replace(/\/tmp\/(Image|Kernel|Initrd)[0-9A-Za-z]{6}/g, '/tmp/$1XXXXXX');

/** Ours has options of its own, which `--help` tells of behind the original's. */
const withoutOurOptions = (text: string): string => text.replace(/Options of the simulated machine[^]*$/, '');

/** Differences, as a list of parts with the text of each side. Empty when there are none. */
export const differences = (real: Outcome, own: Outcome, ignored?: 'stdout' | 'stderr'): string[] => {
  const found: string[] = [];
  const ours = endsInReboot(real) ? beforeReboot(own) : own;
  if (real.exitCode !== ours.exitCode || real.signal !== ours.signal) {
    found.push(`exit: real ${describeExit(real)}, ours ${describeExit(ours)}`);
  }
  for (const stream of ['stdout', 'stderr'] as const) {
    if (stream === ignored) continue;
    const [expected, actual] = [withoutMadeUp(real[stream]), withoutMadeUp(withoutOurOptions(ours[stream]))];
    if (expected !== actual) found.push(`${stream}:\n${unifiedDiff(expected, actual)}`);
  }
  const [expected, actual] = [real.calls.map(describeCall).join('\n'), ours.calls.map(describeCall).join('\n')];
  if (expected !== actual) found.push(`calls:\n${unifiedDiff(expected, actual)}`);
  else real.calls.forEach((call, index) => found.push(...dataDifferences(index, call, ours.calls[index])));
  return found;
};

/** A reboot that succeeds does not return: what follows is no longer the tool's. */
const endsInReboot = ({ calls }: Outcome): boolean => {
  const last = calls.at(-1)?.fields;
  return last?.['call'] === 'reboot' && last['result'] === 0;
};

const beforeReboot = (own: Outcome): Outcome => ({
  ...own,
  exitCode: 0,
  stderr: own.stderr.replace(/^kexec-ts: .*\n/gm, ''),
});

const describeExit = ({ exitCode, signal }: Outcome): string => signal ?? String(exitCode);

const describeCall = ({ fields }: RecordedCall): string => JSON.stringify(fields, null, 1);

const dataDifferences = (index: number, real: RecordedCall, ours: RecordedCall | undefined): string[] =>
  real.data.flatMap((expected, part) => {
    const actual = ours?.data[part];
    if (expected === undefined && actual === undefined) return [];
    if (expected === undefined || actual === undefined) return [`call ${index}, data ${part}: only one side has it`];
    const at = firstDifference(expected, actual);
    if (at < 0) return [];
    const shown = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(at & ~15, (at & ~15) + 32)).toString('hex');
    const [where, size, ownSize] = [at, expected.length, actual.length].map((value) => `0x${value.toString(16)}`);
    return [
      `call ${index}, data ${part}: first difference at ${where} of ${size} and ${ownSize} bytes\n-${shown(expected)}\n+${shown(actual)}`,
    ];
  });

const firstDifference = (a: Uint8Array, b: Uint8Array): number => {
  if (Buffer.compare(a, b) === 0) return -1;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return i;
  return length;
};

const CONTEXT = 2;
const MOST_LINES = 40;

/** `-` is the real one, `+` is ours. */
const unifiedDiff = (real: string, ours: string): string => {
  const a = real.split('\n');
  const b = ours.split('\n');
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let tail = 0;
  while (tail < a.length - start && tail < b.length - start && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  const lines = [
    `@@ line ${start + 1} @@`,
    ...a.slice(Math.max(0, start - CONTEXT), start).map((line) => ` ${line}`),
    ...a
      .slice(start, a.length - tail)
      .slice(0, MOST_LINES / 2)
      .map((line) => `-${line}`),
    ...b
      .slice(start, b.length - tail)
      .slice(0, MOST_LINES / 2)
      .map((line) => `+${line}`),
    ...a.slice(a.length - tail, a.length - tail + CONTEXT).map((line) => ` ${line}`),
  ];
  return lines
    .slice(0, MOST_LINES)
    .map((line) => JSON.stringify(line.slice(0, 300)).slice(1, -1))
    .join('\n');
};
