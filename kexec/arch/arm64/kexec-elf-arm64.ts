/** The format vmlinux: ELF (kexec/arch/arm64/kexec-elf-arm64.c). */
import { following } from '../../base/attempt.js';
import { EM_AARCH64, PT_LOAD } from '../../elf/elf.js';
import { KexecError } from '../../base/error.js';
import { hex16 } from '../../base/format.js';
import { buildElfExecInfo, elfExecLoad } from '../../elf/kexec-elf-exec.js';
import type { ElfInfo } from '../../elf/kexec-elf.js';
import type { Log } from '../../base/log.js';
import type { ImageFormat, LoadedKernel } from '../../formats/image-format.js';
import type { Placement } from '../../memory/placement.js';
import { MiB, alignDown, u64 } from '../../base/u64.js';
import {
  processImageHeader,
  readArm64ImageHeader,
  type Arm64ImageHeader,
  type ImagePlacement,
} from './image-header.js';
import { loadElfcorehdr, logPlacement } from './kexec-image-arm64.js';
import { failedInDebug, followingDebug, loadOtherSegments, locateKernelSegment } from './other-segments.js';
import type { Arm64Session } from './session.js';

interface FoundHeader {
  readonly header: Arm64ImageHeader;
  readonly image: ImagePlacement;
}

/**
 * Finds the Image header in a vmlinux: at the entry point's place in one of the segments, since the image may start
 * anywhere in it (CONFIG_ARM64_RANDOMIZE_TEXT_OFFSET). Where the original would read outside the file, there is none.
 */
const findHeader = (bytes: Uint8Array, elf: ElfInfo, log: Log): FoundHeader | undefined => {
  for (const { type, offset, vaddr } of elf.programHeaders) {
    if (type !== PT_LOAD) continue;
    const headerOffset = u64(elf.entry - vaddr);
    const at = u64(offset + headerOffset);
    const header = at < BigInt(bytes.length) ? readArm64ImageHeader(bytes.subarray(Number(at))) : undefined;
    if (header === undefined) continue;
    const image = processImageHeader(header, log);
    log.dbg(`elf_arm64_load: e_entry:        ${hex16(elf.entry)}\n`);
    log.dbg(`elf_arm64_load: p_vaddr:        ${hex16(vaddr)}\n`);
    log.dbg(`elf_arm64_load: header_offset:  ${hex16(headerOffset)}\n`);
    return { header, image };
  }
  return undefined;
};

/** elf_arm64_load() of kexec/arch/arm64/kexec-elf-arm64.c. @throws KexecError */
const loadElf = (bytes: Uint8Array, placement: Placement, session: Arm64Session): LoadedKernel => {
  const { log, onCrash, crash } = session;
  const { physOffset } = session.memory();
  const fail = (text: string): KexecError => failedInDebug(log, 'elf_arm64_load', text, 'vmlinux');

  const elf = buildElfExecInfo(bytes, { log });
  if (elf === undefined) throw fail('build_elf_exec_info failed');
  const found = findHeader(bytes, elf, log);
  if (found === undefined) throw fail('Valid arm64 header not found');
  const { header, image } = found;

  const kernelSegment = followingDebug(log, 'elf_arm64_load: Kernel segment is not allocated', () =>
    locateKernelSegment(placement, image, session),
  );
  // What is subtracted from an address in the file to have one relative to the start of memory.
  const entryBase = alignDown(elf.entry, MiB(2n));
  const vpOffset = onCrash ? entryBase : u64(entryBase - (kernelSegment - physOffset.value));
  logPlacement(log, 'elf_arm64_load', {
    kernelSegment,
    image,
    physOffset: physOffset.value,
    vpOffset,
    hasPeSignature: header.hasPeSignature,
  });

  const elfcorehdr = onCrash ? loadElfcorehdr(placement, 'elf_arm64_load', session) : undefined;
  // The file's addresses are moved from the start of memory to the crash kernel's region (fixup_elf_addrs()).
  const fixup = onCrash ? crash.reserved.at(-1)!.start - physOffset.value : 0n;
  elfExecLoad(elf, (data, base, memsz) => {
    placement.addSegment(data, u64(base + fixup), memsz, (address) => u64(address - vpOffset + physOffset.value));
  });
  const imageBase = u64(kernelSegment + image.textOffset);
  return loadOtherSegments({ placement, imageBase, imageSize: image.imageSize, elfcorehdr }, session);
};

export const ELF_USAGE =
  '     An ARM64 ELF image, big or little endian.\n     Typically vmlinux or a stripped version of vmlinux.\n\n';

/** elf_arm64_probe(). */
const probeElf = (bytes: Uint8Array, log: Log): boolean => {
  const elf = buildElfExecInfo(bytes, { log });
  if (elf === undefined) {
    log.dbg('elf_arm64_probe: Not an ELF executable.\n');
    return false;
  }
  if (elf.machine !== EM_AARCH64) {
    log.dbg('elf_arm64_probe: Not an AARCH64 ELF executable.\n');
    return false;
  }
  return true;
};

export const elfFormat = (session: Arm64Session): ImageFormat => ({
  name: 'vmlinux',
  usage: ELF_USAGE,
  probe: async (bytes) => {
    if (!probeElf(bytes, session.log)) return undefined;
    return {
      load: async (placement, inPlaceOf = bytes) =>
        following('kexec: Bad elf image file, load failed.\n', () => loadElf(inPlaceOf, placement, session)),
      fileLoad: () => {
        throw KexecError.failed('ELF executable is not supported in kexec_file', { subject: 'vmlinux' });
      },
    };
  },
});
