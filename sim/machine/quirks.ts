/** What firmware in the field does otherwise than PSCI says: settings of a machine, each by its name. */
import { KexecError } from '../../kexec/base/error.js';
import { visible } from '../../kexec/base/format.js';

/** What each of them is, as a user is told. */
export const QUIRKS = {
  'psci-cpu0-only': 'a PSCI call hangs unless it comes from the processor with MPIDR 0',
  'cpu-on-below-1g': 'CPU_ON refuses an entry above 1 GiB',
  'cpu-on-once': 'CPU_ON refuses a processor that has been switched off',
} as const;

export type Quirk = keyof typeof QUIRKS;

/** Something that the firmware would not have done without a quirk. */
export interface QuirkEvent {
  readonly quirk: Quirk;
  /** A sentence without its end. */
  readonly what: string;
}

const isQuirk = (name: string): name is Quirk => Object.hasOwn(QUIRKS, name);

/**
 * Names with commas or white space between them.
 * @param whose what the message begins with
 * @throws KexecError for a name that is none
 */
export const parseQuirks = (text: string, whose: string): readonly Quirk[] =>
  text
    .split(/[\s,]+/)
    .filter((name) => name !== '')
    .map((name) => {
      if (isQuirk(name)) return name;
      // What somebody else recorded is shown in part only.
      throw KexecError.die(
        `${whose}: "${visible(name.slice(0, 64))}" is not one of ${Object.keys(QUIRKS).join(', ')}`,
        { subject: name },
      );
    });
