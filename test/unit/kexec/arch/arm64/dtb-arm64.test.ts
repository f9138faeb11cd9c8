import { arm64CompatOf } from '../../../../../kexec/arch/arm64/compat-arm64.js';
import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { readFirstDtb, setupSecondDtb } from '../../../../../kexec/arch/arm64/dtb-arm64.js';
import type { Release } from '../../../../../kexec/base/compat.js';
import { dtbClearInitrd, dtbSetInitrd } from '../../../../../kexec/device-tree/dt-ops.js';
import { Errno, KexecError, SystemError } from '../../../../../kexec/base/error.js';
import { Fdt } from '../../../../../kexec/device-tree/libfdt.js';
import { Range } from '../../../../../kexec/base/range.js';
import {
  contents,
  deviceTreeSystem,
  fixture,
  keptLog,
  recordedDeviceTree,
  treeBytes,
} from '../../../../support/files/fdt-support.js';
import { memorySystem } from '../../../../support/files/memory-system.js';

/** What setup_2nd_dtb() and the initrd functions of kexec-tools did with a tree, with the debug log on. */
interface RecordedSetup {
  readonly tree: string;
  readonly commandLine: string;
  /** Inclusive ends, in hex; null when no crash kernel is loaded. */
  readonly elfcorehdr: string | null;
  readonly regions: readonly string[];
  /** What getrandom() gives, in hex, or "fail". */
  readonly random: string;
  /** "clear", or start and exclusive end. */
  readonly initrd: string;
  readonly release: Release;
  readonly stderr: string;
  readonly result: { readonly length: number; readonly sha256: string } | null;
}

const hexPair = (text: string): [bigint, bigint] => {
  const [first, second] = text.split('-').map((number) => BigInt(`0x${number}`));
  return [first!, second!];
};
const inclusive = (text: string): Range => Range.inclusive(...hexPair(text));

const systemWithRandom = (random: string) => ({
  ...memorySystem({}),
  random: (): Uint8Array => {
    if (random === 'fail') throw new SystemError('getrandom', '', Errno.EAGAIN);
    return new Uint8Array(Buffer.from(random, 'hex'));
  },
});

const run = (recorded: RecordedSetup): { readonly bytes: Uint8Array | undefined; readonly stderr: string } => {
  const { tree, commandLine, elfcorehdr, initrd } = recorded;
  const { log, err } = keptLog();
  try {
    const bytes = setupSecondDtb(
      { bytes: treeBytes(tree), name: 'dtb_sys' },
      {
        commandLine,
        crash: elfcorehdr === null ? undefined : { elfcorehdr: inclusive(elfcorehdr) },
        usableMemory: recorded.regions.map(inclusive),
        arm64Compat: arm64CompatOf(recorded),
        system: systemWithRandom(recorded.random),
        log,
      },
    );
    const withInitrd = initrd === 'clear' ? dtbClearInitrd(bytes, log) : dtbSetInitrd(bytes, ...hexPair(initrd), log);
    return { bytes: withInitrd, stderr: err() };
  } catch (error) {
    if (!(error instanceof KexecError)) throw error;
    return { bytes: undefined, stderr: err() + error.text };
  }
};

const RECORDED = fixture('setup.json') as readonly RecordedSetup[];

const named = (recorded: RecordedSetup): [string, RecordedSetup] => {
  const { tree, release, regions, commandLine, elfcorehdr, initrd } = recorded;
  const kind = elfcorehdr === null ? 'normal' : `crash with ${regions.length}`;
  return [`${tree}, ${release}, ${kind}, "${commandLine}", initrd ${initrd}`, recorded];
};

describe('the second device tree is that of kexec-tools', () => {
  test.each(RECORDED.map(named))('%s', (_, recorded) => {
    const { bytes, stderr } = run(recorded);
    expect(stderr).toBe(recorded.stderr);
    const result = bytes && { length: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
    expect(result ?? null).toEqual(recorded.result);
  });
});

const CRASH: RecordedSetup = {
  tree: 'full',
  commandLine: 'quiet',
  elfcorehdr: '4b99e0000-4b99fffff',
  regions: ['a9a00000-b99fffff', '4a9a00000-4b99fffff'],
  random: '0123456789abcdef',
  initrd: 'clear',
  release: '2.0.32',
  stderr: '',
  result: null,
};

describe('the second device tree', () => {
  test('tells a crash kernel of its memory, the low region last', () => {
    const { bytes } = run(CRASH);
    const properties = contents(new Fdt(bytes!, 'x'));
    expect(properties.get('/chosen/linux,elfcorehdr')).toBe('00000004b99e00000000000000020000');
    expect(properties.get('/chosen/linux,usable-memory-range')).toBe(
      '00000004a9a00000' + '0000000010000000' + '00000000a9a00000' + '0000000010000000',
    );
    expect(properties.get('/chosen/kaslr-seed')).toBe('0123456789abcdef');
    expect(properties.get('/chosen/bootargs')).toBe('7175696574000000');
    expect(properties.has('/chosen/linux,initrd-start')).toBe(false);
  });

  test('is the original buffer when there is nothing to change', () => {
    const bytes = treeBytes('no-chosen');
    const { log } = keptLog();
    const options = {
      crash: undefined,
      usableMemory: [],
      arm64Compat: arm64CompatOf({ release: '2.0.32' }),
      system: memorySystem({}),
      log,
    };
    expect(setupSecondDtb({ bytes, name: 'dtb_sys' }, { ...options, commandLine: undefined })).toBe(bytes);
    expect(setupSecondDtb({ bytes, name: 'dtb_sys' }, { ...options, commandLine: '' })).toBe(bytes);
  });

  test('is not made of a seed that has not been wiped', () => {
    // Only the lower half counts: "seeded" has it in the lower, "three-cells" in the upper one.
    expect(run({ ...CRASH, tree: 'seeded' })).toEqual({
      bytes: undefined,
      stderr: expect.stringMatching(
        /setup_2nd_dtb: kaslr-seed is not wiped to 0\.\nkexec: setup_2nd_dtb failed\.\n$/,
      ) as unknown,
    });
    expect(run({ ...CRASH, tree: 'three-cells' }).bytes).toBeDefined();
  });

  test('is not made where no region fits into the cells', () => {
    const { stderr } = run({ ...CRASH, tree: 'no-chosen' });
    expect(stderr).toMatch(/kexec: elfcorehdr doesn't fit cells-size\.\nkexec: setup_2nd_dtb failed\.\n$/);
    const low = run({ ...CRASH, tree: 'no-chosen', elfcorehdr: 'b99e0000-b99fffff' }).stderr;
    expect(low).toMatch(/kexec: usable memory range doesn't fit cells-size\.\nkexec: setup_2nd_dtb failed\.\n$/);
  });

  test('fails like the original when there is no region to tell of', () => {
    expect(run({ ...CRASH, regions: [] }).stderr).toMatch(
      /fdt_setprop failed: FDT_ERR_BADLAYOUT\nkexec: setup_2nd_dtb failed/,
    );
  });

  test('keeps the bytes of a command line', () => {
    const { bytes } = run({ ...CRASH, commandLine: 'a\xff\x80' });
    expect(contents(new Fdt(bytes!, 'x')).get('/chosen/bootargs')).toBe('61ff8000');
  });

  test('is not made of a tree that is cut off', () => {
    const { bytes, stderr } = run({ ...CRASH, tree: 'cut-off', commandLine: '' });
    expect(bytes).toBeUndefined();
    expect(stderr).toContain('kexec: dtb_sys: the device tree is cut off');
  });
});

test('clearing the initrd leaves its argument alone', () => {
  const bytes = treeBytes('full');
  const before = bytes.slice();
  const { log } = keptLog();
  expect(dtbClearInitrd(bytes, log)).not.toEqual(before);
  expect(bytes).toEqual(before);
});

test('a failure to set the initrd is told of in the debug log only', () => {
  const { log, err } = keptLog();
  let text = 'none';
  try {
    dtbSetInitrd(treeBytes('old-version'), 0x1000n, 0x2001n, log);
  } catch (error) {
    if (error instanceof KexecError && !error.died) text = error.text;
  }
  expect(text).toBe('');
  expect(err()).toBe(
    'dtb_set_initrd: start 4096, end 8193, size 4097 (4 KiB)\n' +
      'dtb_set_property: fdt_open_into failed: FDT_ERR_BADVERSION\n',
  );
});

describe('the first device tree', () => {
  test('is /sys/firmware/fdt with all its bytes', () => {
    const { log, err } = keptLog();
    const bytes = treeBytes('virt-2g');
    expect(readFirstDtb(memorySystem({ '/sys/firmware/fdt': bytes }), log, [])).toEqual({ bytes, name: 'dtb_sys' });
    expect(err()).toBe('read_1st_dtb: found /sys/firmware/fdt\n');
  });

  test('is made of /proc/device-tree where there is none', () => {
    const { log, err } = keptLog();
    const { name } = readFirstDtb(deviceTreeSystem(recordedDeviceTree('virt-2g')), log, []);
    expect(name).toBe('dtb_proc');
    expect(err()).toBe(
      'read_sys_dtb: No such file or directory\n' +
        'Modified cmdline:root=/dev/vda \n' +
        'read_1st_dtb: found /proc/device-tree\n',
    );
  });

  test('is missed', () => {
    const { log, err } = keptLog();
    expect(() => readFirstDtb(memorySystem({}), log, [])).toThrow('kexec: Error: No device tree available.');
    expect(err()).toBe(
      'read_sys_dtb: No such file or directory\nread_proc_dtb: No such file or directory\nread_1st_dtb: not found\n',
    );
  });
});
