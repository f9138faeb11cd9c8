/** kexec_file_load(2) on kernels that have it: what is passed, what follows its answers, and what does not. */
import { combine, command, session } from '../case.js';
import type { Case } from '../case.js';

/** Kernels of 6.1, of 6.12, and of a newer release; the last is a recording of one that truly has the call. */
const KERNELS = ['file-load', 'file-load-6.12', 'file-load-7.2', 'virt-file-2g'];

const loads = [
  '-s -l t/Image',
  '-a -l t/Image',
  '-l t/Image',
  '-d -s -l t/Image',
  '-d -l t/Image',
  '-s -l t/Image --initrd=t/initrd',
  '-l t/Image --initrd=t/initrd --append=quiet',
  '-s -p t/Image',
  '-p t/Image --initrd=t/initrd --append=quiet -d',
  '-a -d -p t/Image --reuse-cmdline',
  '-s -l t/Image --reuse-cmdline --initrd=t/initrd',
];

/**
 * Kernels that kexec takes for itself, and that the kernel takes or not: EINVAL leads to kexec_load, where that may be.
 */
const files = [
  ...['Image.gz', 'vmlinux', 'uImage', 'zboot-gzip', 'uki', 'uki-initrd', 'text', 'zeros', 'none', 'empty'],
  ...[
    'Image-text0',
    'Image-old',
    'Image-be',
    'Image-flags',
    'Image-bigger-than-told',
    'Image-odd-offset',
    'Image-size-48M',
  ],
  ...[
    'Image-size-4G',
    'Image-size-32G',
    'Image-size-max',
    'Image-size-1',
    'Image-64',
    'Image-63',
    'Image-bad-magic',
    'Image-offset-huge',
  ],
];

const others = [
  ['-s', '-l', 't/Image', '--append=two words', '-d'],
  ['-s', '-l', 't/Image', `--append=${'x'.repeat(3000)}`],
  ['-s', '-l', 't/Image', '--append='],
  ['-s', '-l', 't/Image', '--initrd=t/none'],
  ['-s', '-l', 't/Image', '--initrd=t/empty'],
  ['-a', '-l', 't/Image', '--initrd=t/empty'],
  ['-s', '-l', 't/Image', '--initrd=t'],
  ['-s', '-l', 't/Image', '--dtb=t/good.dtb', '-d'],
  ['-l', 't/Image', '--dtb=t/good.dtb'],
  ['-s', '-l', 't/Image', '--mem-min=0x50000000', '-d'],
  ['-s', '-l', 't/Image', '--serial=ttyAMA0', '-d'],
  ['-c', '-l', 't/Image'],
  ['-s', '--load-preserve-context', 't/Image'],
  ['-s', '-f', 't/Image'],
  ['-s', '-l', 't/Image', '--no-cma', '-d'],
  ['-s', '-l', 't/Image', '--force-dtb', '-d'],
];

const sessions = [
  ['-s -l t/Image', '-S', '-Sl', '-s -u', '-Sl'],
  ['-s -p t/Image', '-S', '-s -p -u', '-S', '-s -p -u'],
  ['-l t/Image', '-p t/Image', '-u', '-Sl', '-S', '-pu', '-S'],
  ['-s -u', '-u', '-c -u', '-a -u', '-s -pu', '-s -u -d'],
  ['-s -p t/Image', '-s -p t/zeros', '-S'],
  ['-s -p t/Image', '-s -p t/Image-old'],
  ['-s -l t/Image', '-s -l t/Image-old', '-Sl'],
  ['-l t/Image', '-e'],
  ['-c -l t/Image', '-s -u', '-Sl', '-e'],
];

export const fileLoad: readonly Case[] = [
  ...combine(KERNELS, loads),
  ...files.flatMap((file) => [command('file-load', `-s -l t/${file}`), command('file-load-6.12', `-l t/${file}`)]),
  ...others.flatMap((args) => [command('file-load', args), command('file-load-7.2', args)]),
  ...sessions.map((commands) => session('file-load-6.12', commands)),
  ...combine(['file-load-disabled'], ['-s -l t/Image', '-l t/Image', '-a -l t/Image', '-s -u', '-u', '-p t/Image']),
  ...combine(['file-load-limited'], ['-s -l t/Image', '-l t/Image', '-u', '-s -p t/Image']),
  ...combine(['file-load-no-room'], ['-s -p t/Image', '-p t/Image', '-s -l t/Image', '-l t/Image']),
];
