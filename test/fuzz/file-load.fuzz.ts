/** Fuzz targets: what kexec_file_load(2) of the simulated kernel is given. */
import { readFileSync } from 'node:fs';
import { Range } from '../../kexec/base/range.js';
import { memblockHoles, type FileLoadMachine } from '../../sim/kernel/facts/file-load-machine.js';
import { kernelFacts } from '../../sim/kernel/facts/facts.js';
import { parseResources } from '../../sim/kernel/facts/iomem.js';
import { answerKexecFileLoad } from '../../sim/kernel/rules/kexec-file.js';
import { INITIAL_STATE } from '../../sim/kernel/rules/kexec-load.js';
import { recordedFile } from '../support/recorded.js';
import type { FuzzTarget } from './fuzz-target.js';

const MACHINE = 'virt-file-2g';
const PAGE = 4096n;

const iomem = (): string => new TextDecoder().decode(recordedFile(MACHINE, '/proc/iomem'));
const bootTree = (): Uint8Array => recordedFile(MACHINE, '/sys/firmware/fdt').subarray(0, 0x2000);

/** The tree says that it has 1 MiB; what it really has is less, and faster to change. */
const shortTree = (): Uint8Array => {
  const bytes = Buffer.from(bootTree());
  bytes.writeUInt32BE(bytes.length, 4);
  return bytes;
};

const machineOf = (map: string, tree: Uint8Array): FileLoadMachine => {
  const resources = parseResources(map);
  const facts = kernelFacts({ version: undefined, meminfo: undefined, iomem: map, lockdown: undefined }, PAGE);
  const low = { address: 0x1000n, size: 424n };
  return {
    facts,
    holes: memblockHoles(resources, Range.sized(0x4800_0000n, 0x10_0000n), facts),
    crashRegions: facts.crashRegion === undefined ? [] : [facts.crashRegion],
    signatures: undefined,
    hasPagesOf: () => true,
    bootTree: () => tree,
    dumpFacts: () => ({
      ram: resources.filter(({ name }) => name === 'System RAM').map(({ range }) => range),
      cpuNotes: [low],
      possibleCpus: 2,
      vmcoreinfo: low,
      kernelImage: { vaddr: 0xffff_8000_8000_0000n, paddr: 0x4020_0000n, size: 0x50_0000n },
      linear: (physAddr) => physAddr,
    }),
    random: (length) => new Uint8Array(length),
  };
};

const image = (): Uint8Array => readFileSync('machines/payload/Image');

const loadBoth = (machine: FileLoadMachine, kernel: Uint8Array): void => {
  for (const flags of [0n, 2n]) {
    answerKexecFileLoad(machine, INITIAL_STATE, {
      kernel,
      initrd: new Uint8Array(5000),
      cmdline: 'quiet',
      cmdlineLen: 6,
      flags,
    });
  }
};

export const targets: readonly FuzzTarget[] = [
  { name: 'file-load-image', seeds: () => [image()], run: (input) => loadBoth(machineOf(iomem(), shortTree()), input) },
  { name: 'file-load-tree', seeds: () => [shortTree()], run: (input) => loadBoth(machineOf(iomem(), input), image()) },
  {
    name: 'file-load-iomem',
    seeds: () => [recordedFile(MACHINE, '/proc/iomem')],
    run: (input) => loadBoth(machineOf(new TextDecoder().decode(input), shortTree()), image()),
  },
];
