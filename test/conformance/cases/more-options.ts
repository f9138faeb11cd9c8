/** What options do together, and what follows a load: shutdown, sync, the network, execution. */
import type { Release } from '../../../kexec/base/compat.js';
import { combine, command, session } from '../case.js';
import type { Case } from '../case.js';
import { DEBIAN_RELEASES } from '../debian.js';
import { machineNames } from '../machines.js';

const all = { releases: DEBIAN_RELEASES };

/** Another release for each number. */
const one = (index: number): { readonly byTurns: readonly Release[] } => ({
  byTurns: [DEBIAN_RELEASES[index % DEBIAN_RELEASES.length]!],
});

const networks = machineNames('net-');

const ways = ['-e', '-e -d', '-e -x', '-e -y', '-ex -y', '--exec --no-ifdown', '-ye', '-xye -d'];

/** Going to the new kernel, in every way, with and without a network. */
const going: readonly Case[] = [
  ...networks.map((machine) => session(machine, ['-l t/Image', ...ways.slice(0, 3)], all)),
  ...ways.map((way) => session('net-eth0', ['-l t/Image', way])),
  ...[
    't/Image',
    '-d t/Image',
    '-x t/Image',
    '-y t/Image',
    '-xy t/Image --append=quiet',
    '-i t/Image',
    '-t Image t/Image',
    '-c t/Image',
    '-s t/Image',
    '-a t/Image',
  ].map((args) => session('net-eth0', [args, '-S', '-Sl', '-e', '-e'], all)),
  ...[
    '-f t/Image',
    '-fx t/Image',
    '-fy t/Image',
    '-fxy -d t/Image',
    '--force --no-sync --no-ifdown t/Image',
    '-f -e t/Image',
    '-e -f t/Image',
    '-f -l t/Image',
    '-l -f t/Image',
    '-p -f t/Image',
    '-f -p t/Image',
    '-f -u t/Image',
    '-u -f t/Image',
    '-c -f t/Image',
    '-f t/none',
    '-f t/text',
    '-f -S t/Image',
    '-f -c --load-jump-back-helper --entry=1',
  ].map((args) => session('net-many', [args, '-Sl', '-S'])),
];

/** What only some releases know; the others say so. */
const unknown: readonly Case[] = [
  '--no-cma -l t/Image',
  '--force-dtb -l t/Image',
  '--no-cma --force-dtb -s -l t/Image',
  '--carry-over-dtb',
  '-l t/Image --hotplug=1',
  '--hot -p t/Image',
  '--serial',
  '--exec-live-update -e',
  '-d --exec-live-update',
  '-h --exec-live-update',
  '--exec-live-update -h',
  '-S --exec-live-update',
  '--load-live-update -p t/Image',
  '-p --load-live-update t/Image',
  '-l --load-live-update t/Image',
  '--load-live-update -l t/Image',
  '-s --load-live-update t/Image',
  '--load-live-update --load-preserve-context --mem-max=0x4fffffff t/Image',
  '--load-live-update -u',
  '--load-live-update -S',
].map((args) => command('virt-2g', args, all));

const PRESERVE = '-c --load-preserve-context';

/** Where memory of the running kernel is kept: every gap between the segments becomes a segment. */
const preserving: readonly Case[] = [
  ...combine(
    ['virt-8g'],
    [
      `${PRESERVE} --mem-min=0x50000000 --mem-max=0x50ffffff -d t/Image`,
      `${PRESERVE} --mem-min=0x50000123 --mem-max=0x50fffabc -d t/Image`,
      `${PRESERVE} --mem-min=0x48100000 --mem-max=0x4a000000 -d t/Image --initrd=t/initrd-1M`,
      `${PRESERVE} --mem-max=0xbfffffff -i -d t/Image`,
      `${PRESERVE} --mem-max=0xffffffffffffffff t/Image`,
      `${PRESERVE} --mem-max=0xfffffffffffffffe -i -d t/Image`,
      `${PRESERVE} --mem-max=0x40100000 t/Image`,
      `${PRESERVE} --mem-max=0 t/Image`,
      `${PRESERVE} --mem-min=0x50000000 --mem-max=0x50ffffff -d t/vmlinux --entry=0x1234`,
      `${PRESERVE} --mem-min=0x50000000 --mem-max=0x50ffffff -i t/Image`,
      `${PRESERVE} --mem-min=0x50000000 --mem-max=0x50ffffff -l t/Image`,
      `-p ${PRESERVE} -i --mem-max=0xbfffffff t/Image`,
      `${PRESERVE} --mem-max=0xbfffffff -p t/Image`,
      `${PRESERVE} --mem-max=0xbfffffff -u`,
      `${PRESERVE} --mem-max=0xbfffffff -S`,
      `-f ${PRESERVE} --mem-min=0x50000000 --mem-max=0x50ffffff t/Image`,
      `${PRESERVE} -f --mem-min=0x50000000 --mem-max=0x50ffffff t/Image`,
    ],
  ),
  ...['-s', '-a', '-c -a', '-a -c', '-s -c'].map((way) =>
    command('virt-2g', `${way} --load-preserve-context --mem-max=0x4fffffff t/Image`, all),
  ),
];

const helping: readonly Case[] = [
  session('net-eth0', ['-c --load-jump-back-helper --entry=0x40080000', '-Sl', '-e'], all),
  session('net-eth0', ['-c -x -y --load-jump-back-helper --entry=0x40080000'], all),
  session('net-eth0', ['-c -d --load-jump-back-helper --entry=1'], all),
  session(
    'net-eth0',
    ['-c -l t/Image', '-c --load-jump-back-helper --entry=1', '-c -e --load-jump-back-helper --entry=1'],
    all,
  ),
  session(
    'net-eth0',
    [
      '-c --load-jump-back-helper --entry=1 -e',
      '-c --load-jump-back-helper -u --entry=1',
      '-u --load-jump-back-helper -c',
    ],
    all,
  ),
  session('net-no-flags', ['-c --load-jump-back-helper --entry=1'], all),
  ...['-a', '-s', '-c -a'].map((way) => command('virt-2g', `${way} --load-jump-back-helper --entry=1`, all)),
  ...['-S', '-l t/Image', '-p t/Image', '-f t/Image', 't/Image'].map((more) =>
    command('virt-2g', `-c --load-jump-back-helper --entry=1 ${more}`),
  ),
];

const HOTPLUG = [
  '--hotplug -d -c -p t/Image',
  '--hotplug -s -p t/Image',
  '--hotplug -l t/Image',
  '--hotplug -u',
  '--hotplug -S',
  '--hotplug -e',
];

const states: readonly Case[] = [
  ...combine(machineNames('hotplug-'), HOTPLUG.slice(0, 1), { releases: ['2.0.29', '2.0.32'] }),
  ...combine(['hotplug-size', 'virt-el2-4g'], HOTPLUG),
  ...combine(machineNames('loaded-'), ['-S', '-Sl', '-e']),
  ...combine(
    ['loaded-1', 'loaded-absent'],
    ['-Sp', '-Slp', '-Sd', '-S t/Image', '-c t/Image', '-c --load-jump-back-helper --entry=1'],
  ),
  ...[
    '-S -u',
    '-uS',
    '-Sl -p',
    '-p -S -l',
    '-S --load-preserve-context',
    '-S --load-jump-back-helper',
    '-S -f',
    '-S --reuseinitrd',
    '-S -t foo',
    '-S --print-ckr-size',
  ].map((args) => session('virt-2g', ['-l t/Image', args, '-Sl'], all)),
  ...[
    '-c -u',
    '-s -u',
    '-a -u',
    '-c -p -u',
    '-u -l',
    '-uu',
    '-u -e',
    '-e -u',
    '-u t/Image',
    '-u -l t/Image',
    '-l -u t/Image',
    '-u -d',
  ].map((args) => session('virt-2g', ['-l t/Image', '-p t/Image', args, '-Sl', '-S'])),
];

const others: readonly Case[] = [
  ...['-l', '-p', '-s -l', '-a -p', '-c -l', '-f', '-u', '-e', '-S'].flatMap((way) =>
    ['', '--initrd=t/initrd'].map((more) => command('retain-initrd', `--reuseinitrd -d ${way} t/Image ${more}`)),
  ),
  ...['-l', '-p', '-s -l', '-c -p', '-a -l', '-f -l'].flatMap((way) =>
    ['vmlinux', 'Image', 'uImage', 'zImage', 'vmlinuz', 'uki', 'multiboot', 'IMAGE', ''].map((type, index) =>
      command('virt-2g', `${way} --type=${type} t/vmlinux`, one(index)),
    ),
  ),
  ...['-s', '-a', '-c'].flatMap((way) =>
    [
      '--serial=ttyAMA0',
      '--dtb=t/good.dtb',
      '--dtb=t/none',
      '--reuse-cmdline',
      '--entry=0x12345678',
      '--mem-min=0x50000000',
      '--mem-max=0x5fffffff',
      '-i',
      '--initrd=t/initrd',
    ].flatMap((option, index) => [
      command('virt-2g', `-d ${way} ${option} -l t/Image`, one(index)),
      command('virt-el2-4g', `${option} ${way} -p -d t/Image`, one(index + 3)),
    ]),
  ),
  ...[
    '--print-ckr-size -u',
    '-e --print-ckr-size',
    '-l --print-ckr-size t/Image',
    '--print-ckr-size --foo',
    '--print-ckr-size=1',
    '-p --print-ckr-size',
    '-dS --print-ckr-size',
  ].map((args) => command('crash-two', args)),
  ...['--ramdisk=t/initrd', '--command-line=root=/dev/vda'].map((option) =>
    command('virt-2g', `-d -l t/Image ${option}`, all),
  ),
];

export const moreOptions: readonly Case[] = [...going, ...unknown, ...preserving, ...helping, ...states, ...others];
