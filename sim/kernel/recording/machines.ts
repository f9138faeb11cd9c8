/** The machines that come with the package, and how a user's word for a machine is understood. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { KexecError } from '../../../kexec/base/error.js';
import { packageRoot } from './package-root.js';
import { fromRoot, hostCall } from './host-files.js';

/** The machine that is used when the user names none. */
export const DEFAULT_MACHINE = 'virt-2g';

/** A bundled machine is a directory or a tar file; a tar file's machine is named without this suffix. */
const TAR = '.tar';

const machinesDirectory = (): string => join(packageRoot(), 'machines');

/** Names of the machines that come with the package, in order. @throws KexecError */
export const bundledMachines = (): readonly string[] => {
  const directory = machinesDirectory();
  return hostCall('Cannot read', directory, () =>
    readdirSync(directory)
      .filter((name) => name.endsWith(TAR) || existsSync(join(directory, name, 'proc')))
      .map((name) => basename(name, TAR))
      .sort(),
  );
};

const bundledPath = (name: string): string => {
  const path = join(machinesDirectory(), name);
  return existsSync(path) ? path : `${path}${TAR}`;
};

/**
 * The recording that the user means, as a path: a bundled one's name, a directory, or a tar file.
 * @param machine undefined and the empty string stand for the default one
 * @throws KexecError when it is none of them
 */
export const findMachine = (machine: string | undefined): string => {
  const wanted = machine === undefined || machine === '' ? DEFAULT_MACHINE : machine;
  const bundled = bundledMachines();
  if (bundled.includes(wanted)) return bundledPath(wanted);
  if (wanted.includes('/') || existsSync(wanted)) return fromRoot(wanted);
  throw KexecError.die(`No such machine: ${wanted} (a directory, a tar file, or one of ${bundled.join(', ')})`, {
    subject: wanted,
  });
};
