import { Errno } from '../../../../../kexec/base/error.js';
import { describe, expect, test } from '@jest/globals';
import { type CallEntry, parseCalls, rebootArguments } from '../../../../../sim/kernel/calls/calls.js';
import { type KernelFacts, kernelFacts } from '../../../../../sim/kernel/facts/facts.js';
import { answerKexecFileLoad } from '../../../../../sim/kernel/rules/kexec-file.js';
import {
  INITIAL_STATE,
  type KernelState,
  type LoadCall,
  type Outcome,
  answerKexecLoad,
  answerReboot,
} from '../../../../../sim/kernel/rules/kexec-load.js';
import { CALLER_OF, toLoadCall } from '../../../../../sim/kernel/replay.js';
import {
  KEXEC_CRASH_LOADED,
  KEXEC_LOADED,
  LOAD_DISABLED,
  LOAD_LIMIT_PANIC,
  readKernelFile,
  writeKernelFile,
} from '../../../../../sim/kernel/rules/sysctl.js';
import { recordedJson } from '../../../../support/recorded.js';

interface Loaded {
  readonly kexec_loaded: string;
  readonly kexec_crash_loaded: string;
}

interface Case {
  readonly kernel: '6.1' | '6.12';
  readonly boot: string;
  readonly id: number;
  readonly name: string;
  readonly setup: string;
  readonly before: Loaded;
  readonly call: Readonly<Record<string, unknown>>;
  readonly result: number;
  readonly after: Loaded;
  readonly dmesg?: readonly string[];
}

interface Boot {
  readonly MemTotal_kB: number;
  readonly total_ram_pages: number;
  readonly iomem: string;
}

interface Recording {
  readonly boots: Readonly<Record<string, Readonly<Record<string, Boot>>>>;
  readonly cases: readonly Case[];
}

const recording = recordedJson('kernel-calls') as Recording;

const factsOf = (kernel: string, boot: string): KernelFacts => {
  const { MemTotal_kB, iomem } = recording.boots[kernel]![boot]!;
  const sources = {
    version: `Linux version ${kernel}.0 (test)\n`,
    meminfo: `MemTotal:        ${MemTotal_kB} kB\n`,
    iomem,
    lockdown: undefined,
  };
  return kernelFacts(sources, 4096n);
};

/**
 * In these cases a "bad" pointer is one that can be read after all: as far as the call reads, or because the process
 * had asked for tagged pointers to be accepted.
 */
const READABLE = [
  'buf_partly_valid_only_valid_part_used',
  'buf_tagged_pointer_tag_abi_on',
  'segments_tagged_pointer_tag_abi_on',
];

const callOf = ({ name, call }: Case): CallEntry => {
  const text = JSON.stringify([call]);
  const known = READABLE.includes(name)
    ? text.replace(/"bad"/g, '"valid"').replace(/,"who":"root with[^"]*"/, '')
    : text;
  return parseCalls(known, name)[0]!;
};

const image = (mem: bigint, flags: bigint): LoadCall => ({
  entry: mem,
  flags,
  nrSegments: 1n,
  segments: [{ mem, memsz: 0x1000n, bufsz: 0x1000n, source: { kind: 'zeros' } }],
});

const setUp = (facts: KernelFacts, setup: string): KernelState => {
  const load = (state: KernelState, call: LoadCall): KernelState => {
    const outcome = answerKexecLoad(facts, state, call);
    expect(outcome.result).toBe(0);
    return outcome.state;
  };
  const normal = /normal/.test(setup) ? load(INITIAL_STATE, image(0x6000_0000n, 0n)) : INITIAL_STATE;
  return /crash/.test(setup) ? load(normal, image(facts.crashRegion!.start, 1n)) : normal;
};

const loadedOf = (facts: KernelFacts, state: KernelState): Loaded => ({
  kexec_loaded: readKernelFile(facts, state, KEXEC_LOADED)!,
  kexec_crash_loaded: readKernelFile(facts, state, KEXEC_CRASH_LOADED)!,
});

const make = (facts: KernelFacts, state: KernelState, entry: CallEntry): Outcome => {
  switch (entry.call) {
    case 'kexec_load':
      return answerKexecLoad(facts, state, toLoadCall('.', entry), CALLER_OF[entry.who ?? 'root']);
    case 'kexec_file_load':
      return answerKexecFileLoad(undefined, state, {
        kernel: undefined,
        initrd: undefined,
        cmdline: undefined,
        cmdlineLen: 0,
        flags: 0n,
      });
    case 'reboot':
      return answerReboot(state, rebootArguments(entry), CALLER_OF[entry.who ?? 'root']);
    case 'read':
      return { result: readKernelFile(facts, state, entry.path) === undefined ? -2 : 0, state, log: [] };
    case 'write':
      return writeKernelFile(facts, state, entry.path, entry.data);
    default:
      throw new Error(`no answer of a real kernel to ${entry.call} is recorded`);
  }
};

/** A load that is refused names the rule; but where there is no such call, there is none. */
const expectToldWhy = ({ result, why }: Outcome): void =>
  expect(why === undefined).toBe(result === 0 || result === -Errno.ENOSYS);

describe('answers of real kernels', () => {
  test('the record is complete', () => {
    expect(recording.cases).toHaveLength(369);
  });

  for (const [kernel, boots] of Object.entries(recording.boots)) {
    for (const [boot, { total_ram_pages }] of Object.entries(boots)) {
      test(`${kernel} ${boot}: RAM and crash region`, () => {
        const facts = factsOf(kernel, boot);
        expect(facts.totalRamPages).toBe(BigInt(total_ram_pages));
        expect(facts.crashRegion).toMatchObject({ start: 0xa9a0_0000n, last: 0xb99f_ffffn });
      });
    }
  }

  let left: KernelState = INITIAL_STATE;
  test.each(recording.cases.map((one) => [`${one.kernel} ${one.boot} ${one.id} ${one.name}`, one] as const))(
    '%s',
    (_, one) => {
      const facts = factsOf(one.kernel, one.boot);
      const before =
        one.setup.startsWith('as the previous') && one.id > 0 ? left : setUp(facts, one.setup.replace(/^as.*/, ''));
      expect(loadedOf(facts, before)).toEqual(one.before);

      const outcome = make(facts, before, callOf(one));
      left = outcome.state;
      expect(outcome.result).toBe(one.result);
      expect(loadedOf(facts, outcome.state)).toEqual(one.after);
      // The kernel's own warnings about its state of health are not ours to make.
      expect(outcome.log).toEqual((one.dmesg ?? []).filter((line) => /^<\d>kexec/.test(line)));
      if (['kexec_load', 'kexec_file_load'].includes(String(one.call['call']))) expectToldWhy(outcome);
      const reads = one.call['reads'] ?? one.call['reads_back'];
      if (typeof reads === 'string') expect(readKernelFile(facts, outcome.state, String(one.call['path']))).toBe(reads);
    },
  );
});

describe('what the record does not show', () => {
  const facts = factsOf('6.12', 'base');
  const crash = facts.crashRegion!;

  test('5.10 reads the segments after it has dropped the old crash image', () => {
    const old: KernelFacts = { ...facts, generation: '5.10' };
    const loaded = setUp(old, 'crash image');
    const unreadable: LoadCall = { ...image(crash.start, 1n), segments: 'fault' };
    expect(answerKexecLoad(old, loaded, unreadable)).toMatchObject({ result: -14, state: { crash: undefined } });
    expect(answerKexecLoad(old, loaded, { ...unreadable, entry: 0n })).toMatchObject({
      result: -99,
      state: { crash: undefined },
    });
    expect(answerKexecLoad(facts, loaded, unreadable)).toMatchObject({ result: -14, state: loaded, log: [] });
  });

  test('a busy kernel refuses what it would look at, and nothing before', () => {
    const busy = (call: LoadCall): Outcome => answerKexecLoad(facts, INITIAL_STATE, call, undefined, true);
    expect(busy(image(0x6000_0000n, 0n)).result).toBe(-16);
    expect(busy({ ...image(0n, 0n), nrSegments: 0n }).result).toBe(-16);
    expect(busy(image(0x6000_0000n, 0x10n)).result).toBe(-22);
    expect(busy({ ...image(0n, 0n), segments: 'fault' }).result).toBe(-14);
  });

  test('lockdown and kexec_load_disabled forbid all loads, but not the reboot', () => {
    expect(answerKexecLoad({ ...facts, lockedDown: true }, INITIAL_STATE, image(0x6000_0000n, 0n)).result).toBe(-1);
    const loaded = setUp(facts, 'normal image');
    const { result, state } = writeKernelFile(facts, loaded, LOAD_DISABLED, '1\n');
    expect(result).toBe(0);
    expect(answerKexecLoad(facts, state, { ...image(0n, 0n), nrSegments: 0n }).result).toBe(-1);
    expect(writeKernelFile(facts, state, LOAD_DISABLED, '0\n').result).toBe(-22);
    const reboot = answerReboot(
      state,
      rebootArguments({ call: 'reboot', cmd: 0x4558_4543n, magic1: undefined, magic2: undefined, who: undefined }),
    );
    expect(reboot).toEqual({ result: 0, state: INITIAL_STATE, log: [] });
  });

  test('a crash image that leaves one free page lacks one for VMCOREINFO', () => {
    const call: LoadCall = {
      ...image(crash.start, 1n),
      segments: [{ mem: crash.start, memsz: crash.size - 0x1000n, bufsz: 0n, source: { kind: 'zeros' } }],
    };
    expect(answerKexecLoad(facts, INITIAL_STATE, call)).toMatchObject({
      result: -12,
      log: ['<4>kexec_core: Could not allocate vmcoreinfo buffer'],
    });
  });

  test('without a crash region no crash image fits', () => {
    const none: KernelFacts = { ...facts, crashRegion: undefined };
    expect(answerKexecLoad(none, INITIAL_STATE, image(crash.start, 1n)).result).toBe(-99);
    expect(answerKexecLoad(none, INITIAL_STATE, image(0n, 1n)).result).toBe(-99);
    expect(answerKexecLoad(none, INITIAL_STATE, { ...image(0n, 1n), nrSegments: 0n }).result).toBe(0);
  });

  test('sysctls take integers in C notation', () => {
    const after = (data: string): number | undefined =>
      writeKernelFile(facts, INITIAL_STATE, LOAD_LIMIT_PANIC, data).state.limitPanic;
    expect([' 0x10\n', '010', '7 rest', '5'].map(after)).toEqual([16, 8, 7, 5]);
    expect(['', '5x', '0x', '99999999999', '-3', '08'].map(after)).toEqual([-1, -1, -1, -1, -1, -1]);
  });
});
