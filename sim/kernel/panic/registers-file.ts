/** Registers of the processor that panics, as a user writes them down: `x0=0x1 pc=0xffff800080010000`. */
import { KexecError } from '../../../kexec/base/error.js';
import { visible } from '../../../kexec/base/format.js';

/** What a file of registers may name; what it does not name is as the kernel's own code leaves it. */
export type GivenRegisters = ReadonlyMap<string, bigint>;

/** Plenty for all registers and what is said about them. */
export const MAX_REGISTERS_TEXT = 1 << 16;

/** Names of X30 as logs have it. */
const OTHER_NAMES: Readonly<Record<string, string>> = { lr: 'x30', fp: 'x29' };
const NAMES: readonly string[] = [
  ...Array.from({ length: 31 }, (_, i) => `x${i}`),
  ...['sp', 'pc', 'pstate', 'esr', 'far', 'pid'],
];
const PID = 'pid';
/** PID_MAX_LIMIT (include/linux/threads.h). */
const MAX_PID = 1n << 22n;

const ENTRY = /^([a-z][a-z0-9]*)\s*[=:]\s*(0x[0-9a-f]{1,16}|[0-9a-f]{1,16})(?=\s|$)\s*/i;

/**
 * Entries `name=value` or `name: value`, with white space between them, values in hexadecimal digits, with 0x or
 * without; `pid` is decimal. What is behind a # is a comment.
 * @param subject the file's name, for messages
 * @throws KexecError for anything else
 */
export const parseRegisters = (text: string, subject: string): GivenRegisters => {
  const found = new Map<string, bigint>();
  text.split('\n').forEach((whole, i) => {
    const refuse = (why: string): KexecError => KexecError.die(`${subject}: line ${i + 1}: ${why}`, { subject });
    let line = whole.replace(/#.*$/, '').trim();
    while (line !== '') {
      const match = ENTRY.exec(line);
      if (match === null) throw refuse(`"${visible(line.slice(0, 40))}" is no register and its value, as in x0=0x1`);
      const [entry, written, digits] = match as unknown as readonly [string, string, string];
      const name = OTHER_NAMES[written.toLowerCase()] ?? written.toLowerCase();
      if (!NAMES.includes(name)) throw refuse(`there is no register "${visible(written)}"`);
      if (found.has(name)) throw refuse(`${name} is there twice`);
      const value = valueOf(name, digits);
      if (value === undefined) throw refuse(`${digits} is no process: 0 to ${MAX_PID - 1n}`);
      found.set(name, value);
      line = line.slice(entry.length);
    }
  });
  return found;
};

const valueOf = (name: string, digits: string): bigint | undefined => {
  if (name !== PID) return BigInt(digits.startsWith('0x') || digits.startsWith('0X') ? digits : `0x${digits}`);
  const pid = /^\d{1,8}$/.test(digits) ? BigInt(digits) : MAX_PID;
  return pid < MAX_PID ? pid : undefined;
};
