/** What the options of `kexec-sim panic` say, checked. */
import { KexecError } from '../../../kexec/base/error.js';
import { parseAddress } from '../../kernel/execution/cpu-registers.js';
import type { PanicCause, PanicRequest } from '../../kernel/panic/dying-kernel.js';
import { MAX_REGISTERS_TEXT, parseRegisters } from '../../kernel/panic/registers-file.js';
import { readInput } from '../../kernel/recording/input-files.js';
import type { Quirk } from '../../machine/quirks.js';
import type { RunArguments } from '../boot/options.js';

export interface PanicArguments extends RunArguments {
  readonly cpu: string;
  readonly cause: PanicCause;
  readonly registers: string | undefined;
  readonly 'deaf-cpu': readonly string[];
  readonly corrupt: string | undefined;
  readonly vmcore: string | undefined;
  readonly quirk: readonly Quirk[];
}

const parseNumber = (option: string, text: string): number => {
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw KexecError.die(`${option}: "${text}" is not the number of a processor`, { subject: option });
};

/** @throws KexecError */
export const requestOf = async (args: PanicArguments): Promise<PanicRequest> => ({
  cpu: parseNumber('--cpu', args.cpu),
  cause: args.cause,
  registers: args.registers === undefined ? new Map() : await readRegisters(args.registers),
  deafCpus: [...new Set(args['deaf-cpu'].map((text) => parseNumber('--deaf-cpu', text)))],
  corrupt: args.corrupt === undefined ? undefined : parseAddress(args.corrupt, '--corrupt'),
});

const readRegisters = async (file: string): Promise<PanicRequest['registers']> =>
  parseRegisters(new TextDecoder().decode(await readInput(file, MAX_REGISTERS_TEXT)), file);
