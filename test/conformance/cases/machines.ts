/** The same few commands on every kind of machine. */
import { combine, command } from '../case.js';
import type { Case } from '../case.js';
import { DEBIAN_RELEASES } from '../debian.js';
import { machineNames } from '../machines.js';

const RECORDED = ['virt-2g', 'virt-8g', 'virt-el2-4g', 'virt-acpi-4g'];

const FULL = '-d -l t/Image --initrd=t/initrd --append=quiet';

const crash = machineNames('crash-').filter((name) => name !== 'crash-three');

const fdt = machineNames('fdt-').filter((name) => name !== 'fdt-20-bytes');

const initrdOverride = [
  'fdt-initrd',
  'fdt-initrd-cells',
  'fdt-initrd-start-only',
  'fdt-chosen-missing',
  'fdt-cells-1',
  'fdt-tails',
  'fdt-no-tails',
];

export const machines: readonly Case[] = [
  ...combine(RECORDED, [
    '-l t/Image',
    FULL,
    '-d -p t/Image --initrd=t/initrd --append=quiet',
    '-d -l t/vmlinux --initrd=t/initrd --reuse-cmdline',
    '-d -p t/vmlinux',
    '-d -l t/Image.gz',
    '--print-ckr-size',
    '-d -i -l t/Image-3M --initrd=t/initrd-1M',
    '-d -l t/Image --dtb=t/good.dtb --mem-min=0x60000000 --mem-max=0xa0000000',
  ]),
  ...combine(machineNames('iomem-'), [FULL]),
  ...combine(machineNames('iomem-'), ['--print-ckr-size'], { releases: ['2.0.20', '2.0.32'] }),
  ...combine(machineNames('iomem-'), ['-d -p t/Image', '-d -l t/vmlinux'], { releases: ['2.0.20', '2.0.32'] }),
  ...combine(crash, ['-d -p t/Image --initrd=t/initrd']),
  ...combine(crash, ['--print-ckr-size', '-l t/Image', '-d -p t/vmlinux'], { releases: ['2.0.25', '2.0.32'] }),
  ...combine(['crash-three'], ['-d -p t/Image --initrd=t/initrd', '--print-ckr-size', '-l t/Image'], {
    realCrashes: 'crash_reserved_mem[] has room for two regions',
    crashingReleases: ['2.0.25', '2.0.29', '2.0.32'],
  }),
  ...combine(machineNames('no-k'), ['-d -l t/Image', '-d -l t/vmlinux', '-d -p t/Image']),
  ...combine(machineNames('kcore-'), ['-d -l t/vmlinux', '-d -p t/Image']),
  ...combine(machineNames('kallsyms-'), ['-d -l t/vmlinux', '-d -p t/Image']),
  ...combine(machineNames('cmdline-'), ['-d -l t/Image --reuse-cmdline']),
  ...combine(machineNames('cmdline-'), ['-d -p t/Image --reuse-cmdline --append=extra'], {
    releases: ['2.0.20', '2.0.29', '2.0.32'],
  }),
  ...combine(machineNames('cmdline-'), ['-l t/Image --reuseinitrd'], { releases: ['2.0.20', '2.0.32'] }),
  ...combine(fdt, ['-d -l t/Image', '-d -p t/Image --append=quiet']),
  ...combine(fdt, ['-d -l t/Image --initrd=t/initrd --append=root=/dev/vdb'], { releases: ['2.0.20', '2.0.32'] }),
  ...combine(['fdt-20-bytes'], ['-d -l t/Image', '-p t/Image'], {
    unforeseeable: {
      stream: 'stderr',
      releases: DEBIAN_RELEASES,
      why: 'the header is read behind the end of the file; ours says that the device tree is cut off',
    },
  }),
  ...combine(machineNames('dt-'), ['-d -l t/Image']),
  ...combine(machineNames('dt-'), ['-d -l t/Image --initrd=t/initrd --append=quiet', '-d -p t/Image --reuse-cmdline'], {
    releases: ['2.0.20', '2.0.32'],
  }),
  ...initrdOverride.map((machine) => command(machine, '-p t/Image --initrd=t/initrd -d', { releases: ['2.0.25'] })),
  ...[16384, 65536].flatMap((pageSize) =>
    ['-d -l t/Image --initrd=t/initrd', '-d -p t/Image', '-d -l t/vmlinux'].map((args) =>
      command('virt-el2-4g', args, { pageSize, releases: ['2.0.20', '2.0.32'] }),
    ),
  ),
];
