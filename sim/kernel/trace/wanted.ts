/** What a trace is asked to tell of, as `--sim-trace` and `--trace` say it. */
import { KexecError } from '../../../kexec/base/error.js';
import { Range } from '../../../kexec/base/range.js';
import type { TraceRequest } from '../execution-settings.js';
import type { TraceKind } from './events.js';

export interface Wanted {
  readonly kinds: ReadonlySet<TraceKind>;
  /** Physical addresses whose accesses are told. */
  readonly memory: readonly Range[];
  /** What was first is dropped for what comes when there is more. */
  readonly mostBytes: number;
}

/** By default. */
export const MOST_TRACE_BYTES = 64 << 20;
/** The most that can be asked for. */
export const MAX_TRACE_BYTES = 1 << 30;
const LEAST_TRACE_BYTES = 1 << 20;

const WORDS: Readonly<Record<string, TraceKind>> = {
  branches: 'branch',
  exceptions: 'exception',
  registers: 'register',
  devices: 'device',
};

/** What can be asked for, in words. */
export const WHAT = `${Object.keys(WORDS).join(', ')}, memory=ADDRESS+BYTES, size=MiB`;

const MEMORY = /^memory=(0x[\da-f]+|\d+)\+(0x[\da-f]+|\d+)$/i;
const SIZE = /^size=(\d+)$/;
const ADDRESS_END = 1n << 48n;

/** @returns undefined for what nobody can ask for */
export const parseWanted = (text: string): Wanted | undefined => {
  const kinds = new Set<TraceKind>();
  const memory: Range[] = [];
  let mostBytes = MOST_TRACE_BYTES;
  for (const word of text.split(',')) {
    const [, start, bytes] = MEMORY.exec(word) ?? [];
    const [, size] = SIZE.exec(word) ?? [];
    const kind = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined;
    if (kind === 'exception') kinds.add('exception').add('return');
    else if (kind !== undefined) kinds.add(kind);
    else if (start !== undefined && bytes !== undefined) {
      const range = rangeOf(BigInt(start), BigInt(bytes));
      if (range === undefined) return undefined;
      memory.push(range);
    } else if (size !== undefined) mostBytes = Number(size) * (1 << 20);
    else return undefined;
  }
  if (mostBytes < LEAST_TRACE_BYTES || mostBytes > MAX_TRACE_BYTES) return undefined;
  if (memory.length > 0) kinds.add('memory');
  return kinds.size === 0 ? undefined : { kinds, memory, mostBytes };
};

const rangeOf = (start: bigint, bytes: bigint): Range | undefined =>
  bytes === 0n || start + bytes > ADDRESS_END ? undefined : Range.sized(start, bytes);

const BY_DEFAULT = 'exceptions,registers,devices';

/**
 * `FILE[:WHAT]`.
 * @param option as messages name it
 * @throws KexecError
 */
export const parseTrace = (text: string, option: string): TraceRequest => {
  const colon = text.lastIndexOf(':');
  const isTold = colon > 0 && /^[\w,=+]+$/.test(text.slice(colon + 1));
  const request = isTold
    ? { file: text.slice(0, colon), what: text.slice(colon + 1) }
    : { file: text, what: BY_DEFAULT };
  if (parseWanted(request.what) !== undefined && request.file !== '') return request;
  throw KexecError.die(`${option}: "${text}" is not FILE, or FILE: and some of ${WHAT}`, { subject: text });
};

/** @throws KexecError */
export const wantedOf = ({ what }: TraceRequest): Wanted => {
  const wanted = parseWanted(what);
  if (wanted !== undefined) return wanted;
  throw KexecError.die(`trace: "${what}" is none of ${WHAT}`, { subject: what });
};
