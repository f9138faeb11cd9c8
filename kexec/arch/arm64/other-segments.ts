/** Where the kernel goes, and what goes with it: initrd, device tree and purgatory (kexec/arch/arm64/kexec-arm64.c). */
import { attempt, following } from '../../base/attempt.js';
import { dtbClearInitrd, dtbSetInitrd } from '../../device-tree/dt-ops.js';
import { EM_AARCH64 } from '../../elf/elf.js';
import { KexecError, SystemError } from '../../base/error.js';
import { hashHex, hex } from '../../base/format.js';
import { loadRelocatable } from '../../elf/kexec-elf-rel.js';
import type { Log } from '../../base/log.js';
import type { Range } from '../../base/range.js';
import { latin1, scanHex } from '../../base/scan.js';
import { slurpFile } from '../../base/slurp.js';
import type { System } from '../../base/system.js';
import type { LoadedKernel } from '../../formats/image-format.js';
import type { Placement } from '../../memory/placement.js';
import type { LoadedPurgatory } from '../../elf/loaded-purgatory.js';
import { GiB, MiB, U64_MAX, alignDown, alignUp, u64 } from '../../base/u64.js';
import { COMMAND_LINE_SIZE, readFirstDtb, setupSecondDtb } from './dtb-arm64.js';
import type { ImagePlacement } from './image-header.js';
import { relocationsFor } from './kexec-elf-rel-arm64.js';
import type { Arm64Session } from './session.js';

/**
 * Length of the original's buffers for paths below /sys/class/tty, and for the address read there.
 * QUIRK-37: of an address above 4 GiB the last digits are lost, and the purgatory prints elsewhere.
 */
const PATH_SIZE = 255;
const ADDRESS_SIZE = 10;
/** A kernel may have as little as 32 GB of addresses for memory (booting.rst). */
const MAX_SPAN = GiB(32n);
/** Largest device tree (booting.rst). */
const MAX_DTB_SIZE = MiB(2n);

/**
 * Finds the 2 MB boundary that the kernel goes to (arm64_locate_kernel_segment(), kexec/arch/arm64/kexec-arm64.c).
 * @returns the boundary's address; the image is to start `textOffset` behind it
 * @throws KexecError
 */
export const locateKernelSegment = (
  placement: Placement,
  { textOffset, imageSize }: ImagePlacement,
  { crash, onCrash, limits, log }: Arm64Session,
): bigint => {
  const size = u64(textOffset + imageSize);
  if (!onCrash) {
    return followingDebug(log, 'arm64_locate_kernel_segment: locate_hole failed', () =>
      placement.locateHole({ size, align: MiB(2n), min: 0n, max: U64_MAX, from: 'bottom' }),
    );
  }
  const region = crash.reserved.at(-1)!;
  const hole = alignUp(region.start < limits.memMin ? limits.memMin : region.start, MiB(2n));
  const holeEnd = u64(hole + size);
  if (holeEnd > limits.memMax || holeEnd > region.last) {
    throw failedInDebug(log, 'arm64_locate_kernel_segment', 'Crash kernel out of range', 'crash kernel');
  }
  return hole;
};

/** Does `action`; the debug log has a line behind the error that it throws. */
export const followingDebug = <T>(log: Log, line: string, action: () => T): T =>
  log.debug ? following(`${line}\n`, action) : action();

/** A failure that only the debug log tells of. */
export const failedInDebug = (log: Log, func: string, message: string, subject: string): KexecError =>
  KexecError.failed(message, { subject, text: log.debug ? `${func}: ${message}\n` : '' });

/**
 * Address of the console that --serial names, for the purgatory's output; 0 without one (find_purgatory_sink()).
 */
const findPurgatorySink = (system: System, log: Log, console: string | undefined): bigint => {
  if (console === undefined) return 0n;
  const device = `/sys/class/tty/${console}`;
  const base = `${device}/iomem_base`;
  if (device.length >= PATH_SIZE) return tooLong(log);
  if (!isDirectory(system, device)) {
    log.err(`kexec: find_purgatory_sink: No valid console found for ${device}\n`);
    return 0n;
  }
  if (base.length >= PATH_SIZE) return tooLong(log);
  log.out(`console memory read from ${base}\n`);
  const bytes = attempt(SystemError, () => system.readAt(base, 0, ADDRESS_SIZE));
  if (bytes instanceof SystemError) {
    log.err(
      bytes.call === 'open'
        ? `kexec: find_purgatory_sink: No able to open ${base}\n`
        : 'kexec: find_purgatory_sink: not able to read fd\n',
    );
    return 0n;
  }
  const address = scanHex(latin1(bytes), 0)?.value ?? 0n;
  log.out(`console memory is at ${hashHex(address)}\n`);
  return address;
};

/** The original prints errno, which nothing has set: the kernel's file was closed twice, and that failed last. */
const tooLong = (log: Log): bigint => {
  log.err('snprintf failed: Bad file descriptor\n');
  return 0n;
};

const isDirectory = (system: System, path: string): boolean => {
  const stat = attempt(SystemError, () => system.stat(path));
  return !(stat instanceof SystemError) && stat.kind === 'directory';
};

const littleEndian64 = (value: bigint): Uint8Array => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
};

/** A kernel that has been placed, before what goes with it. */
export interface KernelInPlace {
  readonly placement: Placement;
  /** Physical address of the kernel's first byte. */
  readonly imageBase: bigint;
  readonly imageSize: bigint;
  /** Header of the crash dump, already added; only for a crash kernel. */
  readonly elfcorehdr: Range | undefined;
}

/** Adds initrd, device tree and purgatory behind the kernel (arm64_load_other_segments()). @throws KexecError */
export const loadOtherSegments = (
  { placement, imageBase, imageSize, elfcorehdr }: KernelInPlace,
  session: Arm64Session,
): LoadedKernel => {
  const { system, log, compat, arm64Compat, crash, onCrash, options } = session;
  const commandLine = options.commandLine ?? '';
  if (commandLine.length > COMMAND_LINE_SIZE - 1) {
    throw KexecError.failed('Kernel command line too long for kernel!', { subject: 'command line' });
  }
  const sink = arm64Compat.hasSerial ? findPurgatorySink(system, log, options.console) : 0n;
  const { purgatorySink } = arm64Compat.lines;
  if (purgatorySink !== undefined) {
    log.dbg(`arm64_load_other_segments:${purgatorySink}: purgatory sink: 0x${hex(sink)}\n`);
  }
  const first =
    options.dtb === undefined
      ? readFirstDtb(system, log, crash.reserved, session.reusesInitrd, compat)
      : { name: 'dtb_user', bytes: slurpFile(system, options.dtb, compat) };
  let dtb = setupSecondDtb(first, {
    commandLine,
    crash: elfcorehdr && { elfcorehdr },
    usableMemory: crash.reserved,
    arm64Compat,
    system,
    log,
  });

  const hole = {
    align: 0n,
    min: u64(imageBase + imageSize),
    max: onCrash ? crash.reserved.at(-1)!.last : U64_MAX,
    from: 'bottom',
  } as const;

  if (options.initrd === undefined) {
    // The first kernel's initrd is not the second one's.
    dtb = dtbClearInitrd(dtb, log);
  } else {
    const initrd = slurpFile(system, options.initrd, compat);
    const size = BigInt(initrd.length);
    const base = placement.addBuffer({ ...hole, data: initrd, memsz: size });
    const end = base + size;
    if (alignUp(end, GiB(1n)) - alignDown(imageBase, GiB(1n)) > MAX_SPAN) {
      throw KexecError.failed('kexec: Error: image + initrd too big.', { subject: options.initrd });
    }
    log.dbg(`initrd: base ${hex(base)}, size ${hex(size)}h (${size})\n`);
    dtb = dtbSetInitrd(dtb, base, end, log);
  }

  const dtbSize = BigInt(dtb.length);
  if (dtbSize > MAX_DTB_SIZE)
    throw KexecError.failed('kexec: Error: dtb too big.', { subject: options.dtb ?? first.name });
  const dtbBase = placement.addBuffer({ ...hole, data: dtb, memsz: dtbSize });
  log.dbg(`dtb:    base ${hex(dtbBase)}, size ${hex(dtbSize)}h (${dtbSize})\n`);

  const purgatory: LoadedPurgatory = loadRelocatable(session.purgatory, 'purgatory', {
    machine: EM_AARCH64,
    placement,
    relocations: relocationsFor(compat),
    log,
    min: hole.min,
    max: hole.max,
    from: hole.from,
  });
  const entry = purgatory.symbolAddress('purgatory_start');
  if (arm64Compat.hasSerial) purgatory.setSymbol('arm64_sink', littleEndian64(sink));
  purgatory.setSymbol('arm64_kernel_entry', littleEndian64(imageBase));
  purgatory.setSymbol('arm64_dtb_addr', littleEndian64(dtbBase));
  return { entry, purgatory };
};
