import { describe, expect, test } from '@jest/globals';
import { packSpsr, unpackSpsr, type ReturnRules } from '../../../../../sim/cpu/system/exceptions.js';
import { encode } from '../../../../support/processor/assemble.js';
import { fakeMachine, RAM_START, type FakeMachine } from '../../../../support/processor/fake-core.js';
import { execute, msr, selectSp } from '../../../../support/processor/run-system.js';

const SVC_7 = encode('SVC', { imm16: 7 });
const HVC_7 = encode('HVC', { imm16: 7 });
const SMC_7 = encode('SMC', { imm16: 7 });
const BRK_7 = encode('BRK', { imm16: 7 });
const HLT_7 = encode('HLT', { imm16: 7 });
const ERET = encode('ERET');
const WFE = encode('WFE');
const WFI = encode('WFI');
const SEV = encode('SEV');
const SEVL = encode('SEVL');
const UNDEFINED = 0x0200_0000n;

/** A machine at an exception level, with vectors at 0x10000 and 0x20000, and AArch64 below EL2. */
const machineAt = (el: 0 | 1 | 2, highestEl: 1 | 2 = 2): FakeMachine => {
  const machine = fakeMachine(highestEl);
  machine.state.setSystemRegister('VBAR_EL1', 0x1_0000n);
  machine.state.setSystemRegister('VBAR_EL2', 0x2_0000n);
  machine.state.setSystemRegister('HCR_EL2', 1n << 31n);
  machine.state.setEl(el);
  machine.core.pc = 0x1000n;
  return machine;
};

const set = ({ state }: FakeMachine, name: string, bits: bigint): void =>
  state.setSystemRegister(name, state.getSystemRegister(name) | bits);

/** Where it went, from which state, and why. */
const taken = ({ state, core }: FakeMachine): Readonly<Record<string, unknown>> => {
  const read = (name: string): bigint => state.getSystemRegister(`${name}_EL${state.el}`);
  return { el: state.el, pc: core.pc, esr: read('ESR'), elr: read('ELR'), spsr: read('SPSR') };
};

describe('taking an exception', () => {
  test('saves the state, masks interrupts and selects SP_ELx', () => {
    const machine = machineAt(1);
    machine.core.nzcv = 9;
    machine.state.daif = 2;
    machine.state.takeUndefined();
    expect(taken(machine)).toEqual({ el: 1, pc: 0x1_0200n, esr: UNDEFINED, elr: 0x1000n, spsr: 0x9000_0085n });
    expect(machine.state.daif).toBe(15);
  });

  test('has a vector for SP_EL0, one for SP_ELx, and one for lower levels', () => {
    const machine = machineAt(1);
    machine.core.sp = 0x111n;
    execute(machine, selectSp(0));
    machine.core.sp = 0x100n;
    machine.state.takeUndefined();
    expect([machine.core.pc, machine.core.sp]).toEqual([0x1_0000n, 0x111n]);
    machine.state.takeUndefined();
    expect(machine.core.pc).toBe(0x1_0200n);
    const user = machineAt(0);
    user.state.takeUndefined();
    expect(user.core.pc).toBe(0x1_0400n);
  });

  test.each<[what: string, take: (machine: FakeMachine) => void, esr: bigint, far: bigint]>([
    [
      'a data abort',
      ({ state }) => state.takeAbort({ kind: 'data', virtAddr: 0x77n, faultStatus: 6, isWrite: true }),
      0x9600_0046n,
      0x77n,
    ],
    [
      'an abort of cache maintenance',
      ({ state }) => state.takeAbort({ kind: 'data', virtAddr: 0x77n, faultStatus: 6, cacheMaintenance: true }),
      0x9600_0146n,
      0x77n,
    ],
    [
      'an instruction abort',
      ({ state }) => state.takeAbort({ kind: 'instruction', virtAddr: 0x77n, faultStatus: 6 }),
      0x8600_0006n,
      0x77n,
    ],
    ['a misaligned program counter', ({ state }) => state.takePcAlignment(), 0x8a00_0000n, 0x1000n],
    ['a misaligned stack pointer', ({ state }) => state.takeSpAlignment(), 0x9a00_0000n, 0x55n],
    ['a floating-point trap', ({ state }) => state.takeFpTrap(), 0x1fe0_0000n, 0x55n],
  ])('%s has its syndrome and address', (_what, take, esr, far) => {
    const machine = machineAt(1);
    machine.state.setSystemRegister('FAR_EL1', 0x55n);
    take(machine);
    expect(taken(machine)).toMatchObject({ esr, elr: 0x1000n });
    expect(machine.state.getSystemRegister('FAR_EL1')).toBe(far);
  });

  test('an abort from below has another class', () => {
    const machine = machineAt(0);
    machine.state.takeAbort({ kind: 'data', virtAddr: 0n, faultStatus: 7 });
    expect(taken(machine)).toMatchObject({ el: 1, esr: 0x9200_0007n });
    const code = machineAt(0);
    code.state.takeAbort({ kind: 'instruction', virtAddr: 0n, faultStatus: 7 });
    expect(taken(code)).toMatchObject({ el: 1, esr: 0x8200_0007n });
  });

  test('HCR_EL2.TGE sends to EL2 what EL1 would take', () => {
    const machine = machineAt(0);
    set(machine, 'HCR_EL2', 1n << 27n);
    execute(machine, SVC_7);
    expect(taken(machine)).toEqual({ el: 2, pc: 0x2_0400n, esr: 0x5600_0007n, elr: 0x1004n, spsr: 0x3c0n });
  });

  test('a floating-point trap that EL2 takes in place of EL1 is an undefined instruction', () => {
    const machine = machineAt(0);
    set(machine, 'HCR_EL2', 1n << 27n);
    machine.state.takeFpTrap();
    expect(taken(machine)).toMatchObject({ el: 2, esr: UNDEFINED });
  });

  test('stops the run before it is taken, if that is wanted, but not for calls', () => {
    const machine = machineAt(1);
    machine.state.stopsOn = () => true;
    machine.state.takeAbort({ kind: 'data', virtAddr: 0x77n, faultStatus: 6 });
    expect([machine.state.el, machine.core.pc, machine.state.getSystemRegister('ESR_EL1')]).toEqual([1, 0x1000n, 0n]);
    expect(machine.state.takeStop()).toEqual({
      kind: 'exception',
      pc: 0x1000n,
      exception: {
        target: 1,
        vector: 'synchronous',
        esr: 0x9600_0006n,
        far: 0x77n,
        elr: 0x1000n,
        spsr: 0x3c5n,
        handler: 0x1_0200n,
      },
    });
    execute(machine, SVC_7);
    expect(machine.state.takeStop()).toBeUndefined();
    expect(machine.core.pc).toBe(0x1_0200n);
  });
});

describe('calls', () => {
  test.each<[what: string, el: 0 | 1 | 2, word: number, target: number, esr: bigint, elr: bigint]>([
    ['SVC at EL0', 0, SVC_7, 1, 0x5600_0007n, 0x1004n],
    ['SVC at EL2', 2, SVC_7, 2, 0x5600_0007n, 0x1004n],
    ['HVC at EL0', 0, HVC_7, 1, UNDEFINED, 0x1000n],
    ['HVC at EL1', 1, HVC_7, 2, 0x5a00_0007n, 0x1004n],
    ['HVC at EL2', 2, HVC_7, 2, 0x5a00_0007n, 0x1004n],
    ['SMC at EL0', 0, SMC_7, 1, UNDEFINED, 0x1000n],
    ['BRK at EL1', 1, BRK_7, 1, 0xf200_0007n, 0x1000n],
    ['HLT at EL1', 1, HLT_7, 1, UNDEFINED, 0x1000n],
  ])('%s', (_what, el, word, target, esr, elr) => {
    const machine = machineAt(el);
    execute(machine, word);
    expect(taken(machine)).toMatchObject({ el: target, esr, elr });
    expect(machine.calls).toEqual([]);
  });

  test('HVC without EL2, and SMC, go to the firmware', () => {
    const machine = machineAt(1, 1);
    execute(machine, HVC_7);
    execute(machine, SMC_7);
    expect([machine.calls, machine.core.pc]).toEqual([['hvc', 'smc'], 0x1008n]);
    machine.core.setX(0, 0x8400_0008n);
    execute(machine, HVC_7);
    expect(machine.state.takeStop()).toEqual({ kind: 'power', what: 'off' });
  });

  test('HCR_EL2 can forbid HVC and trap SMC', () => {
    const machine = machineAt(1);
    set(machine, 'HCR_EL2', (1n << 29n) | (1n << 19n));
    execute(machine, HVC_7);
    expect(taken(machine)).toMatchObject({ el: 1, esr: UNDEFINED });
    machine.core.pc = 0x1000n;
    execute(machine, SMC_7);
    expect(taken(machine)).toMatchObject({ el: 2, esr: 0x5e00_0007n, elr: 0x1000n });
  });

  test('MDCR_EL2.TDE takes BRK to EL2', () => {
    const machine = machineAt(1);
    set(machine, 'MDCR_EL2', 1n << 8n);
    execute(machine, BRK_7);
    expect(taken(machine)).toMatchObject({ el: 2, esr: 0xf200_0007n });
  });
});

describe('ERET', () => {
  test('restores the state and the stack pointer', () => {
    const machine = machineAt(2);
    machine.core.sp = 0x222n;
    machine.state.setSystemRegister('SP_EL1', 0x111n);
    machine.state.setSystemRegister('ELR_EL2', 0x5000n);
    machine.state.setSystemRegister('SPSR_EL2', 0x6000_0105n);
    execute(machine, ERET);
    expect([machine.state.el, machine.core.pc, machine.core.sp, machine.core.nzcv, machine.state.daif]).toEqual([
      1,
      0x5000n,
      0x111n,
      6,
      4,
    ]);
    expect(machine.core.log).toContain('clear exclusive');
    expect(machine.core.log.at(-2)).toBe('level');
  });

  test('is undefined at EL0', () => {
    const machine = machineAt(0);
    execute(machine, ERET);
    expect(taken(machine)).toMatchObject({ el: 1, esr: UNDEFINED });
  });

  test('to where it may not go raises the illegal state exception there', () => {
    const machine = machineAt(1);
    machine.state.setSystemRegister('ELR_EL1', 0x5000n);
    machine.state.setSystemRegister('SPSR_EL1', 0x9000_0009n);
    execute(machine, ERET);
    expect(taken(machine)).toEqual({ el: 1, pc: 0x1_0200n, esr: 0x3a00_0000n, elr: 0x5000n, spsr: 0x9010_0005n });
  });

  test('with PSTATE.IL saved raises it at the level it returned to', () => {
    const machine = machineAt(1);
    machine.state.setSystemRegister('ELR_EL1', 0x5000n);
    machine.state.setSystemRegister('SPSR_EL1', 0x0010_0000n);
    execute(machine, ERET);
    expect(taken(machine)).toEqual({ el: 1, pc: 0x1_0400n, esr: 0x3a00_0000n, elr: 0x5000n, spsr: 0x0010_0000n });
  });

  test('to AArch32 is not modelled', () => {
    const machine = machineAt(1);
    machine.state.setSystemRegister('SPSR_EL1', 0x10n);
    execute(machine, ERET);
    expect(machine.state.takeStop()).toEqual({
      kind: 'unmodelled',
      pc: 0x1000n,
      encoding: ERET,
      what: 'the AArch32 state',
    });
  });

  test('drops the tag of an address where TBI ignores it', () => {
    const machine = machineAt(1);
    machine.state.setSystemRegister('TCR_EL1', 3n << 37n);
    machine.state.setSystemRegister('SPSR_EL1', 5n);
    machine.state.setSystemRegister('ELR_EL1', 0xab00_0000_0000_1000n);
    execute(machine, ERET);
    expect(machine.core.pc).toBe(0x1000n);
    expect(machine.state.branchAddress(0x12ff_0000_0000_0000n)).toBe(0xffff_0000_0000_0000n);
  });
});

describe('a saved state', () => {
  const FROM_EL2: ReturnRules = { el: 2, tge: false, el1Is64: true };
  const FROM_EL1: ReturnRules = { el: 1, tge: false, el1Is64: true };

  test('is packed and unpacked', () => {
    const pstate = { nzcv: 5, daif: 9, el: 1, spSel: 0 } as const;
    expect(packSpsr(pstate)).toBe(0x5000_0244n);
    expect(unpackSpsr(packSpsr(pstate), FROM_EL2)).toEqual({ kind: 'legal', pstate, illegalState: false });
  });

  test.each<[mode: number, rules: ReturnRules, kind: string]>([
    [0b0000, FROM_EL1, 'legal'],
    [0b0001, FROM_EL1, 'illegal'],
    [0b0010, FROM_EL1, 'illegal'],
    [0b0110, FROM_EL1, 'illegal'],
    [0b0101, FROM_EL1, 'legal'],
    [0b1001, FROM_EL1, 'illegal'],
    [0b1001, FROM_EL2, 'legal'],
    [0b1101, FROM_EL2, 'illegal'],
    [0b0101, { ...FROM_EL2, tge: true }, 'illegal'],
    [0b0000, { ...FROM_EL2, tge: true }, 'legal'],
    [0b0101, { ...FROM_EL2, el1Is64: false }, 'illegal'],
    [0b0000, { ...FROM_EL2, el1Is64: false }, 'illegal'],
    [0x10, FROM_EL1, 'aarch32'],
    [0x13, FROM_EL1, 'illegal'],
    [0x13, FROM_EL2, 'illegal'],
    [0x13, { ...FROM_EL2, el1Is64: false }, 'aarch32'],
    [0x13, { ...FROM_EL2, el1Is64: false, tge: true }, 'illegal'],
    [0x1a, FROM_EL2, 'illegal'],
    [0x16, { ...FROM_EL2, el1Is64: false }, 'illegal'],
  ])('of mode %i under %j is %s', (mode, rules, kind) => {
    expect(unpackSpsr(BigInt(mode), rules).kind).toBe(kind);
  });
});

describe('waiting', () => {
  test('without anything that could end it ends the run', () => {
    const machine = machineAt(1);
    execute(machine, WFI);
    expect(machine.state.takeStop()).toEqual({
      kind: 'stuck',
      pc: 0x1000n,
      why: 'WFI, and no interrupt can come',
      until: 'interrupt',
    });
    execute(machine, WFE);
    expect(machine.state.takeStop()).toMatchObject({ kind: 'stuck', why: 'WFE, and no event can come' });
    expect(machine.core.pc).toBe(0x1000n);
  });

  test('an event lets one WFE go on', () => {
    const machine = machineAt(1);
    execute(machine, SEV);
    execute(machine, WFE);
    expect([machine.state.takeStop(), machine.core.pc]).toEqual([undefined, 0x1008n]);
    execute(machine, WFE);
    expect(machine.state.takeStop()).toMatchObject({ kind: 'stuck' });
  });

  test('SEV goes by way of the machine, SEVL does not', () => {
    const machine = machineAt(1);
    execute(machine, SEVL);
    execute(machine, WFE);
    expect([machine.state.takeStop(), machine.calls]).toEqual([undefined, []]);
    execute(machine, SEV);
    expect(machine.calls).toEqual(['event']);
  });

  test('an event stream ends every WFE, behind which another processor may have its turn', () => {
    const machine = machineAt(1);
    machine.state.setSystemRegister('CNTKCTL_EL1', 4n);
    for (const pc of [0x1004n, 0x1008n]) {
      execute(machine, WFE);
      expect([machine.core.pc, machine.state.takeStop()]).toEqual([pc, { kind: 'turn-over' }]);
    }
    execute(machine, SEVL);
    execute(machine, WFE);
    expect(machine.state.takeStop()).toBeUndefined();
  });

  test('is trapped where a control says so', () => {
    const user = machineAt(0);
    user.state.setSystemRegister('SCTLR_EL1', 0n);
    execute(user, WFE);
    expect(taken(user)).toMatchObject({ el: 1, esr: 0x07e0_0001n, elr: 0x1000n });
    const guest = machineAt(1);
    set(guest, 'HCR_EL2', 1n << 13n);
    execute(guest, WFI);
    expect(taken(guest)).toMatchObject({ el: 2, esr: 0x07e0_0000n });
  });
});

describe('what code runs under', () => {
  test('floating point is enabled by CPACR_EL1 for EL0 and EL1, and by CPTR_EL2 for all', () => {
    const enabled = (el: 0 | 1 | 2, cpacr: bigint, cptr: bigint): boolean => {
      const machine = machineAt(el);
      machine.state.setSystemRegister('CPACR_EL1', cpacr << 20n);
      machine.state.setSystemRegister('CPTR_EL2', cptr << 10n);
      return machine.state.fpEnabled;
    };
    expect([0n, 1n, 2n, 3n].map((cpacr) => ([0, 1, 2] as const).map((el) => enabled(el, cpacr, 0n)))).toEqual([
      [false, false, true],
      [false, true, true],
      [false, false, true],
      [true, true, true],
    ]);
    expect(([0, 1, 2] as const).map((el) => enabled(el, 3n, 1n))).toEqual([false, false, false]);
  });

  test('alignment is checked with the MMU off, or if SCTLR_ELx.A says so', () => {
    const { state } = machineAt(1);
    expect(state.strictAlignment).toBe(true);
    state.setSystemRegister('SCTLR_EL1', 1n);
    expect(state.strictAlignment).toBe(false);
    state.setSystemRegister('SCTLR_EL1', 3n);
    expect(state.strictAlignment).toBe(true);
  });

  test("the stack pointer's alignment is checked for EL0 and the rest apart", () => {
    const { state } = machineAt(1);
    state.setSystemRegister('SCTLR_EL1', 1n << 3n);
    expect(state.stackAlignmentChecked).toBe(true);
    state.setEl(0);
    expect(state.stackAlignmentChecked).toBe(false);
    state.setSystemRegister('SCTLR_EL1', 1n << 4n);
    expect(state.stackAlignmentChecked).toBe(true);
  });
});

describe('address translation', () => {
  const TABLE = RAM_START;
  const map = (machine: FakeMachine, index: number, descriptor: bigint): void =>
    machine.bus.describe(TABLE, index, descriptor);
  /** EL1 with 39-bit addresses and 1 GiB blocks. */
  const mapped = (highestEl: 1 | 2 = 1): FakeMachine => {
    const machine = machineAt(1, highestEl);
    machine.state.setSystemRegister('TCR_EL1', (5n << 32n) | (1n << 23n) | 25n);
    machine.state.setSystemRegister('TTBR0_EL1', BigInt(TABLE));
    machine.state.setSystemRegister('MAIR_EL1', 0xff00n);
    machine.state.setSystemRegister('SCTLR_EL1', 1n);
    // Memory that EL0 may read.
    map(machine, 1, 0x4000_0000n | (1n << 2n) | (3n << 6n) | (3n << 8n) | (1n << 10n) | 1n);
    machine.core.log.length = 0;
    return machine;
  };

  test('is that of the current exception level, or of EL0 where an access is unprivileged', () => {
    const { state } = mapped();
    map(mapped(), 2, 0n);
    expect(state.resolve(0x4000_1000n, 'read', false)).toMatchObject({ page: 0x4000_1000, device: false });
    expect(state.resolve(0x4000_1000n, 'write', true)).toEqual({ faultStatus: 0x0d });
    expect(state.resolve(0x8000_0000n, 'read', false)).toEqual({ faultStatus: 0x05 });
  });

  test('AT tells the translation, or the fault, in PAR_EL1', () => {
    const machine = mapped();
    machine.core.setX(0, 0x4000_1234n);
    execute(machine, msr('S1_0_C7_C8_0'));
    expect(machine.state.getSystemRegister('PAR_EL1')).toBe(0xff00_0000_4000_1b80n);
    execute(machine, msr('S1_0_C7_C8_3'));
    expect(machine.state.getSystemRegister('PAR_EL1')).toBe(0x81bn);
  });

  test('TLBI forgets a page, or the whole of a block that the address is in', () => {
    const machine = mapped();
    const { core, state } = machine;
    core.setX(0, 0xffff_0000_0004_0001n);
    execute(machine, msr('S1_0_C8_C7_1'));
    expect(core.log).toEqual(['flush 0x40001000']);
    state.resolve(0x4000_1000n, 'read', false);
    execute(machine, msr('S1_0_C8_C7_1'));
    execute(machine, msr('S1_0_C8_C7_1'));
    execute(machine, msr('S1_0_C8_C3_0', 31));
    expect(core.log).toEqual([
      'flush 0x40001000',
      'flush 0x40000000 0x40000000',
      'flush 0x40000000 0x40000000',
      'flush',
    ]);
  });

  test('TLBI for the inner shareable domain goes by way of the machine, with the address that it has', () => {
    const machine = mapped();
    machine.core.setX(0, 0xffff_0000_0004_0001n);
    execute(machine, msr('S1_0_C8_C7_1'));
    execute(machine, msr('S1_0_C8_C7_0', 31));
    expect(machine.calls).toEqual([]);
    execute(machine, msr('S1_0_C8_C3_1'));
    execute(machine, msr('S1_0_C8_C3_0', 31));
    expect(machine.calls).toEqual(['tlbi 40001000', 'tlbi all']);
  });

  test('under HCR_EL2.TGE EL0 has no MMU', () => {
    const machine = mapped(2);
    machine.state.setEl(0);
    expect(machine.state.resolve(0x8000_0000n, 'read', false)).toEqual({ faultStatus: 0x05 });
    set(machine, 'HCR_EL2', 1n << 27n);
    expect(machine.state.resolve(0x8000_0000n, 'read', false)).toMatchObject({ page: 0x8000_0000, device: true });
  });

  test('stage 2 ends the run', () => {
    const machine = mapped(2);
    set(machine, 'HCR_EL2', 1n);
    machine.state.takeAbort({
      kind: 'data',
      virtAddr: 0n,
      ...(machine.state.resolve(0n, 'read', false) as { faultStatus: number }),
    });
    expect(machine.state.takeStop()).toMatchObject({ kind: 'unmodelled', what: expect.stringContaining('stage 2') });
    expect([machine.core.pc, machine.state.getSystemRegister('ESR_EL1')]).toEqual([0x1000n, 0n]);
    machine.state.setEl(2);
    expect(machine.state.resolve(0x1000n, 'read', false)).toMatchObject({ page: 0x1000 });
  });
});

describe('cache maintenance by address', () => {
  test('is left to its own semantics unless a level forbids it', () => {
    const machine = machineAt(1);
    expect(machine.state.forbiddenMaintenance).toEqual([]);
    set(machine, 'HCR_EL2', 1n << 23n);
    expect(machine.state.forbiddenMaintenance).toEqual(['DC IVAC', 'DC CVAC', 'DC CIVAC']);
    execute(machine, msr('S1_3_C7_C10_1', 9));
    expect(taken(machine)).toMatchObject({ el: 2, esr: 0x6212_dd34n });
  });

  test('at EL0 needs SCTLR_EL1.UCI and DZE', () => {
    const machine = machineAt(0);
    machine.state.setSystemRegister('SCTLR_EL1', 0n);
    expect(machine.state.forbiddenMaintenance).toHaveLength(6);
    machine.state.setSystemRegister('SCTLR_EL1', (1n << 26n) | (1n << 14n));
    expect(machine.state.forbiddenMaintenance).toEqual(['DC IVAC']);
    execute(machine, msr('S1_0_C7_C6_1'));
    expect(taken(machine)).toMatchObject({ el: 1, esr: UNDEFINED });
  });
});
