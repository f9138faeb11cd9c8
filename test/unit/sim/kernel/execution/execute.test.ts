import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { Range } from '../../../../../kexec/base/range.js';
import type { StopReason } from '../../../../../sim/cpu/state/model.js';
import { type ExecuteOptions, execute } from '../../../../../sim/kernel/execution/execute.js';
import { lookAtSegments } from '../../../../../sim/kernel/execution/loaded-kernel.js';
import { PLAIN_BOARD, emptyTree } from '../../../../support/files/fdt-support.js';
import { smallTree } from '../../../../support/files/kernel-files.js';
import { FakeCpu, type FakeStep } from '../../../../support/processor/fake-cpu.js';

const KERNEL = 0x4020_0000n;
const PURGATORY = 0x4100_0000n;
const TREE = 0x4200_0000n;
const PAYLOAD = new Uint8Array(readFileSync('machines/payload/Image'));

/** The header of an Image and two words. */
const linux = (): Uint8Array => {
  const bytes = PAYLOAD.slice(0, 72);
  bytes.fill(0x5a, 64);
  return bytes;
};

const purgatory = (): Uint8Array => {
  const bytes = new Uint8Array(64);
  new DataView(bytes.buffer).setBigUint64(8, KERNEL, true);
  return bytes;
};

const segment = (start: bigint, data: Uint8Array) => ({ memory: Range.sized(start, 0x10_0000n), data });

const TO_KERNEL: FakeStep = {
  instructions: 1000n,
  act: (cpu) => {
    cpu.pc = KERNEL;
    cpu.setX(0, TREE);
    return { kind: 'stop-at', pc: KERNEL };
  },
};

const ending = (stop: StopReason, pc = 0x4020_0040n): FakeStep => ({
  instructions: 50n,
  act: (cpu) => {
    cpu.pc = pc;
    cpu.observer?.branch?.({ from: 0x4100_0000n, to: 0x4100_0010n, by: 'branch' });
    return stop;
  },
});

const run = async (script: readonly FakeStep[], changes: Partial<ExecuteOptions> & { damage?: bigint } = {}) => {
  const text = { console: '', out: '', err: '', step: '' };
  const add = (key: keyof typeof text) => (more: string) => void (text[key] += more);
  const kernel = lookAtSegments(PURGATORY, [
    segment(KERNEL, linux()),
    segment(TREE, smallTree({ bootargs: 'console=ttyAMA0' })),
    segment(PURGATORY, purgatory()),
  ]);
  const result = await execute({
    facts: {
      ram: [Range.sized(0x4000_0000n, 0x400_0000n)],
      uart: 0x900_0000n,
      sinks: [],
      bootEl: 1,
      elIsKnown: true,
      uefi: new Map(),
      gic: 3,
      board: PLAIN_BOARD,
      quirks: [],
    },
    kernel,
    purgatory: new Uint8Array(),
    createCpus: (host) => [new FakeCpu(host, script)],
    prepare: (memory, cpu, log) => {
      for (const {
        memory: { start },
        data,
      } of kernel.segments)
        memory.write(start, data);
      if (changes.damage !== undefined) memory.write(changes.damage, Uint8Array.of(0xee));
      cpu.setSystemRegister('CNTFRQ_EL0', 62_500_000n);
      log('Bye!');
      return { symbolAt: (pc) => (pc < KERNEL ? 'arm64_relocate_new_kernel' : undefined) };
    },
    describeEsr: (esr) => `syndrome ${esr}`,
    until: 'entry',
    bounds: { maxInstructions: undefined, deadline: Infinity, interrupted: () => false },
    console: add('console'),
    out: add('out'),
    err: add('err'),
    step: add('step'),
    ...changes,
  });
  return { ...result, ...text };
};

const say = (message: string): FakeStep => ({
  instructions: 10n,
  act: (_, { bus }) => {
    for (const char of message) bus.write(0x900_0000, 1, BigInt(char.charCodeAt(0)));
    return undefined;
  },
});

const OFF = ending({ kind: 'power', what: 'off' });

describe('a Linux kernel', () => {
  test('is run to its first instruction, where the rules are checked', async () => {
    const { exitCode, keepsImage, out, err, console: printed, step } = await run([say('in purgatory\n'), TO_KERNEL]);
    expect({ exitCode, keepsImage, err, printed }).toEqual({
      exitCode: 0,
      keepsImage: false,
      err: '',
      printed: 'in purgatory\n',
    });
    const [first, ...rules] = out.trimEnd().split('\n');
    expect(first).toBe("The new kernel's first instruction: 0x40200000 at EL1, x0 0x42000000, after 1010 instructions");
    expect(rules.length).toBeGreaterThan(15);
    expect(rules.every((line) => line.startsWith('ok '))).toBe(true);
    expect(step).toMatch(
      /^Bye!\nkexec-ts: the new kernel starts at 0x40200000 \(segment 0\+0x0\)\nkexec-ts: 1010 instructions in /,
    );
  });

  test('that is started wrongly is a failure', async () => {
    const wrong: FakeStep = { ...TO_KERNEL, act: (cpu, host) => (cpu.setX(1, 1n), TO_KERNEL.act(cpu, host)) };
    const { exitCode, out } = await run([wrong]);
    expect(exitCode).toBe(1);
    expect(out).toContain('WRONG x1, x2 and x3 are zero: x1 is 0x1\n');
  });

  test('goes on to its end when that is asked for', async () => {
    const { exitCode, out, console: printed } = await run([TO_KERNEL, say('hi'), OFF], { until: 'halt' });
    expect({ exitCode, out, printed }).toEqual({ exitCode: 0, out: '', printed: 'hi' });
  });
});

describe('a kernel that is to be run to its end', () => {
  test('is judged first, on stderr', async () => {
    const { exitCode, err } = await run([TO_KERNEL, OFF], { until: undefined });
    expect(exitCode).toBe(0);
    expect(err).toMatch(/^The new kernel's first instruction: .*\nok {4}the exception level/);
    expect(
      err
        .trimEnd()
        .split('\n')
        .slice(1)
        .every((line) => line.startsWith('ok ')),
    ).toBe(true);
  });

  test('ends when its console shows a text, which the purgatory may show before', async () => {
    const script = [say('ready\n'), TO_KERNEL, say('not yet\nready> '), say('more'), OFF];
    const { exitCode, console: printed } = await run(script, { until: 'console:ready' });
    expect({ exitCode, printed }).toEqual({ exitCode: 0, printed: 'ready\nnot yet\nready' });
  });

  test('fails when it panics, whatever becomes of the machine', async () => {
    const reset = ending({ kind: 'power', what: 'reset' });
    const { exitCode, err } = await run([TO_KERNEL, say('Kernel panic - not syncing: no init\n'), reset], {
      until: 'halt',
    });
    expect(exitCode).toBe(1);
    expect(err).toContain('kexec-ts: the machine reset itself after 1060 instructions, after a panic: no init\n');
    expect((await run([TO_KERNEL, reset], { until: 'halt' })).err).toContain(
      'kexec-ts: the machine reset itself after 1050 ',
    );
  });

  test('goes on until it switches the machine off', async () => {
    const { exitCode, step, console: printed } = await run([TO_KERNEL, say('hi\n'), OFF], { until: 'halt' });
    expect({ exitCode, printed }).toEqual({ exitCode: 0, printed: 'hi\n' });
    expect(step).toContain('kexec-ts: the machine switched itself off after 1060 instructions\n');
  });

  test('is a failure when a rule is broken, whatever becomes of it', async () => {
    const unmasked: FakeStep = { ...TO_KERNEL, act: (cpu, host) => ((cpu.daif = 0), TO_KERNEL.act(cpu, host)) };
    const { exitCode, err } = await run([unmasked, OFF], { until: 'halt' });
    expect(exitCode).toBe(1);
    expect(err).toContain('WRONG debug exceptions, SError, IRQ and FIQ are masked: not masked: D, A, I, F\n');
  });
});

describe('a purgatory that goes on no more', () => {
  const stuck = ending({ kind: 'stuck', pc: PURGATORY + 0x20n, why: 'a branch to itself' }, PURGATORY + 0x20n);

  test('because memory has changed: the report tells where', async () => {
    const { exitCode, keepsImage, err } = await run([stuck], { damage: KERNEL + 70n });
    expect({ exitCode, keepsImage }).toEqual({ exitCode: 1, keepsImage: false });
    expect(err).toContain(
      'kexec-ts: stuck at 0x41000020 (purgatory segment+0x20) after 50 instructions: a branch to itself\n',
    );
    expect(err).toContain('memory is not what was loaded: segment 0 differs from 0x40200046 on: ee 5a 00');
    expect(err).toMatch(/^ x0 0{16} {2} x1/m);
    expect(err).toContain(
      'last branches, the newest at the end:\n  0x41000000 (purgatory segment+0x0) -> 0x41000010 (purgatory segment+0x10)\n',
    );
  });

  test('because its digest is another one', async () => {
    const { err } = await run([stuck]);
    expect(err).toContain('the digest in it is not that of the segments, though memory holds what is loaded\n');
  });
});

test('an exception on the way is told in words', async () => {
  const exception = {
    target: 1,
    vector: 'synchronous',
    esr: 0x9600_0005n,
    far: 0x10n,
    elr: 0x4000_0000n,
    spsr: 0n,
    handler: 0x200n,
  } as const;
  const end = ending({ kind: 'exception', pc: 0x4000_0000n, exception }, 0x4000_0000n);
  const { exitCode, keepsImage, err } = await run([end]);
  expect({ exitCode, keepsImage }).toEqual({ exitCode: 1, keepsImage: false });
  expect(err).toContain(
    'kexec-ts: exception at 0x40000000 (arm64_relocate_new_kernel) after 50 instructions: syndrome 2516582405 ' +
      '(ESR_EL1 0x96000005, FAR 0x10, vector 0x200 (arm64_relocate_new_kernel))\n',
  );
});

test('an exception that the new kernel has no vectors for ends the run, others do not', async () => {
  const take = (handler: bigint) =>
    ending({
      kind: 'exception',
      pc: KERNEL,
      exception: { target: 1, vector: 'synchronous', esr: 0n, far: undefined, elr: KERNEL, spsr: 0n, handler },
    });
  const handle: FakeStep = { instructions: 1n, act: () => undefined };
  const { exitCode, err } = await run([TO_KERNEL, take(0x4020_0200n), handle, take(0x200n)], { until: 'halt' });
  expect(exitCode).toBe(1);
  expect(err).toContain('after 1101 instructions: syndrome 0 (ESR_EL1 0x0, vector 0x200 (arm64_relocate_new_kernel))');
});

describe('what is loaded stays', () => {
  const endless: FakeStep = { instructions: 1_000_000_000_000_000n, act: () => ({ kind: 'interrupted' }) };

  test('when something is not modelled', async () => {
    const end = ending({ kind: 'unmodelled', pc: KERNEL, encoding: 0x1e22_0000, what: 'FMUL' });
    const { exitCode, keepsImage, err } = await run([TO_KERNEL, end], { until: 'halt' });
    expect({ exitCode, keepsImage }).toEqual({ exitCode: 1, keepsImage: true });
    expect(err).toContain(
      'kexec-ts: not modelled yet: FMUL at 0x40200000 (segment 0+0x0), encoding 0x1e220000, after 1050 instructions\n',
    );
  });

  test('when the instructions are used up', async () => {
    const bounds = { maxInstructions: 5_000_000n, deadline: Infinity, interrupted: () => false };
    const { exitCode, keepsImage, err } = await run([endless], { bounds });
    expect({ exitCode, keepsImage }).toEqual({ exitCode: 1, keepsImage: true });
    expect(err).toContain('the limit of 5000000 instructions is reached at 0x0');
  });

  test('when time is up', async () => {
    const bounds = { maxInstructions: undefined, deadline: performance.now() + 1, interrupted: () => false };
    const { exitCode, keepsImage, err } = await run([endless], { bounds });
    expect({ exitCode, keepsImage }).toEqual({ exitCode: 1, keepsImage: true });
    expect(err).toContain('the time limit is reached at 0x0');
  });

  test('when the user interrupts', async () => {
    const bounds = { maxInstructions: undefined, deadline: Infinity, interrupted: () => true };
    const { exitCode, keepsImage, err } = await run([endless], { bounds });
    expect({ exitCode, keepsImage }).toEqual({ exitCode: 130, keepsImage: true });
    expect(err).toContain('interrupted at 0x0');
  });
});

describe('the places where a new kernel may start', () => {
  test('are the other segments, and where the purgatory points to', () => {
    const inside = purgatory();
    new DataView(inside.buffer).setBigUint64(16, KERNEL + 0x40n, true);
    const { kernelEntries } = lookAtSegments(PURGATORY, [segment(KERNEL, linux()), segment(PURGATORY, inside)]);
    expect([...kernelEntries]).toEqual([KERNEL, KERNEL + 0x40n]);
  });

  test('are one, without a purgatory', () => {
    const found = lookAtSegments(KERNEL, [segment(KERNEL, linux()), segment(TREE, emptyTree())]);
    expect(found).toMatchObject({ purgatory: undefined, kernelEntries: new Set([KERNEL]) });
  });
});
