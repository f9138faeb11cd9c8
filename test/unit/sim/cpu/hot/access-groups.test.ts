import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Range } from '../../../../../kexec/base/range.js';
import { createCpu } from '../../../../../sim/cpu/cpu.js';
import { groupAccesses, type AlignmentOf } from '../../../../../sim/cpu/hot/access-groups.js';
import { INSTRUCTIONS } from '../../../../../sim/cpu/isa/index.js';
import { createDecoder } from '../../../../../sim/cpu/language/decode.js';
import { traceInstruction } from '../../../../../sim/cpu/language/trace-instruction.js';
import { PhysicalMemory } from '../../../../../sim/machine/memory.js';
import { branchBy, bytesOfWords, encode } from '../../../../support/processor/assemble.js';
import { bareHost } from '../../../../support/processor/bare-processor.js';

const X1 = 1;
const SP = 31;
const load = (Rn: number, offset: number): number =>
  encode('LDR, LDRB, LDRH (immediate, unsigned offset)', { size: 3, imm12: offset / 8, Rn, Rt: 2 });
const store = (Rn: number, offset: number): number =>
  encode('STR, STRB, STRH (immediate, unsigned offset)', { size: 3, imm12: offset / 8, Rn, Rt: 3 });
const loadByte = (Rn: number, offset: number): number =>
  encode('LDR, LDRB, LDRH (immediate, unsigned offset)', { size: 0, imm12: offset, Rn, Rt: 2 });
const loadAndAdd = (Rn: number, imm9: number): number =>
  encode('LDR, LDRB, LDRH (immediate, post-index)', { size: 3, imm9: imm9 & 0x1ff, Rn, Rt: 2 });
const loadPair = (Rn: number, offset: number): number =>
  encode('LDP (signed offset)', { wide: 1, imm7: (offset / 8) & 0x7f, Rt2: 4, Rn, Rt: 2 });
const add = (Rd: number, imm12: number): number => encode('ADD (immediate)', { sf: 1, sh: 0, imm12, Rn: Rd, Rd });
const copy = (Rd: number, Rn: number): number => encode('ADD (immediate)', { sf: 1, sh: 0, imm12: 0, Rn, Rd });

const decode = createDecoder(INSTRUCTIONS);
const CONTEXT = { forbidden: [], direct: new Set<string>(), unusualFpcr: false };

const tracesOf = (words: readonly number[]) =>
  words.map((word, i) => traceInstruction(BigInt(4 * i), decode(word), CONTEXT).trace);

/** Each access of each instruction: its group's number, or `alone`, and where it is in the group. */
const groupsOf = (words: readonly number[], alignmentOf: AlignmentOf = () => 1): readonly string[] => {
  const traces = tracesOf(words);
  const seen: unknown[] = [];
  return groupAccesses(traces, alignmentOf).flatMap((grouped, i) =>
    traces[i]!.effects.map((effect) => {
      const access = grouped?.get(effect);
      if (access === undefined) return 'alone';
      if (!seen.includes(access.group)) seen.push(access.group);
      return `${seen.indexOf(access.group)}+${access.offset}`;
    }),
  );
};

const strictly: AlignmentOf = ({ access }) => access.strictlyAligned;

describe('accesses relative to one register', () => {
  test('are a group', () => {
    expect(groupsOf([load(X1, 8), load(X1, 0), load(X1, 24)])).toEqual(['0+8', '0+0', '0+24']);
    expect(groupsOf([loadPair(SP, -16)])).toEqual(['0+0', '0+8']);
  });

  test('are none where there is only one', () => {
    expect(groupsOf([load(X1, 8), load(5, 0), store(X1, 16)])).toEqual(['alone', 'alone', 'alone']);
  });

  test('stay one where something constant is added to the register', () => {
    expect(groupsOf([loadAndAdd(X1, 8), loadAndAdd(X1, 8), add(X1, 16), load(X1, 8)])).toEqual(['0+0', '0+8', '0+40']);
    expect(groupsOf([loadAndAdd(X1, -8), load(X1, 0)])).toEqual(['0+8', '0+0']);
  });

  test('begin another one where it is set to something else', () => {
    expect(groupsOf([load(X1, 0), load(X1, 8), copy(X1, 5), load(X1, 0), load(X1, 8)])).toEqual([
      ...['0+0', '0+8', '1+0', '1+8'],
    ]);
    expect(groupsOf([load(2, 0), load(2, 8)])).toEqual(['alone', 'alone']);
  });

  test('begin another one where they are far from each other', () => {
    expect(groupsOf([load(X1, 0), load(X1, 248), load(X1, 256), load(X1, 264)])).toEqual([
      ...['0+0', '0+248', '1+0', '1+8'],
    ]);
  });

  test('are kept apart by what they do', () => {
    expect(groupsOf([load(X1, 0), store(X1, 0), load(X1, 8), store(X1, 8)])).toEqual(['0+0', '1+0', '0+8', '1+8']);
  });

  test('are aligned if the start is: what cannot be told of is in another group', () => {
    const unaligned = loadByte(X1, 3);
    expect(groupsOf([unaligned, load(X1, 8), load(X1, 16)], strictly)).toEqual(['0+3', '0+8', '0+16']);
    expect(groupsOf([load(X1, 0), add(X1, 4), load(X1, 0), load(X1, 8)], strictly)).toEqual(['alone', '0+0', '0+8']);
  });

  test('need SP looked at once while it has moved by multiples of 16', () => {
    const checkedIn = (...words: readonly number[]): readonly boolean[] => {
      const traces = tracesOf(words);
      return groupAccesses(traces, () => 1).flatMap((grouped, i) =>
        traces[i]!.effects.map((effect) => grouped!.get(effect)!.isSpChecked),
      );
    };
    expect(checkedIn(load(SP, 0), load(SP, 8), loadAndAdd(SP, 16), load(SP, 0))).toEqual([false, true, true, true]);
    expect(checkedIn(loadAndAdd(SP, 8), load(SP, 0))).toEqual([false, false]);
  });
});

const CODE = Range.sized(0x4000_0000n, 0x10_000n);
/** Two pages of RAM for data, with a device before them and nothing behind. */
const DATA = Range.sized(0x4010_0000n, 0x2000n);

/** A processor that runs programs one after the other; what it does there is to be the same however it does it. */
const createRunner = (hotRuns: number) => {
  const memory = new PhysicalMemory([CODE, DATA]);
  let devices: string[] = [];
  const host = bareHost(memory, {
    read: (address) => (address >= Number(DATA.start) ? undefined : BigInt(devices.push(`read ${address}`))),
    write: (address) => address < Number(DATA.start) && devices.push(`write ${address}`) > 0,
  });
  const cpu = createCpu(host, { hotRuns });
  let next = CODE.start;
  const runOnce = (start: bigint, x1: bigint) => {
    memory.write(
      DATA.start,
      Uint8Array.from({ length: Number(DATA.size) }, (_, i) => (i * 37) ^ (i >> 8)),
    );
    devices = [];
    cpu.setEl(1);
    cpu.pc = start;
    for (let register = 0; register < 31; register++) cpu.setX(register, BigInt(register) * 0x0102_0304_0506_0708n);
    cpu.setX(1, x1);
    const before = cpu.instructions;
    const stop = cpu.run({ stopOnException: true });
    return {
      kind: stop.kind,
      x: Array.from({ length: 31 }, (_, register) => cpu.getX(register)),
      pc: cpu.pc,
      instructions: cpu.instructions - before,
      data: Buffer.from(memory.read(DATA.start, Number(DATA.size))).toString('latin1'),
      devices,
    };
  };
  return (program: readonly number[], x1: bigint) => {
    const [start, code] = [next, bytesOfWords(...program, branchBy(0))];
    memory.write(start, code);
    next += BigInt(code.length);
    // What has run once is translated, if anything is.
    return [runOnce(start, x1), runOnce(start, x1)];
  };
};

test('groups at the ends of pages, of memory and over devices do what the interpreter does', () => {
  const offset = fc.integer({ min: 0, max: 20 }).map((n) => 8 * n);
  const instruction = fc.oneof(
    offset.map((at) => load(X1, at)),
    offset.map((at) => store(X1, at)),
    fc.integer({ min: 0, max: 100 }).map((at) => loadByte(X1, at)),
    fc.integer({ min: -16, max: 16 }).map((by) => loadAndAdd(X1, by)),
    offset.map((at) => loadPair(X1, at - 64)),
    fc.integer({ min: 0, max: 40 }).map((by) => add(X1, by)),
  );
  const start = fc
    .tuple(
      fc.constantFrom(DATA.start, DATA.start + 0x1000n, DATA.end),
      fc.integer({ min: -20, max: 1 }).map((n) => 8 * n),
      fc.constantFrom(0, 0, 0, 1, 4),
    )
    .map(([at, by, odd]) => at + BigInt(by + odd));
  const [translated, interpreted] = [createRunner(1), createRunner(2 ** 31 - 1)];
  fc.assert(
    fc.property(fc.array(instruction, { minLength: 2, maxLength: 12 }), start, (program, x1) => {
      expect(translated(program, x1)).toEqual(interpreted(program, x1));
    }),
    { numRuns: 300 },
  );
});
