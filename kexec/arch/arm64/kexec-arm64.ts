/** arm64, as kexec/arch/arm64/kexec-arm64.c describes it to the generic part. */
import type { ArchContext, ArchMachine, ArchSession, Architecture } from '../../architecture.js';
import type { Compat } from '../../base/compat.js';
import { UKI_USAGE, ukiFormat } from '../../formats/kexec-uki.js';
import type { ImageFormat } from '../../formats/image-format.js';
import { arm64CompatOf } from './compat-arm64.js';
import { CrashMemory } from './crashdump-arm64.js';
import { ELF_USAGE, elfFormat } from './kexec-elf-arm64.js';
import { imageFormat, imageUsage } from './kexec-image-arm64.js';
import { UIMAGE_USAGE, uImageFormat } from './kexec-uImage-arm64.js';
import { VMLINUZ_USAGE, vmlinuzFormat } from './kexec-vmlinuz-arm64.js';
import { ZIMAGE_USAGE, zImageFormat } from './kexec-zImage-arm64.js';
import { getMemoryRanges, type Arm64Memory } from './memory-ranges-arm64.js';
import {
  ARM64_FACTS,
  arm64OptionUsage,
  parseArm64Options,
  takeArm64Options,
  type Arm64OptionId,
  type Arm64OptionValues,
} from './options-arm64.js';
import { purgatory } from './purgatory.js';
import type { Arm64Context, Arm64Session } from './session.js';

/** In the order of probing (file_type[], kexec/arch/arm64/kexec-arm64.c). */
const formatsOf = (session: Arm64Session): readonly ImageFormat[] => {
  const { compat, arm64Compat } = session;
  const formats = [
    elfFormat(session),
    imageFormat(session),
    uImageFormat(session),
    arm64Compat.compressedFormat === 'vmlinuz' ? vmlinuzFormat(session) : zImageFormat(session),
  ];
  return compat.hasUki ? [...formats, ukiFormat(formats, session)] : formats;
};

const formatUsages = (compat: Compat): readonly Pick<ImageFormat, 'name' | 'usage'>[] => {
  const isVmlinuz = arm64CompatOf(compat).compressedFormat === 'vmlinuz';
  return [
    { name: 'vmlinux', usage: ELF_USAGE },
    { name: 'Image', usage: imageUsage(isVmlinuz) },
    { name: 'uImage', usage: UIMAGE_USAGE },
    isVmlinuz ? { name: 'vmlinuz', usage: VMLINUZ_USAGE } : { name: 'zImage', usage: ZIMAGE_USAGE },
    ...(compat.hasUki ? [{ name: 'uki', usage: UKI_USAGE }] : []),
  ];
};

const open = (context: Arm64Context, values: Arm64OptionValues, reusesInitrd: boolean): ArchSession => {
  const options = takeArm64Options(values, context, context.arm64Compat);
  let known: Arm64Memory | undefined;
  const memory = (): Arm64Memory => (known ??= getMemoryRanges(context));
  return {
    formats: formatsOf({ ...context, options, reusesInitrd, memory }),
    memoryRanges: () => memory().ranges,
  };
};

const examine = (context: ArchContext): ArchMachine<Arm64OptionValues> => {
  const arm64Compat = arm64CompatOf(context.compat);
  const crash = new CrashMemory(context.system, arm64Compat, context.log);
  return {
    isCrashkernelMemReserved: () => crash.isReserved(),
    crashKernelLoadRange: () => crash.loadRange(),
    open: (values, reusesInitrd) => open({ ...context, arm64Compat, crash }, values, reusesInitrd),
  };
};

export const arm64: Architecture<Arm64OptionId, Arm64OptionValues> = {
  ...ARM64_FACTS,
  purgatory,
  formatUsages,
  optionUsage: arm64OptionUsage,
  parseOptions: parseArm64Options,
  examine,
};
