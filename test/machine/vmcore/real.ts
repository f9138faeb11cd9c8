/** The real vmcore-dmesg, under qemu's user mode in a root directory of its own. */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Release } from '../../../kexec/base/compat.js';
import { type DebianRelease, prepareReal } from '../../conformance/debian.js';
import type { Outcome } from './outcome.js';

/** What prints more, or takes longer, goes round for ever. */
const MAX_OUTPUT = 2 ** 24;
const PATIENCE_MS = 10_000;

/** What the core file is called in the root directory. */
export const FILE = 'core';

/** Makes the root directory with the programs of these releases. */
export const makeRoot = (root: string, releases: readonly DebianRelease[]): void => {
  for (const release of releases) {
    const { program, tools } = prepareReal(release);
    fs.cpSync(tools, path.join(root, release), { recursive: true });
    fs.copyFileSync(path.join(path.dirname(program), 'vmcore-dmesg'), path.join(root, release, 'vmcore-dmesg'));
  }
};

/** The real one on the core file. @returns undefined when it is killed */
export const realOutcome = (root: string, release: Release): Promise<Outcome | undefined> =>
  new Promise((resolve, reject) => {
    const tools = `/${release}`;
    const qemu = [`${tools}/qemu`, '-L', tools, '-E', `LD_LIBRARY_PATH=${tools}/lib`, '-0', 'vmcore-dmesg'];
    const args = ['-n', 'chroot', root, ...qemu, `${tools}/vmcore-dmesg`, FILE];
    const child = spawn('unshare', args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: PATIENCE_MS,
      killSignal: 'SIGKILL',
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (bytes: Buffer) => {
      stdout += bytes.toString('latin1');
      if (stdout.length > MAX_OUTPUT) child.kill('SIGKILL');
    });
    child.stderr.on('data', (bytes: Buffer) => {
      stderr += bytes.toString('latin1');
    });
    child.on('error', reject);
    child.on('close', (code) => {
      const died = code === null || stderr.includes('qemu: uncaught target signal');
      resolve(died ? undefined : { exitCode: code, stderr, stdout });
    });
  });
