/** Kernel symbols in /proc/kallsyms (kexec/symbols.c). */
import { attempt } from '../base/attempt.js';
import { SystemError } from '../base/error.js';
import { hex } from '../base/format.js';
import type { Log } from '../base/log.js';
import { cString, fgetsLines, latin1, scanHex, skipSpace } from '../base/scan.js';
import type { System } from '../base/system.js';

const KALLSYMS = '/proc/kallsyms';
const LINE_SIZE = 128;

/** The address on a line "ADDRESS TYPE NAME..." when it is of `symbol`; undefined otherwise. */
const addressOnLine = (line: string, symbol: string): bigint | undefined => {
  const address = scanHex(line, 0);
  if (address === undefined) return undefined;
  const type = skipSpace(line, address.end);
  const name = /^[^ \t\n\v\f\r]+/.exec(line.slice(skipSpace(line, type + 1)))?.[0];
  return name === symbol ? address.value : undefined;
};

/**
 * The virtual address of a kernel symbol by /proc/kallsyms (get_kernel_sym(), kexec/symbols.c).
 * @returns 0 when it is not to be had; the log says why
 */
export const getKernelSym = (system: System, log: Log, symbol: string): bigint => {
  const bytes = attempt(SystemError, () => system.readFile(KALLSYMS));
  if (bytes instanceof SystemError) {
    log.err(`Cannot open ${KALLSYMS}\n`);
    return 0n;
  }
  for (const line of fgetsLines(latin1(bytes), LINE_SIZE)) {
    const address = addressOnLine(cString(line), symbol);
    if (address !== undefined) {
      log.dbg(`kernel symbol ${symbol} vaddr = ${hex(address).padStart(16)}\n`);
      return address;
    }
  }
  log.dbg(`Cannot get kernel ${symbol} symbol address\n`);
  return 0n;
};
