import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  type Access,
  type AccessCase,
  AT,
  differences,
  type RegisterName,
  REGISTERS,
  Replay,
} from '../../../../machine/gic/accesses.js';
import { recordedJson } from '../../../../support/recorded.js';

describe('answers are those of QEMU', () => {
  test.each(['linux-gicv2', 'linux-gicv3'])('to %s', (name) => {
    expect(differences(recordedJson(`gic/${name}`) as AccessCase)).toEqual([]);
  });

  test.each((recordedJson('gic/random') as AccessCase[]).map((each) => [each.version, each.processors, each] as const))(
    'to random accesses of GICv%d, processors: %d',
    (_version, _processors, each) => {
      expect(differences(each)).toEqual([]);
    },
  );
});

const size = fc.constantFrom(1 as const, 2 as const, 4 as const, 8 as const);
const value = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });

/** Any access to a block of the controller. */
const anywhere = (blocks: readonly (readonly [at: number, sizeBytes: number])[]) =>
  fc
    .tuple(
      fc.nat({ max: 1 }),
      fc.constantFrom('read' as const, 'write' as const),
      fc.constantFrom(...blocks),
      fc.nat(),
      size,
      value,
    )
    .map(([processor, what, [at, bytes], offset, sizeBytes, value]): Access => [
      processor,
      what,
      at + (offset % (bytes / sizeBytes)) * sizeBytes,
      sizeBytes,
      `0x${BigInt.asUintN(8 * sizeBytes, value).toString(16)}`,
    ]);

const REGISTER_NAMES = [
  ...REGISTERS,
  ...['ICC_SRE_EL2', 'ICH_HCR_EL2', 'ICH_VMCR_EL2', 'ICH_LR3_EL2', 'ICH_ELRSR_EL2', 'ICH_EISR_EL2'],
] as RegisterName[];

/** Any access to a system register. */
const register = fc
  .tuple(
    fc.nat({ max: 1 }),
    fc.constantFrom('read' as const, 'write' as const),
    fc.constantFrom(...REGISTER_NAMES),
    value,
  )
  .map(([processor, what, name, value]): Access => [processor, what, name, 8, `0x${value.toString(16)}`]);

const ofV2 = anywhere([
  [AT.distributor, 0x1000],
  [AT.cpu, 0x2000],
  [AT.cpu, 0x20],
]);
const ofV3 = fc.oneof(
  register,
  anywhere([
    [AT.distributor, 0x1000],
    [AT.distributor, 0x1_0000],
    [AT.redistributors, 0x80],
    [AT.redistributors, 0x4_0000],
    [AT.redistributors + 0x1_0000, 0x1000],
    [AT.redistributors + 0x3_0000, 0x1000],
  ]),
);

describe('any accesses', () => {
  test.each([
    [2, ofV2],
    [3, ofV3],
  ] as const)('to GICv%d are answered, and a restored controller answers the same', (version, access) => {
    const accesses = fc.array(access, { maxLength: 60 });
    fc.assert(
      fc.property(accesses, accesses, (before, after) => {
        const first = new Replay(version, 2);
        for (const access of before) expect(first.access(access)).toMatch(/^0x/);
        const second = new Replay(version, 2);
        second.gic.restore(JSON.parse(JSON.stringify(first.gic.save())));
        expect(second.gic.save()).toEqual(first.gic.save());
        for (const access of after) expect(second.access(access)).toBe(first.access(access));
        for (const processor of [0, 1]) {
          const inputs: Access = [processor, 'read', 'ISR_EL1', 8, '0x0'];
          expect(second.access(inputs)).toBe(first.access(inputs));
        }
      }),
    );
  });
});
