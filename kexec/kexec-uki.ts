import type { Log } from './log.js';
import { peHeaderOffset, peSections, type PeSection } from './pe.js';
import type { ImageFormat, RecognisedKernel } from './types.js';

export const UKI_USAGE = '     An UKI image.\n';

/** What a UKI keeps for us. */
interface UkiContents {
  readonly kernel: Uint8Array;
  readonly initrd: Uint8Array | undefined;
}

/** The .linux and .initrd sections of a unified kernel image; stdout says why there are none. */
const readUki = (bytes: Uint8Array, log: Log): UkiContents | undefined => {
  const sections = peSections(bytes, peHeaderOffset(bytes, log));
  if (sections === undefined) {
    log.out('ERR: optional header is missing\n');
    return undefined;
  }
  const find = (name: string): PeSection | undefined => sections.findLast((section) => section.name === name);
  const linux = find('.linux');
  if (linux === undefined) {
    log.out('ERR: can not find .linux section\n');
    return undefined;
  }
  const kernel = contents(bytes, linux);
  if (kernel === undefined) {
    log.out('ERR: can not create tmp file to hold .linux section\n');
    return undefined;
  }
  const initrd = find('.initrd');
  return { kernel, initrd: initrd && contents(bytes, initrd) };
};

/** @returns undefined when the section lies outside the file */
const contents = (bytes: Uint8Array, { dataOffset, dataSize }: PeSection): Uint8Array | undefined =>
  dataOffset + dataSize <= bytes.length ? bytes.subarray(dataOffset, dataOffset + dataSize) : undefined;

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
