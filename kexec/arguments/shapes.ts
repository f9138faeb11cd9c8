/** Objects that several functions of the library take. */
import { DEFAULT_COMPAT, LIBRARIES, RELEASES, type Compat } from '../base/compat.js';
import { KexecError } from '../base/error.js';
import type { System } from '../base/system.js';
import { type Check, type Fields, type Shape, answered, expectFields, fields, listOf, oneOf } from './shape.js';

export const LOG = fields({ debug: 'boolean', out: 'function', err: 'function', dbg: 'function' });

/** A range of addresses. */
export const RANGE = fields({ start: 'bigint', last: 'bigint', size: 'bigint', end: 'bigint' });

const libraries: Check = (what, value) => {
  if (!(value instanceof Set)) throw KexecError.die(`${what} must be a set`, { subject: what });
  listOf(oneOf(LIBRARIES))(what, [...(value as ReadonlySet<unknown>)]);
};

/** Every field has the kind that it has in the default; those that this has not are of some releases only. */
const compatFields: Fields = {
  ...Object.fromEntries(
    Object.entries(DEFAULT_COMPAT).flatMap(([name, value]: [string, unknown]): [string, Shape][] =>
      typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
        ? [[name, typeof value as Shape]]
        : [],
    ),
  ),
  ...({ release: oneOf(RELEASES), cmdlineLimit: 'number?', libraries } satisfies Partial<Record<keyof Compat, Shape>>),
};

export const COMPAT = fields(compatFields);

const SYSTEM: Fields = {
  ...{ pageSize: 'bigint', machine: 'string', readFile: 'function', readAt: 'function', stat: 'function' },
  ...{ lstat: 'function', list: 'function', random: 'function', kexecLoad: 'function', kexecFileLoad: 'function' },
};

const STAT = fields({ kind: 'string', size: 'number' });

/**
 * A system whose functions' answers are looked at, as far as loading asks for them.
 * @throws KexecError, as do its functions, when something is of another type
 */
export const checkedSystem = (what: string, system: System): System => {
  expectFields(what, system, SYSTEM);
  if (system.pageSize < 1n) throw KexecError.die(`${what}: "pageSize" must be above 0`, { subject: what });
  const checkedAnswers: Partial<System> = {
    readFile: (path) => answered('readFile', system.readFile(path), 'bytes'),
    readAt: (path, offset, length) => answered('readAt', system.readAt(path, offset, length), 'bytes'),
    stat: (path) => answered('stat', system.stat(path), STAT),
    lstat: (path) => answered('lstat', system.lstat(path), STAT),
    list: (path) => answered('list', system.list(path), listOf('string')),
    random: (length) => answered('random', system.random(length), 'bytes'),
    kexecLoad: async (call) => answered('kexecLoad', await system.kexecLoad(call), 'number'),
    kexecFileLoad: async (call) => answered('kexecFileLoad', await system.kexecFileLoad(call), 'number'),
  };
  const descriptors = Object.entries(checkedAnswers).map(([name, value]): [string, PropertyDescriptor] => [
    name,
    { value },
  ]);
  return Object.create(system, Object.fromEntries(descriptors)) as System;
};
