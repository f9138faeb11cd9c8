/** Crash kernels, loaded on machines with all kinds of processors, regions, pages and notes. */
import { type Case, combine } from '../case.js';
import { machineNames } from '../machines.js';

/** The releases that have --hotplug. */
const HOTPLUG = ['2.0.29', '2.0.32'] as const;

const kdump = machineNames('kdump-');
const withHotplug = machineNames('kdump-hotplug');
const without = kdump.filter((name) => !withHotplug.includes(name));
const LARGE_PAGES = [16384, 65536];

export const crashKernels: readonly Case[] = [
  ...combine(without, ['-d -c -p t/Image --initrd=t/initrd --append=quiet']),
  ...combine(
    [...machineNames('kdump-low'), ...machineNames('kdump-high'), ...machineNames('kdump-memory')],
    ['-d -c -p t/vmlinux', '-d -c -p t/Image-3M --initrd=t/initrd-1M --dtb=t/good.dtb'],
    { releases: ['2.0.20', '2.0.32'] },
  ),
  ...combine(withHotplug, ['--hotplug -d -c -p t/Image --initrd=t/initrd', '--hotplug -d -c -p t/vmlinux'], {
    releases: HOTPLUG,
  }),
  ...LARGE_PAGES.flatMap((pageSize) => [
    ...combine(
      ['crash-two', 'crash-two-high', 'crash-unaligned', 'crash-no-notes', 'kdump-16k', 'kdump-64k'],
      ['-d -c -p t/Image --initrd=t/initrd'],
      { pageSize },
    ),
    ...combine(['kdump-64-cpus', 'kdump-300-cpus'], ['-d -c -p t/Image'], { pageSize, releases: ['2.0.25', '2.0.32'] }),
    ...combine(['kdump-hotplug-two'], ['--hotplug -d -c -p t/Image --initrd=t/initrd'], {
      pageSize,
      releases: HOTPLUG,
    }),
  ]),
];
