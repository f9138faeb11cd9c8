import { describe, expect, test } from '@jest/globals';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KeptOutput } from '../../../../sim/commands/common/kept-output.js';
import { branchBy, bytesOfWords, encode } from '../../../support/processor/assemble.js';
import { type Ended, runSimToEnd } from '../../../support/run-support.js';
import { useTempDir } from '../../../support/machine/sim-support.js';

const temp = useTempDir();

const BASE = '0x40000000';

/** Writes instructions to a file. */
const program = (...words: readonly number[]): string => {
  const path = join(temp.make('program'), 'code');
  writeFileSync(path, bytesOfWords(...words));
  return path;
};

const cpu = (...args: readonly string[]): Promise<Ended> => runSimToEnd(['cpu', ...args], { HOME: temp.path });

const run = (code: string, ...args: readonly string[]): Promise<Ended> =>
  cpu('--load', `${code}@${BASE}`, '--pc', BASE, ...args);

interface Answer {
  readonly reason: Readonly<Record<string, unknown>>;
  readonly instructions: number;
  readonly output: string;
  readonly el: number;
  readonly registers: Readonly<Record<string, string>>;
}

const answer = async (code: string, ...args: readonly string[]): Promise<Answer> => {
  const { code: status, out, err } = await run(code, '--json', ...args);
  expect({ status, err }).toEqual({ status: 0, err: '' });
  return JSON.parse(out) as Answer;
};

/** MOV of 16 bits, `hw` halfwords up. */
const mov = (sf: 0 | 1, Rd: number, imm16: number, hw = 0): number => encode('MOVZ', { sf, hw, imm16, Rd });
const ADD_2 = encode('ADD (immediate)', { sf: 1, sh: 0, imm12: 2, Rn: 0, Rd: 0 });
const PUSH = encode('STR, STRB, STRH (immediate, pre-index)', { size: 3, imm9: 512 - 16, Rn: 31, Rt: 0 });
const STAY = branchBy(0);
const SUM = [mov(1, 0, 5), ADD_2, PUSH, STAY];
/** Writes W2 to the console, whose address is in X1. */
const PRINT = encode('STR, STRB, STRH (immediate, unsigned offset)', { size: 0, imm12: 0, Rn: 1, Rt: 2 });
const SAY_H = [mov(1, 1, 0x900, 1), mov(0, 2, 'h'.charCodeAt(0)), PRINT, mov(0, 2, '\n'.charCodeAt(0)), PRINT];
/** 0x84000008, SYSTEM_OFF, in two steps. */
const OFF = [mov(0, 0, 8), encode('MOVK', { sf: 0, hw: 1, imm16: 0x8400, Rd: 0 })];
const HVC = encode('HVC', { imm16: 0 });
const SMC = encode('SMC', { imm16: 0 });

describe('bare code', () => {
  test('runs to where it is stopped, and shows all registers', async () => {
    const { instructions, reason, registers, el } = await answer(
      program(...SUM),
      '--sp',
      '0x40001000',
      '--stop-at',
      '0x4000000c',
    );
    expect({ instructions, reason, el }).toEqual({
      instructions: 3,
      reason: { kind: 'stop-at', pc: '0x4000000c' },
      el: 1,
    });
    expect(registers).toMatchObject({
      x0: '0x7',
      x30: '0x0',
      sp: '0x40000ff0',
      pc: '0x4000000c',
      nzcv: '0x0',
      v31: '0x0',
    });
    expect(Object.keys(registers)).toHaveLength(31 + 3 + 32);
  });

  test('is told in words, one register a line', async () => {
    const { code: status, out } = await run(program(...SUM), '--sp', '0x40001000', '--stop-at', '0x40000008');
    expect(status).toBe(0);
    expect(out).toMatch(/^stopped at 0x40000008 after 2 instructions\nx0 {3}0x7\nx1 {3}0x0\n/);
  });

  test('ends exactly where its instructions are used up', async () => {
    expect(await answer(program(...SUM), '--max-instructions', '1')).toMatchObject({
      instructions: 1,
      registers: { x0: '0x5' },
    });
  });

  test('that goes round in circles is stuck', async () => {
    expect((await answer(program(...SUM), '--sp', '0x40001000')).reason).toMatchObject({
      kind: 'stuck',
      pc: '0x4000000c',
    });
  });

  test('prints through the console, and in JSON as a string', async () => {
    const code = program(...SAY_H, ...OFF, HVC);
    expect((await run(code)).out).toMatch(/^h\nthe machine switched itself off after 8 instructions\n/);
    expect(await answer(code)).toMatchObject({ output: 'h\n', reason: { kind: 'power', what: 'off' } });
  });

  test('at EL2 finds the firmware by SMC', async () => {
    const code = program(...OFF, SMC);
    expect(await answer(code, '--el', '2')).toMatchObject({ el: 2, reason: { kind: 'power', what: 'off' } });
    expect((await answer(code, '--machine', 'virt-el2-4g')).el).toBe(2);
  });

  test('may use vector registers', async () => {
    const dup = encode('DUP (general)', { Q: 1, imm5: 1, Rn: 0, Rd: 1 });
    const { registers } = await answer(program(mov(1, 0, 5), dup, STAY));
    expect(registers['v1']).toBe('0x05050505050505050505050505050505'.replace('0x0', '0x'));
  });

  test('starts with the registers of an earlier run', async () => {
    const first = join(temp.path, 'first.json');
    writeFileSync(first, (await run(program(...SUM), '--json', '--sp', '0x40001000')).out);
    expect((await answer(program(ADD_2, STAY), '--registers', first)).registers).toMatchObject({
      x0: '0x9',
      sp: '0x40000ff0',
    });
    writeFileSync(first, '{"x0": "0x10", "nzcv": "0x6"}');
    expect((await answer(program(ADD_2, STAY), '--registers', first)).registers).toMatchObject({
      x0: '0x12',
      nzcv: '0x6',
    });
  });

  test('leaves memory that can be written to a file', async () => {
    const file = join(temp.path, 'dump');
    await answer(program(...SUM), '--sp', '0x40001000', '--dump', `0x40000ff0,16=${file}`);
    expect([...readFileSync(file)]).toEqual([7, ...Array<number>(15).fill(0)]);
  });

  test('that faults is a failure, told in words', async () => {
    const load = encode('LDR, LDRB, LDRH (immediate, unsigned offset)', { size: 3, imm12: 0, Rn: 4, Rt: 3 });
    const { code: status, out, err } = await run(program(mov(1, 4, 0), load));
    expect(status).toBe(1);
    expect(out).toMatch(/^exception at 0x40000004 after \d+ instructions: .*abort/i);
    expect(err).toMatch(/^kexec-sim: exception at 0x40000004 .*\n$/);
  });
});

describe('much output', () => {
  /** Writes "A" to the console for ever. */
  const flood = (): string => program(mov(1, 1, 0x900, 1), mov(0, 2, 'A'.charCodeAt(0)), PRINT, branchBy(-1));

  test('is kept for JSON up to a limit, and counted', () => {
    const kept = new KeptOutput(5);
    for (const text of ['abc', 'def', 'ghi']) kept.put(text);
    expect([kept.text, kept.bytes]).toEqual(['abcde', 9]);
  });

  test('without line ends is shown as it comes', async () => {
    const { out } = await run(flood(), '--max-instructions', '20002');
    expect(out).toMatch(/^A{10000}the limit of 20002 instructions/);
  });
});

describe('mistakes', () => {
  const code = (): string => program(...SUM);

  test.each([
    [['--load', 'x'], '--load: "x" is not FILE@ADDR'],
    [['--load', '/nope@0x40000000'], 'Cannot read /nope: No such file or directory'],
    [['--stop-at', 'here'], '--stop-at: "here" is not an address'],
    [['--dump', '0x40000000'], '--dump: "0x40000000" is not ADDR,SIZE=FILE'],
    [['--max-instructions', '-1'], '--max-instructions: "-1" is not a number of instructions'],
    [['--registers', '/nope'], 'Cannot read /nope: No such file or directory'],
  ])('%j', async (args, message) => {
    expect(await run(code(), ...args)).toEqual({ code: 1, out: '', err: `kexec-sim: ${message}\n` });
  });

  test('no start', async () => {
    expect(await cpu()).toEqual({
      code: 1,
      out: '',
      err: 'kexec-sim: where to start is not told: --pc, or --registers with "pc" in it\n',
    });
  });

  test('in a file of registers', async () => {
    const file = join(temp.path, 'bad.json');
    for (const [text, message] of [
      ['{"x31": "0x0"}', 'there is no register "x31"'],
      ['{"nzcv": "0x10"}', '"nzcv": must be a string from "0x0" to "0xf"'],
      ['{"x0": 1}', '"x0": must be a string from "0x0" to "0xffffffffffffffff"'],
      ['[]', 'must be an object'],
    ] as const) {
      writeFileSync(file, text);
      expect((await run(code(), '--registers', file)).err).toBe(`kexec-sim: ${file}: ${message}\n`);
    }
  });

  test('code where there is no RAM', async () => {
    expect(await run(code(), '--load', `${code()}@0x10`)).toMatchObject({
      code: 1,
      err: 'kexec-sim: simulated machine: no RAM at 0x10 (16 bytes)\n',
    });
  });

  test('a file to be written that could not be, before the code runs', async () => {
    const path = join(temp.make('dump'), 'none', 'out');
    for (const [dump, message] of [
      ['0x0,0x10=f', '--dump: no RAM at 0x0 (16 bytes)'],
      [`${BASE},16=${path}`, `Cannot write ${path}: No such file or directory`],
    ] as const) {
      expect(await run(code(), '--max-instructions', '5', '--dump', dump)).toEqual({
        code: 1,
        out: '',
        err: `kexec-sim: ${message}\n`,
      });
    }
  });

  test('a file that cannot be written after all costs no register', async () => {
    const { code: status, out, err } = await run(code(), '--max-instructions', '5', '--dump', `${BASE},16=/dev/full`);
    expect({ status, err }).toEqual({
      status: 1,
      err: 'kexec-sim: Cannot write /dev/full: No space left on device\n',
    });
    expect(out).toMatch(/^x30 /m);
  });

  test('an option that is given twice', async () => {
    expect((await run(code(), '--pc', '0x0')).err).toBe(
      'kexec-sim: --pc is given 2 times\nTry "kexec-sim cpu --help".\n',
    );
  });

  test('devices, and files larger than the RAM', async () => {
    const path = program(...SUM);
    truncateSync(path, 3 * 2 ** 30);
    expect((await run(path)).err).toBe(
      `kexec-sim: ${path}: too large: 3221225472 bytes, where at most 2147483648 bytes are read\n`,
    );
    for (const args of [
      ['--load', `/dev/zero@${BASE}`],
      ['--registers', '/dev/zero'],
    ]) {
      expect((await run(code(), ...args)).err).toBe('kexec-sim: /dev/zero: neither a regular file nor a pipe\n');
    }
  });
});
