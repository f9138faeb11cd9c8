/**
 * How long it takes to write the dump of a saved machine with 8 GiB, of which 200 MB are in use, and how much memory:
 * beside cp of that dump, and, compressed, beside gzip of what is in it. One run of each after the other, best of several.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { debianKernel } from '../conformance/apt.js';
import { replaceFile } from '../../sim/kernel/saving/replace-file.js';
import { withSave } from '../../sim/kernel/saving/open-save.js';
import { readSession } from '../../sim/kernel/saving/saved-session.js';
import { writeSave } from '../../sim/kernel/saving/save-writer.js';
import { PhysicalMemory } from '../../sim/machine/memory.js';

const MiB = 2 ** 20;
/** RAM that is in use. */
const TOUCHED = 200 * MiB;
/** What must be: seconds, and bytes of memory. */
const [MOST_SECONDS, MOST_MEMORY] = [2, 400 * MiB];
/** Pieces of that size lie so far from each other that nothing is in between. */
const [PIECE, STEP, FIRST] = [MiB, 8n << 20n, 0x1_0000_0000n];

const MACHINE = {
  ...{ KEXEC_MACHINE: 'virt-el2-4g', KEXEC_MEMORY: '8G', KEXEC_CRASHKERNEL: '512M' },
} as const;
const COMMAND_LINE = 'console=ttyAMA0 maxcpus=1 reset_devices';

interface VmcoreBenchOptions {
  readonly rounds: number;
  readonly only: string;
  readonly tell: (line: string) => void;
}

interface VmcoreRow {
  readonly name: string;
  readonly seconds: number;
  /** Of user and system, which counts less what else the machine does. */
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  /** What must be; undefined for what nobody asks for. */
  readonly mostSeconds?: number | undefined;
  readonly theirName: string;
  readonly theirSeconds: number;
}

/** Measures, and tells of it. @param work a directory @throws Error where a command fails */
export const benchVmcore = (work: string, { rounds, only, tell }: VmcoreBenchOptions): readonly VmcoreRow[] => {
  const [dump, packed, content] = ['vmcore', 'compressed', 'content'].map((name) => path.join(work, name)) as [
    string,
    string,
    string,
  ];
  const rows = [
    {
      name: 'vmcore of 8 GiB, 200 MB in use',
      ours: ['vmcore', dump],
      theirName: 'cp --sparse=always',
      theirs: ['cp', '--sparse=always', dump, path.join(work, 'copy')],
      mostSeconds: MOST_SECONDS,
    },
    {
      name: 'vmcore --compress',
      ours: ['vmcore', packed, '--compress'],
      theirName: 'gzip -1',
      theirs: ['gzip', '-1', '--keep', '--force', content],
    },
  ].filter(({ name }) => name.includes(only));
  if (rows.length === 0) return [];
  const saved = savedMachine(work, content);
  return rows.map(({ name, ours, theirName, theirs, mostSeconds }) => {
    const command = [process.execPath, 'bin/kexec-sim', ...ours, '--from', saved];
    const runs = Array.from({ length: rounds }, () => ({ ours: measure(command), theirs: measure(theirs) }));
    const best = (of: (run: (typeof runs)[number]) => number): number => Math.min(...runs.map(of));
    const row: VmcoreRow = {
      ...{ name, theirName, mostSeconds },
      seconds: best((run) => run.ours.seconds),
      cpuSeconds: best((run) => run.ours.cpuSeconds),
      peakBytes: Math.max(...runs.map((run) => run.ours.peakBytes)),
      theirSeconds: best((run) => run.theirs.seconds),
    };
    tell(textOf(row));
    return row;
  });
};

const limit = (what: string, kept: boolean): string => `at most ${what}: ${kept ? 'met' : 'missed'}`;

const textOf = ({ name, seconds, cpuSeconds, peakBytes, mostSeconds, theirName, theirSeconds }: VmcoreRow): string => {
  const goal = mostSeconds === undefined ? '' : `; ${limit(`${mostSeconds} s`, seconds <= mostSeconds)}`;
  return (
    `${name.padEnd(30)} ours ${seconds.toFixed(2).padStart(6)} s (of processors ${cpuSeconds.toFixed(2)} s${goal}), ` +
    `${(peakBytes / MiB).toFixed(0)} MB (${limit(`${MOST_MEMORY / MiB} MB`, peakBytes <= MOST_MEMORY)})   ` +
    `${theirName} ${theirSeconds.toFixed(2)} s`
  );
};

/** A command's time and memory, as GNU time tells them. */
const measure = ([file = '', ...args]: readonly string[]): Pick<VmcoreRow, 'seconds' | 'cpuSeconds' | 'peakBytes'> => {
  const { status, stderr } = spawnSync('/usr/bin/time', ['-f', '%e %U %S %M', file, ...args], { encoding: 'latin1' });
  const [seconds, user, system, kiB] = (stderr.trim().split('\n').at(-1) ?? '').split(' ').map(Number);
  if (status !== 0 || seconds === undefined || user === undefined || system === undefined || kiB === undefined)
    throw new Error(`${file} ${args.join(' ')}: exit ${status ?? 'none'}\n${stderr}`);
  return { seconds, cpuSeconds: user + system, peakBytes: kiB * 1024 };
};

/**
 * A recorded machine whose kernel has died, with bytes of programs in its memory.
 * @param content is given those bytes
 * @returns its file
 */
const savedMachine = (work: string, content: string): string => {
  const [state, died, saved] = ['state', 'died', 'saved'].map((name) => path.join(work, name)) as [
    string,
    string,
    string,
  ];
  const kernel = debianKernel('bookworm');
  const run = (...args: readonly string[]): void =>
    void execFileSync(process.execPath, args, {
      env: { ...process.env, ...MACHINE, KEXEC_STATE: state },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  run('bin/kexec', '-p', kernel, '--append', COMMAND_LINE);
  run('bin/kexec-sim', 'panic', '--until', 'entry', '--save', died);
  const programs = Buffer.concat([fs.readFileSync(process.execPath), fs.readFileSync(kernel)]);
  withSave(died, ({ description, tree, pieces }) => {
    const memory = new PhysicalMemory(readSession(description, tree).setup.ram);
    for (const { kind, address, bytes } of pieces) if (kind === 'ram') memory.write(address, bytes);
    const filled: Uint8Array[] = [];
    for (let at = FIRST, from = 0; memory.touchedBytes < TOUCHED; at += STEP, from += PIECE) {
      const start = from % (programs.length - PIECE);
      const bytes = programs.subarray(start, start + Math.min(PIECE, TOUCHED - memory.touchedBytes));
      memory.write(at, bytes);
      filled.push(bytes);
    }
    fs.writeFileSync(content, Buffer.concat(filled));
    replaceFile(saved, (write) => writeSave({ description, tree, ram: memory.filled(), disks: [] }, write));
  });
  return saved;
};
