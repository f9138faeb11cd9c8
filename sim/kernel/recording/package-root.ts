/** Where the package is installed. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The directory that holds package.json, from here up: compiled files lie deeper in it than their sources. */
export const packageRoot = (): string => {
  const here = dirname(fileURLToPath(import.meta.url));
  let directory = here;
  while (!existsSync(join(directory, 'package.json')) && dirname(directory) !== directory)
    directory = dirname(directory);
  return directory;
};
