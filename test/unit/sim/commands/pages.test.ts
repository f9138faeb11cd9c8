import { describe, expect, test } from '@jest/globals';
import { Range } from '../../../../kexec/base/range.js';
import { runKexecSim } from '../../../../sim/commands/index.js';
import { formatPages } from '../../../../sim/commands/common/pages.js';
import { layOutKimage } from '../../../../sim/kernel/rules/kimage.js';
import { createPageAllocator } from '../../../../sim/kernel/facts/page-allocator.js';
import { recordedMachine } from '../../../../sim/kernel/recorded-system.js';
import { useTempDir } from '../../../support/machine/sim-support.js';

const temp = useTempDir();

const PAGE = 4096n;

const ask = async (...args: readonly string[]): Promise<string> => {
  let text = '';
  await runKexecSim(args, '1', { env: {}, out: (more) => (text += more) });
  return text;
};

/** @returns the state directory of virt-2g with an image at an address */
const loaded = async (start: bigint, pages: bigint, flags = 0n): Promise<string> => {
  const state = temp.make('state');
  const memory = Range.sized(start, pages * PAGE);
  const segments = [{ data: Uint8Array.of(1, 2, 3), memory, buf: 0n }];
  expect(
    await recordedMachine({ state, env: {} }).kexecLoad({ entry: start, flags: 0xb7_0000n | flags, segments }),
  ).toBe(0);
  return state;
};

describe('kexec-sim segments --pages', () => {
  test('lists where the pages are, many in one line', async () => {
    const state = await loaded(0x6000_0000n, 3n);
    expect((await ask('segments', '--pages', '--state', state)).split('\n')).toEqual([
      'normal: head 0xbfab8002, control code page 0xbfbd9000, swap page 0xbfbd8000; pages of 4096 bytes: 3 as sources, 1 for the list',
      'AT                      ENTRY        PAGES  FROM                    TO',
      'head                    indirection         0xbfab8000',
      '0xbfab8000              destination         0x60000000',
      '0xbfab8008..0xbfab8018  source       3      0xbfab7000..0xbfab5000  0x60000000..0x60002000',
      '0xbfab8020              done',
      '',
    ]);
  });

  test('--json lists each entry', async () => {
    const state = await loaded(0x6000_0000n, 2n);
    expect(JSON.parse(await ask('segments', 'normal', '--pages', '--json', '--state', state))).toEqual([
      {
        image: 'normal',
        pageSize: 4096,
        head: '0xbfab8002',
        controlCodePage: '0xbfbd9000',
        swapPage: '0xbfbd8000',
        entries: [
          { at: 'head', kind: 'indirection', page: '0xbfab8000' },
          { at: '0xbfab8000', kind: 'destination', page: '0x60000000' },
          { at: '0xbfab8008', kind: 'source', page: '0xbfab7000', to: '0x60000000' },
          { at: '0xbfab8010', kind: 'source', page: '0xbfab6000', to: '0x60001000' },
          { at: '0xbfab8018', kind: 'done', page: null },
        ],
      },
    ]);
  });

  test('of a crash image shows that nothing is copied', async () => {
    const state = await loaded(0xa9a0_0000n, 2n, 1n);
    expect(await ask('segments', '--pages', '--state', state)).toBe(
      'crash: head 0x4, control code page 0xa9a02000; pages of 4096 bytes: 0 as sources, 0 for the list\n' +
        'AT    ENTRY  PAGES  FROM  TO\nhead  done\n',
    );
  });

  test('of nothing is nothing', async () => {
    const state = temp.make('state');
    expect(await ask('segments', '--pages', '--state', state)).toBe('');
    expect(await ask('segments', '--pages', '--json', '--state', state)).toBe('[]\n');
  });

  test('breaks a line where sources go another way', () => {
    const dealt = [9, 8, 1, 2, 3, 4, 5, 40, 30, 31, 20].map((number) => number * 4096).reverse();
    const allocator = { ...createPageAllocator([], PAGE), allocate: () => dealt.pop() };
    const kimage = layOutKimage([{ mem: 0x10_0000n, memsz: 8n * PAGE }], allocator, PAGE);
    if ('lacks' in kimage) throw new Error(kimage.lacks);
    const counts = formatPages({ image: 'normal', kimage }).match(/source {7}\d+/g);
    // 2 to 5, 40, 30 to 31, 20.
    expect(counts).toEqual(['source       4', 'source       1', 'source       2', 'source       1']);
  });
});
