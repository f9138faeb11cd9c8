/** Workloads for the benchmark of the processor: purgatories that check a kernel of 27 MB. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { loadKernel, recordedMachine } from '../../index.js';
import { extractPurgatory } from '../../kexec/elf/extract-purgatory.js';
import { prepareReal } from '../conformance/debian.js';
import { createRandom } from '../fuzz/mutate.js';
import { freePage, type Workload } from './workload.js';

const MiB = 2 ** 20;
const KERNEL_SIZE = 27 * MiB;
const HEADER_BYTES = 64;

const nopsAndOff = [0xd503_201f, 0x52b0_8000, 0x1100_2000, 0xd400_0002] as const;

/** An Image (Documentation/arch/arm64/booting.rst) whose first instructions switch the machine off. */
export const switchOffImage = (): Uint8Array => {
  const random = createRandom(27);
  const image = Buffer.from(Uint32Array.from({ length: KERNEL_SIZE / 4 }, () => random.below(2 ** 32)).buffer);
  image.fill(0, 0, HEADER_BYTES);
  image.write('MZ@\xfa', 0, 'latin1');
  image.writeUInt32LE(0x1400_0000 + (HEADER_BYTES - 4) / 4, 4);
  image.writeBigUInt64LE(BigInt(KERNEL_SIZE + MiB), 16);
  image.writeBigUInt64LE(0xan, 24);
  image.write('ARM\x64', 56, 'latin1');
  nopsAndOff.forEach((word, i) => image.writeUInt32LE(word, HEADER_BYTES + 4 * i));
  return image;
};

/** Lets floating point be used, and goes to an address. */
const stub = (to: bigint): Uint8Array => {
  const words = [
    0xd2a0_0600, // mov x0, #3 << 20
    0xd518_1040, // msr cpacr_el1, x0
    0xd503_3fdf, // isb
    0x5800_0070, // ldr x16, #12
    0xd61f_0200, // br x16
    0xd503_201f, // nop: what is loaded must be aligned
    Number(to & 0xffff_ffffn),
    Number(to >> 32n),
  ];
  return new Uint8Array(Uint32Array.from(words).buffer);
};

const workload = async (directory: string, name: string, kernel: string, purgatory?: Uint8Array): Promise<Workload> => {
  const system = recordedMachine({ machine: 'virt-2g', state: path.join(directory, 'state') });
  const plan = await loadKernel(system, { kernel, reuseCmdline: true, ...(purgatory && { purgatory }) });
  const slug = name.replaceAll(/\W+/g, '-');
  const pieces = plan.segments.map(({ data, memory }, i) => {
    const file = path.join(directory, `${slug}-${i}.bin`);
    fs.writeFileSync(file, data);
    return { address: memory.start, file };
  });
  const entry = freePage({ pieces });
  const file = path.join(directory, `${slug}-stub.bin`);
  fs.writeFileSync(file, stub(plan.entry));
  return { name, pieces: [...pieces, { address: entry, file }], entry };
};

/** Purgatories that check a kernel of 27 MB: that of Debian's kexec-tools 2.0.25, and ours. */
export const purgatoryWorkloads = async (directory: string): Promise<readonly [theirs: Workload, ours: Workload]> => {
  const kernel = path.join(directory, 'Image');
  fs.writeFileSync(kernel, switchOffImage());
  const real = prepareReal('2.0.25');
  const theirs = extractPurgatory(fs.readFileSync(real.program), real.program);
  return [
    await workload(directory, 'purgatory of kexec-tools 2.0.25', kernel, theirs),
    await workload(directory, 'our purgatory, stack in a page of its own', kernel),
  ];
};
