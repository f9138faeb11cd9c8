/** Every kernel file, good and bad. */
import { command } from '../case.js';
import type { Case } from '../case.js';
import { allFiles } from '../files.js';

const names = [...allFiles().keys()].filter((name) =>
  /^(Image|vmlinux|uImage|zboot|uki|efi|empty|text|zeros)/.test(name),
);

const special = ['t/none', 't', '/dev/null', 't/Image/', 't/../t/Image', './t/Image'];

const crashing = ['Image.lzma', 'Image.zst'];

/** What 2.0.32 does with files that are no kernel: its probe of unified kernel images looks behind their end. */
const beyondTheEnd = (name: string): Partial<Case> => {
  if (crashing.includes(name)) {
    return { realCrashes: 'uki_image_probe() follows an offset out of its buffer', crashingReleases: ['2.0.32'] };
  }
  if (name === 'Image-1' || name === 'text.gz') {
    const buffer = name === 'text.gz' ? 'a large buffer' : 'what is behind a small one';
    const why = `uki_image_probe() reads the PE header offset, at 60, of a file that is shorter, from ${buffer}`;
    return { unforeseeable: { stream: 'stdout', releases: ['2.0.32'], why } };
  }
  return {};
};

export const kernels: readonly Case[] = [
  ...names.map((name) => command('virt-2g', `-d -l t/${name}`, beyondTheEnd(name))),
  ...names
    .filter((name) => /^(Image-[a-z0-9]+-?[a-z0-9]*$|vmlinux|Image\.gz)/.test(name))
    .map((name) => command('virt-el2-4g', `-p t/${name}`, { releases: ['2.0.20', '2.0.32'], ...beyondTheEnd(name) })),
  ...names
    .filter((name) => /gz|zboot|uki|efi|uImage/.test(name))
    .map((name) =>
      command('virt-el2-4g', `-s -l t/${name}`, { releases: ['2.0.25', '2.0.32'], ...beyondTheEnd(name) }),
    ),
  ...special.map((path) => command('virt-2g', `-d -l ${path}`)),
  ...special.map((path) => command('virt-2g', `-s -l ${path}`, { releases: ['2.0.20', '2.0.29'] })),
  ...['Image', 'vmlinux', 'uImage', 'vmlinuz', 'zImage', 'uki'].flatMap((type) =>
    ['Image', 'vmlinux', 'uImage', 'Image.gz', 'zboot-gzip', 'uki', 'text'].map((name) =>
      command('virt-8g', `-t ${type} -l t/${name}`, { releases: ['2.0.20', '2.0.32'], ...beyondTheEnd(name) }),
    ),
  ),
];
