/**
 * Removes what was compiled from sources that are gone: the compiler leaves it, and jest would run it. Of the bundled
 * commands all goes, because their pieces have new names whenever they change.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const DIST = 'dist';
const compiled = existsSync(DIST) ? readdirSync(DIST, { recursive: true, encoding: 'utf8' }) : [];
const stale = compiled.filter((path) => {
  const source = path.replace(/(?:\.d\.ts|\.js)$/, '.ts');
  return source !== path && !path.startsWith('commands/') && !existsSync(source);
});
rmSync(join(DIST, 'commands'), { recursive: true, force: true });
for (const path of stale) rmSync(join(DIST, path), { force: true });
