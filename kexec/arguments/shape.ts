/** What the library is given, checked: those who call it without a compiler are told what is wrong, and where. */
import { KexecError } from '../base/error.js';

type Kind = 'string' | 'number' | 'bigint' | 'boolean' | 'function' | 'object' | 'bytes' | 'list';

/** Looks at a value. @param what it is called @throws KexecError when it is not what it must be */
export type Check = (what: string, value: unknown) => void;

/** A kind of value, with a question mark: undefined is as good; or what looks at the value. */
export type Shape = Kind | `${Kind}?` | Check;

export type Fields = Readonly<Record<string, Shape>>;

const kindOf = (value: unknown): string => {
  if (value instanceof Uint8Array) return 'bytes';
  if (Array.isArray(value)) return 'list';
  return value === null ? 'null' : typeof value;
};

const NAMES: Readonly<Record<Kind, string>> = {
  string: 'a string',
  number: 'a number',
  bigint: 'a bigint',
  boolean: 'true or false',
  function: 'a function',
  object: 'an object',
  bytes: 'a Uint8Array',
  list: 'an array',
};

/** @param what the value is called @throws KexecError when it is not of the shape */
export const expectShape = (what: string, value: unknown, shape: Shape): void => {
  if (typeof shape === 'function') return shape(what, value);
  if (shape.endsWith('?') && value === undefined) return;
  const kind = shape.replace('?', '') as Kind;
  if (kindOf(value) !== kind) throw KexecError.die(`${what} must be ${NAMES[kind]}`, { subject: what });
};

/** The fields of an object. @param what the object is called @throws KexecError when one is not of its shape */
export const expectFields = (what: string, value: unknown, shapes: Fields): void => {
  expectShape(what, value, 'object');
  for (const [name, shape] of Object.entries(shapes)) {
    expectShape(`${what}: "${name}"`, (value as Readonly<Record<string, unknown>>)[name], shape);
  }
};

/** An object with such fields. */
export const fields =
  (shapes: Fields): Check =>
  (what, value) => {
    expectFields(what, value, shapes);
  };

/** An array of such elements. */
export const listOf =
  (shape: Shape): Check =>
  (what, value) => {
    expectElements(what, value, shape);
  };

export const optional =
  (shape: Shape): Check =>
  (what, value) => {
    if (value !== undefined) expectShape(what, value, shape);
  };

/** One of some values, which messages list. */
export const oneOf =
  (values: readonly unknown[]): Check =>
  (what, value) => {
    if (!values.includes(value)) throw KexecError.die(`${what} must be one of ${values.join(', ')}`, { subject: what });
  };

/**
 * The value, which is what a function of the library's user has answered. @throws KexecError when it is not of the
 * shape
 */
export const answered = <T>(what: string, value: T, shape: Shape): T => {
  expectShape(`what ${what} returns`, value, shape);
  return value;
};

const variables: Check = (what, value) => {
  expectShape(what, value, 'object');
  for (const [name, text] of Object.entries(value as object)) expectShape(`${what}: "${name}"`, text, 'string?');
};

/** What a command as a function is given. @throws KexecError */
export const expectCommand = (name: string, args: unknown, options: unknown): void => {
  expectElements(`${name}: the arguments`, args, 'string');
  expectFields(`${name}: the options`, options, {
    ...{ env: variables, out: 'function', err: 'function' },
    ...{ console: 'function?', keyboard: 'function?', progress: 'function?' },
  });
};

/** The elements of a list. @throws KexecError when it is none, or one is not of the shape */
export const expectElements = (what: string, value: unknown, shape: Shape | Fields): void => {
  expectShape(what, value, 'list');
  for (const [i, element] of (value as readonly unknown[]).entries()) {
    if (typeof shape === 'object') expectFields(`${what}: element ${i}`, element, shape);
    else expectShape(`${what}: element ${i}`, element, shape);
  }
};

/** The function, which looks at its arguments first. @param shapes of the arguments, in order */
export const checked =
  <Arguments extends readonly unknown[], Result>(
    name: string,
    shapes: readonly (Shape | Fields)[],
    action: (...args: Arguments) => Result,
  ): ((...args: Arguments) => Result) =>
  (...args) => {
    for (const [i, shape] of shapes.entries()) {
      const what = `${name}: argument ${i + 1}`;
      if (typeof shape === 'object') expectFields(what, args[i], shape);
      else expectShape(what, args[i], shape);
    }
    return action(...args);
  };
