/** Berkeley TestFloat's generator of test cases, out of Debian's source package of qemu. */
import { execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { sourceArchive } from '../../conformance/apt.js';
import { cacheDirectory } from '../../support/cache.js';

const SUITE = 'bookworm';
/** Of both packages: any machine with 64-bit integers and GCC will do. */
const PLATFORM = path.join('build', 'Linux-x86_64-GCC');
/** What of floating point IEEE 754 leaves open, as Arm has it. */
const SPECIALIZED = 'SPECIALIZE_TYPE=ARM-VFPv2';

/** Builds it, unless it is there. @returns the program */
export const buildGenerator = (): string => {
  const directory = cacheDirectory('testfloat');
  const program = path.join(directory, 'testfloat_gen');
  if (fs.existsSync(program)) return program;
  const source = path.join(directory, 'source');
  fs.rmSync(source, { recursive: true, force: true });
  fs.mkdirSync(source);
  const [softfloat, testfloat] = ['softfloat', 'testfloat'].map((name) => `berkeley-${name}-3`) as [string, string];
  const members = [softfloat, testfloat].map((name) => `*/tests/fp/${name}`);
  execFileSync('tar', [
    '-xf',
    sourceArchive(SUITE, 'qemu'),
    '-C',
    source,
    '--strip-components=3',
    '--wildcards',
    ...members,
  ]);
  const make = (of: string, ...args: readonly string[]): void =>
    void execFileSync('make', ['-s', '-C', path.join(source, of, PLATFORM), ...args], { stdio: 'pipe' });
  make(softfloat, SPECIALIZED);
  make(testfloat, 'testfloat_gen');
  fs.renameSync(path.join(source, testfloat, PLATFORM, 'testfloat_gen'), program);
  return program;
};

export interface GeneratorOptions {
  readonly level: 1 | 2;
  readonly seed: number;
  /** No more cases than this. */
  readonly most: number;
}

/** Lines together, which are worked off before more are read. */
const CHUNK = 8192;

/**
 * The cases of a function: numbers in hexadecimal, blanks between them: operands, result and flags.
 * @param args the function, and what it rounds like
 */
export async function* casesOf(
  program: string,
  args: readonly string[],
  { level, seed, most }: GeneratorOptions,
): AsyncGenerator<readonly string[]> {
  const options = ['-tininessbefore', '-level', String(level), '-seed', String(seed), ...args];
  const child = spawn(program, options, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve, reject) => void child.on('error', reject).on('close', resolve));
  let [rest, count] = ['', 0];
  let lines: string[] = [];
  try {
    for await (const data of child.stdout) {
      const all = `${rest}${String(data)}`.split('\n');
      rest = all.pop()!;
      lines.push(...all.slice(0, most - count));
      count = Math.min(most, count + all.length);
      if (lines.length >= CHUNK || count === most) {
        yield lines;
        lines = [];
      }
      if (count === most) return;
    }
    if (lines.length > 0) yield lines;
    const status = await ended;
    if (status !== 0) throw new Error(`testfloat_gen ${options.join(' ')} ended with ${String(status)}`);
  } finally {
    child.kill();
  }
}
