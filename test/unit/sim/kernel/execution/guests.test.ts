import { describe, expect, test } from '@jest/globals';
import { GUESTS, runGuest } from '../../../../support/machine/guests.js';

/** The guests that go on without end, and how many milliseconds each may. */
const ENDLESS = {
  abortstorm: 200,
  brkstorm: 200,
  fastthenmrs: 1000,
  flood: 200,
  floodnl: 200,
  mrsloop: 200,
  psci_cpuon: 200,
  selfmod: 1000,
  storm: 200,
  twobranch: 200,
  udfvec: 200,
} as const;

const NO_VECTOR = 'the vector of the exception that this raises cannot be fetched';

/** How the others end by themselves. */
const ENDS = {
  allones: 'not modelled yet: big-endian data \\(SCTLR_EL1\\) at 0x4000004c',
  badvbar: 'exception at 0x900000000000200 .* instruction abort: address size fault, level 0',
  mixed: 'exception at 0xffff800008010200 after \\d+ instructions: instruction abort: address size fault, level 0',
  psci_reset: 'the machine reset itself after \\d+ instructions',
  selfpt: `stuck at 0xffff800008010200 after \\d+ instructions: ${NO_VECTOR}`,
  stuckvec: 'stuck at 0x40000a10 .* a branch to itself, and no interrupt can come',
  tlbiloop: 'exception at 0x4000005c .* data abort: alignment fault, on a read, at 0x40000064',
  touch: 'exception at 0x40000048 .* data abort: external abort: nothing answers there, on a write, at 0xc0000000',
  ttbrout: `stuck at 0xffff800008010200 after \\d+ instructions: ${NO_VECTOR}`,
  wfe: 'stuck at 0x40000040 .* WFE, and no event can come',
  wfi: 'stuck at 0x40000040 .* WFI, and no interrupt can come',
} as const;

test('every guest is among them', () => {
  expect([...Object.keys(ENDLESS), ...Object.keys(ENDS)].sort()).toEqual([...GUESTS].sort());
});

describe('a guest that goes on without end is ended when time is up', () => {
  test.each(Object.entries(ENDLESS))('%s', async (name, timeoutMs) => {
    const { exitCode, err, elapsedMs } = await runGuest(name, timeoutMs);
    expect(err).toMatch(/^kexec-ts: the time limit is reached at 0x4000[0-9a-f]{4} /);
    expect(exitCode).toBe(1);
    expect(elapsedMs).toBeGreaterThanOrEqual(timeoutMs);
  });
});

describe('a guest ends by itself', () => {
  test.each(Object.entries(ENDS))('%s', async (name, end) => {
    expect((await runGuest(name, 10_000)).err).toMatch(new RegExp(`^kexec-ts: ${end}`));
  });
});

test('the user ends a guest that goes on without end', async () => {
  let pressed = false;
  const timer = setTimeout(() => (pressed = true), 200);
  const { exitCode, err } = await runGuest('brkstorm', 10_000, () => pressed);
  clearTimeout(timer);
  expect(err).toMatch(/^kexec-ts: interrupted at 0x40000[0-9a-f]{3} /);
  expect(exitCode).toBe(130);
});

describe('a run that sticks in a vector tells the exception that led there', () => {
  test('in the sentence', async () => {
    const { err } = await runGuest('stuckvec', 10_000);
    expect(err).toContain(
      'stuck at 0x40000a10 (segment 0+0xa10) after 17 instructions: a branch to itself, and no interrupt can come; ' +
        'the exception that led there: data abort: external abort: nothing answers there, on a read, at 0x1000 ' +
        '(ESR_EL1 0x96000010, ELR_EL1 0x40000054 (segment 0+0x54), FAR_EL1 0x1000)\n',
    );
  });

  test('in the instructions around it', async () => {
    const { err } = await runGuest('stuckvec', 10_000);
    expect(err).toContain(
      'instructions around 0x40000a10 (segment 0+0xa10):\n' +
        '   0x400009f8  d503201f  nop\n' +
        '   0x400009fc  d503201f  nop\n' +
        '   0x40000a00  d538520a  mrs     x10, esr_el1\n' +
        '   0x40000a04  d35afd4a  lsr     x10, x10, #26\n' +
        '   0x40000a08  f100555f  cmp     x10, #0x15\n' +
        '   0x40000a0c  54000040  b.eq    0x40000a14 (segment 0+0xa14)  // b.none\n' +
        '-> 0x40000a10  14000000  b       0x40000a10 (segment 0+0xa10)\n' +
        '   0x40000a14  d69f03e0  eret\n' +
        '   0x40000a18  00000000  udf     #0\n',
    );
  });

  test('in the list of branches', async () => {
    const { err } = await runGuest('stuckvec', 10_000);
    expect(err.slice(err.indexOf('last branches'))).toBe(
      'last branches, the newest at the end:\n' +
        '  0x40000000 (segment 0+0x0) -> 0x40000040 (segment 0+0x40)\n' +
        '  0x4000004c (segment 0+0x4c) -> 0x40000a00 (segment 0+0xa00): exception to EL1, vector +0x200: SVC: #0x1\n' +
        '  0x40000a0c (segment 0+0xa0c) -> 0x40000a14 (segment 0+0xa14)\n' +
        '  0x40000a14 (segment 0+0xa14) -> 0x40000050 (segment 0+0x50): exception return\n' +
        '  0x40000054 (segment 0+0x54) -> 0x40000a00 (segment 0+0xa00): exception to EL1, vector +0x200: ' +
        'data abort: external abort: nothing answers there, on a read, at 0x1000\n',
    );
  });

  test('without instructions where there is no memory', async () => {
    expect((await runGuest('ttbrout', 10_000)).err).not.toContain('instructions around');
  });

  test('where the vector cannot be fetched', async () => {
    const { err } = await runGuest('ttbrout', 10_000);
    expect(err).toContain(
      `${NO_VECTOR}; the exception that led there: instruction abort: translation fault, level 0, at 0xffff800008010200 (`,
    );
    expect(err).toMatch(
      /: exception to EL1, vector \+0x200: instruction abort: address size fault, level 0, at 0x400000\w\w\n/,
    );
  });
});
