import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { concatBytes } from '../../../../../kexec/base/bytes.js';
import { Range } from '../../../../../kexec/base/range.js';
import { runInspection, completionsOf } from '../../../../../sim/kernel/inspect/commands.js';
import { Inspector } from '../../../../../sim/kernel/inspect/inspector.js';
import { KernelView } from '../../../../../sim/kernel/inspect/kernel-view.js';
import { MemoryView } from '../../../../../sim/kernel/inspect/memory-view.js';
import { pageDump } from '../../../../../sim/kernel/inspect/page-dump.js';
import type { ReadPhysical, StoppedProcessor } from '../../../../../sim/kernel/inspect/stopped.js';
import { symbolFile } from '../../../../../sim/kernel/inspect/symbol-file.js';
import { type Tables, walkTables } from '../../../../../sim/kernel/inspect/walk.js';
import { ImageSymbols } from '../../../../../sim/kernel/log/image-symbols.js';
import { type CrashRecord, comparable } from '../../../../machine/inspect/crash-output.js';

const PAGE = 4096n;

/** Memory that is nothing but some pages. */
const memoryOf =
  (pages: ReadonlyMap<bigint, Uint8Array>): ReadPhysical =>
  (physAddr, sizeBytes) => {
    const pieces: Uint8Array[] = [];
    const end = physAddr + BigInt(sizeBytes);
    for (let at = physAddr; at < end;) {
      const page = pages.get(at - (at % PAGE));
      const stop = at - (at % PAGE) + PAGE < end ? at - (at % PAGE) + PAGE : end;
      if (page === undefined) return undefined;
      pieces.push(page.subarray(Number(at % PAGE), Number(at % PAGE) + Number(stop - at)));
      at = stop;
    }
    return concatBytes(pieces);
  };

const processor = (system: ReadonlyMap<string, bigint>): StoppedProcessor => ({
  x: () => 0n,
  ...{ sp: 0n, pc: 0n, pstate: 5n },
  system: (name) => system.get(name),
});

const TEXTS = { iomem: () => 'a-b : RAM\n', kimage: () => undefined, dtb: () => '/ {\n};\n' };

describe('beside the real crash', () => {
  const record = JSON.parse(gunzipSync(readFileSync('test/data/inspect/crash.json.gz')).toString()) as CrashRecord;
  const number = (digits: string): bigint => BigInt(`0x${digits}`);
  const pages = new Map(
    Object.entries(record.pages).map(([at, bytes]) => [number(at), new Uint8Array(Buffer.from(bytes, 'base64'))]),
  );
  const { start, sizeBytes, offset } = record.kernel;
  const memory = Range.sized(number(start), number(sizeBytes));
  const machine = { read: memoryOf(pages), ram: [memory], processors: [], current: 0 };
  const registers = new Map(Object.entries(record.registers).map(([name, value]) => [name, number(value)]));
  const view = new MemoryView(machine, processor(registers));
  const kernel = new KernelView(memory, number(offset), new ImageSymbols(record.symbols));
  const inspector = new Inspector(view, kernel, () => ({ text: '' }), TEXTS);

  test.each(record.commands)('$command', ({ command, lines }) => {
    const [ours, theirs] = [[...runInspection(inspector, command)], lines].map((answer) =>
      comparable(command, answer).map((line) => (command.startsWith('dis') ? line.split('\t')[0] : line)),
    );
    expect(theirs?.join('')).not.toBe('');
    expect(ours).toEqual(theirs);
  });
});

/** One table of 4K pages for 30 bits of lower addresses: its root is at 0x1000, a second one at 0x2000. */
const TABLES: Tables = { name: 'TTBR0_EL1', root: 0x1000n, granule: 12, bits: 30, upper: false };
const tablePages = (): Map<bigint, Uint8Array> => {
  const [root, last] = [new DataView(new ArrayBuffer(4096)), new DataView(new ArrayBuffer(4096))];
  root.setBigUint64(0, 0x2003n, true);
  root.setBigUint64(8, 0x4020_0701n, true);
  root.setBigUint64(16, 0x9003n, true);
  root.setBigUint64(24, 0x1003n, true);
  last.setBigUint64(8, 0x60_0000_0000_5783n, true);
  last.setBigUint64(16, 0x60_0000_0000_6783n, true);
  return new Map([root, last].map((view, i) => [BigInt(i + 1) * PAGE, new Uint8Array(view.buffer)]));
};

describe('a walk', () => {
  const read = memoryOf(tablePages());

  test('tells each descriptor, and where the address leads', () => {
    expect(walkTables(TABLES, 0x1234n, read)).toEqual({
      steps: [
        { level: 2, at: 0x1000n, descriptor: 0x2003n },
        { level: 3, at: 0x2008n, descriptor: 0x60_0000_0000_5783n },
      ],
      end: { kind: 'mapped', physAddr: 0x5234n, sizeBytes: 4096n },
    });
    expect(walkTables(TABLES, 0x20_1234n, read).end).toEqual({
      kind: 'mapped',
      physAddr: 0x4020_1234n,
      sizeBytes: 1n << 21n,
    });
  });

  test('tells why an address leads nowhere', () => {
    expect(walkTables(TABLES, 0n, read).end).toEqual({ kind: 'not-mapped' });
    expect(walkTables(TABLES, 0x40_0000n, read).end).toEqual({ kind: 'no-memory', table: 0x9000n });
    expect(walkTables(TABLES, 1n << 30n, read).end).toEqual({ kind: 'outside' });
    expect(walkTables({ ...TABLES, upper: true }, 0n, read).end).toEqual({ kind: 'outside' });
  });
});

test('a dump of tables has a line for neighbours that are mapped alike, holes too', () => {
  const lines = [...pageDump({ ...TABLES, bits: 23 }, memoryOf(tablePages()), 0xffn, [{ start: 0n, name: 'Start' }])];
  expect(lines.slice(0, 5)).toEqual([
    '---[ Start ]---',
    '0x0000000000000000-0x0000000000001000           4K PTE',
    '0x0000000000001000-0x0000000000003000           8K PTE       ro NX SHD AF            UXN    MEM/NORMAL',
    '0x0000000000003000-0x0000000000200000        2036K PTE',
    '0x0000000000200000-0x0000000000400000           2M PGD       RW x  SHD AF        BLK        MEM/NORMAL',
  ]);
});

describe('commands', () => {
  const system = new Map([
    ['SCTLR_EL1', 1n],
    ['TCR_EL1', 34n],
    ['TTBR0_EL1', 0x1000n],
  ]);
  const pages = tablePages().set(0x5000n, new TextEncoder().encode('0123456789abcdef'.repeat(256)));
  const machine = { read: memoryOf(pages), ram: [Range.sized(0x5000n, 4096n)], processors: [], current: 0 };
  const view = new MemoryView(machine, processor(system));
  const inspector = new Inspector(view, undefined, (word) => ({ text: word.toString(16) }), TEXTS);
  const answer = (line: string): readonly string[] => [...runInspection(inspector, line)];

  test('read memory as the processor sees it, or physically', () => {
    const row = '3736353433323130                    01234567';
    expect(answer('rd 1000')).toEqual([`            1000:  ${row}`]);
    expect(answer('rd -p 5000')).toEqual([`            5000:  ${row}`]);
    expect(answer('dis 1000')).toEqual(['0x1000:\t33323130']);
    expect(answer('search -32 33323130').length).toBe(256);
    expect(answer('iomem')).toEqual(['a-b : RAM']);
  });

  test.each([
    ['nothing 1', 'there is no command "nothing": help lists them'],
    ['rd', 'usage: rd [-64|-32|-16|-8] [-p] ADDRESS|SYMBOL [COUNT]'],
    ['rd 0', 'invalid kernel virtual address: 0: nothing is mapped there'],
    ['rd 2000', 'no memory at 2000'],
    ['rd -p 99000', 'no memory at physical address 99000'],
    ['rd 1000 0', '"0" is not a count from 1 to 1048576'],
    ['rd panic', 'no kernel is found in memory, and so no symbol'],
    ['vtop -x 1', 'vtop: there is no option -x; usage: vtop [-t ROOT] ADDRESS|SYMBOL'],
    ['search -8 100', '100 has more than 8 bits'],
    ['ptov 5000', '5000: the linear map has no such memory'],
    ['log', 'no log of a kernel is found in memory'],
    ['dis -r 1000', 'no symbol is before 1000'],
  ])('%s: %s', (line, message) => {
    expect(() => answer(line)).toThrow(message);
  });

  test('symbols that nobody can know are told of', () => {
    const bare = new Inspector(
      view,
      new KernelView(Range.sized(0n, 4096n), 0n, undefined),
      () => ({ text: '' }),
      TEXTS,
    );
    expect(() => [...runInspection(bare, 'sym panic')]).toThrow("the kernel's Image has no symbol tables");
  });

  test('tables that lead to themselves come to an end', () => {
    expect(answer('pt').length).toBeGreaterThan(0);
  });

  test('are completed', () => {
    expect(completionsOf(inspector, 'v', 5)).toEqual(['vtop']);
    expect(completionsOf(inspector, 'p', 5)).toEqual(['p', 'ptov', 'pt']);
  });
});

test('a file of symbols has them at their addresses, local ones first', () => {
  const symbols = [
    { name: 'start', address: 0x4000n, type: 'T' },
    { name: 'inner', address: 0x4010n, type: 't' },
  ];
  const bytes = symbolFile([{ name: '.text.x', start: 0x4000n, sizeBytes: 0x100n, isCode: true, symbols }]);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const table = Number(view.getBigUint64(64 + 2 * 64 + 24, true));
  expect([1, 2].map((i) => view.getBigUint64(table + 24 * i + 8, true))).toEqual([0x4010n, 0x4000n]);
  // sh_info: the first symbol that is not local.
  expect(view.getUint32(64 + 2 * 64 + 44, true)).toBe(2);
});
