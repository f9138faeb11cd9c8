/**
 * Where the runners keep what they fetch and make: directories in the project's `.cache/`, made when they are asked
 * for.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { packageRoot } from '../../sim/kernel/recording/package-root.js';

/** A directory that stays, and whose content is made anew when it is missing. @returns its absolute path */
export const cacheDirectory = (name: string): string => {
  const directory = path.join(packageRoot(), '.cache', name);
  fs.mkdirSync(directory, { recursive: true });
  return directory;
};

/** A new, empty directory for one run, which removes it. @returns its absolute path */
export const scratchDirectory = (name: string): string => fs.mkdtempSync(path.join(cacheDirectory(name), 'run-'));
