import { describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createProgressLine } from '../../../host/progress.js';
import { runKexec } from '../../../host/run-kexec.js';
import type { Progress } from '../../../kexec/base/progress.js';
import { useTempDir } from '../../support/machine/sim-support.js';

/** A terminal with a clock that stands still; `screen` is what a user sees of the last line. */
const terminal = (columns: number | undefined = 80) => {
  let text = '';
  const clock = { ms: 0 };
  const write = (more: string): void => void (text += more);
  const line = createProgressLine({ write, columns: () => columns, now: () => clock.ms });
  return {
    clock,
    line,
    out: line.beside(write),
    text: () => text,
    screen: () => text.split('\n').at(-1)!.split('\r\x1b[K').at(-1)!,
  };
};

const reading = (done: number): Progress => ({
  what: 'reading Image',
  unit: 'bytes',
  done: done * 2 ** 20,
  total: 40 * 2 ** 20,
});
const running = (millions: number): Progress => ({ what: 'at 0x40000000', unit: 'instructions', done: millions * 1e6 });

describe('the line', () => {
  test('shows nothing in the first second', () => {
    const { clock, line, text } = terminal();
    for (clock.ms = 0; clock.ms < 1000; clock.ms += 10) line.report(reading(1));
    line.erase();
    expect(text()).toBe('');
  });

  test('shows how far it is, at most five times a second, in one line', () => {
    const { clock, line, text, screen } = terminal();
    clock.ms = 1000;
    line.report(reading(10));
    expect(screen()).toBe('reading Image: 10 of 40 MiB, 25 %');
    clock.ms = 1199;
    line.report(reading(20));
    expect(screen()).toBe('reading Image: 10 of 40 MiB, 25 %');
    clock.ms = 1200;
    line.report(reading(30));
    expect(screen()).toBe('reading Image: 30 of 40 MiB, 75 %');
    line.erase();
    line.erase();
    expect(screen()).toBe('');
    expect(text()).toBe('reading Image: 10 of 40 MiB, 25 %\r\x1b[Kreading Image: 30 of 40 MiB, 75 %\r\x1b[K');
  });

  test('shows how fast it goes now', () => {
    const { clock, line, screen } = terminal();
    clock.ms = 500;
    line.report(running(1));
    clock.ms = 1500;
    line.report(running(101));
    expect(screen()).toBe('101 M instructions (100 M/s) at 0x40000000');
    clock.ms = 2000;
    line.report(running(601));
    expect(screen()).toBe('601 M instructions (1000 M/s) at 0x40000000');
  });

  test('knows no end where there is none, and counts calls', () => {
    const { clock, line, screen } = terminal();
    clock.ms = 1000;
    line.report({ what: 'decompressing', unit: 'bytes', done: 3 << 20 });
    expect(screen()).toBe('decompressing: 3 MiB');
    clock.ms = 2000;
    line.report({ what: 'replaying', unit: 'calls', done: 3, total: 4 });
    expect(screen()).toBe('replaying: 3 of 4 calls, 75 %');
  });

  test.each<[columns: number | undefined, shown: string]>([
    [10, 'reading I'],
    [1, ''],
    [0, 'reading Image: 10 of 40 MiB, 25 %'],
    [undefined, 'reading Image: 10 of 40 MiB, 25 %'],
  ])('never fills a line of %p columns', (columns, shown) => {
    const { clock, line, screen } = terminal(columns);
    clock.ms = 1000;
    line.report(reading(10));
    expect(screen()).toBe(shown);
  });

  test('makes way for other text, and does not tear its lines apart', () => {
    const { clock, line, out, text, screen } = terminal();
    clock.ms = 1000;
    line.report(reading(10));
    out('');
    out('login: ');
    expect(text()).toBe('reading Image: 10 of 40 MiB, 25 %\r\x1b[Klogin: ');
    clock.ms = 2000;
    line.report(reading(20));
    expect(screen()).toBe('login: ');
    out('root\n');
    line.report(reading(20));
    expect(screen()).toBe('reading Image: 20 of 40 MiB, 50 %');
  });

  test('takes no control characters from a file’s name', () => {
    const { clock, line, text } = terminal();
    clock.ms = 1000;
    line.report({ what: 'reading \x1b[2J\n\x9b', unit: 'bytes', done: 0 });
    expect(text()).toBe('reading ?[2J??: 0 MiB');
  });
});

const temp = useTempDir();

describe('stderr', () => {
  /** Tells something when it is time for it. */
  const PROGRAM = `
    import { progressOnStderr } from ${JSON.stringify(new URL('../../../host/progress.js', import.meta.url).href)};
    const line = await progressOnStderr(process.env, (text) => process.stderr.write(text));
    setTimeout(() => {
      line?.report({ what: 'waiting', unit: 'calls', done: 1, total: 2 });
      line?.erase();
      console.log('end');
    }, 1100);`;

  /** Runs the program in a terminal. @returns what the terminal was sent */
  const inTerminal = (term: string, redirection: string): string => {
    const directory = temp.make('terminal');
    const [program, typescript] = [join(directory, 'program.mjs'), join(directory, 'typescript')];
    writeFileSync(program, PROGRAM);
    const command = `'${process.execPath}' '${program}' ${redirection}`;
    const { status } = spawnSync('script', ['-qec', command, typescript], {
      env: { PATH: process.env['PATH'], TERM: term },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    expect(status).toBe(0);
    return readFileSync(typescript, 'latin1').split('\n').slice(1, 2).join('').trimEnd();
  };

  test.each([
    ['that is a terminal has the line', 'xterm', '', 'waiting: 1 of 2 calls, 50 %\r\x1b[Kend'],
    ['that is a dumb terminal has none', 'dumb', '', 'end'],
    ['that is a file has none', 'xterm', '2>&1 | cat', 'end'],
    ['that is a device, but no terminal, has none', 'xterm', '2> /dev/null', 'end'],
  ])('%s', (_, term, redirection, shown) => {
    expect(inTerminal(term, redirection)).toBe(shown);
  });
});

describe('what takes long', () => {
  const IMAGE = 'machines/payload/Image';

  const reports = async (
    args: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<readonly Progress[]> => {
    const told: Progress[] = [];
    const silent = (): void => {};
    expect(await runKexec(args, { env, out: silent, err: silent, progress: (progress) => told.push(progress) })).toBe(
      0,
    );
    return told;
  };

  test('tells how far it is', async () => {
    const env = { KEXEC_STATE: temp.make('state') };
    const load = await reports(['-c', '-l', IMAGE], env);
    expect(load.map(({ what }) => what)).toEqual(
      expect.arrayContaining([`reading ${IMAGE}`, 'computing the digest', 'storing what is loaded']),
    );
    for (const { done, total } of load) expect(done).toBeLessThanOrEqual(total ?? Infinity);
    const run = await reports(['-e'], env);
    expect(run.at(-1)).toMatchObject({ unit: 'instructions', what: expect.stringMatching(/^at 0x/) as unknown });
    expect(run.at(-1)!.done).toBeGreaterThan(1000);
  });

  test('decompresses the same, watched or not', async () => {
    const kernel = new Uint8Array(40 << 20);
    const path = join(temp.make('files'), 'kernel.gz');
    writeFileSync(path, gzipSync(kernel, { level: 1 }));
    const told: Progress[] = [];
    const options = { env: { KEXEC_STATE: temp.make('state') }, out: () => {} };
    const ends = [];
    for (const progress of [undefined, (progress: Progress) => void told.push(progress)]) {
      let err = '';
      const code = await runKexec(['-c', '-l', path], { ...options, err: (text) => (err += text), progress });
      ends.push([code, err]);
    }
    expect(ends[1]).toEqual(ends[0]);
    const steps = told.filter(({ what }) => what === 'decompressing').map(({ done }) => done);
    expect(steps.length).toBeGreaterThan(1);
    expect(steps.at(-1)).toBe(kernel.length);
  });
});
