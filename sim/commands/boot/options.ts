/** What the options of `kexec-sim boot` say, checked. */
import { KexecError } from '../../../kexec/base/error.js';
import { GiB, MiB } from '../../../kexec/base/u64.js';
import type { Quirk } from '../../machine/quirks.js';
import type { CommonArguments } from '../common/context.js';

/** Of every run. */
export interface RunArguments extends CommonArguments {
  readonly disk: readonly string[];
  readonly until: string;
  readonly 'max-instructions': string | undefined;
  readonly timeout: string | undefined;
  readonly save: string | undefined;
  readonly trace: string | undefined;
  readonly gdb: string | undefined;
  readonly 'gdb-at': string | undefined;
}

export interface ResumeArguments extends RunArguments {
  readonly file: string;
}

export interface BootArguments extends RunArguments {
  readonly image: string;
  readonly initrd: string | undefined;
  readonly append: string | undefined;
  readonly dtb: string | undefined;
  readonly memory: string | undefined;
  readonly cpus: string | undefined;
  readonly gic: 2 | 3 | undefined;
  readonly el: 1 | 2 | undefined;
  readonly quirk: readonly Quirk[];
}

/** Where a boot ends before the machine does. */
export type BootUntil = { readonly kind: 'halt' | 'entry' } | { readonly kind: 'console'; readonly text: string };

const refuse = (option: string, text: string, wanted: string): KexecError =>
  KexecError.die(`${option}: "${text}" is not ${wanted}`, { subject: text });

const CONSOLE = 'console:';
/** A longer text would be looked for byte by byte for long. */
export const MAX_TEXT = 1024;

export const parseUntil = (text: string): BootUntil => {
  if (text === 'halt' || text === 'entry') return { kind: text };
  const wanted = text.slice(CONSOLE.length);
  if (text.startsWith(CONSOLE) && wanted !== '' && wanted.length <= MAX_TEXT) return { kind: 'console', text: wanted };
  throw refuse('--until', text, 'halt, entry or console:TEXT');
};

const UNITS: Readonly<Record<string, bigint>> = { M: MiB(1n), G: GiB(1n) };
export const LEAST_MEMORY = MiB(64n);
/** More has no room below the devices that lie behind it. */
export const MOST_MEMORY = GiB(255n);

/** `512M`, `2G`. */
export const parseMemory = (text: string): bigint => {
  const [, number, unit] = /^(\d{1,6})([MG])$/.exec(text) ?? [];
  const bytes = BigInt(number ?? 0) * (UNITS[unit ?? ''] ?? 0n);
  if (bytes < LEAST_MEMORY || bytes > MOST_MEMORY) throw refuse('--memory', text, 'a size from 64M to 255G');
  return bytes;
};

/** @param most processors that there can be */
export const parseCpus = (text: string, most: number): number => {
  const cpus = Number(text);
  if (!/^\d{1,3}$/.test(text) || cpus < 1 || cpus > most) throw refuse('--cpus', text, `a number from 1 to ${most}`);
  return cpus;
};

export const parseInstructions = (text: string | undefined): bigint | undefined => {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,17}$/.test(text)) throw refuse('--max-instructions', text, 'a number of instructions from 1 on');
  return BigInt(text);
};

const MAX_SECONDS = 1_000_000;

/** @param otherwise milliseconds where the user says nothing @returns milliseconds */
export const parseTimeout = (text: string | undefined, otherwise: number | undefined): number | undefined => {
  if (text === undefined) return otherwise;
  const seconds = Number(text);
  if (text.trim() === '' || !(seconds > 0 && seconds <= MAX_SECONDS)) {
    throw refuse('--timeout', text, `a number of seconds above 0, at most ${MAX_SECONDS}`);
  }
  return seconds * 1000;
};

export interface DiskOption {
  readonly file: string;
  readonly writes: boolean;
}

const WRITES = ',rw';

/** `FILE` or `FILE,rw`. */
export const parseDisk = (text: string): DiskOption =>
  text.endsWith(WRITES) ? { file: text.slice(0, -WRITES.length), writes: true } : { file: text, writes: false };
