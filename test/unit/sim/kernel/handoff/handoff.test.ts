import { describe, expect, test } from '@jest/globals';
import { Range } from '../../../../../kexec/base/range.js';
import { handOff, qemuCommand } from '../../../../../sim/kernel/handoff/handoff.js';
import { handoffStub } from '../../../../../sim/kernel/handoff/handoff-stub.js';
import type { Launched } from '../../../../../sim/kernel/execution/launch.js';
import { Processors } from '../../../../../sim/kernel/machine/processors.js';
import { Board } from '../../../../../sim/machine/board.js';
import { encode } from '../../../../support/processor/assemble.js';
import { FakeCpu } from '../../../../support/processor/fake-cpu.js';

const RAM = [Range.sized(0x4000_0000n, 0x100_0000n)];

const launched = (): Launched & { readonly cpu: FakeCpu } => {
  const board = new Board({ ram: RAM, devices: [], highestEl: 1 });
  const cpu = new FakeCpu(board, []);
  cpu.pc = 0x4020_0000n;
  return {
    board,
    console: undefined,
    processors: new Processors(board, cpu),
    cpu,
    nameOf: String,
    place: String,
    sinkInRam: undefined,
    bug: undefined,
    code: [],
  };
};

const ERET = encode('ERET');
/** The first byte of LDR (literal) of an X register. */
const LOAD_LITERAL = 0x58;
const SP = 31;
/** The condition "not equal". */
const NE = 1;

const wordsOf = (bytes: Uint8Array): readonly number[] => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i, true));
};

/** Follows the stub as far as its instructions are loads of numbers, which is what all but a few are. */
const loadsOf = (stub: Uint8Array): readonly (readonly [register: number, value: bigint])[] => {
  const view = new DataView(stub.buffer, stub.byteOffset, stub.byteLength);
  const loads: [number, bigint][] = [];
  for (const [i, word] of wordsOf(stub).entries()) {
    if (word === ERET) break;
    if (word >>> 24 === LOAD_LITERAL)
      loads.push([word & 31, view.getBigUint64(4 * (i + ((word >>> 5) & 0x7ffff)), true)]);
  }
  return loads;
};

describe('the code that sets the registers', () => {
  test('gives each of them its value, and continues at the program counter', () => {
    const { cpu } = launched();
    for (let i = 0; i < 31; i++) cpu.setX(i, 0x1111n * BigInt(i));
    Object.assign(cpu, { sp: 0x4100_0000n, nzcv: 0b1010, daif: 0b1111 });
    expect(loadsOf(handoffStub(cpu, []))).toEqual([
      [0, 0x4100_0000n],
      [0, 0x4020_0000n],
      [0, 0xa000_03c5n],
      ...Array.from({ length: 31 }, (_, i) => [i, 0x1111n * BigInt(i)]),
    ]);
  });

  test.each([
    [1, 0],
    [2, 4],
  ] as const)('uses the registers of EL%i', (el, op1) => {
    const { cpu } = launched();
    cpu.setEl(el);
    const words = wordsOf(handoffStub(cpu, []));
    const code = words.slice(0, words.indexOf(ERET) + 1);
    const system = { o0: 1, op1, CRn: 4, CRm: 0, Rt: 0 };
    expect(code.filter((word) => word >>> 24 !== LOAD_LITERAL)).toEqual([
      encode('ADD (immediate)', { sf: 1, sh: 0, imm12: 0, Rn: 0, Rd: SP }),
      encode('MSR (register)', { ...system, op2: 1 }),
      encode('MSR (register)', { ...system, op2: 0 }),
      ERET,
    ]);
  });

  test('copies first what could not be put in its place', () => {
    const { cpu } = launched();
    const stub = handoffStub(cpu, [{ from: 0x100n, to: 0x200n, sizeBytes: 0x40n }]);
    expect(loadsOf(stub).slice(0, 3)).toEqual([
      [0, 0x100n],
      [1, 0x200n],
      [2, 0x40n],
    ]);
    expect(wordsOf(stub).slice(3, 7)).toEqual([
      encode('LDR, LDRB, LDRH (immediate, post-index)', { size: 3, imm9: 8, Rn: 0, Rt: 3 }),
      encode('STR, STRB, STRH (immediate, post-index)', { size: 3, imm9: 8, Rn: 1, Rt: 3 }),
      encode('SUBS (immediate)', { sf: 1, sh: 0, imm12: 8, Rn: 2, Rd: 2 }),
      encode('B.cond', { imm19: 2 ** 19 - 3, cond: NE }),
    ]);
  });
});

describe('the files', () => {
  const segment = (start: bigint, size: bigint) => ({ memory: Range.sized(start, size), data: new Uint8Array() });

  test('are one for neighbours, and hold what memory holds now', () => {
    const { board, processors } = launched();
    board.memory.write(0x4020_0004n, Uint8Array.of(1, 2));
    const segments = [segment(0x4020_1000n, 0x1000n), segment(0x4020_0000n, 0x1000n), segment(0x4030_0000n, 0n)];
    const { pieces, start } = handOff({ board, processors }, segments, RAM);
    expect(pieces.map(({ file, physAddr, bytes }) => [file, physAddr, bytes.length])).toEqual([
      ['memory-40200000.bin', 0x4020_0000n, 0x2000],
      ['stub.bin', start, expect.any(Number)],
    ]);
    expect([...pieces[0]!.bytes.subarray(4, 6)]).toEqual([1, 2]);
  });

  test('leave the code a place where nothing is loaded', () => {
    const { start } = handOff(launched(), [segment(0x40ff_f000n, 0x1000n), segment(0x4020_0000n, 0x1000n)], RAM);
    expect(start).toBe(0x40ff_e000n);
  });

  test('go round the tree that QEMU puts at the start of RAM', () => {
    const machine = launched();
    machine.board.memory.write(0x401f_f000n, Uint8Array.of(0xaa));
    const { pieces, start } = handOff(machine, [segment(0x401f_f000n, 0x2000n)], RAM);
    expect(pieces.map(({ physAddr, bytes: { length } }) => [physAddr, length]).slice(0, 2)).toEqual([
      [0x4020_0000n, 0x1000],
      [start + 0x1000n, 0x1000],
    ]);
    expect(pieces[1]!.bytes[0]).toBe(0xaa);
    expect(loadsOf(pieces[2]!.bytes).slice(0, 3)).toEqual([
      [0, start + 0x1000n],
      [1, 0x401f_f000n],
      [2, 0x1000n],
    ]);
  });

  test('need some free memory', () => {
    const full = segment(0x4000_0000n, 0x100_0000n);
    expect(() => handOff(launched(), [full], RAM)).toThrow('handoff: there is no free memory beside what is loaded');
  });
});

test('the command names the files, the machine and where to start', () => {
  const handoff = {
    pieces: [{ file: 'm.bin', physAddr: 0x4020_0000n, bytes: new Uint8Array(1) }],
    start: 0x5000_0000n,
  };
  const machine = { ramBytes: 2n << 30n, nrCpus: 2, gic: 3, el: 2 } as const;
  expect(qemuCommand(handoff, machine, (file) => `a,b/${file}`).join(' ')).toBe(
    'qemu-system-aarch64 -machine virt,gic-version=3,virtualization=on -cpu cortex-a57 -smp 2 -m 2048M -nographic -nic none -no-reboot ' +
      '-device loader,file=a,,b/m.bin,addr=0x40200000,force-raw=on -device loader,addr=0x50000000,cpu-num=0',
  );
});
