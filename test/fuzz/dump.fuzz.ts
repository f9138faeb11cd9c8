/** Fuzz targets: the memory of machines that have crashed. */
import { KexecError } from '../../kexec/base/error.js';
import { Range } from '../../kexec/base/range.js';
import { dumpOf } from '../../sim/kernel/vmcore/dump.js';
import { writeKdumpCompressed } from '../../sim/kernel/vmcore/kdump-compressed.js';
import { writeVmcore } from '../../sim/kernel/vmcore/write-vmcore.js';
import { ELFCOREHDR, PageMemory, REGION, TREE, crashedMemory } from '../support/machine/crashed-memory.js';
import type { AsyncFuzzTarget } from './fuzz-target.js';

const PAGE = 4096;
/** Pages that the input is of, in order; what else there is of the machine is zeros. */
const PAGES = [TREE, ELFCOREHDR, 0x4010_0000n, 0x4010_1000n, 0x4018_0000n, REGION.start, REGION.start + 0x8000n];

const refuse = (why: string): KexecError => KexecError.die(why);

const inputOf = (memory: PageMemory): Uint8Array => Buffer.concat(PAGES.map((address) => memory.read(address, PAGE)));

const NOWHERE = {
  write: () => {},
  writeAt: () => {},
  skip: (sizeBytes: number) => {
    if (!(sizeBytes >= 0)) throw new Error(`skips ${sizeBytes} bytes`);
  },
};

export const targets: readonly AsyncFuzzTarget[] = [
  {
    name: 'crashed-memory',
    weight: 0.2,
    seeds: () => [crashedMemory(), crashedMemory({ processors: [1n], release: '5.10.0', pageFlags: 6n })].map(inputOf),
    run: async (input) => {
      const memory = new PageMemory([Range.sized(0x4000_0000n, 0x400_0000n)]);
      PAGES.forEach((address, i) => memory.write(address, input.subarray(i * PAGE, (i + 1) * PAGE)));
      const options = { file: 'out', progress: undefined, breathe: async () => {} };
      for (const elfcorehdr of [undefined, ELFCOREHDR]) {
        const dump = dumpOf({ memory, elfcorehdr, refuse });
        await writeVmcore(dump, NOWHERE, options);
        await writeKdumpCompressed(dump, NOWHERE, (page) => page.subarray(0, 8), options);
      }
    },
  },
];
