/** Where on the host's disk it is kept what processors translated. */
import { isAbsolute, join } from 'node:path';

/**
 * The directory that KEXEC_TRANSLATIONS names, or else one below XDG_CACHE_HOME or HOME.
 * @returns undefined for `off`, and where there is no home directory
 */
export const translationDirectory = (env: Readonly<Record<string, string | undefined>>): string | undefined => {
  const wanted = env['KEXEC_TRANSLATIONS'] ?? '';
  if (wanted === 'off') return undefined;
  if (wanted !== '') return wanted;
  // Relative paths in it are to be ignored (XDG Base Directory Specification).
  const cacheHome = env['XDG_CACHE_HOME'] ?? '';
  if (isAbsolute(cacheHome)) return join(cacheHome, 'kexec-ts');
  const home = env['HOME'] ?? '';
  return isAbsolute(home) ? join(home, '.cache', 'kexec-ts') : undefined;
};
