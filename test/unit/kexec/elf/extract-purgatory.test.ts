import { describe, expect, test } from '@jest/globals';
import { KexecError } from '../../../../kexec/base/error.js';
import { extractPurgatory } from '../../../../kexec/elf/extract-purgatory.js';
import { purgatory } from '../../../../kexec/arch/arm64/purgatory.js';
import {
  ARM64_EXECUTABLE,
  buildElf,
  symbolSections,
  type BuiltSection,
  type ElfKind,
} from '../../../support/files/elf-builder.js';

const SHT_PROGBITS = 1;
const ET_REL = 1;
const ET_EXEC = 2;

const joined = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));
const zeros = (size: number): Uint8Array => new Uint8Array(size);
const rodata = (...parts: readonly Uint8Array[]): BuiltSection => ({
  name: '.rodata',
  type: SHT_PROGBITS,
  data: joined(...parts),
  addr: 0x18f70,
});
const stripped = (...parts: readonly Uint8Array[]): Uint8Array => buildElf(ARM64_EXECUTABLE, [rodata(...parts)]);

/** The least that counts as a purgatory. */
const smallPurgatory = (kind: ElfKind, symbols = ['purgatory_start', 'sha256_digest']): Uint8Array =>
  buildElf({ ...kind, type: ET_REL }, [
    { name: '.text', type: SHT_PROGBITS, data: zeros(64) },
    ...symbolSections(
      kind,
      symbols.map((name) => ({ name, section: 1, value: 0, size: 32 })),
      3,
    ),
  ]);

const messageOf = (bytes: Uint8Array): string => {
  try {
    extractPurgatory(bytes, 'kexec.bin');
  } catch (error) {
    if (error instanceof KexecError && error.subject === 'kexec.bin') return error.text;
    throw error;
  }
  return 'no error';
};

describe('a stripped binary', () => {
  test('gives the object that lies between other data', () => {
    const noise = Uint8Array.from('\x7fELF\x02\x01\x01 and \x7f\x7fELF', (char) => char.charCodeAt(0));
    expect(extractPurgatory(stripped(noise, zeros(3), purgatory, noise, zeros(100)), 'x')).toEqual(purgatory);
  });

  test('may hold other relocatable objects', () => {
    const other = smallPurgatory(ARM64_EXECUTABLE, ['start', 'sha256_digest']);
    expect(extractPurgatory(stripped(other, purgatory, other), 'x')).toEqual(purgatory);
  });

  test.each([
    ['x86_64', true, true, 62],
    ['i386', false, true, 3],
    ['s390x', true, false, 22],
    ['ppc', false, false, 20],
  ])('may be for %s', (_name, wide, littleEndian, machine) => {
    const kind = { wide, littleEndian, machine, type: ET_EXEC };
    const object = smallPurgatory(kind);
    expect(extractPurgatory(buildElf(kind, [rodata(zeros(5), object, zeros(9))]), 'x')).toEqual(object);
  });

  test('gives a copy', () => {
    const binary = stripped(purgatory);
    const copy = extractPurgatory(binary, 'x');
    binary.fill(0);
    expect(copy).toEqual(purgatory);
    expect(copy.buffer.byteLength).toBe(purgatory.length);
  });

  test('that has none or several is an error', () => {
    expect(messageOf(stripped(zeros(8)))).toBe('kexec.bin: no relocatable object in it\n');
    expect(messageOf(stripped(smallPurgatory(ARM64_EXECUTABLE, ['a'])))).toBe('kexec.bin: no purgatory in it\n');
    expect(messageOf(stripped(purgatory, purgatory))).toBe('kexec.bin: 2 purgatories in it, which one is meant?\n');
    const many = Array.from({ length: 17 }, () => smallPurgatory(ARM64_EXECUTABLE));
    expect(messageOf(stripped(...many))).toBe('kexec.bin: more than 16 relocatable objects in it\n');
  });

  test('that ends within the object is an error', () => {
    const binary = stripped(purgatory);
    const cut = new Uint8Array(binary.length);
    cut.set(binary);
    // The table of sections of the object claims to lie behind the end of the file.
    new DataView(cut.buffer).setBigUint64(64 + 0x28, 1n << 63n, true);
    expect(messageOf(cut)).toBe('kexec.bin: no relocatable object in it\n');
  });
});

describe('a binary with symbols', () => {
  const withSymbols = (object: Uint8Array, arraySize: number, sizeValue: number): Uint8Array => {
    const sizeVariable = new Uint8Array(8);
    new DataView(sizeVariable.buffer).setBigUint64(0, BigInt(sizeValue), true);
    const before = zeros(24);
    return buildElf(ARM64_EXECUTABLE, [
      rodata(before, object, smallPurgatory(ARM64_EXECUTABLE)),
      { name: '.data', type: SHT_PROGBITS, data: sizeVariable, addr: 0x40340 },
      ...symbolSections(
        ARM64_EXECUTABLE,
        [
          { name: 'purgatory', section: 1, value: 0x18f70 + before.length, size: arraySize },
          { name: 'purgatory_size', section: 2, value: 0x40340, size: 8 },
        ],
        4,
      ),
    ]);
  };

  test('gives the array of that name, whatever else is in it', () => {
    expect(extractPurgatory(withSymbols(purgatory, purgatory.length, purgatory.length), 'x')).toEqual(purgatory);
    expect(extractPurgatory(withSymbols(purgatory, purgatory.length + 7, purgatory.length), 'x')).toEqual(purgatory);
  });

  test('whose array is no purgatory is an error', () => {
    const message = 'kexec.bin: its symbol "purgatory" is not a purgatory\n';
    expect(messageOf(withSymbols(purgatory.slice(1), 1000, 1000))).toBe(message);
    expect(messageOf(withSymbols(purgatory, purgatory.length - 1, 1 << 20))).toBe(message);
    expect(messageOf(withSymbols(purgatory, 0, 0))).toBe(message);
  });
});

test.each([
  ['nothing', zeros(0)],
  ['text', Uint8Array.from('#!/bin/sh\n', (char) => char.charCodeAt(0))],
  ['an object', purgatory],
  ['the start of an executable', stripped(purgatory).slice(0, 70)],
])('%s is not an executable', (_name, bytes) => {
  expect(messageOf(bytes)).toBe('kexec.bin: not an ELF executable\n');
});

test('gives a file full of headers up', () => {
  const header = smallPurgatory(ARM64_EXECUTABLE).slice(0, 64);
  expect(messageOf(stripped(...Array.from({ length: 10_000 }, () => header)))).toContain('more than 16');
});
