/** The parts that need no Node: values, parsers and rules; bytes and text in, values out. */
export { readArm64ImageHeader, type Arm64ImageHeader } from './kexec/arch/arm64/image-header.js';
export { relocationsFor } from './kexec/arch/arm64/kexec-elf-rel-arm64.js';
export { gunzipPortable, zstdDecompress } from './kexec/compression/codecs.js';
export { concatCmdline, removeParameter } from './kexec/options/command-line.js';
export {
  DEFAULT_COMPAT,
  RELEASES,
  compatFor,
  parseCompat,
  type Compat,
  type Library,
  type Release,
} from './kexec/base/compat.js';
export type { CoreSource } from './kexec/running-kernel/core-reader.js';
export { Errno, KexecError, SystemError, strerror } from './kexec/base/error.js';
export { extractPurgatory } from './kexec/elf/extract-purgatory.js';
export { getoptLong, type OptionSyntax, type ParsedArguments, type Token } from './kexec/options/getopt.js';
export { buildElfExecInfo } from './kexec/elf/kexec-elf-exec.js';
export { loadRelocatable } from './kexec/elf/kexec-elf-rel.js';
export { buildElfInfo, type ElfInfo } from './kexec/elf/kexec-elf.js';
export { parseIomem, type IomemLine } from './kexec/running-kernel/kexec-iomem.js';
export { createLog, silentLog, type Log } from './kexec/base/log.js';
export { Placement, type BufferRequest, type HoleRequest, type MemoryLimits } from './kexec/memory/placement.js';
export { OutputLimitError, type Platform } from './kexec/base/platform.js';
export { purgatory } from './kexec/arch/arm64/purgatory.js';
export { RANGE_RAM, RANGE_RESERVED, Range, type MemoryRange } from './kexec/base/range.js';
export type { FileStat, KexecFileLoadCall, KexecLoadCall, System } from './kexec/base/system.js';
export type { RelocationRule } from './kexec/elf/relocation-rule.js';
export type { LoadPlan, Segment } from './kexec/base/segment.js';
export { vmcoreDmesg, type VmcoreDmesgOptions } from './vmcore-dmesg/vmcore-dmesg.js';
