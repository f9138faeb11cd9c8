import type { ArchContext, ArchSession, Architecture } from '../../architecture.js';
import type { Compat } from '../../base/compat.js';
import { UKI_USAGE, ukiFormat } from '../../formats/kexec-uki.js';
import type { ImageFormat } from '../../formats/image-format.js';
import { CrashMemory } from './crashdump-arm64.js';
import { ELF_USAGE, elfFormat } from './kexec-elf-arm64.js';
import { imageFormat, imageUsage } from './kexec-image-arm64.js';
import { UIMAGE_USAGE, uImageFormat } from './kexec-uImage-arm64.js';
import { VMLINUZ_USAGE, vmlinuzFormat } from './kexec-vmlinuz-arm64.js';
import { ZIMAGE_USAGE, zImageFormat } from './kexec-zImage-arm64.js';
import { getMemoryRanges } from './memory-ranges-arm64.js';
import { ARM64_OPTIONS, arm64OptionUsage, processArm64Options, type Arm64Options } from './options-arm64.js';
import { PhysOffset } from './phys-offset.js';
import type { Arm64Context } from './session.js';

/** KEXEC_ARCH_ARM64: the ELF machine number in bits 31..16. */
const KEXEC_ARCH_ARM64 = 183n << 16n;

const NO_OPTIONS: Arm64Options = {
  commandLine: undefined,
  dtb: undefined,
  initrd: undefined,
  console: undefined,
};

/** In the order of probing (file_type[], kexec/arch/arm64/kexec-arm64.c). */
const formatsOf = (context: Arm64Context): readonly ImageFormat[] => {
  const { compat } = context;
  const formats = [
    elfFormat(context),
    imageFormat(context),
    uImageFormat(context),
    compat.compressedFormat === 'vmlinuz' ? vmlinuzFormat(context) : zImageFormat(context),
  ];
  return compat.hasUki ? [...formats, ukiFormat(formats, context)] : formats;
};

const formatUsages = (compat: Compat): readonly Pick<ImageFormat, 'name' | 'usage'>[] => [
  { name: 'vmlinux', usage: ELF_USAGE },
  { name: 'Image', usage: imageUsage(compat.compressedFormat === 'vmlinuz') },
  { name: 'uImage', usage: UIMAGE_USAGE },
  compat.compressedFormat === 'vmlinuz'
    ? { name: 'vmlinuz', usage: VMLINUZ_USAGE }
    : { name: 'zImage', usage: ZIMAGE_USAGE },
  ...(compat.hasUki ? [{ name: 'uki', usage: UKI_USAGE }] : []),
];

const open = (context: ArchContext): ArchSession => {
  const { system, compat, log } = context;
  const crash = new CrashMemory(system, compat, log);
  const physOffset = new PhysOffset(system, compat, log);
  let options = NO_OPTIONS;
  let reusesInitrd = false;
  const arm64: Arm64Context = {
    ...context,
    crash,
    physOffset,
    options: () => options,
    reusesInitrd: () => reusesInitrd,
  };
  return {
    formats: formatsOf(arm64),
    processOptions: (tokens) => {
      options = processArm64Options(tokens, context);
    },
    isCrashkernelMemReserved: () => crash.isReserved(),
    crashKernelLoadRange: () => crash.loadRange(),
    memoryRanges: () => getMemoryRanges(arm64),
    reuseInitrd: () => {
      reusesInitrd = true;
    },
  };
};

/** arm64, as kexec/arch/arm64/kexec-arm64.c describes it to the generic part. */
export const arm64: Architecture = {
  name: 'arm64',
  machines: new Map([
    ['aarch64', KEXEC_ARCH_ARM64],
    ['aarch64_be', KEXEC_ARCH_ARM64],
  ]),
  options: ARM64_OPTIONS,
  formatUsages,
  optionUsage: arm64OptionUsage,
  open,
};
