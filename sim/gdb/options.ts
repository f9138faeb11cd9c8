/** What the options about gdb say: where it comes from, and where the machine waits for it. */
import { KexecError } from '../../kexec/base/error.js';
import type { GdbPort } from './server.js';

/** Where gdb comes from. */
export type GdbAddress =
  | { readonly kind: 'stdio' }
  /** @param port 0 for any that is free */
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** Where the machine waits. */
export type GdbAt =
  | { readonly kind: 'first' | 'last' | 'purgatory' | 'kernel' }
  | { readonly kind: 'address'; readonly address: bigint }
  | { readonly kind: 'symbol'; readonly name: string };

/** How a run is to be debugged. */
export interface GdbSettings {
  /** @throws KexecError where nobody can come from there */
  readonly open: () => Promise<GdbPort>;
  readonly at: GdbAt;
  /** The option that says so, as the user types it. */
  readonly atOption: string;
}

/** Nobody else than who is on this host may look into a machine, unless it is asked for. */
const LOOPBACK = '127.0.0.1';
const MAX_PORT = 65_535;
const NAMED = ['first', 'last', 'purgatory', 'kernel'] as const;
/** No name of a symbol is longer (KSYM_NAME_LEN, include/linux/kallsyms.h). */
const MAX_NAME = 512;

/** @param option as the user typed it */
const refuse = (option: string, text: string, wanted: string): KexecError =>
  KexecError.die(`${option}: "${text}" is not ${wanted}`, { subject: text });

/** `1234`, `0.0.0.0:1234`, `[::1]:1234`, `stdio`. @throws KexecError */
export const parseGdb = (option: string, text: string): GdbAddress => {
  if (text === 'stdio') return { kind: 'stdio' };
  const [, bracketed, name, digits = ''] = /^(?:(?:\[([0-9a-fA-F:.%\w]+)\]|([\w.-]+)):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === '' || port > MAX_PORT)
    throw refuse(option, text, `[HOST:]PORT, with a port up to ${MAX_PORT}, or stdio`);
  return { kind: 'tcp', host: bracketed ?? name ?? LOOPBACK, port };
};

/** `purgatory`, `0x40080000`, `start_kernel`. @throws KexecError */
export const parseAt = (option: string, text: string): GdbAt => {
  const named = NAMED.find((name) => name === text);
  if (named !== undefined) return { kind: named };
  if (/^0x[0-9a-fA-F]{1,16}$/.test(text)) {
    const address = BigInt(text);
    if (address % 4n !== 0n) throw refuse(option, text, 'the address of an instruction: a multiple of 4');
    return { kind: 'address', address };
  }
  if (/^[A-Za-z_][\w.$]*$/.test(text) && text.length <= MAX_NAME) return { kind: 'symbol', name: text };
  throw refuse(option, text, `${NAMED.join(', ')}, an address such as 0x40080000, or a symbol`);
};
