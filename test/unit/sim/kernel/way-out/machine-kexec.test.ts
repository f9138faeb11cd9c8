import { describe, expect, test } from '@jest/globals';
import { Range } from '../../../../../kexec/base/range.js';
import { createCpu } from '../../../../../sim/cpu/cpu.js';
import type { CpuModel } from '../../../../../sim/cpu/state/model.js';
import { allJumps } from '../../../../../sim/cpu/state/observer.js';
import { codePieces, findPiece } from '../../../../../sim/kernel/way-out/code.js';
import type { Generation } from '../../../../../sim/kernel/facts/generations.js';
import { kexecMachine, type KexecMachine } from '../../../../../sim/kernel/way-out/kexec-machine.js';
import { kernelSymbol } from '../../../../../sim/kernel/facts/kallsyms.js';
import { boardFacts } from '../../../../../sim/kernel/facts/board-arm64.js';
import { prepareKexec } from '../../../../../sim/kernel/way-out/machine-kexec.js';
import type { KexecImage } from '../../../../../sim/kernel/way-out/kexec-image.js';
import type { AllocationOrder } from '../../../../../sim/kernel/facts/page-allocator.js';
import { recordedMachine } from '../../../../../sim/kernel/recorded-system.js';
import { Board } from '../../../../../sim/machine/board.js';
import { useTempDir } from '../../../../support/machine/sim-support.js';

const temp = useTempDir();

interface Variant {
  readonly generation: Generation;
  readonly bootEl: 1 | 2;
  readonly pageSize: bigint;
}

const recorded = (name: string, pageSize?: bigint): KexecMachine => {
  const system = recordedMachine({ machine: name, state: temp.make('state'), env: {}, ...(pageSize && { pageSize }) });
  return kexecMachine(system, boardFacts(system.files).bootEl);
};

const ENTRY = 0x4500_0000n;
/** Where pages are taken from, and where most segments go: the two overlap on purpose. */
const FREE = [Range.between(0x4420_0000n, 0x4560_0000n), Range.between(0xa940_0000n, 0xa980_0000n)];

const bytes = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 12) * 13 + seed) & 0xff);

/** Over the old kernel, among the free pages, and beside them; with and without zeros at their ends. */
const IMAGE: KexecImage = {
  entry: ENTRY,
  segments: [
    { mem: 0x4020_0000n, memsz: 0xc0_0000n, data: bytes(0x12_3456, 1) },
    { mem: 0xa970_0000n, memsz: 0x10_0000n, data: bytes(0x9_0000, 2) },
    { mem: ENTRY, memsz: 0x2_0000n, data: bytes(0x1_0001, 3) },
    { mem: 0x4440_0000n, memsz: 0x10_0000n, data: bytes(0x10_0000, 4) },
  ],
};

const prepare = (machine: KexecMachine, image: KexecImage, order?: AllocationOrder) => {
  const ram = machine.resources.filter(({ name }) => name === 'System RAM').map(({ range }) => range);
  const board = new Board({ ram, devices: [], highestEl: machine.bootEl });
  const cpu = createCpu(board);
  const log: string[] = [];
  return { board, cpu, log, ...prepareKexec(machine, image, board.memory, cpu, (line) => log.push(line), order) };
};

const run = (cpu: CpuModel) =>
  cpu.run({ stopAt: new Set([ENTRY]), stopOnException: true, maxInstructions: 100_000_000n });

const variants: readonly Variant[] = (['5.10', '6.12'] as const).flatMap((generation) =>
  ([1, 2] as const).flatMap((bootEl) => [4096n, 16384n, 65536n].map((pageSize) => ({ generation, bootEl, pageSize }))),
);

describe.each(variants)(
  'Linux $generation, booted at EL$bootEl, pages of $pageSize',
  ({ generation, bootEl, pageSize }) => {
    const machine: KexecMachine = { ...recorded('virt-2g', pageSize), generation, bootEl, freeMemory: FREE };

    test.each([{ kind: 'top-down' }, { kind: 'scattered', seed: 5 }] as const)(
      'brings the segments into place: $kind',
      (order) => {
        const { board, cpu, symbolAt } = prepare(machine, IMAGE, order);
        expect(symbolAt(cpu.pc)).toBe('machine_kexec+0x0');
        expect(cpu.el).toBe(1);
        expect(run(cpu)).toEqual({ kind: 'stop-at', pc: ENTRY });

        expect(cpu.el).toBe(bootEl);
        expect(cpu.daif).toBe(15);
        expect([0, 1, 2, 3].map((register) => cpu.getX(register))).toEqual([0n, 0n, 0n, 0n]);
        // M, C and I.
        for (const el of bootEl === 1 ? [1] : [1, 2]) expect(cpu.getSystemRegister(`SCTLR_EL${el}`) & 0x1005n).toBe(0n);
        for (const { mem, memsz, data } of IMAGE.segments) {
          const goal = new Uint8Array(Number(memsz));
          goal.set(data);
          expect(Buffer.compare(board.memory.read(mem, goal.length), goal)).toBe(0);
        }
      },
    );
  },
);

describe('on the way', () => {
  const small: KexecImage = { entry: ENTRY, segments: [{ mem: ENTRY, memsz: 0x1000n, data: bytes(4096, 1) }] };

  /** The functions in their order, and how the copying finds the processor. */
  const follow = (changes: Partial<KexecMachine>) => {
    const { cpu, symbolAt, controlCodePage } = prepare({ ...recorded('virt-2g'), ...changes }, small);
    const names = [symbolAt(cpu.pc)];
    cpu.observe(allJumps(({ from, to }) => names.push(symbolAt(from), symbolAt(to))));
    cpu.run({ stopAt: new Set([controlCodePage]), maxInstructions: 1000n });
    const copying = { el: cpu.el, mmu: cpu.getSystemRegister(`SCTLR_EL${cpu.el}`) & 1n };
    run(cpu);
    const functions = names.map((name) => name?.replace(/\+.*/, '') ?? 'elsewhere');
    return { copying, functions: functions.filter((name, i) => name !== functions[i - 1]) };
  };

  test('a kernel up to 5.15 restarts with the MMU off, at EL2 by way of its stub', () => {
    expect(follow({ generation: '5.10', bootEl: 1 })).toEqual({
      copying: { el: 1, mmu: 0n },
      functions: ['machine_kexec', '__cpu_soft_restart', 'arm64_relocate_new_kernel', 'elsewhere'],
    });
    expect(follow({ generation: '5.10', bootEl: 2 })).toEqual({
      copying: { el: 2, mmu: 0n },
      functions: [
        'machine_kexec',
        '__cpu_soft_restart',
        '__hyp_stub_vectors',
        'arm64_relocate_new_kernel',
        'elsewhere',
      ],
    });
  });

  test('a kernel from 5.16 on copies with the MMU on, and goes to EL2 at the end', () => {
    expect(follow({ generation: '6.12', bootEl: 1 })).toEqual({
      copying: { el: 1, mmu: 1n },
      functions: ['machine_kexec', 'arm64_relocate_new_kernel', 'elsewhere'],
    });
    expect(follow({ generation: '6.12', bootEl: 2 })).toEqual({
      copying: { el: 1, mmu: 1n },
      functions: [
        'machine_kexec',
        '__hyp_stub_vectors',
        'machine_kexec',
        'arm64_relocate_new_kernel',
        'trans_pgd_stub_vectors',
        'elsewhere',
      ],
    });
  });
});

describe('what is prepared', () => {
  test('has the addresses of the recording', () => {
    const machine = recorded('virt-el2-4g');
    const { cpu, log, relocation, controlCodePage, kimage } = prepare(machine, IMAGE);
    expect(machine.bootEl).toBe(2);
    expect(relocation).toBe('mmu_on');
    // The page of the kernel's own identity map, at 2 KiB behind the stub's vectors.
    expect(cpu.pc).toBe(kernelSymbol(machine.kallsyms, '__idmap_text_start')! + 0x800n);
    // T1SZ of 0x10, whatever VA_BITS says.
    expect(cpu.getSystemRegister('TCR_EL1') & 0x3f003fn).toBe(0x100010n);
    expect(cpu.getSystemRegister('HCR_EL2') & (1n << 31n)).toBe(1n << 31n);
    expect(log).toEqual(
      expect.arrayContaining([
        'kvm: exiting hardware virtualization',
        'kexec_core: Starting new kernel',
        'psci: CPU1 killed (polled 0 ms)',
        `    head:        ${kimage.head.toString(16)}`,
        '      segment[1]: 00000000a9700000 - 00000000a9800000, 0x100000 bytes, 256 pages',
        `machine_kexec: reboot_code_buffer_phys:  0x${controlCodePage.toString(16).padStart(16, '0')}`,
      ]),
    );
    expect(log.at(-1)).toBe('Bye!');
  });

  test('is the same each time', () => {
    const state = () => {
      const { board, cpu, controlCodePage, kimage } = prepare(recorded('virt-2g'), IMAGE);
      const registers = Array.from({ length: 31 }, (_, i) => cpu.getX(i));
      return { registers, pc: cpu.pc, sp: cpu.sp, controlCodePage, head: kimage.head, touched: board.memory.touched() };
    };
    expect(state()).toEqual(state());
  });

  test('names code only where it still is', () => {
    const { board, cpu, symbolAt, controlCodePage } = prepare(recorded('virt-2g'), IMAGE);
    expect(symbolAt(controlCodePage + 0x10n)).toBe('arm64_relocate_new_kernel+0x10');
    board.memory.write(controlCodePage + 0x10n, new Uint8Array(4));
    expect(symbolAt(controlCodePage + 0x10n)).toBeUndefined();
    expect(symbolAt(ENTRY)).toBeUndefined();
    expect(symbolAt(cpu.pc + 4n)).toBe('machine_kexec+0x4');
  });

  test('costs what is touched, not what there is', () => {
    const { board } = prepare(recorded('virt-8g'), {
      entry: ENTRY,
      segments: [{ mem: ENTRY, memsz: 0x1000n, data: bytes(4096, 1) }],
    });
    expect(board.memory.touchedBytes).toBeLessThan(1 << 20);
  });
});

describe('a machine that cannot', () => {
  test('lacks memory', () => {
    const machine: KexecMachine = { ...recorded('virt-2g'), freeMemory: [Range.sized(0x4440_0000n, 0x10_0000n)] };
    expect(() => prepare(machine, IMAGE)).toThrow('simulated machine: no memory is left for a control code page');
  });

  test('does not tell where its kernel is', () => {
    const machine = recorded('virt-2g');
    const silent = { ...machine, resources: machine.resources.filter(({ name }) => name !== 'Kernel code') };
    expect(() => prepare(silent, IMAGE)).toThrow(
      '/proc/iomem does not tell where in "System RAM" the "Kernel code" is',
    );
  });
});

describe('a machine whose recording tells less', () => {
  test.each(['5.10', '6.12'] as const)('runs as one without KASLR: %s', (generation) => {
    const machine: KexecMachine = {
      ...recorded('virt-2g'),
      generation,
      freeMemory: FREE,
      vmcoreinfo: '',
      kallsyms: '',
    };
    const { cpu } = prepare(machine, IMAGE);
    // PAGE_END and 128 MiB of modules, then the kernel, whose code starts 0x10000 behind a multiple of 2 MiB.
    expect(cpu.pc).toBe(0xffff_8000_0801_0800n);
    expect(run(cpu)).toEqual({ kind: 'stop-at', pc: ENTRY });
  });

  test.each([39, 42, 47])('or with fewer bits of virtual addresses: %i', (bits) => {
    const vmcoreinfo = `NUMBER(VA_BITS)=${bits}\n`;
    for (const pageSize of bits === 42 ? [65536n] : bits === 47 ? [16384n] : [4096n]) {
      for (const generation of ['5.10', '6.12'] as const) {
        const machine: KexecMachine = {
          ...recorded('virt-2g', pageSize),
          generation,
          freeMemory: FREE,
          vmcoreinfo,
          kallsyms: '',
        };
        const { cpu } = prepare(machine, IMAGE);
        expect(cpu.getSystemRegister('TCR_EL1') & 0x3fn).toBe(BigInt(64 - bits));
        expect(run(cpu)).toEqual({ kind: 'stop-at', pc: ENTRY });
      }
    }
  });
});

test('each piece of code stands alone, and has a name', () => {
  const pieces = codePieces();
  expect(pieces.map(({ name }) => name)).toEqual([
    'hyp_stub',
    'trans_pgd',
    'kernel.mmu_off',
    'kernel.mmu_on',
    ...[12, 14, 16].map((shift) => `relocate.mmu_off.${shift}`),
    ...[12, 14, 16].map((shift) => `relocate.mmu_on.${shift}`),
  ]);
  for (const { bytes: code, symbols } of pieces) {
    expect(code.length).toBeLessThanOrEqual(4096);
    expect(symbols.reduce((sum, { size }) => sum + size, 0)).toBe(code.length);
  }
  expect(() => findPiece(pieces, 'none')).toThrow('relocation code: no section none');
});
