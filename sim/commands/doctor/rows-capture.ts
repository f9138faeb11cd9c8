/** Findings about the kernel that is to save a dump: what it is built with, its command line, its initrd. */
import { wantedCrashkernel } from '../../kernel/changes/crashkernel.js';
import { generationOf } from '../../kernel/facts/generations.js';
import { configSays } from '../../kernel/facts/kernel-config.js';
import { formatSize } from '../common/text.js';
import type { Found, Row } from './finding.js';
import { type Seen, captureCmdline, crashRegions, keepsToOne, runningCmdline, wordOf } from './seen.js';
import { configEvidence } from './tell.js';

/** What a kernel must have for a /proc/vmcore. */
const FOR_VMCORE = ['CRASH_DUMP', 'PROC_VMCORE'] as const;

/** Disks by their names, and what drives them. */
const DISK_DRIVERS: readonly { readonly disk: RegExp; readonly option: string; readonly module: string }[] = [
  { disk: /^\/dev\/vd[a-z]/, option: 'VIRTIO_BLK', module: 'virtio_blk' },
  { disk: /^\/dev\/sd[a-z]/, option: 'BLK_DEV_SD', module: 'sd_mod' },
  { disk: /^\/dev\/nvme\d/, option: 'BLK_DEV_NVME', module: 'nvme' },
  { disk: /^\/dev\/mmcblk\d/, option: 'MMC_BLOCK', module: 'mmc_block' },
  { disk: /^\/dev\/xvd[a-z]/, option: 'XEN_BLKDEV_FRONTEND', module: 'xen-blkfront' },
];

/** A driver that the root disk wants, and that the capture kernel does not have built in. */
const missingDriver = (seen: Seen) => {
  const config = seen.crash?.capture.config;
  const root = wordOf(captureCmdline(seen), /^root=/)?.slice('root='.length);
  const driver = root === undefined ? undefined : DISK_DRIVERS.find(({ disk }) => disk.test(root));
  if (config === undefined || root === undefined || driver === undefined) return undefined;
  if (new RegExp(`^CONFIG_${driver.option}=y$`, 'm').test(config.text)) return undefined;
  return configSays(config.text, driver.option) === undefined ? undefined : { ...driver, root, config };
};

export const CAPTURE_ROWS: readonly Row[] = [
  {
    id: 'capture-no-vmcore',
    severity: 'error',
    when: 'the kernel that is loaded for a panic is built without CONFIG_CRASH_DUMP or CONFIG_PROC_VMCORE, and its configuration is in its Image, or is that of the running one',
    example: 'The capture kernel has no /proc/vmcore: it is built without CONFIG_PROC_VMCORE.',
    fixes: ['load a kernel with CONFIG_CRASH_DUMP=y and CONFIG_PROC_VMCORE=y'],
    look: ({ crash }) => {
      const config = crash?.capture.config;
      const missing = FOR_VMCORE.filter((name) => configSays(config?.text, name) === false);
      if (config === undefined || missing.length === 0) return undefined;
      return {
        sentence: `The capture kernel has no /proc/vmcore: it is built without ${missing.map((name) => `CONFIG_${name}`).join(' and ')}.`,
        evidence: [config.from, ...missing.map((name) => configEvidence(config.text, name))],
      };
    },
  },
  {
    id: 'capture-root',
    severity: 'note',
    when: 'a crash kernel has no initrd, and a root=: it starts the system whose kernel has crashed, from a disk in whatever state; an error where its configuration shows that the driver of the disk is not built in',
    example: 'The capture kernel cannot mount root=/dev/vda: it has no initrd, and CONFIG_VIRTIO_BLK is not built in.',
    fixes: ['add --initrd, with what saves the dump'],
    look: (seen) => {
      const { crash, wanted } = seen;
      const line = captureCmdline(seen);
      const root = wordOf(line, /^root=/);
      if (crash === undefined || crash.load.initrd !== undefined || root === undefined) return undefined;
      const driver = missingDriver(seen);
      if (driver !== undefined) {
        return {
          sentence: `The capture kernel cannot mount ${root}: it has no initrd, and CONFIG_${driver.option} is not built in.`,
          evidence: [driver.config.from, configEvidence(driver.config.text, driver.option)],
          severity: 'error' as const,
        };
      }
      return {
        sentence: `The capture kernel starts the system of ${root}, for it has no initrd: all of its services, in the memory that there is.`,
        evidence: [`command line: ${line}`, ...(wanted.initrd === undefined ? ['no --initrd'] : [])],
      };
    },
  },
  {
    id: 'initrd-no-driver',
    severity: 'note',
    when: "the disk that a crash kernel's root= names is driven by a module, and the initrd has modules, but not that one",
    example: 'The initrd has no virtio_blk.ko, which drives root=/dev/vda.',
    fixes: ['make the initrd with the module: add it to /etc/initramfs-tools/modules, or to dracut --add-drivers'],
    look: (seen) => {
      const driver = missingDriver(seen);
      const names = seen.crash?.capture.initrd?.names ?? [];
      // Names have - or _ as their authors liked.
      const modules = names.flatMap((name) => /([^/]+)\.ko(?:\.\w+)?$/.exec(name)?.[1]?.replaceAll('-', '_') ?? []);
      if (driver === undefined || modules.length === 0 || modules.includes(driver.module.replaceAll('-', '_')))
        return undefined;
      return {
        sentence: `The initrd has no ${driver.module}.ko, which drives root=${driver.root}.`,
        evidence: [
          driver.config.from,
          configEvidence(driver.config.text, driver.option),
          `initrd: ${modules.length} modules`,
        ],
      };
    },
  },
  {
    id: 'capture-saves-nothing',
    severity: 'note',
    when: 'nothing in the initrd of a crash kernel names /proc/vmcore, or there is none, and no root= leads to something that may: nobody saves the dump',
    example: 'Nothing in the initrd names /proc/vmcore, and there is no root=: nobody saves the dump.',
    fixes: [
      'make an initrd with makedumpfile, or a script that copies /proc/vmcore',
      'use kdump-tools, or kdump-utils',
    ],
    look: (seen) => {
      const { crash } = seen;
      const line = captureCmdline(seen);
      if (crash === undefined || wordOf(line, /^root=/) !== undefined) return undefined;
      if (crash.load.initrd === undefined) {
        // Where the running kernel has a root=, that it is missing here is told by itself.
        if (wordOf(runningCmdline(seen), /^root=/) !== undefined) return undefined;
        return {
          sentence:
            'The capture kernel has neither an initrd nor a root=: unless an initramfs is built into it, nobody saves the dump.',
          evidence: [`command line: ${line === '' ? '(none)' : line}`],
        };
      }
      const { initrd } = crash.capture;
      if (initrd === undefined || initrd.namesVmcore) return undefined;
      return {
        sentence: 'Nothing in the initrd names /proc/vmcore, and there is no root=: nobody saves the dump.',
        evidence: [`initrd: ${initrd.names.length} files and directories, ${formatSize(initrd.unpacked)}`],
      };
    },
  },
  {
    id: 'crash-command-line',
    severity: 'warning',
    when: 'a crash kernel is loaded whose command line does not keep it to one processor, which saves memory and trouble, or does not reset devices',
    example: "The crash kernel's command line has no nr_cpus=1 (or maxcpus=1), no reset_devices.",
    fixes: ['add --append="nr_cpus=1 reset_devices"'],
    look: (seen) => {
      const line = captureCmdline(seen);
      if (!seen.wanted.onCrash || seen.chosen.image === undefined) return undefined;
      const missing = [
        ...(keepsToOne(line) ? [] : ['no nr_cpus=1 (or maxcpus=1)']),
        ...(wordOf(line, /^reset_devices$/) === undefined ? ['no reset_devices'] : []),
      ];
      if (missing.length === 0) return undefined;
      // One processor is a matter of memory; devices that go on writing are one of luck.
      return {
        sentence: `The crash kernel's command line has ${missing.join(', ')}.`,
        evidence: [`command line: ${line === '' ? '(none)' : line}`],
        severity: missing.length === 1 ? 'note' : 'warning',
      };
    },
  },
  {
    id: 'capture-crashkernel',
    severity: 'warning',
    when: "a crash kernel's command line has crashkernel=, which takes the memory once more out of the little that there is; --reuse-cmdline takes it away, up to kexec-tools 2.0.31 the first one only",
    example: 'The capture kernel sets memory aside itself, out of its 256.0 MiB: its command line has crashkernel=64M.',
    fixes: ['leave crashkernel= out of its command line'],
    look: (seen) => {
      const line = captureCmdline(seen);
      const room = crashRegions(seen).reduce((sum, { size }) => sum + size, 0n);
      const asked = wantedCrashkernel(line, room, generationOf(seen.crash?.capture.banner));
      const word = wordOf(line, /^crashkernel=/);
      if (seen.crash === undefined || asked === undefined || word === undefined) return undefined;
      return {
        sentence: `The capture kernel sets memory aside itself, out of its ${formatSize(room)}: its command line has ${word}.`,
        evidence: [`command line: ${line}`],
        // What it does not understand, or cannot have, it says, and goes on.
        ...((asked === 'invalid' || asked.size === 0n || asked.size >= room) && { severity: 'note' as const }),
      };
    },
  },
  {
    id: 'capture-hangs',
    severity: 'note',
    when: "a crash kernel's command line has no panic=, and nothing tells of a CONFIG_PANIC_TIMEOUT: where it panics itself, the machine stands still for ever",
    example: 'A capture kernel that panics hangs for ever: its command line has no panic=.',
    fixes: ['add panic=10, with which it restarts the machine'],
    look: (seen) => {
      const line = captureCmdline(seen);
      const word = wordOf(line, /^panic=/);
      const [, timeout = '0'] = /^CONFIG_PANIC_TIMEOUT=(-?\d+)$/m.exec(seen.crash?.capture.config?.text ?? '') ?? [];
      if (seen.crash === undefined || (word ?? `panic=${timeout}`) !== 'panic=0') return undefined;
      return {
        sentence: `A capture kernel that panics hangs for ever: its command line has ${word ?? 'no panic='}.`,
        evidence: [`command line: ${line === '' ? '(none)' : line}`],
      };
    },
  },
  {
    id: 'capture-cannot-restart',
    severity: 'warning',
    when: 'the firmware hangs in PSCI calls of any processor but the first, and a crash kernel runs on the one that panicked',
    example:
      'A crash kernel that does not run on processor 0 cannot restart the machine: the firmware hangs in its PSCI call.',
    fixes: ['set a watchdog that is armed over the panic', 'update the firmware'],
    look: (seen): Found | undefined => {
      if (!seen.wanted.onCrash || seen.board?.quirks.includes('psci-cpu0-only') !== true) return undefined;
      const hangs = 'the firmware hangs in its PSCI call';
      return keepsToOne(captureCmdline(seen))
        ? {
            sentence: `A crash kernel that does not run on processor 0 cannot restart the machine: ${hangs}.`,
            evidence: ['quirks: psci-cpu0-only'],
          }
        : {
            sentence: `A crash kernel that does not run on processor 0 cannot start the others, nor restart the machine: ${hangs}.`,
            evidence: ['quirks: psci-cpu0-only', `command line: ${captureCmdline(seen)}`],
            fixes: ['add nr_cpus=1', 'set a watchdog that is armed over the panic', 'update the firmware'],
          };
    },
  },
];
