/** The parts that need no Node: values, parsers and rules; bytes and text in, values out. */
import { readArm64ImageHeader as readHeader } from './kexec/arch/arm64/image-header.js';
import { relocationsFor as relocations } from './kexec/arch/arm64/kexec-elf-rel-arm64.js';
import {
  type Compat,
  LIBRARIES,
  type Library,
  RELEASES,
  type Release,
  compatFor as makeCompat,
  parseCompat as parseBuild,
} from './kexec/base/compat.js';
import { KexecError, strerror as errorText } from './kexec/base/error.js';
import { createLog as makeLog } from './kexec/base/log.js';
import {
  answered,
  checked,
  expectElements,
  expectFields,
  fields,
  listOf,
  oneOf,
  optional,
  type Check,
  type Fields,
} from './kexec/arguments/shape.js';
import { COMPAT, LOG } from './kexec/arguments/shapes.js';
import { gunzipPortable as gunzip, zstdDecompress as unzstd } from './kexec/compression/codecs.js';
import { extractPurgatory as extract } from './kexec/elf/extract-purgatory.js';
import { buildElfExecInfo as readExecutable } from './kexec/elf/kexec-elf-exec.js';
import { loadRelocatable as loadObject } from './kexec/elf/kexec-elf-rel.js';
import { buildElfInfo as readElf } from './kexec/elf/kexec-elf.js';
import { Placement } from './kexec/memory/placement.js';
import { concatCmdline as concat, removeParameter as remove } from './kexec/options/command-line.js';
import { type OptionSyntax, type ParsedArguments, getoptLong as parseArguments } from './kexec/options/getopt.js';
import type { CoreSource } from './kexec/running-kernel/core-reader.js';
import { parseIomem as readMap } from './kexec/running-kernel/kexec-iomem.js';
import {
  disassemble as disassembleWord,
  disassembleInstruction as instructionOf,
} from './sim/cpu/disassembly/disassembler.js';
import { vmcoreDmesg as readLog, type VmcoreDmesgOptions } from './vmcore-dmesg/vmcore-dmesg.js';

export { DEFAULT_COMPAT, RELEASES, type Compat, type Library, type Release } from './kexec/base/compat.js';
export { Errno, KexecError, SystemError } from './kexec/base/error.js';
export { silentLog, type Log } from './kexec/base/log.js';
export { OutputLimitError, type Platform } from './kexec/base/platform.js';
export { RANGE_RAM, RANGE_RESERVED, Range, type MemoryRange } from './kexec/base/range.js';
export type { LoadPlan, Segment } from './kexec/base/segment.js';
export type { FileStat, KexecFileLoadCall, KexecLoadCall, System } from './kexec/base/system.js';
export type { Arm64ImageHeader } from './kexec/arch/arm64/image-header.js';
export { purgatory } from './kexec/arch/arm64/purgatory.js';
export type { ElfInfo } from './kexec/elf/kexec-elf.js';
export type { RelocationRule } from './kexec/elf/relocation-rule.js';
export { Placement };
export type { BufferRequest, HoleRequest, MemoryLimits } from './kexec/memory/placement.js';
export type { OptionSyntax, ParsedArguments, Token } from './kexec/options/getopt.js';
export type { CoreSource };
export type { IomemLine } from './kexec/running-kernel/kexec-iomem.js';
export type { Disassembled } from './sim/cpu/disassembly/syntax.js';
export type { VmcoreDmesgOptions };

const RELOCATIONS = listOf(fields({ type: 'number', name: 'string', size: oneOf([4, 8]), apply: 'function' }));

const isPlacement: Check = (what, value) => {
  if (!(value instanceof Placement)) throw KexecError.die(`${what} must be a Placement`, { subject: what });
};

const OBJECT: Fields = {
  ...{ machine: 'number', placement: isPlacement, relocations: RELOCATIONS, log: LOG },
  ...{ min: 'bigint', max: 'bigint', from: oneOf(['bottom', 'top']) },
};

const SYNTAX: Fields = {
  long: listOf(fields({ name: 'string', takesArgument: 'boolean' })),
  short: listOf(fields({ letter: 'string', takesArgument: 'boolean' })),
  ...{ exact: listOf('string'), program: 'string', posixlyCorrect: 'boolean' },
};

/** @throws KexecError for one that is not known */
const expectRelease = (release: Release): void => {
  if (RELEASES.includes(release)) return;
  throw KexecError.die(`${release} is not one of ${RELEASES.join(', ')}`, { subject: 'release' });
};

/** @throws KexecError for what cannot be gone through */
const iterated = <T>(what: string, values: Iterable<T>): readonly T[] => {
  const given: unknown = values;
  if (typeof given === 'object' && given !== null && Symbol.iterator in given) return [...values];
  throw KexecError.die(`${what} must be an array, or a set`, { subject: what });
};

/** The build of a release with some libraries, or with all. */
export const compatFor = checked(
  'compatFor',
  ['string'],
  (release: Release, libraries: Iterable<Library> = LIBRARIES) => {
    expectRelease(release);
    return makeCompat(release, iterated('compatFor: the libraries', libraries));
  },
);
/** Understands a command line as getopt_long() does. */
export const getoptLong = <Id>(args: readonly string[], syntax: OptionSyntax<Id>): ParsedArguments<Id> => {
  expectElements('getoptLong: argument 1', args, 'string');
  expectFields('getoptLong: argument 2', syntax, SYNTAX);
  return parseArguments(args, syntax);
};
/** The text of a positive errno, as glibc's strerror() gives it. */
export const strerror = checked('strerror', ['number'], errorText);
/** The header of an arm64 Image; undefined when the bytes do not begin with one. */
export const readArm64ImageHeader = checked('readArm64ImageHeader', ['bytes'], readHeader);
/** The relocations that a release of kexec-tools knows. */
export const relocationsFor = checked('relocationsFor', [{ release: 'string' }], (compat: Pick<Compat, 'release'>) => {
  expectRelease(compat.release);
  return relocations(compat);
});
/** A gzip file's content; undefined when it is broken or ends early. @throws OutputLimitError */
export const gunzipPortable = checked('gunzipPortable', ['bytes', 'number'], gunzip);
/** The content of zstd frames; undefined when they are broken or end early. @throws OutputLimitError */
export const zstdDecompress = checked('zstdDecompress', ['bytes', 'number'], unzstd);
/** A command line and what is appended to it. */
export const concatCmdline = checked('concatCmdline', ['string?', 'string?'], concat);
/** Removes a parameter from a command line by the start of its name. */
export const removeParameter = checked('removeParameter', ['string', 'string', 'boolean'], remove);
/** A build of kexec-tools as KEXEC_COMPAT names it; undefined when there is none such. */
export const parseCompat = checked('parseCompat', ['string'], parseBuild);
/** A log that gives its text to functions. */
export const createLog = checked('createLog', ['boolean', 'function', 'function'], makeLog);
/** The memory map in /proc/iomem. */
export const parseIomem = checked('parseIomem', ['string'], readMap);
/** The purgatory out of a kexec's executable. @throws KexecError */
export const extractPurgatory = checked('extractPurgatory', ['bytes', 'string'], extract);
/** An ELF file; undefined when it is none. */
export const buildElfInfo = checked('buildElfInfo', ['bytes', { log: LOG }], readElf);
/** An ELF executable; undefined when it is none. */
export const buildElfExecInfo = checked('buildElfExecInfo', ['bytes', { log: LOG }], readExecutable);
/** Puts a relocatable object into place. @throws KexecError */
export const loadRelocatable = checked('loadRelocatable', ['bytes', 'string', OBJECT], loadObject);
/** The kernel's log out of a core file, piece by piece. @throws KexecError */
export const vmcoreDmesg = checked(
  'vmcoreDmesg',
  [{ readAt: 'function' }, 'string', optional(fields({ compat: optional(COMPAT), log: optional(LOG) }))],
  (source: CoreSource, path: string, options?: VmcoreDmesgOptions) =>
    readLog({ readAt: (...at) => answered('readAt', source.readAt(...at), 'bytes') }, path, options),
);

/**
 * An A64 instruction as text, as GNU objdump writes it: `disassemble(0xf9400021, 0n)` is `ldr\tx1, [x1]`. A word that is no
 * instruction becomes `.inst`.
 * @param address of the instruction, which branches and literals name others by
 */
export const disassemble = checked('disassemble', ['number', 'bigint'], disassembleWord);

/** The same, and the address that a branch, ADR, ADRP or a literal names, which a symbol may be added for. */
export const disassembleInstruction = checked('disassembleInstruction', ['number', 'bigint'], instructionOf);
