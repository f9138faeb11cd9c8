import { describe, expect, test } from '@jest/globals';
import { Range } from '../../../../../kexec/base/range.js';
import { type Arrival, lookAtKernel } from '../../../../../sim/kernel/execution/arrival.js';
import { CAPTURE_RULES } from '../../../../../sim/kernel/execution/capture-rules.js';
import {
  type CrashedOptions,
  ELFCOREHDR,
  RAM,
  REGION,
  TREE,
  crashTree,
  crashedMemory,
} from '../../../../support/machine/crashed-memory.js';
import { deviceTree, smallTree } from '../../../../support/files/kernel-files.js';

interface Changes {
  readonly crashed?: CrashedOptions;
  readonly affinity?: bigint;
  readonly segments?: readonly Range[];
  readonly running?: Partial<Arrival['running']>;
  /** What memory is given after all else. */
  readonly writes?: readonly (readonly [bigint, Uint8Array])[];
}

/** What the rules say of a machine at its capture kernel's first instruction. */
const wrong = (changes: Changes): Readonly<Record<string, string>> => {
  const memory = crashedMemory(changes.crashed);
  for (const [at, bytes] of changes.writes ?? []) memory.write(at, bytes);
  const arrival: Arrival = {
    cpu: {
      getX: (register) => (register === 0 ? TREE : 0n),
      pc: REGION.start,
      el: 1,
      daif: 15,
      affinity: changes.affinity ?? 0n,
      getSystemRegister: () => 0n,
    },
    memory,
    highestEl: 1,
    segments: (changes.segments ?? [Range.sized(REGION.start, 0x1000n)]).map((range) => ({
      memory: range,
      data: new Uint8Array(),
    })),
    purgatory: undefined,
    running: { uefi: new Map(), quirks: [], memory: [RAM], crashRegions: [REGION], ...changes.running },
  };
  const kernel = lookAtKernel(arrival);
  return Object.fromEntries(
    CAPTURE_RULES.flatMap(({ rule, check }) => {
      const problem = check(arrival, kernel);
      return problem === undefined ? [] : [[rule, problem]];
    }),
  );
};

const OWN = "the capture kernel's memory is the old kernel's crash kernel region";
const LOADED = 'all that is loaded is in that memory';
const HEADER = 'the header of the dump is where the capture kernel is told, and in that memory';
const NOTES = 'the notes are there that it tells of';
const FIRMWARE = 'the firmware answers the processor that it runs on';

describe('the rules of a kernel that takes a dump', () => {
  test('all hold where kexec and the kernel that died have done their part', () => {
    expect(wrong({})).toEqual({});
  });

  test('its memory is the crash region, and told', () => {
    expect(wrong({ running: { crashRegions: [] } })).toEqual({
      [OWN]: 'linux,usable-memory-range has 0x42000000-0x42ffffff: there is none',
    });
    expect(wrong({ running: { crashRegions: [Range.sized(REGION.start, 0x1000n)] } })).toEqual({
      [OWN]: 'linux,usable-memory-range has 0x42000000-0x42ffffff: that is 0x42000000-0x42000fff',
    });
    expect(wrong({ writes: [[TREE, crashTree(ELFCOREHDR, [])]] })).toEqual({
      [OWN]: '/chosen has no linux,usable-memory-range: it takes the memory that it is to dump',
    });
  });

  test('its memory is RAM', () => {
    const ram = [Range.between(RAM.start, REGION.end - 0x1000n), Range.between(REGION.end, RAM.end)];
    expect(wrong({ crashed: { ram } })).toEqual({
      [OWN]: 'linux,usable-memory-range has 0x42fff000-0x42ffffff, which is no RAM',
    });
  });

  test('what is loaded is in there', () => {
    expect(wrong({ segments: [Range.sized(RAM.start, 0x1000n), Range.sized(REGION.start, 0x1000n)] })).toEqual({
      [LOADED]: 'not segment 0 (0x40000000-0x40000fff)',
    });
  });

  test.each([
    ['is there', new Uint8Array(64), 'is none: "Core image elf header not found", as Linux says'],
    [
      'is of a core file',
      Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1),
      'is broken: "Core image elf header is not sane", as Linux says',
    ],
  ])('the header of the dump %s', (_, bytes, problem) => {
    const whole = new Uint8Array(64);
    whole.set(bytes);
    expect(wrong({ writes: [[ELFCOREHDR, whole]] })).toEqual({
      [HEADER]: `the elfcorehdr at 0x42f00000 ${problem} (linux,elfcorehdr)`,
    });
  });

  test('the header of the dump is in RAM', () => {
    const outside = RAM.end + 0x1000n;
    expect(wrong({ writes: [[TREE, crashTree(outside, [REGION])]] })).toEqual({
      [HEADER]: 'the elfcorehdr at 0x44001000 is not in RAM: the capture kernel dies of it (linux,elfcorehdr)',
    });
  });

  test('the header of the dump is in the memory that the kernel has', () => {
    const outside = RAM.start + 0x20_0000n;
    const header = crashedMemory().read(ELFCOREHDR, 0x1000);
    const writes = [
      [TREE, crashTree(outside, [REGION])],
      [outside, header],
    ] as const;
    expect(wrong({ writes })).toEqual({
      [HEADER]: 'it is at 0x40200000-0x402003ff (linux,elfcorehdr), which the kernel does not map: it dies of it',
    });
  });

  test('the command line may lead to it, and elsewhere', () => {
    const told = (bootargs: string, byTree?: bigint) =>
      wrong({ writes: [[TREE, crashTree(byTree, [REGION], bootargs)]] });
    expect(told(`panic=1 elfcorehdr=0x${ELFCOREHDR.toString(16)}`)).toEqual({});
    expect(told('elfcorehdr=1M', ELFCOREHDR)).toEqual({
      [HEADER]: 'the elfcorehdr at 0x100000 is not in RAM: the capture kernel dies of it (elfcorehdr=1M)',
    });
  });

  test('a tree that tells of no dump leads to no /proc/vmcore', () => {
    expect(wrong({ writes: [[TREE, smallTree({})]] })).toEqual({
      [OWN]: '/chosen has no linux,usable-memory-range: it takes the memory that it is to dump',
      [HEADER]: '/chosen has no linux,elfcorehdr: there will be no /proc/vmcore',
    });
  });

  test('a processor that saved nothing is told of', () => {
    expect(wrong({ crashed: { processors: [1n, 0n] } })).toEqual({ [NOTES]: 'there is none at 0x40101000' });
  });

  test('firmware that answers the first processor only is told of on another one', () => {
    const tree = deviceTree({
      '#address-cells': [2],
      '#size-cells': [2],
      chosen: {
        'linux,elfcorehdr': [0, Number(ELFCOREHDR), 0, 0x400],
        'linux,usable-memory-range': [0, Number(REGION.start), 0, Number(REGION.size)],
      },
      psci: { compatible: 'arm,psci-1.0', method: 'hvc' },
    });
    const changes: Changes = { writes: [[TREE, tree]], running: { quirks: ['psci-cpu0-only'] } };
    expect(wrong(changes)).toEqual({});
    expect(wrong({ ...changes, affinity: 1n })).toEqual({
      [FIRMWARE]: 'the firmware has the quirk psci-cpu0-only, and this is processor 0x1',
    });
  });
});
