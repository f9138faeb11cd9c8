/** Kernel command lines; text is one byte a character. */
import { attempt } from '../base/attempt.js';
import type { Compat } from '../base/compat.js';
import { KexecError, SystemError } from '../base/error.js';
import { cString, latin1 } from '../base/scan.js';
import type { System } from '../base/system.js';

const PROC_CMDLINE = '/proc/cmdline';

const isSpace = (char: string): boolean => ' \t\n\v\f\r'.includes(char);

/**
 * Removes a parameter by the start of its name, as remove_parameter() of kexec/kexec.c does.
 * QUIRK-6: the parameter is searched as text, the search ends at the first find that is inside a word, and the value
 * ends at the first space, quotes or not. Until 2.0.31 only the first one is removed.
 * @param name not empty; without one nothing is removed
 */
export const removeParameter = (line: string, name: string, every: boolean): string => {
  if (name === '') return line;
  let result = line;
  for (let start = result.indexOf(name); start >= 0; start = result.indexOf(name)) {
    if (start > 0 && !isSpace(result[start - 1]!)) break;
    const end = result.indexOf(' ', start);
    result = end < 0 ? result.slice(0, start) : result.slice(0, start) + result.slice(end + 1);
    if (!every) break;
  }
  return result;
};

/**
 * The running kernel's command line for --reuse-cmdline (get_command_line(), kexec/kexec.c): without BOOT_IMAGE, and
 * without crashkernel when a crash kernel is to be loaded.
 * @throws KexecError when there is none
 */
export const getCommandLine = (system: System, compat: Compat, onCrash: boolean): string => {
  const line = compat.cmdlineLimit === undefined ? readWhole(system) : readLimited(system, compat.cmdlineLimit);
  const withoutImage = removeParameter(line, 'BOOT_IMAGE', compat.removesEveryParameter);
  return onCrash ? removeParameter(withoutImage, 'crashkernel', compat.removesEveryParameter) : withoutImage;
};

/** Since 2.0.21: the last byte is taken for the newline, whatever it is, and the line ends at the first line end. */
const readWhole = (system: System): string => {
  const failed = (): KexecError => KexecError.die('Failed to read /proc/cmdline', { subject: PROC_CMDLINE });
  const text = readOr(system, failed);
  if (text === '') throw failed();
  return cString(text.slice(0, -1)).split(/[\r\n]/, 1)[0]!;
};

/** In 2.0.20: one fgets(), whose last byte is cut off even where it is no newline. */
const readLimited = (system: System, limit: number): string => {
  const text = readOr(system, () =>
    KexecError.die('Could not open /proc/cmdline.', { subject: PROC_CMDLINE, text: 'Could not open /proc/cmdline.' }),
  );
  if (text === '') {
    throw KexecError.die("Can't read /proc/cmdline.", { subject: PROC_CMDLINE, text: "Can't read /proc/cmdline." });
  }
  const newline = text.indexOf('\n');
  const line = cString(text.slice(0, Math.min(newline < 0 ? text.length : newline + 1, limit - 1)));
  return line.slice(0, -1);
};

const readOr = (system: System, failed: () => KexecError): string => {
  const bytes = attempt(SystemError, () => system.readFile(PROC_CMDLINE));
  if (bytes instanceof SystemError) throw failed();
  return latin1(bytes);
};

/** A command line and what is appended to it (concat_cmdline(), kexec/kexec.c). */
export const concatCmdline = (base: string | undefined, append: string | undefined): string | undefined =>
  base !== undefined && append !== undefined ? `${base} ${append}` : (append ?? base);
