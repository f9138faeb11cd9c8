/** Kernels that are loaded for a panic, and what doctor finds of the dump that would come of it. */
import { boardTree, iomem, IOMEM } from '../../../../support/machine/doctor-machine.js';
import type { DoctorCase } from './cases.js';

const TO_ONE = 'console=ttyAMA0 nr_cpus=1 reset_devices panic=10';
const load = (kernel: string, more = '', cmdline = TO_ONE): string => `-c -p ${kernel} ${more} --append="${cmdline}"`;
const USUAL = load('@Image', '--initrd=@initrd-saves');

const LONG_MEMORY = `${IOMEM}100000000-13fffffff : System RAM\n`;
const twoCpus = (more: Readonly<Record<string, string>> = {}) => ({
  'sys/devices/system/cpu/possible': '0-1\n',
  'sys/devices/system/cpu/online': '0-1\n',
  ...more,
});
const CPU_1 = {
  'sys/devices/system/cpu/cpu1/crash_notes': '43001000\n',
  'sys/devices/system/cpu/cpu1/crash_notes_size': '368\n',
};
const RUNNING = 'CONFIG_KEXEC=y\nCONFIG_KEXEC_FILE=y\n';

export const KDUMP_CASES: readonly DoctorCase[] = [
  {
    name: 'virt-2g',
    from: "Debian 12's kernel, CONFIG_KALLSYMS_ALL",
    args: USUAL,
    first: 'kallsyms-no-text',
    says: /2\.0\.32 .* 0xffffc1dceaea0000 bytes at 0x3e2356e00000, and every read of \/proc\/vmcore ends in an oops/,
    works: 'ca',
  },
  {
    name: 'virt-2g',
    from: 'Debian 12 as shipped',
    compat: '2.0.25',
    args: USUAL,
    first: 'kallsyms-no-text',
    says: /kexec-tools 2\.0\.25 .* oops/,
  },
  {
    name: 'virt-2g',
    from: 'Debian 11: get_crash_kernel_load_range(), page_offset',
    compat: '2.0.20',
    args: USUAL,
    first: 'kallsyms-no-text',
    says: /gdb finds nothing/,
  },
  {
    name: 'addresses that are hidden',
    from: 'kptr_restrict',
    machine: { 'proc/kallsyms': '0000000000000000 T _text\n0000000000000000 T _stext\n' },
    args: USUAL,
    first: 'kallsyms-no-text',
    says: /are hidden/,
  },
  {
    name: 'a region where no memory is',
    from: 'early_init_dt_check_for_usable_mem_range()',
    machine: { 'proc/iomem': `${iomem()}b8000000-c7ffffff : Crash kernel\n` },
    args: USUAL,
    first: 'crash-told-wrong',
    says: /usable-memory-range has 0xc0000000-0xc7ffffff, which is no RAM/,
  },
  {
    name: 'a region with room for an initrd, but not for what it unpacks to',
    from: "Debian 12's kernel in 64 MiB: System is deadlocked on memory",
    machine: { 'proc/iomem': iomem('  a0000000-a17fffff : Crash kernel') },
    args: load('@Image', '--initrd=@initrd-fills.gz'),
    first: 'crash-room-small',
    says: /of 24\.0 MiB, .* unpacks to 20\.0 MiB/,
  },
  {
    name: 'two regions, and a kernel that takes one',
    from: 'early_init_dt_check_for_usable_mem_range() of 5.10',
    machine: { 'proc/iomem': iomem('  a0000000-a1ffffff : Crash kernel', '  b0000000-b7ffffff : Crash kernel') },
    args: load('@Image-5.10', '--initrd=@initrd-saves'),
    first: 'crash-low-unused',
    says: /5\.10\.0-32-arm64.*\[0xa0000000, 0xa1ffffff\]/,
  },
  {
    name: 'a panic before at which a processor did not stop',
    from: 'crash_smp_send_stop()',
    machine: {
      ...twoCpus(CPU_1),
      dmesg: '[    9.1] SMP: stopping secondary CPUs\n[   10.1] SMP: failed to stop secondary CPUs 1\n',
    },
    args: USUAL,
    first: 'crash-cpus-stay',
    says: /SMP: failed to stop secondary CPUs 1\. Their registers/,
  },
  {
    name: 'processors that cannot be switched off',
    from: 'machine_kexec(), cpus_are_stuck_in_kernel()',
    machine: { ...twoCpus(CPU_1), 'sys/firmware/fdt': boardTree({ cpus: 2, method: 'spin-table' }) },
    args: load('@Image', '--initrd=@initrd-saves', 'console=ttyAMA0 reset_devices panic=10'),
    first: 'crash-cpus-stay',
    says: /Some CPUs may be stale/,
  },
  {
    name: 'no VMCOREINFO',
    from: 'get_kernel_vmcoreinfo()',
    machine: { 'sys/kernel/vmcoreinfo': undefined },
    args: USUAL,
    first: 'no-vmcoreinfo',
  },
  {
    name: 'VMCOREINFO of no bytes',
    from: 'get_kernel_vmcoreinfo()',
    machine: { 'sys/kernel/vmcoreinfo': '0x0 0\n' },
    args: USUAL,
    first: 'no-vmcoreinfo',
  },
  {
    name: 'a processor without a place for its registers',
    from: 'get_crash_notes_per_cpu()',
    machine: twoCpus(),
    args: USUAL,
    first: 'no-crash-notes',
    says: /processors 1: they have no crash_notes/,
  },
  {
    name: 'a place of no bytes',
    from: 'crash_notes_size_show()',
    machine: { 'sys/devices/system/cpu/cpu0/crash_notes_size': '0\n' },
    args: USUAL,
    first: 'no-crash-notes',
    says: /processors 0: their crash_notes have no bytes/,
  },
  {
    name: 'a processor that may come later',
    from: 'cpu_possible_mask, cpu_present_mask',
    machine: { 'sys/devices/system/cpu/possible': '0-1\n', 'sys/devices/system/cpu/online': '0\n' },
    args: USUAL,
    first: 'no-crash-notes',
    says: /processors 1: they are possible, but not there/,
  },
  {
    name: 'memory that came after the load',
    from: 'CONFIG_CRASH_HOTPLUG, which arm64 does not have',
    before: {},
    machine: { 'proc/iomem': LONG_MEMORY },
    args: USUAL,
    first: 'dump-stale',
    says: /lacks \[0x100000000, 0x13fffffff\]/,
  },
  {
    name: 'memory that went after the load',
    from: 'CONFIG_CRASH_HOTPLUG',
    before: { 'proc/iomem': LONG_MEMORY },
    args: USUAL,
    first: 'dump-stale',
    says: /has \[0x100000000, 0x13fffffff\], which is no memory now/,
  },
  {
    name: 'a processor that came after the load',
    from: 'CONFIG_CRASH_HOTPLUG',
    before: {},
    machine: twoCpus(CPU_1),
    args: USUAL,
    first: 'dump-stale',
    says: /no place for the registers of the processors 1/,
  },
  { name: 'virt-el2-4g', from: 'Debian 13: makedumpfile 1.7.8', args: USUAL, first: 'makedumpfile-52' },
  {
    name: 'a configuration with 52 bits',
    from: 'makedumpfile 1.7.8, arch/arm64.c',
    machine: { config: `${RUNNING}CONFIG_ARM64_VA_BITS=52\n` },
    args: USUAL,
    first: 'makedumpfile-52',
  },
  {
    name: 'a kernel without /proc/vmcore, as its Image says',
    from: 'CONFIG_IKCONFIG, fs/proc/Kconfig',
    args: load('@Image-no-vmcore', '--initrd=@initrd-saves'),
    first: 'capture-no-vmcore',
    says: /CONFIG_PROC_VMCORE/,
  },
  {
    name: 'a kernel without /proc/vmcore, as the running one, which it is',
    from: 'CONFIG_CRASH_DUMP',
    machine: { config: `${RUNNING}# CONFIG_CRASH_DUMP is not set\n` },
    args: load('@Image-running', '--initrd=@initrd-saves'),
    first: 'capture-no-vmcore',
  },
  {
    name: 'a disk whose driver is a module, and no initrd',
    from: "Debian's kernels: CONFIG_VIRTIO_BLK=m",
    machine: { config: `${RUNNING}CONFIG_VIRTIO_BLK=m\n` },
    args: load('@Image-running', '', `${TO_ONE} root=/dev/vda2`),
    first: 'capture-root',
    says: /cannot mount root=\/dev\/vda2: .* CONFIG_VIRTIO_BLK/,
  },
  {
    name: 'the system that has crashed, once more',
    from: 'Documentation/admin-guide/kdump: root=',
    args: load('@Image', '', `${TO_ONE} root=/dev/vda2`),
    first: 'capture-root',
    says: /starts the system of root=\/dev\/vda2/,
  },
  {
    name: 'an initrd with modules, but not the one',
    from: "Debian's kernels: CONFIG_VIRTIO_BLK=m",
    machine: { config: `${RUNNING}CONFIG_VIRTIO_BLK=m\n` },
    args: load('@Image-running', '--initrd=@initrd-modules', `${TO_ONE} root=/dev/vda2`),
    first: 'initrd-no-driver',
  },
  {
    name: 'an initrd that saves nothing',
    from: 'kdump reports: the capture kernel comes to a shell',
    args: load('@Image', '--initrd=@initrd-idle.gz'),
    first: 'capture-saves-nothing',
  },
  {
    name: 'no initrd, and no disk either',
    from: 'prepare_namespace(), init/do_mounts.c',
    args: load('@Image'),
    first: 'capture-saves-nothing',
    says: /neither an initrd nor a root=/,
  },
  {
    name: 'crashkernel= for the crash kernel',
    from: 'reserve_crashkernel()',
    args: load('@Image', '--initrd=@initrd-saves', `${TO_ONE} crashkernel=64M`),
    first: 'capture-crashkernel',
    says: /out of its 128\.0 MiB: .* crashkernel=64M/,
  },
  {
    name: '--reuse-cmdline takes one of two away',
    from: 'remove_parameter() of kexec-tools up to 2.0.31',
    compat: '2.0.29',
    machine: { 'proc/cmdline': 'console=ttyAMA0 crashkernel=128M crashkernel=32M\n' },
    args: '-c -p @Image --initrd=@initrd-saves --reuse-cmdline --append="nr_cpus=1 reset_devices panic=10"',
    first: 'capture-crashkernel',
    says: /crashkernel=32M/,
  },
  {
    name: 'a crash kernel that panics itself',
    from: 'panic_timeout, kernel/panic.c',
    args: load('@Image', '--initrd=@initrd-saves', 'console=ttyAMA0 nr_cpus=1 reset_devices'),
    first: 'capture-hangs',
  },
  {
    name: 'a crash kernel on all processors',
    from: 'Documentation/admin-guide/kdump',
    args: '-c -p @Image --append=console=ttyAMA0',
    first: 'crash-command-line',
  },
  {
    name: 'a crash kernel that cannot restart',
    from: 'the quirk psci-cpu0-only',
    machine: { quirks: 'psci-cpu0-only\n' },
    args: USUAL,
    first: 'capture-cannot-restart',
    says: /cannot restart the machine/,
  },
  {
    name: 'a crash kernel that cannot start the others',
    from: 'the quirk psci-cpu0-only',
    machine: { quirks: 'psci-cpu0-only\n' },
    args: load('@Image', '--initrd=@initrd-saves', 'console=ttyAMA0 reset_devices panic=10'),
    first: 'capture-cannot-restart',
    says: /cannot start the others, nor restart the machine/,
  },
];

type Healthy = Omit<DoctorCase, 'first' | 'from'>;

const KALLSYMS = 'ffff800080000000 T _text\nffff800080010000 T _stext\n';

/** Loads for a panic of which doctor says nothing worse than a note. */
export const KDUMP_HEALTHY: readonly Healthy[] = [
  ...['virt-file-2g', 'virt-el2-4g', 'virt-acpi-4g'].flatMap((name) =>
    ['2.0.25', '2.0.32'].map((compat) => ({ name, compat, args: USUAL })),
  ),
  { name: 'virt-file-2g', args: USUAL.replace('-c', '-s') },
  { name: 'a list of symbols', machine: { 'proc/kallsyms': KALLSYMS }, args: USUAL },
  { name: 'no list of symbols in the recording', args: USUAL },
  { name: 'a kernel with its configuration', args: load('@Image-vmcore', '', `${TO_ONE} root=/dev/vda`) },
  {
    name: 'an initrd with room',
    machine: { 'proc/iomem': iomem('  a0000000-a3ffffff : Crash kernel') },
    args: load('@Image', '--initrd=@initrd-fills.gz'),
  },
  {
    name: 'two regions',
    machine: { 'proc/iomem': iomem('  a0000000-a1ffffff : Crash kernel', '  b0000000-b7ffffff : Crash kernel') },
    args: USUAL,
  },
  { name: 'the same machine as at the load before', before: {}, args: USUAL },
  {
    name: 'a kernel that keeps the header up to date',
    before: {},
    machine: { 'proc/iomem': LONG_MEMORY, 'sys/devices/system/memory/crash_hotplug': '1\n' },
    args: USUAL,
  },
  {
    name: 'a crash kernel that runs',
    args: load('machines/payload/Image', '--initrd=@initrd-saves'),
    run: true,
  },
  { name: 'two processors', machine: twoCpus(CPU_1), args: USUAL },
  {
    name: 'crashkernel= that cannot be had',
    args: load('@Image', '--initrd=@initrd-saves', `${TO_ONE} crashkernel=256M`),
  },
];
