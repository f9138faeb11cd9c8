/** What was recorded for the tests: machines by their names, and answers in compressed JSON. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { MachineFiles } from '../../sim/kernel/recording/machine-files.js';
import { findMachine } from '../../sim/kernel/recording/machines.js';

/** The value in `test/data/NAME.json.gz`. */
export const recordedJson = (name: string): unknown =>
  JSON.parse(gunzipSync(readFileSync(join('test', 'data', `${name}.json.gz`))).toString());

/** Every file that is recorded of a bundled machine, by its path on the machine without the first slash. */
export const recordedFiles = (machine: string): ReadonlyMap<string, Uint8Array> => {
  const recording = MachineFiles.open(findMachine(machine));
  const files = new Map<string, Uint8Array>();
  const add = (path: string): void => {
    const { kind } = recording.lstat(`/${path}`);
    if (kind === 'directory') for (const name of [...recording.list(`/${path}`)].sort()) add(`${path}/${name}`);
    // The recording makes up /proc/device-tree, which is a link.
    else if (kind === 'file') files.set(path, new Uint8Array(recording.readFile(`/${path}`)));
  };
  for (const top of ['proc', 'sys']) add(top);
  return files;
};

/** One recorded file, by its path on the machine. */
export const recordedFile = (machine: string, path: string): Uint8Array =>
  new Uint8Array(MachineFiles.open(findMachine(machine)).readFile(path));
