/** What a recording tells kexec_file_load(2): free memory, the device tree of the boot, what a dump describes. */
import type { NoteMemory } from '../../../kexec/running-kernel/crashdump.js';
import { PT_LOAD, programHeaders64 } from '../../../kexec/elf/elf.js';
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError, SystemError } from '../../../kexec/base/error.js';
import { Range } from '../../../kexec/base/range.js';
import { U64_MAX, alignDown, alignUp, u64 } from '../../../kexec/base/u64.js';
import { initrdOf } from './boot-tree.js';
import { type KernelFacts, countCpuList } from './facts.js';
import { traitsOf } from './generations.js';
import { type Resource, parseResources } from './iomem.js';
import { configSays } from './kernel-config.js';
import { freeMemory, withoutRange } from './page-allocator.js';
import { hasPagesOf } from './page-sizes-arm64.js';
import { type SignaturePolicy, signaturePolicy } from './policies.js';
import { KCORE_HEAD, type RecordedFiles } from './recorded-files.js';

/** What kexec_file_load(2) takes from the machine whose kernel has it. */
export interface FileLoadMachine {
  readonly facts: KernelFacts;
  /** Memory that memblock does not hold reserved, in order of its addresses; see {@link memblockHoles}. */
  readonly holes: readonly Range[];
  /** crashk_res, and crashk_low_res where that counts. */
  readonly crashRegions: readonly Range[];
  /** How signatures are judged; undefined where nobody looks for any. */
  readonly signatures: SignaturePolicy | undefined;
  /** Whether the processor knows pages of a size in bytes. */
  readonly hasPagesOf: (size: bigint) => boolean;
  /** The device tree that the kernel was started with. @throws KexecError when the recording has none */
  readonly bootTree: () => Uint8Array;
  /** What the ELF header of a dump is made from. @throws KexecError when the recording does not tell */
  readonly dumpFacts: () => DumpFacts;
  /** Gives random bytes; undefined stands for a kernel that has gathered too little randomness yet. */
  readonly random: ((length: number) => Uint8Array) | undefined;
  /** Whether it is built with handover (CONFIG_KEXEC_HANDOVER), on or off. */
  readonly knowsHandover?: boolean | undefined;
}

/**
 * Whether a machine's kernel has kexec_file_load(2): by its configuration, or else by /proc/kallsyms, where
 * kexec_add_buffer() is only with CONFIG_KEXEC_FILE.
 */
export const hasFileLoad = (files: RecordedFiles): boolean => {
  const config = files.kernelConfig();
  if (config !== undefined) return /^CONFIG_KEXEC_FILE=y$/m.test(config);
  return /^[0-9a-f]{1,16} [A-Za-z] kexec_add_buffer$/m.test(files.readText('/proc/kallsyms') ?? '');
};

/** Never fails: a file that is missing is told of when its content is asked for. */
export const fileLoadMachine = (
  files: RecordedFiles,
  facts: KernelFacts,
  random: FileLoadMachine['random'],
): FileLoadMachine => {
  const resources = parseResources(files.readText('/proc/iomem') ?? '');
  return {
    facts,
    holes: memblockHoles(resources, bootInitrd(files), facts),
    crashRegions: crashRegions(resources, facts),
    signatures: signaturePolicy(files, facts.lockedDown),
    hasPagesOf: (size) => hasPagesOf(files, size),
    bootTree: () => bootTree(files),
    dumpFacts: () => dumpFacts(files, resources),
    random,
    knowsHandover: configSays(files.kernelConfig(), 'KEXEC_HANDOVER') === true,
  };
};

const BOOT_TREE = '/sys/firmware/fdt';

const readOr = (files: RecordedFiles, path: string, need: string, length = Number.MAX_SAFE_INTEGER): Uint8Array => {
  const bytes = attempt(SystemError, () => files.readAt(path, 0, length));
  if (bytes instanceof SystemError) {
    throw KexecError.die(`${files.path}: the recording has no ${path}: ${need}`, { subject: path });
  }
  return bytes;
};

const bootTree = (files: RecordedFiles): Uint8Array =>
  readOr(files, BOOT_TREE, 'the device tree for the new kernel is made from it');

/** The initrd that the kernel was started with; undefined when there was none, or the recording does not tell. */
export const bootInitrd = (files: RecordedFiles): Range | undefined => {
  const initrd = attempt(KexecError, () => initrdOf(bootTree(files)));
  return initrd instanceof KexecError ? undefined : initrd;
};

/** What lies between the kernel's code and its data. */
const initSection = (resources: readonly Resource[]): readonly Range[] => {
  const [code, data] = ['Kernel code', 'Kernel data'].map(
    (name) => resources.find((resource) => resource.name === name)?.range,
  );
  return code === undefined || data === undefined || data.start <= code.end
    ? []
    : [Range.between(code.end, data.start)];
};

/**
 * The free memory of memblock (for_each_free_mem_range(), include/linux/memblock.h), in which the kernel looks for
 * places. It is not recorded, but follows from /proc/iomem: that shows as "reserved" what was reserved early in the
 * boot. Since then the initrd was freed, and since 6.12 the kernel's init section, which older kernels free for the
 * page allocator alone. The few pages of the first page tables, in the kernel's data, are not told: before 6.12 they
 * are freed, too.
 */
export const memblockHoles = (
  resources: readonly Resource[],
  initrd: Range | undefined,
  { generation, pageSize }: Pick<KernelFacts, 'generation' | 'pageSize'>,
): readonly Range[] => {
  const { freesInitrdBy, freesInitSection } = traitsOf(generation);
  const [roundStart, roundEnd] = freesInitrdBy === 'bytes' ? [alignUp, alignDown] : [alignDown, alignUp];
  const freedInitrd = initrd && { start: roundStart(initrd.start, pageSize), end: roundEnd(initrd.end, pageSize) };
  const freed = [
    ...(freedInitrd === undefined || freedInitrd.end <= freedInitrd.start
      ? []
      : [Range.between(freedInitrd.start, freedInitrd.end)]),
    ...(freesInitSection ? initSection(resources) : []),
  ];
  const left = resources.flatMap((resource) =>
    resource.name === 'reserved'
      ? freed.reduce(withoutRange, [resource.range]).map((range) => ({ ...resource, range }))
      : [resource],
  );
  return freeMemory(left, pageSize);
};

/** The upper one is crashk_res. */
const crashRegions = (resources: readonly Resource[], { generation, crashRegion }: KernelFacts): readonly Range[] => {
  if (crashRegion === undefined) return [];
  const others = resources.filter(({ name, range }) => name === 'Crash kernel' && range.start !== crashRegion.start);
  return [crashRegion, ...(traitsOf(generation).usesLowCrashRegion ? others.map(({ range }) => range) : [])];
};

const NEED = "the crash kernel's elfcorehdr is made from it";

const dumpFacts = (files: RecordedFiles, resources: readonly Resource[]): DumpFacts => {
  const text = (path: string): string => new TextDecoder('latin1').decode(readOr(files, path, NEED));
  const broken = (path: string): KexecError =>
    KexecError.die(`${files.path}: ${path} is not as Linux writes it: ${NEED}`, { subject: path });
  const code = resources.find(({ name }) => name === 'Kernel code')?.range;
  const kcore = readOr(files, '/proc/kcore', NEED, KCORE_HEAD);
  // The kernel's image is mapped twice: by itself, and with the memory around it.
  const maps = programHeaders64(kcore)
    .filter(
      ({ type, paddr, memsz }) =>
        type === PT_LOAD &&
        code !== undefined &&
        paddr <= code.start &&
        code.start < paddr + memsz &&
        paddr !== U64_MAX,
    )
    .sort((a, b) => (a.memsz < b.memsz ? -1 : 1));
  const [image, linear] = [maps[0], maps.at(-1)];
  if (image === undefined || linear === undefined || image === linear) throw broken('/proc/kcore');

  const cpus = '/sys/devices/system/cpu';
  const numbers = files
    .list(cpus)
    .flatMap((name) => /^cpu(\d{1,6})$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
  const hexNumbers = (path: string, pattern: RegExp): readonly bigint[] => {
    const match = pattern.exec(text(path));
    if (match === null) throw broken(path);
    return match.slice(1).map((digits) => BigInt(`0x${digits}`));
  };
  const cpuNotes = numbers.map((cpu): NoteMemory => {
    const [address] = hexNumbers(`${cpus}/cpu${cpu}/crash_notes`, /^([0-9a-f]{1,16})$/m);
    return { address: address!, size: BigInt(/^\d{1,9}/.exec(text(`${cpus}/cpu${cpu}/crash_notes_size`))?.[0] ?? 0) };
  });
  const [address, size] = hexNumbers('/sys/kernel/vmcoreinfo', /^0x([0-9a-f]{1,16}) ([0-9a-f]{1,8})$/m);
  return {
    ram: resources.filter(({ name }) => name === 'System RAM').map(({ range }) => range),
    cpuNotes,
    possibleCpus: countCpuList(files.readText(`${cpus}/possible`)) ?? cpuNotes.length,
    vmcoreinfo: { address: address!, size: size! },
    kernelImage: { vaddr: image.vaddr, paddr: image.paddr, size: image.memsz },
    linear: (physAddr) => u64(physAddr - linear.paddr + linear.vaddr),
  };
};

/** What of a running kernel goes into the header of its dump. */
export interface DumpFacts {
  /** All of memory, in order of its addresses. */
  readonly ram: readonly Range[];
  /** Where each CPU will leave its registers. */
  readonly cpuNotes: readonly NoteMemory[];
  /** num_possible_cpus(). */
  readonly possibleCpus: number;
  readonly vmcoreinfo: NoteMemory;
  /** From _text to _end. */
  readonly kernelImage: { readonly vaddr: bigint; readonly paddr: bigint; readonly size: bigint };
  /** The address of memory in the linear map. */
  readonly linear: (physAddr: bigint) => bigint;
}
