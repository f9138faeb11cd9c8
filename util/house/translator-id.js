/**
 * Prints a digest of the sources that translate code: the bundler puts it into the commands, which look only at what
 * processors translated by the same sources.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

const FOLDER = 'sim/cpu';
const hash = createHash('sha256');
for (const name of readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).sort()) {
  if (name.endsWith('.ts')) hash.update(`${name}\0`).update(readFileSync(join(FOLDER, name)));
}
process.stdout.write(`${hash.digest('hex')}\n`);
