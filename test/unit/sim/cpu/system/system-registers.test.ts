import { describe, expect, test } from '@jest/globals';
import { packEncoding, parseEncoding } from '../../../../../sim/cpu/system/registers/sysreg.js';
import { SYSTEM_OPERATIONS } from '../../../../../sim/cpu/system/operations.js';
import { SYSTEM_REGISTERS } from '../../../../../sim/cpu/system/registers/index.js';
import { fakeMachine, type FakeMachine } from '../../../../support/processor/fake-core.js';
import { execute, mrs, msr, selectSp } from '../../../../support/processor/run-system.js';

const UNDEFINED = 0x0200_0000n;
const CONTROL = 'S3_0_C1_C0_0';

/** ESR of the exception that an instruction takes to an exception level; undefined if it takes none. */
const trapped = (machine: FakeMachine, word: number, target: 1 | 2 = 1): bigint | undefined => {
  const { state, core } = machine;
  state.setSystemRegister(`ESR_EL${target}`, 0n);
  core.pc = 0x1000n;
  execute(machine, word);
  if (core.pc === 0x1004n) return undefined;
  expect([state.el, core.pc & 0x7ffn]).toEqual([target, expect.anything()]);
  return state.getSystemRegister(`ESR_EL${target}`);
};

const read = (machine: FakeMachine, at: string): bigint => {
  machine.core.setX(3, 0xdeadn);
  execute(machine, mrs(at, 3));
  return machine.core.getX(3);
};

const write = (machine: FakeMachine, at: string, value: bigint): void => {
  machine.core.setX(3, value);
  execute(machine, msr(at, 3));
};

test('every register has a name and an encoding of its own, as every system operation', () => {
  expect(SYSTEM_REGISTERS.length).toBeGreaterThan(150);
  for (const values of [
    SYSTEM_REGISTERS.map(({ name }) => name),
    SYSTEM_REGISTERS.map(({ at }) => packEncoding(parseEncoding(at))),
    SYSTEM_OPERATIONS.map(({ name }) => name),
    SYSTEM_OPERATIONS.map(({ encoding }) => packEncoding(encoding)),
  ]) {
    expect(new Set<string | number>(values).size).toBe(values.length);
  }
});

test('the controls that trap exist', () => {
  const names = SYSTEM_REGISTERS.map(({ name }) => name);
  for (const { traps = [] } of [...SYSTEM_REGISTERS, ...SYSTEM_OPERATIONS]) {
    for (const { register } of traps) expect(names).toContain(register);
  }
});

describe('reading and writing', () => {
  test('a register holds what was written, and its fixed bits', () => {
    const machine = fakeMachine();
    write(machine, 'S3_0_C12_C0_0', 0xffff_8000_0000_1234n);
    expect(read(machine, 'S3_0_C12_C0_0')).toBe(0xffff_8000_0000_1000n);
    expect(machine.state.getSystemRegister('VBAR_EL1')).toBe(0xffff_8000_0000_1000n);
    expect(machine.core.pc).toBe(0x1008n);
  });

  test('XZR is read as zero and takes nothing', () => {
    const machine = fakeMachine();
    machine.state.setSystemRegister('TPIDR_EL1', 5n);
    execute(machine, msr('S3_0_C13_C0_4', 31));
    expect(machine.state.getSystemRegister('TPIDR_EL1')).toBe(0n);
    execute(machine, mrs('S3_0_C0_C0_0', 31));
    expect(machine.core.getX(31)).toBe(0n);
  });

  // Read on qemu-system-aarch64 7.2 -cpu cortex-a57.
  test.each<[name: string, at: string, value: bigint]>([
    ['MIDR_EL1', 'S3_0_C0_C0_0', 0x411f_d070n],
    ['MPIDR_EL1', 'S3_0_C0_C0_5', 0x8000_0000n],
    ['ID_AA64PFR0_EL1', 'S3_0_C0_C4_0', 0x22n],
    ['ID_AA64DFR0_EL1', 'S3_0_C0_C5_0', 0x1030_5106n],
    ['ID_MMFR3_EL1', 'S3_0_C0_C1_7', 0x0210_2211n],
    ['ID_ISAR2_EL1', 'S3_0_C0_C2_2', 0x2123_2042n],
    ['CTR_EL0', 'S3_3_C0_C0_1', 0x8444_c004n],
    ['CLIDR_EL1', 'S3_1_C0_C0_1', 0x0a20_0023n],
    ['CCSIDR_EL1', 'S3_1_C0_C0_0', 0x701f_e00an],
    ['DCZID_EL0', 'S3_3_C0_C0_7', 4n],
    ['SCTLR_EL1', CONTROL, 0x00c5_0838n],
    ['CNTFRQ_EL0', 'S3_3_C14_C0_0', 62_500_000n],
    ['OSLSR_EL1', 'S2_0_C1_C1_4', 0xan],
    ['PMCR_EL0', 'S3_3_C9_C12_0', 0x4101_3000n],
    ['CurrentEL', 'S3_0_C4_C2_2', 4n],
    ['DAIF', 'S3_3_C4_C2_1', 0x3c0n],
    ['SPSel', 'S3_0_C4_C2_0', 1n],
    ['reserved ID register', 'S3_0_C0_C7_5', 0n],
  ])('%s at reset', (_name, at, value) => {
    expect(read(fakeMachine(), at)).toBe(value);
  });

  test('MPIDR_EL1 tells the processors of a machine apart', () => {
    expect(read(fakeMachine(1, 0x1_0000_0203n), 'S3_0_C0_C0_5')).toBe(0x1_8000_0203n);
    const guest = fakeMachine(2, 3n);
    guest.state.setEl(1);
    expect(read(guest, 'S3_0_C0_C0_5')).toBe(0x8000_0003n);
  });

  test('EL2 sets what EL1 reads as MIDR_EL1 and MPIDR_EL1', () => {
    const machine = fakeMachine(2);
    write(machine, 'S3_4_C0_C0_0', 0x1234n);
    write(machine, 'S3_4_C0_C0_5', 0x8000_0007n);
    expect(read(machine, 'S3_0_C0_C0_0')).toBe(0x411f_d070n);
    machine.state.setEl(1);
    expect(read(machine, 'S3_0_C0_C0_0')).toBe(0x1234n);
    expect(read(machine, 'S3_0_C0_C0_5')).toBe(0x8000_0007n);
  });

  test('CCSIDR_EL1 describes the cache that CSSELR_EL1 selects', () => {
    const machine = fakeMachine();
    write(machine, 'S3_2_C0_C0_0', 2n);
    expect(read(machine, 'S3_1_C0_C0_0')).toBe(0x70ff_e07an);
  });

  test("flags, interrupt masks and floating-point controls are the processor's own", () => {
    const machine = fakeMachine();
    machine.state.setSystemRegister('CPACR_EL1', 0x30_0000n);
    write(machine, 'S3_3_C4_C2_0', 0xffff_ffffn);
    expect(machine.core.nzcv).toBe(15);
    write(machine, 'S3_3_C4_C2_1', 0x80n);
    expect(machine.state.daif).toBe(2);
    write(machine, 'S3_3_C4_C4_0', 0xffff_ffffn);
    expect(read(machine, 'S3_3_C4_C4_0')).toBe(0x7c0_0000n);
    write(machine, 'S3_3_C4_C4_1', 0xffff_ffffn);
    expect(read(machine, 'S3_3_C4_C4_1')).toBe(0xf800_009fn);
  });

  test('FPSR is accessed by code itself, but where floating point is trapped', () => {
    const machine = fakeMachine();
    const direct = (): readonly string[] => [...machine.state.directAccesses].filter((access) => /FPSR/.test(access));
    expect(direct()).toEqual([]);
    machine.state.setSystemRegister('CPACR_EL1', 0x10_0000n);
    expect(direct()).toEqual(['read FPSR', 'write FPSR']);
    machine.state.setEl(0);
    expect(direct()).toEqual([]);
    machine.state.setSystemRegister('CPACR_EL1', 0x30_0000n);
    expect(direct()).toEqual(['read FPSR', 'write FPSR']);
  });

  test('the counter runs with the instructions, and CNTVOFF_EL2 sets the virtual one apart', () => {
    const machine = fakeMachine(2);
    machine.core.instructions = 500n;
    write(machine, 'S3_4_C14_C0_3', 300n);
    expect(read(machine, 'S3_3_C14_C0_1')).toBe(1000n);
    expect(read(machine, 'S3_3_C14_C0_2')).toBe(700n);
  });

  test('a timer counts down to its compare value, and says when it is reached', () => {
    const machine = fakeMachine();
    write(machine, 'S3_3_C14_C2_0', 100n);
    write(machine, 'S3_3_C14_C2_1', 1n);
    expect(read(machine, 'S3_3_C14_C2_2')).toBe(100n);
    expect(read(machine, 'S3_3_C14_C2_1')).toBe(1n);
    machine.core.instructions = 51n;
    expect(read(machine, 'S3_3_C14_C2_0')).toBe(0xffff_fffen);
    expect(read(machine, 'S3_3_C14_C2_1')).toBe(5n);
  });

  test('the OS lock shows in OSLSR_EL1', () => {
    const machine = fakeMachine();
    write(machine, 'S2_0_C1_C0_4', 0n);
    expect(read(machine, 'S2_0_C1_C1_4')).toBe(8n);
  });

  test('set and clear registers share their bits', () => {
    const machine = fakeMachine();
    write(machine, 'S3_3_C9_C12_1', 0xffff_ffffn);
    write(machine, 'S3_3_C9_C12_2', 0x8000_0001n);
    expect(read(machine, 'S3_3_C9_C12_1')).toBe(0x3en);
  });

  test('PMSELR_EL0 selects an event counter', () => {
    const machine = fakeMachine();
    write(machine, 'S3_3_C9_C12_5', 2n);
    write(machine, 'S3_3_C9_C13_1', 0x11n);
    expect(read(machine, 'S3_3_C14_C12_2')).toBe(0x11n);
  });
});

describe('stack pointers', () => {
  test('are kept for each exception level', () => {
    const machine = fakeMachine(2);
    machine.core.sp = 0x2000n;
    write(machine, 'S3_0_C4_C1_0', 0x100n);
    write(machine, 'S3_4_C4_C1_0', 0x1000n);
    machine.state.setEl(1);
    expect(machine.core.sp).toBe(0x1000n);
    execute(machine, selectSp(0));
    expect(machine.core.sp).toBe(0x100n);
    machine.core.sp = 0x180n;
    expect(machine.state.getSystemRegister('SP_EL0')).toBe(0x180n);
    expect(machine.state.getSystemRegister('SP_EL2')).toBe(0x2000n);
    execute(machine, selectSp(1));
    expect(machine.core.sp).toBe(0x1000n);
    expect(read(machine, 'S3_0_C4_C1_0')).toBe(0x180n);
  });

  test('SP_EL0 is undefined while it is in use', () => {
    const machine = fakeMachine();
    execute(machine, selectSp(0));
    expect(trapped(machine, mrs('S3_0_C4_C1_0'))).toBe(UNDEFINED);
  });
});

describe('who may', () => {
  test.each<[what: string, el: 0 | 1, word: number]>([
    ['an EL1 register at EL0', 0, mrs(CONTROL)],
    ['an EL2 register at EL1', 1, mrs('S3_4_C1_C1_0')],
    ['an EL3 register at EL1', 1, mrs('S3_6_C1_C1_0')],
    ['a register of a later architecture', 1, mrs('S3_0_C1_C2_0')],
    ['writing an ID register', 1, msr('S3_0_C0_C0_0')],
    ['writing CNTFRQ_EL0 at EL0', 0, msr('S3_3_C14_C0_0')],
    ['writing TPIDRRO_EL0 at EL0', 0, msr('S3_3_C13_C0_3')],
    ['reading OSLAR_EL1', 1, mrs('S2_0_C1_C0_4')],
    ['an unallocated SYS', 1, msr('S1_0_C7_C14_7')],
    ['SYSL', 1, mrs('S1_0_C7_C1_0')],
    ['TLBI at EL0', 0, msr('S1_0_C8_C7_0', 31)],
    ['TLBI of EL2 at EL1', 1, msr('S1_4_C8_C7_0', 31)],
    ['IC IALLU at EL0', 0, msr('S1_0_C7_C5_0', 31)],
    ['SPSel at EL0', 0, selectSp(1)],
  ])('%s is undefined', (_what, el, word) => {
    const machine = fakeMachine();
    machine.state.setEl(el);
    expect(trapped(machine, word)).toBe(UNDEFINED);
  });

  test('CNTFRQ_EL0 is written at the highest exception level only', () => {
    expect(trapped(fakeMachine(1), msr('S3_3_C14_C0_0'))).toBeUndefined();
    const machine = fakeMachine(2);
    expect(trapped(machine, msr('S3_3_C14_C0_0'))).toBeUndefined();
    machine.state.setEl(1);
    expect(trapped(machine, msr('S3_3_C14_C0_0'))).toBe(UNDEFINED);
  });

  test.each<[what: string, control: string, bit: bigint, word: number, esr: bigint]>([
    ['CTR_EL0', 'SCTLR_EL1', 1n << 15n, mrs('S3_3_C0_C0_1', 5), 0x6232_c0a1n],
    ['DAIF', 'SCTLR_EL1', 1n << 9n, mrs('S3_3_C4_C2_1'), 0x6232_d005n],
    ['DAIFSet', 'SCTLR_EL1', 1n << 9n, 0xd503_42df, 0x620c_d3e4n],
    ['CNTVCT_EL0', 'CNTKCTL_EL1', 2n, mrs('S3_3_C14_C0_2'), 0x6234_f801n],
    ['PMCCNTR_EL0', 'PMUSERENR_EL0', 4n, mrs('S3_3_C9_C13_0'), 0x6230_e41bn],
  ])('EL0 is trapped at %s unless %s allows it', (_what, control, bit, word, esr) => {
    const machine = fakeMachine();
    machine.state.setSystemRegister('SCTLR_EL1', 0n);
    machine.state.setEl(0);
    expect(trapped(machine, word)?.toString(16)).toBe(esr.toString(16));
    machine.state.setSystemRegister(control, bit);
    machine.state.setEl(0);
    expect(trapped(machine, word)).toBeUndefined();
  });

  test.each<[what: string, control: string, value: bigint, allowed: bigint, word: number]>([
    ['writing SCTLR_EL1', 'HCR_EL2', 1n << 26n, 0n, msr(CONTROL)],
    ['reading TTBR0_EL1', 'HCR_EL2', 1n << 30n, 0n, mrs('S3_0_C2_C0_0')],
    ['ID_AA64PFR0_EL1', 'HCR_EL2', 1n << 18n, 0n, mrs('S3_0_C0_C4_0')],
    ['a reserved ID register', 'HCR_EL2', 1n << 18n, 0n, mrs('S3_0_C0_C4_7')],
    ['TLBI', 'HCR_EL2', 1n << 25n, 0n, msr('S1_0_C8_C7_0', 31)],
    ['DC CSW', 'HCR_EL2', 1n << 22n, 0n, msr('S1_0_C7_C10_2')],
    ['CPACR_EL1', 'CPTR_EL2', 1n << 31n, 0n, mrs('S3_0_C1_C0_2')],
    ['MDSCR_EL1', 'MDCR_EL2', 1n << 9n, 0n, mrs('S2_0_C0_C2_2')],
    ['CNTPCT_EL0', 'CNTHCTL_EL2', 0n, 1n, mrs('S3_3_C14_C0_1')],
    ['CNTP_CTL_EL0', 'CNTHCTL_EL2', 0n, 2n, mrs('S3_3_C14_C2_1')],
  ])('EL2 traps %s at EL1 where %s says so', (_what, control, value, allowed, word) => {
    const machine = fakeMachine(2);
    machine.state.setSystemRegister(control, value);
    machine.state.setEl(1);
    expect((trapped(machine, word, 2) ?? 0n) >> 26n).toBe(0x18n);
    machine.state.setSystemRegister(control, allowed);
    machine.state.setEl(1);
    expect(trapped(machine, word, 2)).toBeUndefined();
  });

  test('a machine without EL2 has no such traps', () => {
    expect(trapped(fakeMachine(), mrs('S3_3_C14_C0_1'))).toBeUndefined();
  });

  test('FPCR is trapped as a floating-point instruction', () => {
    expect(trapped(fakeMachine(), mrs('S3_3_C4_C4_0'))).toBe(0x1fe0_0000n);
  });
});

describe('what is not modelled ends the run', () => {
  test.each<[what: string, word: number, value: bigint, words: string]>([
    ['big-endian data', msr(CONTROL), 1n << 25n, 'big-endian data (SCTLR_EL1)'],
    ['cache RAM', msr('S1_0_C15_C4_0'), 0n, 'access to the RAM of the caches (RAMINDEX)'],
  ])('%s', (_what, word, value, what) => {
    const machine = fakeMachine();
    machine.core.setX(0, value);
    execute(machine, word);
    expect(machine.core.pc).toBe(0x1000n);
    expect(machine.state.takeStop()).toEqual({ kind: 'unmodelled', pc: 0x1000n, encoding: word, what });
    expect(machine.state.takeStop()).toBeUndefined();
  });

  test('and is refused to those who set registers by name', () => {
    const { state } = fakeMachine();
    expect(() => state.setSystemRegister('SCTLR_EL1', 1n << 25n)).toThrow('no model of big-endian data');
    expect(() => state.setSystemRegister('ICC_SRE_EL1', 0n)).toThrow('no system register ICC_SRE_EL1');
    expect(() => state.setSystemRegister('MIDR_EL1', 0n)).toThrow('can only be read');
    expect(() => state.getSystemRegister('SCTLR_EL9')).toThrow('no system register SCTLR_EL9');
    expect(() => state.setEl(2)).toThrow('the machine has no EL2');
  });
});

describe('what a write changes', () => {
  test('the context, if it is another value', () => {
    const machine = fakeMachine();
    write(machine, CONTROL, 0x00c5_0838n);
    expect(machine.core.log).toEqual([]);
    write(machine, CONTROL, 0x00c5_0839n);
    expect(machine.core.log).toEqual(['space 0 0', 'flush', 'context']);
  });

  test('the translations', () => {
    const machine = fakeMachine();
    write(machine, 'S3_0_C2_C0_0', 0x4000_0000n);
    write(machine, 'S3_0_C13_C0_4', 0x4000_0000n);
    expect(machine.core.log).toEqual(['space 40000000 0']);
  });
});
