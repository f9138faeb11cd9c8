import { describe, expect, test } from '@jest/globals';
import type { ExceptionLevel } from '../../../../../sim/cpu/state/levels.js';
import { describeEsr } from '../../../../../sim/cpu/system/esr.js';
import { encode } from '../../../../support/processor/assemble.js';
import { fakeMachine, type FakeMachine } from '../../../../support/processor/fake-core.js';
import { execute, mrs, msr } from '../../../../support/processor/run-system.js';

const [SS, KDE, MDE] = [1n, 1n << 13n, 1n << 15n];
const ON = MDE | KDE;
const TDE = 1n << 8n;
const AARCH64_EL1 = 1n << 31n;
const [EL0, EL1] = [1n << 2n, 1n << 1n];
const EL2 = (1n << 13n) | (3n << 14n);
const ALL_BYTES = 0xffn << 5n;
const [LOADS, STORES] = [1n << 3n, 2n << 3n];
const BREAK = (0xfn << 5n) | 1n;
const LINKED_TO_4 = (1n << 20n) | (4n << 16n);
const PLACE = 0xffff_8000_0000_1000n;

const machineAt = (el: ExceptionLevel, mdscr: bigint, highestEl: 1 | 2 = 2): FakeMachine => {
  const machine = fakeMachine(highestEl);
  const { state, core } = machine;
  state.setSystemRegister('OSLAR_EL1', 0n);
  state.setSystemRegister('MDSCR_EL1', mdscr);
  state.setSystemRegister('VBAR_EL1', 0x1_0000n);
  state.setSystemRegister('VBAR_EL2', 0x2_0000n);
  state.setSystemRegister('HCR_EL2', AARCH64_EL1);
  state.setEl(el);
  state.daif = 0;
  core.pc = 0x1000n;
  return machine;
};

const set = ({ state }: FakeMachine, values: Readonly<Record<string, bigint>>): void => {
  for (const [name, value] of Object.entries(values)) state.setSystemRegister(name, value);
};

/** Where it went, and why. */
const taken = ({ state, core }: FakeMachine): Readonly<Record<string, unknown>> => {
  const read = (name: string): bigint => state.getSystemRegister(`${name}_EL${state.el}`);
  return { el: state.el, pc: core.pc, esr: read('ESR'), elr: read('ELR'), spsr: read('SPSR') };
};

describe('debug exceptions', () => {
  const D = 8;
  test.each<
    [what: string, el: ExceptionLevel, mdscr: bigint, daif: number, more: Record<string, bigint>, isEnabled: boolean]
  >([
    ['are for EL0, whatever it masks', 0, MDE, D, {}, true],
    ['are for EL1 where MDSCR_EL1.KDE is set', 1, ON, 0, {}, true],
    ['are not for EL1 otherwise', 1, MDE, 0, {}, false],
    ['are masked at EL1', 1, ON, D, {}, false],
    ['of EL1 are not for EL2', 2, ON, 0, {}, false],
    ['of EL2 are for EL1, whatever it masks', 1, MDE, D, { MDCR_EL2: TDE }, true],
    ['of EL2 are for EL2', 2, ON, 0, { MDCR_EL2: TDE }, true],
    ['are masked at EL2', 2, ON, D, { MDCR_EL2: TDE }, false],
    ['go to EL2 with HCR_EL2.TGE', 2, ON, 0, { HCR_EL2: 1n << 27n }, true],
    ['are not without MDSCR_EL1.MDE', 1, KDE, 0, {}, false],
    ['are not while the OS lock is locked', 1, ON, 0, { OSLAR_EL1: 1n }, false],
    ['are not while the double lock is locked', 1, ON, 0, { OSDLR_EL1: 1n }, false],
    [
      'are while a processor that is to stay powered cannot lock it',
      1,
      ON,
      0,
      { OSDLR_EL1: 1n, DBGPRCR_EL1: 1n },
      true,
    ],
  ])('%s', (_what, el, mdscr, daif, more, isEnabled) => {
    const machine = machineAt(el, mdscr);
    const states = EL0 | EL1 | (1n << 13n);
    set(machine, { DBGBVR0_EL1: 0x1000n, DBGBCR0_EL1: BREAK | states });
    set(machine, { DBGWVR0_EL1: PLACE, DBGWCR0_EL1: ALL_BYTES | LOADS | states | 1n, ...more });
    machine.state.daif = daif;
    const { debug } = machine.state;
    const access = { virtAddr: PLACE, sizeBytes: 8, isWrite: false, unprivileged: false };
    expect([debug.breaksAt(0x1000n), debug.watchedBy(access)]).toEqual([isEnabled, isEnabled ? PLACE : undefined]);
  });

  test('go to EL1, or to EL2 with MDCR_EL2.TDE', () => {
    const machine = machineAt(1, ON);
    machine.state.takeHardwareBreakpoint();
    expect(taken(machine)).toEqual({ el: 1, pc: 0x1_0200n, esr: 0xc600_0022n, elr: 0x1000n, spsr: 5n });
    const user = machineAt(0, ON);
    user.state.takeWatchpoint(0x1234n, true);
    expect(taken(user)).toEqual({ el: 1, pc: 0x1_0400n, esr: 0xd200_0062n, elr: 0x1000n, spsr: 0n });
    expect(user.state.getSystemRegister('FAR_EL1')).toBe(0x1234n);
    const guest = machineAt(1, ON);
    set(guest, { MDCR_EL2: TDE });
    guest.state.takeWatchpoint(0x1234n, false);
    expect(taken(guest)).toEqual({ el: 2, pc: 0x2_0400n, esr: 0xd200_0022n, elr: 0x1000n, spsr: 5n });
    expect(guest.state.getSystemRegister('FAR_EL2')).toBe(0x1234n);
  });

  test('are told in words', () => {
    expect(describeEsr(0xd600_0062n, 0x1234n)).toBe('watchpoint: a write, at 0x1234');
    expect(describeEsr(0xc200_0022n)).toBe('breakpoint at a lower level');
    expect(describeEsr(0xcf00_0022n)).toBe('software step: behind an instruction');
  });

  test('that EL2 takes have registers that EL1 has not', () => {
    for (const word of [mrs('S2_0_C0_C2_2'), msr('S2_0_C0_C0_4'), mrs('S2_0_C1_C1_4'), mrs('S2_0_C1_C0_0')]) {
      const machine = machineAt(1, 0n);
      set(machine, { MDCR_EL2: TDE });
      execute(machine, word);
      expect([machine.state.el, machine.state.getSystemRegister('ESR_EL2') >> 26n]).toEqual([2, 0x18n]);
    }
  });
});

describe('a breakpoint', () => {
  const breaks = (el: ExceptionLevel, control: bigint, more: Record<string, bigint> = {}, pc = PLACE): boolean => {
    const machine = machineAt(el, ON);
    set(machine, { MDCR_EL2: el === 2 ? TDE : 0n, DBGBVR0_EL1: PLACE, DBGBCR0_EL1: control, ...more });
    return machine.state.debug.breaksAt(pc);
  };

  test('is for the exception levels that it names', () => {
    expect([0, 1, 2].map((el) => breaks(el as ExceptionLevel, BREAK | EL0))).toEqual([true, false, false]);
    expect([0, 1, 2].map((el) => breaks(el as ExceptionLevel, BREAK | EL1))).toEqual([false, true, false]);
    expect([0, 1, 2].map((el) => breaks(el as ExceptionLevel, BREAK | EL2))).toEqual([false, false, true]);
    expect([0, 1, 2].map((el) => breaks(el as ExceptionLevel, BREAK | EL1 | (2n << 14n)))).toEqual([
      false,
      false,
      false,
    ]);
  });

  test('is at its address, up to bit 48', () => {
    expect(breaks(1, BREAK | EL1, {}, PLACE + 4n)).toBe(false);
    expect(breaks(1, BREAK | EL1, { DBGBVR0_EL1: 0x0001_8000_0000_1003n })).toBe(true);
    expect(breaks(1, (0xcn << 5n) | 1n | EL1)).toBe(false);
    expect(breaks(1, (BREAK - 1n) | EL1)).toBe(false);
    expect(breaks(1, BREAK | EL1 | (5n << 20n))).toBe(false);
  });

  test('can be linked to a context', () => {
    const context = (type: bigint, id: bigint) => ({
      DBGBVR4_EL1: 0x1234n,
      DBGBCR4_EL1: (type << 20n) | BREAK,
      CONTEXTIDR_EL1: id,
    });
    const linked = LINKED_TO_4 | BREAK | EL1;
    expect(breaks(1, linked, context(3n, 0x1234n))).toBe(true);
    expect(breaks(1, linked, context(3n, 0x1235n))).toBe(false);
    expect(breaks(1, linked, context(0n, 0x1234n))).toBe(false);
    expect(breaks(1, linked, { CONTEXTIDR_EL1: 0n })).toBe(false);
    expect(breaks(1, linked - (1n << 16n), context(3n, 0x1234n))).toBe(false);
  });

  test('by a context alone is not modelled', () => {
    const machine = machineAt(1, ON);
    machine.core.setX(0, (2n << 20n) | BREAK | EL1);
    const word = msr('S2_0_C0_C5_5');
    execute(machine, word);
    const what = 'breakpoints of a context (DBGBCR5_EL1)';
    expect(machine.state.takeStop()).toEqual({ kind: 'unmodelled', pc: 0x1000n, encoding: word, what });
  });

  test('has the core told when it is another one, whoever it is for', () => {
    const machine = machineAt(1, ON);
    machine.core.log.length = 0;
    set(machine, { DBGBVR0_EL1: PLACE });
    expect(machine.core.log).toEqual([]);
    set(machine, { DBGBCR0_EL1: BREAK | EL0 });
    set(machine, { DBGBCR0_EL1: BREAK | EL1 });
    set(machine, { MDSCR_EL1: 0n });
    expect(machine.core.log).toEqual([`breakpoints 0x${PLACE.toString(16)}`, 'breakpoints']);
    set(machine, { MDSCR_EL1: ON });
    machine.core.log.length = 0;
    machine.state.reset();
    expect(machine.core.log).toContain('breakpoints');
  });
});

describe('a watchpoint', () => {
  const ON_EL1 = LOADS | STORES | EL1 | 1n;
  const watching = (value: bigint, control: bigint, more: Record<string, bigint> = {}, el: ExceptionLevel = 1) => {
    const machine = machineAt(el, ON);
    set(machine, { MDCR_EL2: el === 2 ? TDE : 0n, DBGWVR0_EL1: value, DBGWCR0_EL1: control, ...more });
    const { debug } = machine.state;
    const by = (virtAddr: bigint, sizeBytes: number, isWrite = false, unprivileged = false): bigint | undefined =>
      debug.watchedBy({ virtAddr, sizeBytes, isWrite, unprivileged });
    return { debug, by };
  };

  test('watches the bytes that are selected', () => {
    const { by } = watching(PLACE, (0x18n << 5n) | ON_EL1);
    const hits = Array.from({ length: 8 }, (_, i) => by(PLACE + BigInt(i), 1));
    expect(hits).toEqual([undefined, undefined, undefined, PLACE + 3n, PLACE + 4n, undefined, undefined, undefined]);
    expect([by(PLACE, 8), by(PLACE - 8n, 8), by(PLACE + 4n, 4), by(PLACE - 8n, 16)]).toEqual([
      PLACE + 3n,
      undefined,
      PLACE + 4n,
      PLACE + 3n,
    ]);
  });

  test('selects among four bytes at an odd word, and bytes apart from each other', () => {
    const word = watching(PLACE + 4n, ALL_BYTES | ON_EL1);
    expect([word.by(PLACE, 4), word.by(PLACE + 4n, 4), word.by(PLACE + 8n, 4)]).toEqual([
      undefined,
      PLACE + 4n,
      undefined,
    ]);
    const apart = watching(PLACE, (0x81n << 5n) | ON_EL1);
    expect([apart.by(PLACE + 1n, 4), apart.by(PLACE, 1), apart.by(PLACE + 4n, 4)]).toEqual([
      undefined,
      PLACE,
      PLACE + 7n,
    ]);
  });

  test('is for loads, stores or both, and for exception levels', () => {
    const loads = watching(PLACE, ALL_BYTES | LOADS | EL1 | 1n);
    expect([loads.by(PLACE, 8), loads.by(PLACE, 8, true)]).toEqual([PLACE, undefined]);
    const stores = watching(PLACE, ALL_BYTES | STORES | EL1 | 1n);
    expect([stores.by(PLACE, 8), stores.by(PLACE, 8, true)]).toEqual([undefined, PLACE]);
    const user = watching(PLACE, ALL_BYTES | LOADS | STORES | EL0 | 1n);
    expect([user.by(PLACE, 8), user.by(PLACE, 8, false, true)]).toEqual([undefined, PLACE]);
    expect(watching(PLACE, ALL_BYTES | LOADS | EL2 | 1n, {}, 2).by(PLACE, 8)).toBe(PLACE);
  });

  test('watches areas of a power of two, and none of less than eight bytes', () => {
    const area = watching(PLACE + 0x10n, (12n << 24n) | ALL_BYTES | ON_EL1);
    expect([
      area.by(PLACE - 1n, 1),
      area.by(PLACE - 1n, 2),
      area.by(PLACE + 0xfffn, 1),
      area.by(PLACE + 0x1000n, 1),
    ]).toEqual([undefined, PLACE, PLACE + 0xfffn, undefined]);
    expect([-0x1000n, 0n, 0x1000n].map((at) => area.debug.isWatchedPage(PLACE + at))).toEqual([false, true, false]);
    expect(watching(PLACE, (2n << 24n) | ALL_BYTES | ON_EL1).debug.isWatchedPage(PLACE)).toBe(false);
    expect(watching(PLACE, ON_EL1).debug.isWatchedPage(PLACE)).toBe(false);
  });

  test('has the TLB emptied when it watches other bytes', () => {
    const machine = machineAt(1, ON);
    set(machine, { DBGWVR0_EL1: PLACE, DBGWCR0_EL1: ALL_BYTES | LOADS | EL0 | 1n });
    expect(machine.core.log.at(-1)).toBe('flush');
    machine.core.log.length = 0;
    set(machine, { DBGWCR0_EL1: ALL_BYTES | LOADS | EL1 | 1n });
    expect(machine.core.log).toEqual([]);
    set(machine, { MDSCR_EL1: KDE });
    expect(machine.core.log).toEqual(['flush']);
  });

  test('ignores a tag, and can be linked to a context', () => {
    const tagged = PLACE & 0x00ff_ffff_ffff_ffffn;
    expect(watching(PLACE, ALL_BYTES | ON_EL1).by(tagged + 2n, 1)).toBe(tagged + 2n);
    const context = { DBGBVR4_EL1: 7n, DBGBCR4_EL1: (3n << 20n) | BREAK };
    for (const [id, hit] of [
      [7n, PLACE],
      [8n, undefined],
    ] as const)
      expect(watching(PLACE, LINKED_TO_4 | ALL_BYTES | ON_EL1, { ...context, CONTEXTIDR_EL1: id }).by(PLACE, 1)).toBe(
        hit,
      );
  });

  test('is the lower one of two that match', () => {
    const more = { DBGWVR1_EL1: PLACE, DBGWCR1_EL1: (1n << 5n) | ON_EL1 };
    expect(watching(PLACE, (2n << 5n) | ON_EL1, more).by(PLACE, 8)).toBe(PLACE);
  });
});

describe('software step', () => {
  const SPSR_SS = 1n << 21n;
  /** At an exception level, by a return from the one that takes debug exceptions. */
  const stepped = (el: 0 | 1, daif = 0n, from: 1 | 2 = 1, ss = SPSR_SS): FakeMachine => {
    const machine = machineAt(from, SS | KDE);
    if (from === 2) set(machine, { MDCR_EL2: TDE });
    machine.state.daif = 8;
    const mode = el === 0 ? 0n : 5n;
    set(machine, { [`SPSR_EL${from}`]: ss | (daif << 6n) | mode, [`ELR_EL${from}`]: 0x4000n });
    execute(machine, encode('ERET'));
    return machine;
  };

  test('begins with a return to where debug exceptions are enabled, and only with one', () => {
    expect(stepped(0).state.debug.stepState).toBe('active-not-pending');
    expect(stepped(1).state.debug.stepState).toBe('active-not-pending');
    expect(stepped(0, 0n, 1, 0n).state.debug.stepState).toBe('active-pending');
    expect(stepped(1, 8n).state.debug.stepState).toBe('inactive');
    expect(stepped(1, 8n, 2).state.debug.stepState).toBe('active-not-pending');
    // From where they are enabled already, no step begins.
    const machine = machineAt(1, SS | KDE);
    set(machine, { SPSR_EL1: SPSR_SS | 5n });
    execute(machine, encode('ERET'));
    expect(machine.state.debug.stepState).toBe('active-pending');
    const off = machineAt(1, KDE);
    set(off, { SPSR_EL1: SPSR_SS | 5n });
    execute(off, encode('ERET'));
    expect(off.state.debug.ss).toBe(0);
  });

  test('is pending behind an instruction that was carried out, and its syndrome says what that was', () => {
    for (const [what, iss] of [
      ['instruction', 0x100_0022n],
      ['load-exclusive', 0x100_0062n],
    ] as const) {
      const machine = stepped(0);
      const { state } = machine;
      state.debug.beginStep(what);
      state.debug.endStep(true);
      expect(state.debug.stepState).toBe('active-pending');
      state.takeSoftwareStep();
      expect(taken(machine)).toEqual({
        el: 1,
        pc: 0x1_0400n,
        esr: 0xca00_0000n | iss,
        elr: 0x4000n,
        spsr: 0n,
      });
      expect(state.debug.stepState).toBe('inactive');
    }
    const nothing = stepped(1, 0n, 1, 0n);
    nothing.state.takeSoftwareStep();
    expect(taken(nothing).esr).toBe(0xce00_0022n);
  });

  test('that an exception interrupts is still to come, unless the exception is a call that was carried out', () => {
    const spsrAfter = (word: number): unknown => {
      const machine = stepped(0);
      machine.state.debug.beginStep('instruction');
      execute(machine, word);
      expect([machine.state.debug.isStepping, machine.state.debug.ss]).toEqual([false, 0]);
      return taken(machine).spsr;
    };
    expect(spsrAfter(encode('BRK', { imm16: 1 }))).toBe(SPSR_SS);
    expect(spsrAfter(encode('SVC', { imm16: 1 }))).toBe(0n);
    const machine = stepped(0);
    machine.state.registers.inputs.add('irq');
    machine.state.takeInterrupt();
    expect(taken(machine).spsr).toBe(SPSR_SS);
  });

  test('does not wait', () => {
    const machine = stepped(1);
    machine.state.debug.beginStep('instruction');
    execute(machine, encode('WFI'));
    expect([machine.state.takeStop(), machine.core.pc]).toEqual([undefined, 0x4004n]);
  });

  test('has writes of PSTATE.D seen', () => {
    const { state } = machineAt(1, 0n);
    expect(state.directAccesses.has('write DAIF')).toBe(true);
    state.setSystemRegister('MDSCR_EL1', SS);
    expect([...state.directAccesses].filter((access) => access.endsWith('DAIF'))).toEqual(['read DAIF']);
  });
});
