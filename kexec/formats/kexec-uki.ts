/** Unified kernel images: a PE with a kernel and initrds in its sections (kexec/kexec-uki.c). */
import type { ReadContext } from '../compression/read-context.js';
import type { Log } from '../base/log.js';
import { peHeaderOffsetOfFile, peSections } from './pe.js';
import { UNPACKED_DESCRIPTOR, type ImageFormat, type RecognisedKernel } from './image-format.js';

type UkiContext = Pick<ReadContext, 'compat' | 'log'>;

export const UKI_USAGE = '     An UKI image.\n';

/** What a UKI keeps for us. */
interface UkiContents {
  readonly kernel: Uint8Array;
  /** In the order of the sections; the last one counts. */
  readonly initrds: readonly Uint8Array[];
}

/** A section, as far as it is taken. */
interface Section {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

const sectionsOf = (bytes: Uint8Array, { compat, log }: UkiContext): readonly Section[] | undefined =>
  peSections(bytes, peHeaderOffsetOfFile(bytes, log))?.map(({ name, dataOffset, dataSize, virtualSize }) => ({
    name,
    offset: dataOffset,
    size: compat.ukiSectionSize === 'virtual' ? virtualSize : dataSize,
  }));

/** The .linux and .initrd sections of a unified kernel image; stdout says why there are none. */
const readUki = (bytes: Uint8Array, context: UkiContext): UkiContents | undefined => {
  const { log } = context;
  const sections = sectionsOf(bytes, context);
  if (sections === undefined) {
    log.out('ERR: optional header is missing\n');
    return undefined;
  }
  // Sections are copied when they are met, but for the kernel, of which the last one counts.
  const initrds = sections.filter(({ name }) => name === '.initrd').map((section) => initrdOf(bytes, section, log));
  const linux = sections.findLast(({ name }) => name === '.linux');
  if (linux === undefined || linux.size === MINUS_ONE) {
    log.out('ERR: can not find .linux section\n');
    return undefined;
  }
  const kernel = contents(bytes, linux, 'Kernel', log);
  if (kernel === undefined) {
    log.out('ERR: can not create tmp file to hold .linux section\n');
    return undefined;
  }
  return { kernel, initrds: initrds.filter((initrd) => initrd !== undefined) };
};

/** -1 as a size: the original's sign that there is no kernel. */
const MINUS_ONE = 0xffff_ffff;

/**
 * QUIRK-34: an initrd of 2^32 - 1 bytes is an empty one. The original takes the -1 of the write that fails for as many
 * bytes as it wanted to write (create_tmpfd()).
 */
const initrdOf = (bytes: Uint8Array, section: Section, log: Log): Uint8Array | undefined =>
  section.size === MINUS_ONE ? new Uint8Array() : contents(bytes, section, 'Initrd', log);

/**
 * The bytes of a section (create_tmpfd()).
 * @param kind what the temporary file is called after, whose name the original's message shows
 * @returns undefined when the section lies outside the file
 */
const contents = (
  bytes: Uint8Array,
  { offset, size }: Section,
  kind: 'Kernel' | 'Initrd',
  log: Log,
): Uint8Array | undefined => {
  if (size === 0 || offset + size <= bytes.length) return bytes.subarray(offset, offset + size);
  log.dbg(`create_tmpfd: Can't write the compressed file /tmp/${kind}XXXXXX\n`);
  return undefined;
};

/**
 * Unified kernel images (kexec/kexec-uki.c).
 * @param others the formats that the kernel inside may have: all but this one
 */
export const ukiFormat = (others: readonly ImageFormat[], context: UkiContext): ImageFormat => ({
  name: 'uki',
  usage: UKI_USAGE,
  probe: async (bytes) => {
    const uki = readUki(bytes, context);
    if (uki === undefined) return undefined;
    for (const format of others) {
      const inner = await format.probe(uki.kernel);
      if (inner !== undefined) return recogniseUki(bytes, uki, inner);
    }
    context.log.out('Can not recognize the kernel format in .linux section\n');
    return undefined;
  },
});

/**
 * QUIRK-9: for kexec_load the original hands the whole UKI to the inner format's loader, so that only a kernel that
 * its probe unpacked (zboot) is loaded, and any other is refused (uki_image_load(), kexec/kexec-uki.c).
 */
const recogniseUki = (bytes: Uint8Array, { initrds }: UkiContents, inner: RecognisedKernel): RecognisedKernel => ({
  load: (placement) => inner.load(placement, bytes),
  fileLoad: () => {
    const plan = inner.fileLoad();
    // The initrds and the kernel stay open, and one that the inner format unpacks comes behind them.
    const descriptorOffset = UNPACKED_DESCRIPTOR + initrds.length + (plan.descriptorOffset === 0 ? 0 : 1);
    return { ...plan, descriptorOffset, initrd: plan.initrd ?? initrds.at(-1) };
  },
});
