/** The whole command `kexec -e`, its start included, for a kernel of 27 MB behind the purgatory of kexec-tools 2.0.25. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { kexecLoad, loadKernel, recordedMachine } from '../../index.js';
import { extractPurgatory } from '../../kexec/elf/extract-purgatory.js';
import { prepareReal } from '../conformance/debian.js';
import { switchOffImage } from './purgatory-workload.js';

const MACHINE = 'virt-2g';

/** What has been loaded for the command, which takes it away. */
export interface LoadedCommand {
  /** The state of the machine. */
  readonly loaded: string;
  /** Where a copy of that goes. */
  readonly state: string;
}

/** Loads the kernel, by the library. */
export const loadForCommand = async (directory: string): Promise<LoadedCommand> => {
  const [kernel, loaded, state] = ['command-kernel', 'command-loaded', 'command-state'].map((name) =>
    path.join(directory, name),
  ) as [string, string, string];
  fs.writeFileSync(kernel, switchOffImage());
  const { program } = prepareReal('2.0.25');
  const purgatory = extractPurgatory(fs.readFileSync(program), program);
  const system = recordedMachine({ machine: MACHINE, state: loaded });
  const { entry, segments, flags } = await loadKernel(system, { kernel, reuseCmdline: true, purgatory });
  await kexecLoad(system, { entry, segments, flags });
  return { loaded, state };
};

/** Runs the command once, without translations of earlier runs. @returns how long it took, in milliseconds */
export const timeCommand = ({ loaded, state }: LoadedCommand): number => {
  fs.rmSync(state, { recursive: true, force: true });
  fs.cpSync(loaded, state, { recursive: true });
  const env = { ...process.env, KEXEC_MACHINE: MACHINE, KEXEC_STATE: state, KEXEC_TRANSLATIONS: 'off' };
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join('bin', 'kexec'), '-e'], {
    encoding: 'latin1',
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  });
  const ms = performance.now() - started;
  if (status !== 0) throw new Error(`kexec -e: exit ${status ?? 'by a signal'}\n${stdout}${stderr}`);
  return ms;
};
