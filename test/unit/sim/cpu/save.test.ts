import { describe, expect, test } from '@jest/globals';
import { Range } from '../../../../kexec/base/range.js';
import { createCpus } from '../../../../sim/cpu/cpu.js';
import type { CpuModel } from '../../../../sim/cpu/state/model.js';
import { type SavedCpu, SavedCpuError } from '../../../../sim/cpu/state/saved-cpu.js';
import { Board } from '../../../../sim/machine/board.js';
import { branchBy, bytesOfWords, encode } from '../../../support/processor/assemble.js';

const RAM = Range.sized(0x4000_0000n, 0x2_0000n);
const CODE = RAM.start;
const DATA = RAM.start + 0x8000n;

/** Counts what both processors count, by exclusive accesses, and the failures of those; then waits for an event. */
const PROGRAM = [
  encode('LDXR, LDXRB, LDXRH, LDAXR, LDAXRB, LDAXRH', { size: 3, Rs: 31, acquire: 0, Rt2: 31, Rn: 1, Rt: 0 }),
  encode('ADD (immediate)', { sf: 1, sh: 0, imm12: 1, Rn: 0, Rd: 0 }),
  encode('STXR, STXRB, STXRH, STLXR, STLXRB, STLXRH', { size: 3, Rs: 2, release: 0, Rt2: 31, Rn: 1, Rt: 0 }),
  encode('ADD (shifted register)', { sf: 1, shift: 0, Rm: 2, imm6: 0, Rn: 3, Rd: 3 }),
  encode('SUBS (immediate)', { sf: 1, sh: 0, imm12: 7, Rn: 0, Rd: 4 }),
  encode('ADC', { sf: 1, Rm: 31, Rn: 5, Rd: 5 }),
  branchBy(-6),
];

interface Machine {
  readonly board: Board;
  readonly cpus: readonly CpuModel[];
}

const open = (hotRuns: number, highestEl: 1 | 2): Machine => {
  const board = new Board({ ram: [RAM], devices: [], highestEl });
  return { board, cpus: createCpus(board, [0n, 1n], { hotRuns }) };
};

const begin = (hotRuns: number): Machine => {
  const machine = open(hotRuns, 2);
  machine.board.memory.write(CODE, bytesOfWords(...PROGRAM));
  for (const cpu of machine.cpus) {
    cpu.setEl(1);
    cpu.setX(1, DATA);
    cpu.setV(7, (1n << 127n) | 5n);
    cpu.setSystemRegister('TPIDR_EL0', 0x1234n);
    cpu.setSystemRegister('SP_EL0', 0x5678n);
    cpu.setSystemRegister('SPSel', 0n);
    cpu.pc = CODE;
  }
  return machine;
};

/** The same machine, of what was saved. */
const copy = ({ board, cpus }: Machine, hotRuns: number): Machine => {
  const other = open(hotRuns, 2);
  other.board.memory.write(RAM.start, board.memory.read(RAM.start, Number(RAM.size)));
  cpus.forEach((cpu, i) => other.cpus[i]!.restore(cpu.save()));
  return other;
};

const run = ({ cpus }: Machine, ...turns: readonly bigint[]): void => {
  turns.forEach((instructions, i) => {
    const end = cpus[i % cpus.length]!.run({ maxInstructions: instructions, stopOnException: true });
    expect(end.kind).toBe('max-instructions');
  });
};

const stateOf = ({ board, cpus }: Machine): unknown => [cpus.map((cpu) => cpu.save()), board.memory.read64(DATA)];

describe.each([
  ['interpreted', 2 ** 31 - 1],
  ['translated', 1],
])('a processor whose code is %s goes on from what was saved', (_, hotRuns) => {
  test('with its marks for exclusive stores, wherever it is', () => {
    const machine = begin(hotRuns);
    for (let turn = 0; turn < 20; turn++) {
      run(machine, BigInt(1 + (turn % 5)), BigInt(1 + ((3 * turn) % 7)));
      const other = copy(machine, hotRuns);
      expect(stateOf(other)).toEqual(stateOf(machine));
      run(machine, 3n, 2n, 9n, 4n);
      run(other, 3n, 2n, 9n, 4n);
      expect(stateOf(other)).toEqual(stateOf(machine));
    }
    const [{ general }] = machine.cpus.map((cpu) => cpu.save()) as [SavedCpu];
    // Some stores failed.
    expect(general.x[3]).toBeGreaterThan(0n);
  });
});

test('at each exception level', () => {
  const machine = begin(1);
  const [cpu] = machine.cpus as [CpuModel];
  for (const [el, spSel] of [
    [0, 0],
    [1, 1],
    [2, 0],
    [2, 1],
  ] as const) {
    cpu.setEl(el);
    if (el > 0) cpu.setSystemRegister('SPSel', BigInt(spSel));
    cpu.sp = BigInt(0x1000 + el + spSel);
    const other = copy(machine, 1).cpus[0]!;
    expect([other.el, other.sp, other.getSystemRegister('SP_EL0')]).toEqual([
      el,
      cpu.sp,
      cpu.getSystemRegister('SP_EL0'),
    ]);
    expect(other.save()).toEqual(cpu.save());
  }
});

test('with FPSR of files in which it was beside the registers alone', () => {
  const [cpu, other] = open(1, 2).cpus as [CpuModel, CpuModel];
  const saved = cpu.save();
  expect(saved.system.registers.get('FPSR')).toBe(0n);
  other.restore({ ...saved, fpsr: 0xf800_001f });
  expect(other.getSystemRegister('FPSR')).toBe(0xf800_001fn);
  expect(other.save()).toMatchObject({ fpsr: 0xf800_001f });
});

test('not from what another processor was', () => {
  const saved = begin(1).cpus[0]!.save();
  const { system } = saved;
  const withRegister = (name: string, value: bigint): SavedCpu => ({
    ...saved,
    system: { ...system, registers: new Map([...system.registers, [name, value]]) },
  });
  const broken: readonly (readonly [SavedCpu, string])[] = [
    [withRegister('S0_0_C0_C0_0', 0n), 'there is a register that it has not'],
    [withRegister('PMCR_EL0', 1n), 'PMCR_EL0 asks for performance counters that count, which is not modelled'],
    [
      { ...saved, system: { ...system, registers: new Map([...system.registers].slice(1)) } },
      `${[...system.registers.keys()][0]!} is missing`,
    ],
  ];
  for (const [state, message] of broken) {
    expect(() => open(1, 2).cpus[0]!.restore(state)).toThrow(new SavedCpuError(message));
  }
  const atEl2 = { ...saved, system: { ...system, el: 2 as const } };
  expect(() => open(1, 1).cpus[0]!.restore(atEl2)).toThrow(new SavedCpuError('there is no EL2'));
});
