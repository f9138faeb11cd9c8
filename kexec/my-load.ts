/** Computing a load by kexec_load (my_load(), kexec/kexec.c). */
import { following, followingAsync } from './base/attempt.js';
import type { ArchContext, ArchSession, ArchitectureFacts } from './architecture.js';
import { addBackupSegments } from './memory/backup-segments.js';
import { slurpDecompressFile } from './compression/decompress.js';
import { KexecError } from './base/error.js';
import { hashHex, hex, pointer } from './base/format.js';
import { Placement } from './memory/placement.js';
import type { ImageFormat, RecognisedKernel } from './formats/image-format.js';
import type { LoadPlan, Segment } from './base/segment.js';
import { KEXEC_PRESERVE_CONTEXT } from './base/uapi.js';
import { updatePurgatory } from './update-purgatory.js';
import { createAddressSpace } from './memory/user-address.js';

export interface LoadRequest {
  /** The kernel's path. */
  readonly kernel: string;
  /** --type; undefined: the format is found out. */
  readonly type: string | undefined;
  /** KEXEC_* flags without the architecture. */
  readonly flags: bigint;
  /** --entry; 0 keeps the one that was computed. */
  readonly entry: bigint;
  /** --no-checks. */
  readonly skipChecks: boolean;
}

/** The flag that kexec_load wants for the machine's architecture (physical_arch()). @throws KexecError */
export const physicalArch = (machine: string, architecture: ArchitectureFacts): bigint => {
  const flag = architecture.machines.get(machine);
  if (flag === undefined) throw KexecError.failed(`Unsupported machine type: ${machine}`, { subject: machine });
  return flag;
};

/**
 * Finds out what a kernel is. A type that was asked for is tried first, and must not be another than the one found.
 * @throws KexecError
 */
const recognise = async (
  bytes: Uint8Array,
  { kernel, type }: LoadRequest,
  formats: readonly ImageFormat[],
): Promise<RecognisedKernel> => {
  const subject = kernel;
  if (type !== undefined) {
    const wanted = formats.find(({ name }) => name === type);
    if (wanted === undefined) throw KexecError.failed(`Unsupported kernel type ${type}`, { subject });
    const recognised = await wanted.probe(bytes);
    if (recognised !== undefined) return recognised;
  }
  for (const format of formats) {
    const recognised = await format.probe(bytes);
    if (recognised === undefined) continue;
    if (type !== undefined) {
      throw KexecError.failed(`Wrong file type ${type}, file matches type ${format.name}`, { subject });
    }
    return recognised;
  }
  throw KexecError.failed(`Cannot determine the file type of ${kernel}`, { subject });
};

/**
 * Computes a load, up to what kexec_load is to be given (my_load(), kexec/kexec.c).
 * @throws KexecError
 */
export const planLoad = async (
  request: LoadRequest,
  session: ArchSession,
  architecture: ArchitectureFacts,
  context: ArchContext,
): Promise<LoadPlan> => {
  const { system, log, limits, platform } = context;
  const { word } = architecture;
  const addressOf = createAddressSpace(word);
  const bytes = await slurpDecompressFile(request.kernel, context);
  log.dbg(`kernel: ${pointer(addressOf(bytes))} kernel_size: ${hashHex(BigInt(bytes.length))}\n`);

  const noLayout = 'Could not get memory layout\n';
  const ranges = following(noLayout, () => session.memoryRanges());
  if (ranges.length === 0) throw KexecError.failed(noLayout.trimEnd(), { subject: '/proc/iomem' });

  const recognised = await recognise(bytes, request, session.formats);
  const flags = request.flags | physicalArch(system.machine, architecture);
  const placement = new Placement(ranges, limits, system.pageSize, log, addressOf, word);
  const loaded = await followingAsync(`Cannot load ${request.kernel}\n`, () => recognised.load(placement));
  if ((flags & KEXEC_PRESERVE_CONTEXT) !== 0n) addBackupSegments(placement);
  for (const { memory } of placement.segments) {
    if (!placement.validMemoryRange(memory.start, memory.last)) {
      throw KexecError.failed(
        `Invalid memory segment ${pointer(memory.start)} - ${pointer(placement.ulong(memory.end))}`,
        {
          subject: request.kernel,
        },
      );
    }
  }
  placement.sortSegments();
  updatePurgatory(loaded.purgatory, placement.segments, request.skipChecks, platform);
  const { segments } = placement;
  const purgatory = segments.find(({ memory }) => memory.start === loaded.purgatory.address)?.memory;
  return {
    segments,
    entry: request.entry === 0n ? loaded.entry : request.entry,
    flags,
    ...(purgatory && { purgatory }),
  };
};

/** The debug log's list of segments (print_segments()). */
export const formatSegments = (segments: readonly Segment[]): string =>
  [
    `nr_segments = ${segments.length}\n`,
    ...segments.map(
      ({ data, memory, buf }, i) =>
        `segment[${i}].buf   = ${pointer(buf)}\n` +
        `segment[${i}].bufsz = 0x${hex(data.length)}\n` +
        `segment[${i}].mem   = ${pointer(memory.start)}\n` +
        `segment[${i}].memsz = 0x${hex(memory.size)}\n`,
    ),
  ].join('');
