/** The words of kexec's command line behind a "--", as commands understand them that have kexec load. */
import { ARM64_OPTIONS } from '../../../kexec/arch/arm64/options-arm64.js';
import { DEFAULT_COMPAT, parseCompat, type Compat } from '../../../kexec/base/compat.js';
import { KexecError } from '../../../kexec/base/error.js';
import { getoptLong } from '../../../kexec/options/getopt.js';
import { optionSyntax, optionsOf } from '../../../kexec/options/options.js';
import { type Settings, interpretOptions } from '../../../kexec/options/settings.js';

/** A load that is asked for. */
export interface WantedLoad {
  readonly settings: Settings;
  /** The kernel's file. */
  readonly kernel: string;
}

/** Options go before a "--", and the last one of a kind counts. */
export const withOptions = (given: readonly string[], ...more: readonly string[]): readonly string[] => {
  const end = given.indexOf('--');
  return end < 0 ? [...given, ...more] : [...given.slice(0, end), ...more, ...given.slice(end)];
};

/** What kexec makes of the options. @throws KexecError where they ask for no load */
export const parseLoad = (given: readonly string[], compat: Compat): WantedLoad => {
  const { tokens, operands } = getoptLong(given, optionSyntax(optionsOf(compat, ARM64_OPTIONS), false));
  const interpreted = interpretOptions(tokens, compat);
  if (interpreted.kind === 'usage' || interpreted.kind === 'exit') {
    throw KexecError.die(`kexec does not take these options: ${interpreted.error.trim() || given.join(' ')}`);
  }
  const [kernel] = operands;
  if (interpreted.kind !== 'run' || !interpreted.settings.doLoad || kernel === undefined) {
    throw KexecError.die("behind -- go options of kexec that load a kernel, and the kernel's file");
  }
  return { settings: interpreted.settings, kernel };
};

/** The release that is asked for, by option or environment. @throws KexecError */
export const chosenCompat = (wanted: string | undefined): Compat => {
  if (wanted === undefined || wanted === '') return DEFAULT_COMPAT;
  const compat = parseCompat(wanted);
  if (compat === undefined)
    throw KexecError.die(`KEXEC_COMPAT: "${wanted}" is not VERSION[:LIB,...]`, { subject: wanted });
  return compat;
};
