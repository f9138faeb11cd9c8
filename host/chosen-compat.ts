/** The release of kexec-tools that the environment or an option chooses. */
import { DEFAULT_COMPAT, LIBRARIES, RELEASES, parseCompat, type Compat } from '../kexec/base/compat.js';
import { KexecError } from '../kexec/base/error.js';

/**
 * The release that KEXEC_COMPAT names; the default without one.
 * @param command whose message it is
 * @throws KexecError
 */
export const chosenCompat = (command: string, wanted: string | undefined): Compat => {
  if (wanted === undefined) return DEFAULT_COMPAT;
  const compat = parseCompat(wanted);
  if (compat !== undefined) return compat;
  throw KexecError.die(
    `${command}: KEXEC_COMPAT: "${wanted}" is not VERSION[:LIB,...] (${RELEASES.join(', ')}; ${LIBRARIES.join(', ')})`,
    { subject: wanted },
  );
};
