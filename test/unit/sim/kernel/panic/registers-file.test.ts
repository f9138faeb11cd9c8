import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { KexecError } from '../../../../../kexec/base/error.js';
import { parseRegisters } from '../../../../../sim/kernel/panic/registers-file.js';

describe('a file of registers', () => {
  test('has names and values in hexadecimal digits, as people and logs write them', () => {
    const text = '# of an oops\nx0=0x1 X1: ff\n\nlr : ffff800008010000\tpc=0xffff800008010004 # there\npid=42';
    expect([...parseRegisters(text, 'f')]).toEqual([
      ['x0', 1n],
      ['x1', 0xffn],
      ['x30', 0xffff_8000_0801_0000n],
      ['pc', 0xffff_8000_0801_0004n],
      ['pid', 42n],
    ]);
  });

  test.each([
    ['x31=0', 'f: line 1: there is no register "x31"'],
    ['x0=1\nx0=2', 'f: line 2: x0 is there twice'],
    ['x30=1 lr=2', 'f: line 1: x30 is there twice'],
    ['x0=0x12345678901234567', 'f: line 1: "x0=0x12345678901234567" is no register and its value, as in x0=0x1'],
    ['x0', 'f: line 1: "x0" is no register and its value, as in x0=0x1'],
    ['pc : panic+0x10/0x20', 'f: line 1: "pc : panic+0x10/0x20" is no register and its value, as in x0=0x1'],
    ['pid=4194304', 'f: line 1: 4194304 is no process: 0 to 4194303'],
    ['pid=0x1', 'f: line 1: 0x1 is no process: 0 to 4194303'],
  ])('is refused: %j', (text, message) => {
    expect(() => parseRegisters(text, 'f')).toThrow(message);
  });

  test('gives what was written', () => {
    const name = fc.integer({ min: 0, max: 30 }).map((number) => `x${number}`);
    const registers = fc.dictionary(name, fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }));
    fc.assert(
      fc.property(
        registers,
        fc.constantFrom('=', ' = ', ': ', ' : '),
        fc.constantFrom(' ', '\n'),
        (values, is, gap) => {
          const text = Object.entries(values)
            .map(([register, value]) => `${register}${is}${value.toString(16)}`)
            .join(gap);
          expect(Object.fromEntries(parseRegisters(text, 'f'))).toEqual({ ...values });
        },
      ),
    );
  });

  test('whatever it has, ends with registers or a KexecError', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseRegisters(text, 'f');
        } catch (error) {
          expect(error).toBeInstanceOf(KexecError);
        }
      }),
    );
  });
});
