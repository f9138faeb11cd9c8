/** Actions that may fail: their errors as values, as other errors, or with a caller's words behind them. */
import { KexecError, SystemError, strerror } from './error.js';
import { OutputLimitError } from './platform.js';

/** A class of errors: anything that `instanceof` takes. */
interface ErrorClass<E extends Error> {
  readonly prototype: E;
  [Symbol.hasInstance](value: unknown): boolean;
}

const isOf = <E extends Error>(kind: ErrorClass<E>, error: unknown): error is E => error instanceof kind;

/**
 * Does `action`.
 * @returns what it gives, or the error of class `kind` that it throws
 * @throws its other errors
 */
export const attempt = <E extends Error, T>(kind: ErrorClass<E>, action: () => T): T | E => {
  try {
    return action();
  } catch (error) {
    if (isOf(kind, error)) return error;
    throw error;
  }
};

/** {@link attempt} of an action that takes its time. */
export const attemptAsync = async <E extends Error, T>(
  kind: ErrorClass<E>,
  action: () => Promise<T>,
): Promise<T | E> => {
  try {
    return await action();
  } catch (error) {
    if (isOf(kind, error)) return error;
    throw error;
  }
};

/**
 * Does what a {@link System} or a file system does.
 * @param what the failure in the words of the message, for example "Cannot read"
 * @throws KexecError "WHAT PATH: REASON" in place of a SystemError
 */
export const failing = <T>(what: string, path: string, action: () => T): T => {
  const result = attempt(SystemError, action);
  if (!(result instanceof SystemError)) return result;
  throw KexecError.die(`${what} ${path}: ${strerror(result.errno)}`, { subject: path, errno: -result.errno });
};

/**
 * Decompresses a file.
 * @param limitBytes what all of the file may decompress to
 * @throws KexecError in place of an OutputLimitError, which knows neither the file nor what came before
 */
export const refusingBombs = async <T>(path: string, limitBytes: number, action: () => Promise<T>): Promise<T> => {
  const result = await attemptAsync(OutputLimitError, action);
  if (!(result instanceof OutputLimitError)) return result;
  throw KexecError.die(`Cannot read ${path}: it decompresses to more than ${limitBytes} bytes`, { subject: path });
};

/**
 * Does `action`, and adds to a KexecError what the original's caller prints while the error passes through it: see
 * {@link KexecError.follow}.
 */
export const following = <T>(text: string, action: () => T): T => {
  const result = attempt(KexecError, action);
  if (result instanceof KexecError) throw result.follow(text);
  return result;
};

/** {@link following} for an action that takes its time. */
export const followingAsync = async <T>(text: string, action: () => Promise<T>): Promise<T> => {
  const result = await attemptAsync(KexecError, action);
  if (result instanceof KexecError) throw result.follow(text);
  return result;
};
