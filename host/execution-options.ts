/** Our own options about `kexec -e`: where its run ends, how long it may be, and what the firmware does there. */
import type { GdbPort } from '../sim/gdb/server.js';
import { KexecError } from '../kexec/base/error.js';
import { parseTrace } from '../sim/kernel/trace/wanted.js';
import { parseQuirks } from '../sim/machine/quirks.js';
import { type GdbAddress, type GdbSettings, parseAt, parseGdb } from '../sim/gdb/options.js';
import { CONSOLE, type ExecutionSettings, type Until } from '../sim/kernel/execution-settings.js';

const UNTIL = ['entry', 'halt', 'reboot'] as const;

/** A run that nobody watches and that takes longer has lost its way. */
export const UNATTENDED_TIMEOUT_MS = 300_000;
export const MAX_TIMEOUT = 1_000_000;

/**
 * How `kexec -e` is to be carried out, as far as our own options say.
 * @param simValue the value of one of them; undefined when it was not set
 * @throws KexecError
 */
export const executionBounds = (
  simValue: (name: string) => string | undefined,
): Pick<ExecutionSettings, 'until' | 'maxInstructions' | 'timeoutMs' | 'unattendedTimeoutMs' | 'quirks' | 'trace'> => ({
  until: parseUntil(simValue('sim-until')),
  maxInstructions: parseInstructions(simValue('sim-max-instructions')),
  timeoutMs: parseTimeout(simValue('sim-timeout')),
  unattendedTimeoutMs: UNATTENDED_TIMEOUT_MS,
  trace: parsedTrace(simValue('sim-trace')),
  quirks: parseQuirks(simValue('sim-quirk') ?? '', 'kexec: KEXEC_QUIRK'),
});

/**
 * How `kexec -e` is to be debugged.
 * @returns undefined where nobody asks for it @throws KexecError
 */
export const gdbSettings = (
  simValue: (name: string) => string | undefined,
): { readonly address: GdbAddress; readonly settings: GdbSettings } | undefined => {
  const [wanted, at] = [simValue('sim-gdb'), simValue('sim-gdb-at')];
  const atOption = 'kexec: KEXEC_GDB_AT';
  const place = parseAt(atOption, at ?? 'last');
  if (wanted === undefined) {
    if (at === undefined) return undefined;
    throw KexecError.die(`${atOption}: there is no gdb to wait for: say --sim-gdb, too`, { subject: at });
  }
  const address = parseGdb('kexec: KEXEC_GDB', wanted);
  const open = async (): Promise<GdbPort> => (await import('./gdb-port.js')).openGdbPort(address);
  return { address, settings: { open, at: place, atOption } };
};

const parseUntil = (text: string | undefined): ExecutionSettings['until'] => {
  if (text === undefined) return undefined;
  const until = UNTIL.find((name) => name === text);
  if (until !== undefined) return until;
  if (isConsole(text)) return text;
  throw refuse('KEXEC_UNTIL', text, `one of ${UNTIL.join(', ')}, ${CONSOLE}TEXT`);
};

const isConsole = (text: string): text is Until => text.startsWith(CONSOLE) && text.length > CONSOLE.length;

const parseInstructions = (text: string | undefined): bigint | undefined => {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,17}$/.test(text)) throw refuse('KEXEC_MAX_INSTRUCTIONS', text, 'a number of instructions from 1 on');
  return BigInt(text);
};

const parsedTrace = (text: string | undefined): ExecutionSettings['trace'] =>
  text === undefined ? undefined : parseTrace(text, 'kexec: KEXEC_TRACE');

const parseTimeout = (text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= MAX_TIMEOUT)) {
    throw refuse('KEXEC_TIMEOUT', text, `a number of seconds above 0, at most ${MAX_TIMEOUT}`);
  }
  return seconds * 1000;
};

const refuse = (variable: string, text: string, wanted: string): KexecError =>
  KexecError.die(`kexec: ${variable}: "${text}" is not ${wanted}`, { subject: text });
