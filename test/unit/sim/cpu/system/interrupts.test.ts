import { describe, expect, test } from '@jest/globals';
import { SystemInstructions } from '../../../../../sim/cpu/system/instructions.js';
import { interruptTarget } from '../../../../../sim/cpu/system/interrupts.js';
import { Timers } from '../../../../../sim/cpu/system/timers.js';
import type { ExceptionLevel } from '../../../../../sim/cpu/state/levels.js';
import { fakeMachine } from '../../../../support/processor/fake-core.js';

describe('an interrupt', () => {
  const IMO = 1n << 4n;
  const FMO = 1n << 3n;
  const TGE = 1n << 27n;
  const [ALL, IRQ, FIQ, NONE] = [15, 2, 1, 0];

  test.each<
    [what: string, el: ExceptionLevel, hcr: bigint, daif: number, irq: number | undefined, fiq: number | undefined]
  >([
    ['goes to EL1 from EL0', 0, 0n, NONE, 1, 1],
    ['goes to EL1 from EL1', 1, 0n, NONE, 1, 1],
    ['is masked by its own bit', 1, 0n, IRQ, undefined, 1],
    ['is masked by its own bit', 0, 0n, FIQ, 1, undefined],
    ['of EL1 is not taken at EL2', 2, 0n, NONE, undefined, undefined],
    ['that HCR_EL2 routes goes to EL2, whatever EL1 masks', 1, IMO, ALL, 2, undefined],
    ['that HCR_EL2 routes goes to EL2, whatever EL0 masks', 0, FMO, ALL, undefined, 2],
    ['of EL2 is masked at EL2', 2, IMO | FMO, IRQ, undefined, 2],
    ['goes to EL2 with HCR_EL2.TGE', 0, TGE, ALL, 2, 2],
  ])('%s', (_, el, hcr, daif, irq, fiq) => {
    const controls = {
      el,
      hasEl2: true,
      bit: (register: string, bit: number) => register === 'HCR_EL2' && ((hcr >> BigInt(bit)) & 1n) === 1n,
    };
    expect([interruptTarget('irq', controls, daif), interruptTarget('fiq', controls, daif)]).toEqual([irq, fiq]);
  });

  test('is taken with the state saved, and leaves the syndrome as it is', () => {
    const { state, core } = fakeMachine();
    state.setSystemRegister('VBAR_EL1', 0x8000n);
    state.setSystemRegister('ESR_EL1', 0x1234n);
    core.pc = 0x4444n;
    state.daif = 0b1101;
    state.registers.inputs.add('irq');
    expect(state.getSystemRegister('ISR_EL1')).toBe(0x80n);
    expect(state.takeInterrupt()).toBe(true);
    expect([core.pc, state.daif]).toEqual([0x8280n, 15]);
    expect(['ELR_EL1', 'SPSR_EL1', 'ESR_EL1'].map((name) => state.getSystemRegister(name))).toEqual([
      0x4444n,
      0x345n,
      0x1234n,
    ]);
    expect(state.takeInterrupt()).toBe(false);
  });

  test('that ends a WFI comes behind it', () => {
    const { state, core } = fakeMachine();
    const wait = (): void => new SystemInstructions(state, core, () => undefined).wait('wfi');
    core.pc = 0x4444n;
    state.daif = 0;
    wait();
    expect(state.takeStop()).toMatchObject({ kind: 'stuck', pc: 0x4444n });
    expect(core.pc).toBe(0x4444n);
    state.registers.inputs.add('irq');
    expect(state.takeInterrupt()).toBe(true);
    expect(state.getSystemRegister('ELR_EL1')).toBe(0x4448n);
    // Only once, and only where it waits.
    core.pc = 0x4444n;
    state.daif = 0;
    state.takeInterrupt();
    expect(state.getSystemRegister('ELR_EL1')).toBe(0x4444n);
  });

  test('that is fast has a vector of its own', () => {
    const { state, core } = fakeMachine();
    state.setSystemRegister('VBAR_EL1', 0x8000n);
    state.daif = 0;
    state.registers.inputs.add('fiq');
    state.takeInterrupt();
    expect(core.pc).toBe(0x8300n);
  });
});

describe('the timers', () => {
  const open = (registers: Record<string, bigint>, highestEl: 1 | 2 = 1) => {
    const values: Record<string, bigint> = {
      CNTV_CTL_EL0: 0n,
      CNTV_CVAL_EL0: 0n,
      CNTP_CTL_EL0: 0n,
      CNTP_CVAL_EL0: 0n,
      CNTHP_CTL_EL2: 0n,
      CNTHP_CVAL_EL2: 0n,
      CNTVOFF_EL2: 0n,
      ...registers,
    };
    const machine = { now: 100n, outputs: [] as string[], values };
    const timers = new Timers({
      highestEl,
      stored: (name) => machine.values[name]!,
      counter: () => machine.now,
      setOutput: (timer, level) => machine.outputs.push(`${timer} ${level ? 'high' : 'low'}`),
    });
    timers.update();
    return { timers, machine };
  };

  test('raise their outputs when the counter reaches their values, and lower them when masked', () => {
    const { timers, machine } = open({ CNTV_CTL_EL0: 1n, CNTV_CVAL_EL0: 150n, CNTP_CTL_EL0: 1n, CNTP_CVAL_EL0: 120n });
    expect([timers.deadline, machine.outputs]).toEqual([120n, []]);
    machine.now = 120n;
    timers.update();
    expect([timers.deadline, machine.outputs]).toEqual([150n, ['physical high']]);
    machine.now = 151n;
    timers.update();
    expect([timers.deadline, machine.outputs]).toEqual([undefined, ['physical high', 'virtual high']]);
    machine.values['CNTV_CTL_EL0'] = 3n;
    timers.update();
    expect(machine.outputs.at(-1)).toBe('virtual low');
  });

  test('of the virtual counter are late by its offset', () => {
    const { timers } = open({ CNTV_CTL_EL0: 1n, CNTV_CVAL_EL0: 150n, CNTVOFF_EL2: 70n }, 2);
    expect(timers.deadline).toBe(220n);
  });

  test('that are masked or disabled have no time', () => {
    expect(open({ CNTV_CTL_EL0: 3n, CNTV_CVAL_EL0: 150n, CNTP_CTL_EL0: 2n }).timers.deadline).toBeUndefined();
  });
});
