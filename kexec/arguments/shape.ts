/** What the library is given, checked: those who call it without a compiler are told what is wrong, and where. */
import { KexecError } from '../base/error.js';

type Kind = 'string' | 'number' | 'bigint' | 'boolean' | 'function' | 'object' | 'bytes' | 'list';

/** A kind of value; with a question mark, undefined is as good. */
export type Shape = Kind | `${Kind}?`;

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

/** What a command as a function is given. @throws KexecError */
export const expectCommand = (name: string, args: unknown, options: unknown): void => {
  expectElements(`${name}: the arguments`, args, 'string');
  expectFields(`${name}: the options`, options, { env: 'object', out: 'function', err: 'function' });
};

/** The elements of a list. @throws KexecError when it is none, or one is not of the shape */
export const expectElements = (what: string, value: unknown, shape: Shape | Fields): void => {
  expectShape(what, value, 'list');
  for (const [i, element] of (value as readonly unknown[]).entries()) {
    if (typeof shape === 'string') expectShape(`${what}: element ${i}`, element, shape);
    else expectFields(`${what}: element ${i}`, element, shape);
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
      if (typeof shape === 'string') expectShape(what, args[i], shape);
      else expectFields(what, args[i], shape);
    }
    return action(...args);
  };
