/** Runs one command of a case: by the real kexec in a root of its own, or by ours. */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Case } from './case.js';
import type { Outcome, RecordedCall } from './compare.js';
import type { RealKexec } from './debian.js';
import { DEVICE_TREE } from './tree.js';

const TIME_LIMIT_MS = 60_000;

/** What the shim gives as random bytes. */
const RANDOM = '1011121314151617';

interface Finished {
  readonly exitCode: number;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

const execute = (
  file: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<Finished> =>
  new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TIME_LIMIT_MS,
      killSignal: 'SIGKILL',
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (bytes: Buffer) => stdout.push(bytes));
    child.stderr.on('data', (bytes: Buffer) => stderr.push(bytes));
    child.on('error', reject);
    child.on('close', (code, signal) =>
      resolve({
        exitCode: code ?? -1,
        signal: signal ?? undefined,
        stdout: Buffer.concat(stdout).toString('latin1'),
        stderr: Buffer.concat(stderr).toString('latin1'),
      }),
    );
  });

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

const DATA_FIELDS = ['kernelFile', 'initrdFile'];

/** Takes the data out of the files; their names stay, as a side may name them wrongly. */
const toCall = (directory: string, entry: unknown): RecordedCall => {
  if (!isRecord(entry)) throw new Error(`${directory}: a call is not an object`);
  const segments: readonly unknown[] = Array.isArray(entry['segments']) ? entry['segments'] : [];
  const names = [
    ...segments.map((segment) => (isRecord(segment) ? segment['file'] : undefined)),
    ...DATA_FIELDS.map((field) => entry[field]),
  ];
  const data = names.map((name) =>
    typeof name === 'string' ? fs.readFileSync(path.join(directory, name)) : undefined,
  );
  return { fields: sorted(entry), data };
};

const sorted = (entry: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(entry)
      .map(([key, value]): [string, unknown] => [key, Array.isArray(value) ? sortedItems(value) : value])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );

const sortedItems = (items: readonly unknown[]): unknown[] =>
  items.map((item) => (isRecord(item) ? sorted(item) : item));

const freshDirectory = (directory: string): string => {
  fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(directory, { recursive: true });
  return directory;
};

export interface Side {
  /** Forgets what was loaded. */
  reset(): void;
  run(args: readonly string[]): Promise<Outcome>;
}

export interface OursOptions {
  /** The project. */
  readonly project: string;
  /** The machine's files and, in t/, the input files. */
  readonly machine: string;
  /** A scratch directory. */
  readonly scratch: string;
  /** The relocatable object inside the real kexec. */
  readonly purgatory: string;
}

const common = (test: Case): Record<string, string> => ({
  LC_ALL: 'C',
  PATH: process.env['PATH'] ?? '/usr/bin:/bin',
  ...test.env,
});

/** Our command. The number of calls that it makes tells how the real one's are answered. */
export const ours = (test: Case, release: string, options: OursOptions): Side => {
  const state = path.join(options.scratch, 'state');
  const record = path.join(options.scratch, 'record');
  const env = {
    ...common(test),
    KEXEC_MACHINE: options.machine,
    KEXEC_STATE: state,
    KEXEC_RECORD: record,
    KEXEC_COMPAT: `${release}:zlib`,
    KEXEC_PURGATORY: options.purgatory,
    KEXEC_SIM_RANDOM: RANDOM,
    // Of the real one we see no more than the system call.
    KEXEC_UNTIL: 'reboot',
    ...(test.pageSize === undefined ? {} : { KEXEC_PAGE_SIZE: String(test.pageSize) }),
  };
  return {
    reset: () => void freshDirectory(state),
    run: async (args) => {
      freshDirectory(record);
      const finished = await execute(
        process.execPath,
        [path.join(options.project, 'bin/kexec'), ...args],
        options.machine,
        env,
      );
      const file = path.join(record, 'calls.json');
      const calls: unknown = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : [];
      if (!Array.isArray(calls)) throw new Error(`${file}: not an array`);
      return { ...finished, calls: calls.map((entry: unknown) => toCall(record, entry)) };
    },
  };
};

const LOADED_FILES = ['sys/kernel/kexec_loaded', 'sys/kernel/kexec_crash_loaded'];

/**
 * The root directory of the real kexec: the machine's files, the input files and, hard-linked, the tools of each
 * release.
 */
export const makeRoot = (root: string, machine: string, reals: readonly RealKexec[]): void => {
  fs.rmSync(root, { recursive: true, force: true });
  fs.cpSync(machine, root, { recursive: true });
  for (const directory of ['dev', 'tmp']) fs.mkdirSync(path.join(root, directory));
  // On the machine this is a link, which a recording leaves out.
  if (fs.existsSync(path.join(root, DEVICE_TREE))) {
    fs.symlinkSync(`/${DEVICE_TREE}`, path.join(root, 'proc/device-tree'));
  }
  for (const real of reals) linkTree(real.tools, path.join(root, '.real', real.release));
};

const linkTree = (from: string, to: string): void => {
  fs.mkdirSync(to, { recursive: true });
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (entry.isDirectory()) linkTree(source, target);
    else fs.linkSync(source, target);
  }
};

export interface RealOptions {
  readonly root: string;
  readonly machine: string;
}

export interface RealSide extends Side {
  /** The answers that the next command's system calls get. */
  answer(results: readonly number[]): void;
}

export const real = (test: Case, release: string, options: RealOptions): RealSide => {
  const tools = `/.real/${release}`;
  const out = path.join(options.root, 'out');
  let results: readonly number[] = [];
  return {
    reset: () => {
      for (const name of LOADED_FILES) {
        const [source, target] = [path.join(options.machine, name), path.join(options.root, name)];
        fs.rmSync(target, { force: true });
        if (fs.existsSync(source)) fs.copyFileSync(source, target);
      }
    },
    answer: (list) => {
      results = list;
    },
    run: async (args) => {
      freshDirectory(out);
      const guest = [
        `LD_PRELOAD=${tools}/shim.so`,
        `LD_LIBRARY_PATH=${tools}/lib`,
        'SHIM_OUT=/out',
        `SHIM_RESULTS=${results.join(':')}`,
        ...(test.pageSize === undefined ? [] : [`SHIM_PAGE_SIZE=${test.pageSize}`]),
      ];
      const qemu = [`${tools}/qemu`, '-L', tools, ...guest.flatMap((setting) => ['-E', setting]), '-0', 'kexec'];
      const command = ['-n', 'chroot', options.root, ...qemu, `${tools}/kexec`, ...args];
      const finished = await execute('unshare', command, '/', common(test));
      const file = path.join(out, 'calls.jsonl');
      const lines = fs.existsSync(file)
        ? fs
            .readFileSync(file, 'latin1')
            .split('\n')
            .filter((line) => line !== '')
        : [];
      return withoutQemu({ ...finished, calls: lines.map((line) => toCall(out, JSON.parse(line))) });
    },
  };
};

/** qemu says on stderr that the program was killed, and then kills itself the same way. */
const QEMU_LINE = /^qemu: (?:uncaught target signal|unhandled CPU exception) (\d+) .*\n/m;

const SIGNALS: Readonly<Record<string, string>> = {
  4: 'SIGILL',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  11: 'SIGSEGV',
};

const withoutQemu = (outcome: Outcome): Outcome => {
  const number = QEMU_LINE.exec(outcome.stderr)?.[1];
  const killed = number === undefined ? undefined : (SIGNALS[number] ?? `signal ${number}`);
  return { ...outcome, signal: outcome.signal ?? killed, stderr: outcome.stderr.replace(QEMU_LINE, '') };
};
