/** Fuzz targets: ELF files, relocatable objects and /proc/kcore. */
import { readFileSync } from 'node:fs';
import { relocationsFor } from '../../kexec/arch/arm64/kexec-elf-rel-arm64.js';
import { DEFAULT_COMPAT } from '../../kexec/base/compat.js';
import { getCrashNotesPerCpu, getKernelVmcoreinfo } from '../../kexec/running-kernel/crashdump.js';
import { readKcore } from '../../kexec/running-kernel/elf-info.js';
import { EM_AARCH64 } from '../../kexec/elf/elf.js';
import { KexecError } from '../../kexec/base/error.js';
import { buildElfExecInfo, elfExecLoad } from '../../kexec/elf/kexec-elf-exec.js';
import { loadRelocatable } from '../../kexec/elf/kexec-elf-rel.js';
import { buildElfInfo } from '../../kexec/elf/kexec-elf.js';
import { createLog } from '../../kexec/base/log.js';
import { Placement } from '../../kexec/memory/placement.js';
import { RANGE_RAM, Range } from '../../kexec/base/range.js';
import { ARM64_CORE, ARM64_EXECUTABLE, ARM64_OBJECT, buildElf, note } from '../support/files/elf-builder.js';
import { memorySystem } from '../support/files/memory-system.js';
import { imageOfElf } from '../../sim/kernel/boot/elf-image.js';
import { buildElf as buildKernelElf, buildImage } from '../conformance/files.js';
import type { FuzzTarget } from './fuzz-target.js';

/** Makes every message, and drops it. */
const log = createLog(
  true,
  () => {},
  () => {},
);

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

const executable = (): Uint8Array =>
  buildElf(ARM64_EXECUTABLE, [{ name: '.text', type: 1, data: new Uint8Array(16), flags: 6 }], {
    segments: [
      { type: 1, data: new Uint8Array(16), paddr: 0x80000, memsz: 32 },
      { type: 4, data: note(ARM64_EXECUTABLE, 'GNU\0', 3, new Uint8Array(20)) },
    ],
    entry: 0x80000,
  });

const object = (): Uint8Array => new Uint8Array(readFileSync('test/data/elf/relocations.ro'));

const smallCore = (): Uint8Array =>
  buildElf(ARM64_CORE, [], {
    segments: [
      {
        type: 4,
        data: note(
          ARM64_CORE,
          'VMCOREINFO\0',
          0,
          ascii('OSRELEASE=6\nNUMBER(VA_BITS)=48\nNUMBER(PHYS_OFFSET)=0x40000000\n'),
        ),
      },
      { type: 1, data: new Uint8Array(8), vaddr: 0xffff_0000_0000_0000n, paddr: 0x4000_0000 },
    ],
  });

const kcore = (): Uint8Array => new Uint8Array(readFileSync('machines/virt-2g/proc/kcore').subarray(0, 0x2400));

export const targets: readonly FuzzTarget[] = [
  {
    name: 'elf',
    seeds: () => [
      executable(),
      object(),
      smallCore(),
      kcore(),
      buildElf({ ...ARM64_OBJECT, wide: false, littleEndian: false }, [{ name: '.a', type: 1, data: ascii('abc') }]),
    ],
    run: (input) => {
      buildElfInfo(input, { log, skipFileSizeCheck: true });
      const info = buildElfExecInfo(input, { log });
      if (info !== undefined) elfExecLoad(info, () => {});
    },
  },
  {
    name: 'elf-image',
    seeds: () => [buildKernelElf({ image: buildImage(0x400) })],
    run: (input) => {
      imageOfElf(input, 1 << 24);
    },
  },
  {
    name: 'elf-relocatable',
    seeds: () => [object()],
    run: (input) => {
      const placement = new Placement(
        [{ range: Range.sized(0x40000000n, 0x10000000n), type: RANGE_RAM }],
        { memMin: 0n, memMax: 2n ** 64n - 1n },
        4096n,
        log,
        () => 1n,
      );
      const loaded = loadRelocatable(input, 'fuzz', {
        machine: EM_AARCH64,
        placement,
        relocations: relocationsFor(DEFAULT_COMPAT),
        log,
        min: 0n,
        max: 2n ** 64n - 1n,
        from: 'top',
      });
      loaded.symbolAddress('entry');
      loaded.getSymbol('word', 8);
      loaded.setSymbol('bytes', new Uint8Array(32));
    },
  },
  {
    name: 'kcore',
    seeds: () => [smallCore(), kcore()],
    run: (input) => {
      const system = memorySystem({ '/proc/kcore': input });
      const previous = readKcore(system, '/proc/kcore', log);
      const again = readKcore(system, '/proc/kcore', log, { previous });
      again.ptLoads();
      for (const key of again.vmcoreinfo.values.keys()) again.vmcoreinfo.symbol(key);
    },
  },
  {
    name: 'crash-notes',
    seeds: () => ['bfbd4000\n', '0x42308000 1024\n', '-1 +2', '424'].map(ascii),
    run: (input) => {
      const notes = '/sys/devices/system/cpu/cpu0/crash_notes';
      const runs = [
        () => getCrashNotesPerCpu(memorySystem({ [notes]: input }), 0, log),
        () => getCrashNotesPerCpu(memorySystem({ [notes]: '1', [`${notes}_size`]: input }), 0, log),
        () => getKernelVmcoreinfo(memorySystem({ '/sys/kernel/vmcoreinfo': input })),
      ];
      for (const run of runs) {
        try {
          run();
        } catch (error) {
          if (!(error instanceof KexecError)) throw error;
        }
      }
    },
  },
];
