import type { Log } from './log.js';
import { peHeaderOffsetOfFile, peSections, type PeSection } from './pe.js';
import type { ImageFormat, RecognisedKernel } from './types.js';

export const UKI_USAGE = '     An UKI image.\n';

/** What a UKI keeps for us. */
interface UkiContents {
  readonly kernel: Uint8Array;
  readonly initrd: Uint8Array | undefined;
}

/** The .linux and .initrd sections of a unified kernel image; stdout says why there are none. */
const readUki = (bytes: Uint8Array, log: Log): UkiContents | undefined => {
  const sections = peSections(bytes, peHeaderOffsetOfFile(bytes, log));
  if (sections === undefined) {
    log.out('ERR: optional header is missing\n');
    return undefined;
  }
  // Sections are copied when they are met, but for the kernel, of which the last one counts.
  const initrds = sections.filter(({ name }) => name === '.initrd').map((section) => initrdOf(bytes, section, log));
  const linux = sections.findLast(({ name }) => name === '.linux');
  if (linux === undefined || linux.dataSize === MINUS_ONE) {
    log.out('ERR: can not find .linux section\n');
    return undefined;
  }
  const kernel = contents(bytes, linux, 'Kernel', log);
  if (kernel === undefined) {
    log.out('ERR: can not create tmp file to hold .linux section\n');
    return undefined;
  }
  return { kernel, initrd: initrds.findLast((initrd) => initrd !== undefined) };
};

/** -1 as a size: the original's sign that there is no kernel. */
const MINUS_ONE = 0xffff_ffff;

/**
 * QUIRK-34: an initrd of 2^32 - 1 bytes is an empty one. The original takes the -1 of the write that fails for as many
 * bytes as it wanted to write (create_tmpfd()).
 */
const initrdOf = (bytes: Uint8Array, section: PeSection, log: Log): Uint8Array | undefined =>
  section.dataSize === MINUS_ONE ? new Uint8Array() : contents(bytes, section, 'Initrd', log);

/**
 * The bytes of a section (create_tmpfd()).
 * @param kind what the temporary file is called after, whose name the original's message shows
 * @returns undefined when the section lies outside the file
 */
const contents = (
  bytes: Uint8Array,
  { dataOffset, dataSize }: PeSection,
  kind: 'Kernel' | 'Initrd',
  log: Log,
): Uint8Array | undefined => {
  if (dataOffset + dataSize <= bytes.length) return bytes.subarray(dataOffset, dataOffset + dataSize);
  log.dbg(`create_tmpfd: Can't write the compressed file /tmp/${kind}XXXXXX\n`);
  return undefined;
};

/**
 * Unified kernel images (kexec/kexec-uki.c).
 * @param others the formats that the kernel inside may have: all but this one
 */
export const ukiFormat = (others: readonly ImageFormat[], log: Log): ImageFormat => ({
  name: 'uki',
  usage: UKI_USAGE,
  probe: async (bytes) => {
    const uki = readUki(bytes, log);
    if (uki === undefined) return undefined;
    for (const format of others) {
      const inner = await format.probe(uki.kernel);
      if (inner !== undefined) return recogniseUki(bytes, uki, inner);
    }
    log.out('Can not recognize the kernel format in .linux section\n');
    return undefined;
  },
});

/**
 * QUIRK-9: for kexec_load the original hands the whole UKI to the inner format's loader, so that only a kernel that
 * its probe unpacked (zboot) is loaded, and any other is refused (uki_image_load(), kexec/kexec-uki.c).
 */
const recogniseUki = (bytes: Uint8Array, uki: UkiContents, inner: RecognisedKernel): RecognisedKernel => ({
  load: (info) => inner.load(info, bytes),
  fileLoad: () => {
    const plan = inner.fileLoad();
    return { ...plan, initrd: plan.initrd ?? uki.initrd };
  },
});
