/** Reading JSON that others wrote: what is wrong is told with the file's name and where in it. */
import { KexecError } from '../../../kexec/base/error.js';
import { U64_MAX } from '../../../kexec/base/u64.js';

/** A value and where it comes from. */
export interface Json {
  readonly value: unknown;
  /** The file's name. */
  readonly subject: string;
  /** Where in the file it is, for example `call 3, segment 0, "mem"`; empty for the whole. */
  readonly path: string;
}

export const jsonError = ({ subject, path }: Json, problem: string): KexecError =>
  KexecError.die(`${subject}: ${path === '' ? '' : `${path}: `}${problem}`, { subject });

/** @throws KexecError when the text is not JSON */
export const parseJson = (text: string, subject: string): Json => {
  try {
    return { value: JSON.parse(text), subject, path: '' };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // V8 quotes what it read, which may hold anything, line ends included.
    const reason = error.message.replace(/[^ -~]+/g, ' ').slice(0, 200);
    throw KexecError.die(`${subject}: not JSON: ${reason}`, { subject });
  }
};

const within = (json: Json, part: string): string => (json.path === '' ? part : `${json.path}, ${part}`);

/** The elements of an array, each of which is called `noun` and its index. @throws KexecError */
export const elements = (json: Json, noun: string): readonly Json[] => {
  if (!Array.isArray(json.value)) throw jsonError(json, 'must be an array');
  return json.value.map((value: unknown, i) => ({ ...json, value, path: within(json, `${noun} ${i}`) }));
};

/** The field of an object; undefined when it is missing. @throws KexecError when it is no object */
export const optionalField = (json: Json, name: string): Json | undefined => {
  if (typeof json.value !== 'object' || json.value === null || Array.isArray(json.value)) {
    throw jsonError(json, 'must be an object');
  }
  const value: unknown = Object.getOwnPropertyDescriptor(json.value, name)?.value;
  return value === undefined ? undefined : { ...json, value, path: within(json, `"${name}"`) };
};

/** @throws KexecError when the field is missing */
export const field = (json: Json, name: string): Json => {
  const found = optionalField(json, name);
  if (found === undefined) throw jsonError(json, `"${name}" is missing`);
  return found;
};

export const asText = (json: Json): string => {
  if (typeof json.value !== 'string') throw jsonError(json, 'must be a string');
  return json.value;
};

export const asTextOrNull = (json: Json): string | null => (json.value === null ? null : asText(json));

export const asFlag = (json: Json): boolean => {
  if (typeof json.value !== 'boolean') throw jsonError(json, 'must be true or false');
  return json.value;
};

/** A JSON number between two limits, both inclusive. */
export const asInteger = (json: Json, least: number, greatest: number): number => {
  const { value } = json;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > greatest) {
    throw jsonError(json, `must be an integer from ${least} to ${greatest}`);
  }
  return value;
};

/** An unsigned 64-bit number: a string of hexadecimal digits after "0x", or a JSON number that is exact. */
export const asU64 = (json: Json): bigint => {
  const { value } = json;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  if (typeof value === 'string' && /^0x[0-9a-fA-F]{1,32}$/.test(value)) {
    const number = BigInt(value);
    if (number <= U64_MAX) return number;
  }
  throw jsonError(json, 'must be a number from "0x0" to "0xffffffffffffffff"');
};

/** One of the given words. */
export const asWord = <Word extends string>(json: Json, words: readonly Word[]): Word => {
  const found = words.find((word) => word === json.value);
  if (found === undefined) throw jsonError(json, `must be one of ${words.map((word) => `"${word}"`).join(', ')}`);
  return found;
};

/**
 * An array of JSON values, one a line: a table that people read and `diff` compares.
 * @throws KexecError when a value that was read from `subject` is nested too deeply to be written
 */
export const formatLines = (values: readonly unknown[], subject: string): string => {
  try {
    return values.length === 0 ? '[]\n' : `[\n${values.map((value) => JSON.stringify(value)).join(',\n')}\n]\n`;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw KexecError.die(`${subject}: nested too deeply, or too long`, { subject });
  }
};
