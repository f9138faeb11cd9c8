/** Programs that read core files, and what must be true of what they print. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { findFile, unpackPackage } from '../../conformance/apt.js';
import { prepareReal } from '../../conformance/debian.js';

const PATIENCE_MS = 120_000;

const run = (file: string, args: readonly string[]): string => {
  const { status, stdout, stderr, error } = spawnSync(file, args, {
    encoding: 'latin1',
    timeout: PATIENCE_MS,
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`${file}: ${error?.message ?? `exit ${status ?? 'by a signal'}`}\n${stderr}`);
  return stdout + stderr;
};

/** @returns what readelf warns of */
export const readelfWarnings = (core: string): readonly string[] =>
  run('aarch64-linux-gnu-readelf', ['-a', core])
    .split('\n')
    .filter((line) => /readelf: (warning|error)/i.test(line));

const GDB = ['-batch', '-nx', '-ex', 'set architecture aarch64'];

/** @returns the program counter of each thread that gdb finds */
export const gdbProgramCounters = (core: string): readonly bigint[] => {
  const commands = [`core-file ${core}`, 'thread apply all -q -s info registers pc'];
  const text = run('gdb-multiarch', [...GDB, ...commands.flatMap((command) => ['-ex', command])]);
  return [...text.matchAll(/^pc\s+0x([0-9a-f]+)/gm)].map((match) => BigInt(`0x${match[1]!}`));
};

/** The log, as the real vmcore-dmesg finds it, under qemu's user mode. */
export const realDmesg = (core: string): string => {
  const { program, tools } = prepareReal('2.0.32');
  const emulator = ['-L', tools, '-E', `LD_LIBRARY_PATH=${path.join(tools, 'lib')}`];
  return run('qemu-aarch64-static', [...emulator, path.join(path.dirname(program), 'vmcore-dmesg'), core]);
};

/** The log, as the real makedumpfile finds it, under qemu's user mode; it reads kernels before 6.12. */
export const makedumpfileDmesg = (core: string): string => {
  const { directory } = unpackPackage('sid', 'makedumpfile', { follow: /^(lib.*|zlib1g)$/ });
  const [interpreter, library] = [/\/ld-linux-aarch64\.so\.1$/, /\/libc\.so\.6$/].map((name) =>
    findFile(directory, name),
  ) as [string, string];
  const log = `${core}.log`;
  fs.rmSync(log, { force: true });
  const program = [interpreter, '--library-path', path.dirname(library), findFile(directory, /\/bin\/makedumpfile$/)];
  run('qemu-aarch64-static', [...program, '--dump-dmesg', core, log]);
  return fs.readFileSync(log, 'latin1');
};
