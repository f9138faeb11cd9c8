/** machine_kexec() of arm64: memory and registers as it leaves them. */
import { KexecError, strerror } from '../../../kexec/base/error.js';
import type { CpuModel } from '../../cpu/state/model.js';
import type { PhysicalMemory } from '../../machine/memory.js';
import { findPiece } from './code.js';
import type { PageTable } from './page-table.js';
import { type PlacedCode, nameCode, placeCode, symbolIn } from './place-code.js';
import { setLinuxRegisters } from './registers.js';
import { copyForRelocation, storeKimageFields } from './relocation-copy.js';
import { type RunningKernel, placeKernel } from './running-kernel.js';
import type { KexecImage } from './kexec-image.js';
import { bugLines, imageInfo, shutdownLines } from './kexec-log.js';
import type { KexecMachine } from './kexec-machine.js';
import { type Relocation, traitsOf } from '../facts/generations.js';
import type { UndyingCpu } from '../facts/stuck-cpus.js';
import { IND_DONE, type Kimage, layOutKimage, storeKimage } from '../rules/kimage.js';
import { type AllocationOrder, type PageAllocator, createPageAllocator } from '../facts/page-allocator.js';

/** A machine whose kernel has shut everything down, and stands before its last instructions. */
export interface PreparedKexec {
  readonly kimage: Kimage;
  readonly relocation: Relocation;
  /** Physical address of the code that copies: `reboot_code_buffer_phys`, or `kimage->arch.kern_reloc`. */
  readonly controlCodePage: bigint;
  /** What the entry receives in x0. */
  readonly dtb: bigint;
  /** The kernel's code, as far as it is code here. */
  readonly code: readonly PlacedCode[];
  /** The code at an address, such as `arm64_relocate_new_kernel+0x10`; undefined where it is not the kernel's. */
  readonly symbolAt: (pc: bigint) => string | undefined;
  /** What the old kernel died of before, which then executes nothing of this. */
  readonly bug: { readonly why: string; readonly log: readonly string[] } | undefined;
}

const PAGE_SHIFTS: Readonly<Record<string, number>> = { 4096: 12, 16384: 14, 65536: 16 };
const NO_DTB = 0n;

/**
 * Does what Linux does for reboot(LINUX_REBOOT_CMD_KEXEC) up to the end of machine_kexec()
 * (arch/arm64/kernel/machine_kexec.c): what follows is executed. The processor is left there, at EL1 with the MMU on.
 * @param memory of the machine, as it is after power-on
 * @param log receives the kernel's lines, and what it does silently
 * @param order in which the kernel's pages were free when the image was loaded
 * @throws KexecError when memory does not suffice, or the machine's description of it does not
 */
export const prepareKexec = (
  machine: KexecMachine,
  image: KexecImage,
  memory: PhysicalMemory,
  cpu: CpuModel,
  log: (line: string) => void,
  order?: AllocationOrder,
): PreparedKexec => {
  for (const line of shutdownLines(machine)) log(line);
  const { pageSize } = machine;
  const allocator = createPageAllocator(machine.freeMemory, pageSize, order);
  const kimage = layOutKimage(image.segments, allocator, pageSize);
  if ('lacks' in kimage) throw outOfMemory(`a ${kimage.lacks}`);
  storeKimage(kimage, image.segments, memory);

  const { relocation } = traitsOf(machine.generation);
  // With nothing to copy, these kernels leave by way of cpu_soft_restart(), as the older ones always do.
  const isInPlace = relocation === 'mmu_on' && kimage.head === IND_DONE;
  const kernel = placeKernel(machine, memory, isInPlace ? 'mmu_off' : relocation);
  const control = placeControlCode(kernel, relocation, machine, kimage, memory);
  standAtMachineKexec(machine, kernel, relocation, cpu);
  const start: Start = { machine, image, kimage, memory, cpu, allocator, kernel, control };
  const more = (isInPlace ? startInPlace : relocation === 'mmu_off' ? startWithMmuOff : startWithMmuOn)(start);

  const { undyingCpu } = machine;
  const lastWords = undyingCpu === undefined ? [...imageInfo(kimage, image, control), 'Bye!'] : [];
  for (const line of lastWords) log(line);
  const bug = undyingCpu && bugOf(undyingCpu);
  return { ...preparedOf([control, kernel.code, kernel.hypStub, ...more], start, relocation), bug };
};

/**
 * machine_kexec() of a crash image (arch/arm64/kernel/machine_kexec.c): there is nothing to copy. Kernels up to 5.15
 * go by way of the code in the control page all the same; later ones enter the image from cpu_soft_restart().
 * @param kernel placed for a way out with the MMU off
 * @param kimage of the crash image, whose segments are in memory
 */
export const prepareCrashKexec = (
  machine: KexecMachine,
  image: KexecImage,
  kimage: Kimage,
  kernel: RunningKernel,
  memory: PhysicalMemory,
  cpu: CpuModel,
): PreparedKexec => {
  const { relocation } = traitsOf(machine.generation);
  standAtMachineKexec(machine, kernel, relocation, cpu);
  const isByControlPage = relocation === 'mmu_off';
  const control = isByControlPage ? placeControlCode(kernel, relocation, machine, kimage, memory) : undefined;
  const start = { machine, image, kimage, memory, cpu, kernel };
  const more = control === undefined ? startInPlace(start) : startWithMmuOff({ ...start, control });
  const placed = [...(control === undefined ? [] : [control]), kernel.code, kernel.hypStub, ...more];
  return preparedOf(placed, start, relocation);
};

const placeControlCode = (
  kernel: RunningKernel,
  relocation: Relocation,
  { pageSize }: KexecMachine,
  { controlCodePage }: Kimage,
  memory: PhysicalMemory,
): PlacedCode => {
  const copying = findPiece(kernel.pieces, `relocate.${relocation}.${PAGE_SHIFTS[`${pageSize}`]}`);
  return placeCode(memory, copying, BigInt(controlCodePage));
};

/** Puts the processor before the end of machine_kexec(). */
const standAtMachineKexec = (
  { bootEl, pageSize }: KexecMachine,
  { addresses, code, hypStub, reservedTable, table, stackEnd }: RunningKernel,
  relocation: Relocation,
  cpu: CpuModel,
): void => {
  setLinuxRegisters(cpu, {
    relocation,
    bootEl,
    pageSize,
    addressBits: addresses.addressBits,
    reservedTable,
    kernelTable: table.root,
    // Where the kernel has its own is not told. These end any exception in a branch to itself.
    vectors: addresses.image(hypStub.at),
    hypVectors: hypStub.at,
  });
  cpu.sp = addresses.image(stackEnd);
  cpu.pc = addresses.image(symbolIn(code, 'machine_kexec'));
};

const preparedOf = (
  placed: readonly PlacedCode[],
  { kimage, image, memory }: Pick<Start, 'kimage' | 'image' | 'memory'>,
  relocation: Relocation,
): PreparedKexec => ({
  kimage,
  relocation,
  controlCodePage: BigInt(kimage.controlCodePage),
  dtb: image.dtb ?? NO_DTB,
  code: placed,
  symbolAt: (pc) => nameCode(memory, placed, pc),
  bug: undefined,
});

const bugOf = (undying: UndyingCpu): PreparedKexec['bug'] => ({
  why: `CPU ${undying.cpu} cannot be switched off (${strerror(undying.errno)}): ${undying.evidence.join(', ')}`,
  log: bugLines(undying),
});

const outOfMemory = (what: string): KexecError =>
  KexecError.die(`simulated machine: no memory is left for ${what}`, { subject: 'memory' });

interface Start {
  readonly machine: KexecMachine;
  readonly image: KexecImage;
  readonly kimage: Kimage;
  readonly memory: PhysicalMemory;
  readonly cpu: CpuModel;
  readonly allocator: PageAllocator;
  readonly kernel: RunningKernel;
  /** The code in the control page. */
  readonly control: PlacedCode;
}

/** The arguments of machine_kexec-mmu-off.S. @returns more code that was put into memory */
const startWithMmuOff = ({
  machine,
  image,
  kimage,
  cpu,
  kernel,
  control,
}: Omit<Start, 'allocator'>): readonly PlacedCode[] => {
  const el2Switch = machine.bootEl === 2 ? 1n : 0n;
  setArguments(cpu, [el2Switch, control.at, BigInt(kimage.head), image.entry, image.dtb ?? NO_DTB]);
  setWayOut(cpu, kernel, kernel.identity, symbolIn(kernel.code, '__cpu_soft_restart'));
  return [];
};

/** The same, for what enters the new kernel at once. */
const startInPlace = ({
  machine,
  image,
  cpu,
  kernel,
}: Pick<Start, 'machine' | 'image' | 'cpu' | 'kernel'>): readonly PlacedCode[] => {
  setArguments(cpu, [machine.bootEl === 2 ? 1n : 0n, image.entry, image.dtb ?? NO_DTB, 0n, 0n]);
  setWayOut(cpu, kernel, kernel.identity, symbolIn(kernel.code, '__cpu_soft_restart'));
  return [];
};

/** The arguments of machine_kexec-mmu-on.S. @returns more code that was put into memory */
const startWithMmuOn = (start: Start): readonly PlacedCode[] => {
  const { machine, image, kimage, memory, cpu, allocator, kernel, control } = start;
  const copy = copyForRelocation(kernel, machine, memory, control.at, () => {
    const page = kimage.allocateControlPage();
    if (page === undefined) throw outOfMemory('the page tables of the relocation');
    return BigInt(page);
  });
  // An ordinary page, over which a segment may be copied.
  const page = allocator.allocate();
  if (page === undefined) throw outOfMemory('the kimage');
  const struct = BigInt(page);
  storeKimageFields(
    memory,
    struct,
    { head: BigInt(kimage.head), start: image.entry, dtb: image.dtb ?? NO_DTB },
    copy,
    kernel,
  );
  setArguments(cpu, [kernel.addresses.linear(struct), copy.vectors?.at ?? 0n]);
  setWayOut(cpu, kernel, copy.identity, control.at);
  return copy.vectors === undefined ? [] : [copy.vectors];
};

const setArguments = (cpu: CpuModel, values: readonly bigint[]): void => {
  values.forEach((value, register) => cpu.setX(register, value));
};

/** x5 to x8: how to install the table of an identity map, and where to go then. */
const setWayOut = (cpu: CpuModel, { reservedTable }: RunningKernel, identity: PageTable, target: bigint): void => {
  cpu.setX(5, reservedTable);
  cpu.setX(6, identity.root);
  cpu.setX(7, BigInt(64 - identity.addressBits));
  cpu.setX(8, target);
};
