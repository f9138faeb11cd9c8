/**
 * Loads that fail, or may: a recording, kexec's options, and what doctor finds first. Each is from a public report, or
 * from a rule of Linux or kexec-tools that its `from` names.
 */
import { gzipSync } from 'node:zlib';
import { type Files, boardTree, iomem } from '../../../../support/machine/doctor-machine.js';

export interface DoctorCase {
  readonly name: string;
  readonly from: string;
  /** In place of files of the machine, or beside them; undefined for one that is to be left out. */
  readonly machine?: Readonly<Record<string, Files[string] | undefined>>;
  /** The machine when a kernel was loaded as `args` say, before it became what it is; undefined where none was. */
  readonly before?: Readonly<Record<string, Files[string] | undefined>>;
  /** KEXEC_COMPAT. */
  readonly compat?: string;
  /** Whether the new kernel runs on (--run). */
  readonly run?: true;
  /** What the sentence has in it. */
  readonly says?: RegExp;
  /** Words with "@" before them are names of files. */
  readonly args: string;
  /** The finding that comes first. */
  readonly first: string;
  /** Which ways work, of "sca"; not looked at without it. */
  readonly works?: string;
}

const FOUR = { 'sys/devices/system/cpu/possible': '0-3\n' };
const SPIN = { ...FOUR, 'sys/firmware/fdt': boardTree({ cpus: 4, method: 'spin-table' }) };
const OLD_PSCI = { psci: { compatible: 'arm,psci', method: 'smc', cpu_on: [0x84000003] } };
const FILE_ONLY = 'CONFIG_KEXEC_FILE=y\n';
const LOCKED = { 'sys/kernel/security/lockdown': 'none [integrity] confidentiality\n' };
const KHO = 'CONFIG_KEXEC=y\nCONFIG_KEXEC_FILE=y\nCONFIG_KEXEC_HANDOVER=y\nCONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT=y\n';
const release = (name: string): Files => ({ 'proc/version': `Linux version ${name} (someone) #1 SMP\n` });
const SEVEN = release('7.2.0');
/** Contiguous memory of 64 MiB at 0xb0000000. */
const CMA = {
  'proc/iomem': iomem('  b0000000-b3ffffff : reserved'),
  'proc/meminfo': 'MemTotal: 1900000 kB\nMemAvailable: 1700000 kB\nCmaTotal: 65536 kB\nCmaFree: 60000 kB\n',
};
/** @param bitmap its first words; the others are 0 */
const cmaDebug = (bitmap: string): Files => ({
  'sys/kernel/debug/cma/reserved/base_pfn': `720896\n`,
  'sys/kernel/debug/cma/reserved/count': '16384\n',
  'sys/kernel/debug/cma/reserved/order_per_bit': '0\n',
  'sys/kernel/debug/cma/reserved/bitmap': `${bitmap}${' 0'.repeat(512 - bitmap.split(' ').length)}\n`,
});
const scratch = (start: string, size: string): Files => ({
  'sys/kernel/debug/kho/out/scratch_phys': `${start}\n`,
  'sys/kernel/debug/kho/out/scratch_len': `${size}\n`,
});
const smallCrash = iomem('  a0000000-a0ffffff : Crash kernel');
const ITS = {
  'intc@8000000': {
    compatible: 'arm,gic-v3',
    'interrupt-controller': new Uint8Array(),
    '#interrupt-cells': [3],
    '#address-cells': [2],
    '#size-cells': [2],
    ranges: new Uint8Array(),
    reg: [0, 0x800_0000, 0, 0x1_0000, 0, 0x80a_0000, 0, 0x10_0000],
    'its@8080000': { compatible: 'arm,gic-v3-its', reg: [0, 0x808_0000, 0, 0x2_0000] },
  },
};
const CLOCKS = {
  'power-management@fdd90000': { compatible: 'vendor,pmu', '#power-domain-cells': [1] },
  'clock-controller@fdd20000': { compatible: 'vendor,cru', '#clock-cells': [1] },
};
const UEFI = {
  'linux,uefi-system-table': [0, 0xbf00_0000],
  'linux,uefi-mmap-start': [0, 0xbf10_0000],
  'linux,uefi-mmap-size': [0x1000],
};

export const CASES: readonly DoctorCase[] = [
  // What the kernel refuses.
  {
    name: 'Pi 4, spin-table',
    from: 'nixos-anywhere#529',
    machine: SPIN,
    args: '-l @Image --reuse-cmdline',
    first: 'cpus-cannot-stop',
    works: '',
  },
  {
    name: 'Pi 4, kexec_file_load',
    from: 'Tow-Boot#66',
    machine: SPIN,
    args: '-s -l @Image --reuse-cmdline',
    first: 'cpus-cannot-stop',
  },
  {
    name: 'Pi 4, kexec_load',
    from: 'raspberrypi/linux#6409',
    machine: SPIN,
    args: '-c -l @Image --reuse-cmdline',
    first: 'cpus-cannot-stop',
  },
  {
    name: 'processors without a method',
    from: 'cpu_read_enable_method()',
    machine: { ...FOUR, 'sys/firmware/fdt': boardTree({ cpus: 4, method: '' }) },
    args: '-l @Image --reuse-cmdline',
    first: 'cpus-cannot-stop',
  },
  {
    name: 'no CPU hotplug',
    from: 'have_cpu_die()',
    machine: { ...FOUR, config: `${FILE_ONLY}# CONFIG_HOTPLUG_CPU is not set\n` },
    args: '-s -l @Image --reuse-cmdline',
    first: 'cpus-cannot-stop',
  },
  {
    name: 'protected KVM',
    from: 'is_protected_kvm_enabled()',
    machine: { 'proc/cmdline': 'console=ttyAMA0 kvm-arm.mode=protected\n' },
    args: '-l @Image --reuse-cmdline',
    first: 'cpus-cannot-stop',
    works: '',
  },
  {
    name: 'a lost processor',
    from: '__cpu_up()',
    machine: { dmesg: 'CPU1: is stuck in kernel\nCPU: All CPU(s) started at EL2\n' },
    args: '-l @Image --reuse-cmdline',
    first: 'cpus-cannot-stop',
  },
  {
    name: 'PSCI 0.1 without CPU_OFF',
    from: 'cpu_psci_cpu_disable(), smp_shutdown_nonboot_cpus()',
    machine: { ...FOUR, 'sys/firmware/fdt': boardTree({ cpus: 4, more: OLD_PSCI }) },
    args: '-l @Image --reuse-cmdline',
    first: 'cpu-undying',
    works: 'sca',
  },
  {
    name: 'a trusted operating system that stays on its processor',
    from: 'psci_tos_resident_on()',
    machine: {
      ...FOUR,
      'sys/firmware/fdt': boardTree({ cpus: 4 }),
      dmesg: 'psci: Trusted OS resident on physical CPU 0x2\nCPU: All CPU(s) started at EL2\n',
    },
    args: '-s -l @Image --reuse-cmdline',
    first: 'cpu-undying',
  },
  {
    name: 'Pi OS without CONFIG_KEXEC',
    from: 'nixos-anywhere#183',
    machine: { config: '# CONFIG_KEXEC is not set\n# CONFIG_KEXEC_FILE is not set\n' },
    args: '-l @Image --reuse-cmdline',
    first: 'no-kexec-load',
    works: '',
  },
  {
    name: 'kexec_load of a kernel that has the other',
    from: 'kernel/sys_ni.c',
    machine: { config: `# CONFIG_KEXEC is not set\n${FILE_ONLY}` },
    args: '-c -l @Image --reuse-cmdline',
    first: 'no-kexec-load',
    works: 'sa',
  },
  {
    name: 'a whole configuration without it',
    from: 'ARCH_SUPPORTS_KEXEC',
    machine: { config: 'CONFIG_ARM64=y\n' },
    args: '-l @Image --reuse-cmdline',
    first: 'no-kexec-load',
    works: '',
  },
  {
    name: '-s without kexec_file_load',
    from: 'u-root#3384',
    machine: { config: 'CONFIG_KEXEC=y\n# CONFIG_KEXEC_FILE is not set\n' },
    args: '-s -l @Image --reuse-cmdline',
    first: 'no-file-load',
    works: 'ca',
  },
  {
    name: '-d -s before Linux 6.7',
    from: 'KEXEC_FILE_DEBUG',
    machine: { 'proc/version': 'Linux version 6.1.0 (someone) #1 SMP\n' },
    args: '-d -s -l @Image --reuse-cmdline',
    first: 'debug-flag',
    works: 'ca',
  },
  {
    name: 'Alpine, kexec_load_disabled',
    from: 'notes of a network boot project',
    machine: { 'proc/sys/kernel/kexec_load_disabled': '1\n' },
    args: '-l @Image --reuse-cmdline',
    first: 'load-disabled',
    works: '',
  },
  {
    name: 'protectKernelImage',
    from: 'a Proxmox guide',
    machine: { 'proc/sys/kernel/kexec_load_disabled': '1\n' },
    args: '-s -l @Image --reuse-cmdline',
    first: 'load-disabled',
  },
  {
    name: 'a limit of loads',
    from: 'kexec_load_permitted()',
    machine: { 'proc/sys/kernel/kexec_load_limit_reboot': '0\n' },
    args: '-l @Image --reuse-cmdline',
    first: 'load-limit',
    works: '',
  },
  {
    name: 'a limit of loads for a panic',
    from: 'kexec_load_permitted()',
    machine: { 'proc/sys/kernel/kexec_load_limit_panic': '0\n' },
    args: '-c -p @Image --reuse-cmdline',
    first: 'load-limit',
  },
  {
    name: 'lockdown, kexec_load',
    from: 'kernel_lockdown(7)',
    machine: LOCKED,
    args: '-c -l @Image --reuse-cmdline',
    first: 'locked-down',
  },
  {
    name: 'lockdown, an unsigned kernel',
    from: 'RHEL notes',
    machine: { ...LOCKED, config: `${FILE_ONLY}CONFIG_KEXEC_SIG=y\n` },
    args: '-s -l @Image --reuse-cmdline',
    first: 'locked-down',
  },
  {
    name: 'confidential lockdown',
    from: 'kernel_lockdown(7)',
    machine: { 'sys/kernel/security/lockdown': 'none integrity [confidentiality]\n' },
    args: '-l @Image --reuse-cmdline',
    first: 'locked-down',
    works: '',
  },
  {
    name: 'signatures wanted',
    from: 'RHEL notes, "Required key not available"',
    machine: { config: `${FILE_ONLY}CONFIG_KEXEC_SIG=y\nCONFIG_KEXEC_SIG_FORCE=y\n` },
    args: '-s -l @Image --reuse-cmdline',
    first: 'signature-wanted',
    works: 'c',
  },
  {
    name: 'signatures that cannot be verified',
    from: 'kexec_image_verify_sig()',
    machine: {
      config: `${FILE_ONLY}CONFIG_KEXEC_SIG=y\nCONFIG_KEXEC_SIG_FORCE=y\n# CONFIG_KEXEC_IMAGE_VERIFY_SIG is not set\n`,
    },
    args: '-s -l @Image --reuse-cmdline',
    first: 'signature-wanted',
  },
  {
    name: 'more than half of the RAM',
    from: 'sanity_check_segment_list()',
    machine: { 'proc/meminfo': 'MemTotal:          60000 kB\n' },
    args: '-c -l @Image --initrd=@initrd-40m --reuse-cmdline',
    first: 'half-of-ram',
  },
  // Memory.
  {
    name: 'a pasted map with zeros',
    from: 'forum threads, u-root#2437',
    machine: { 'proc/iomem': '00000000-00000000 : System RAM\n  00000000-00000000 : Kernel code\n' },
    args: '-l @Image --reuse-cmdline',
    first: 'hidden-addresses',
    works: '',
  },
  {
    name: 'a quoted map',
    from: 'mailing lists',
    machine: { 'proc/iomem': '> 40000000-bfffffff : System RAM\n' },
    args: '-c -l @Image --reuse-cmdline',
    first: 'no-memory-map',
  },
  {
    name: 'no map',
    from: 'kexec_iomem_for_each_line()',
    machine: { 'proc/iomem': '09000000-09000fff : pl011\n' },
    args: '-c -l @Image --reuse-cmdline',
    first: 'no-memory-map',
  },
  {
    name: 'no crash region',
    from: 'kdump guides',
    machine: { 'proc/iomem': iomem() },
    args: '-p @Image --reuse-cmdline',
    first: 'no-crash-region',
    works: '',
  },
  {
    name: 'a crash region that was asked for',
    from: 'reserve_crashkernel()',
    machine: { 'proc/iomem': iomem(), 'proc/cmdline': 'console=ttyAMA0 crashkernel=4G\n' },
    args: '-p @Image --reuse-cmdline',
    first: 'no-crash-region',
  },
  {
    name: 'an initrd larger than the crash region',
    from: 'a blog on kdump',
    machine: { 'proc/iomem': smallCrash },
    args: '-c -p @Image --initrd=@initrd-20m --reuse-cmdline',
    first: 'crash-region-small',
  },
  {
    name: 'high and low, an old kexec-tools',
    from: 'AmpereComputing wiki, ampere-lts-kernel#94',
    machine: {
      'proc/iomem': iomem('  60000000-6fffffff : Crash kernel', '  a0000000-afffffff : Crash kernel'),
    },
    compat: '2.0.20',
    args: '-c -p @Image --reuse-cmdline',
    first: 'crash-region-low',
  },
  {
    name: 'CM4, cma=848M',
    from: 'notes on a CM4 camera',
    machine: {
      'proc/cmdline': 'console=ttyAMA0 cma=848M\n',
      'proc/iomem': iomem('  40000000-401fffff : reserved', '  41d00000-bfffffff : reserved').replace(
        '41a00000-41c9ffff : Kernel data',
        '41580000-41cfffff : reserved',
      ),
    },
    args: '-c -l @Image --initrd=@initrd-40m --reuse-cmdline',
    first: 'no-hole',
  },
  {
    name: 'no place for kexec_file_load',
    from: 'kexec_locate_mem_hole()',
    machine: {
      'proc/cmdline': 'console=ttyAMA0 cma=2000M\n',
      'proc/iomem': iomem('  40000000-401fffff : reserved', '  41d00000-bfffffff : reserved'),
    },
    args: '-s -l @Image --initrd=@initrd-20m --reuse-cmdline',
    first: 'no-hole',
  },
  {
    name: 'a window that is too small',
    from: 'kexec(8), --mem-max',
    args: '-c -l @Image --initrd=@initrd-20m --mem-max=0x40ffffff --reuse-cmdline',
    first: 'no-hole',
  },
  {
    name: 'Ubuntu 26.04: scratch areas of KHO',
    from: 'nixos-anywhere#651',
    machine: { ...SEVEN, ...scratch('0x50000000', '0x1000000'), config: KHO },
    args: '-s -l @Image --initrd=@initrd-20m --reuse-cmdline',
    first: 'kho-scratch',
    works: 'c',
  },
  {
    name: 'KHO that is asked for',
    from: 'Documentation/admin-guide/mm/kho.rst',
    machine: {
      ...SEVEN,
      ...scratch('0x50000000', '0x100000'),
      config: KHO.replace('_ENABLE_DEFAULT=y', '_DEBUG=y'),
      'proc/cmdline': 'console=ttyAMA0 kho=on\n',
    },
    args: '-s -l @Image --reuse-cmdline',
    first: 'kho-scratch',
  },
  {
    name: 'Oracle arm64: KHO, and nobody knows where',
    from: 'a public report of a cloud guest',
    machine: { ...SEVEN, config: KHO },
    args: '-s -l @Image --initrd=@initrd-small --reuse-cmdline',
    first: 'kho-unknown',
    works: 'sca',
  },
  {
    name: 'contiguous memory, and nobody knows where',
    from: 'a kdump report on the kexec list, kexec_alloc_contig()',
    machine: { ...release('6.17.0'), ...CMA },
    args: '-s -l @Image --reuse-cmdline',
    first: 'cma-places',
    works: 'sca',
  },
  {
    name: 'a kernel in contiguous memory, which is aligned to 1 MiB',
    from: 'kexec_alloc_contig(), CONFIG_CMA_ALIGNMENT',
    machine: { ...release('7.2.0'), ...CMA, ...cmaDebug(`${'4294967295 '.repeat(8)}0`) },
    args: '-s -l @Image --reuse-cmdline',
    first: 'boot-protocol',
  },
  {
    name: 'little memory is left',
    from: 'nixos-images',
    machine: { 'proc/meminfo': 'MemTotal:        1900000 kB\nMemAvailable:      50000 kB\n' },
    args: '-c -i -l @Image --initrd=@initrd-40m --reuse-cmdline',
    first: 'memory-short',
  },
  {
    name: 'pages for copies are wanting',
    from: 'kimage_alloc_page()',
    machine: {
      'proc/iomem':
        '40000000-bfffffff : System RAM\n  40200000-4fdfffff : Kernel code\n  4fe00000-4fffffff : Kernel data\n  51000000-bfffffff : reserved\n',
    },
    args: '-c -l @Image --initrd=@initrd-40m --reuse-cmdline',
    first: 'memory-full',
  },
  // Files.
  {
    name: 'Fedora CoreOS: zboot, 2.0.25',
    from: 'fedora-coreos-tracker#1430',
    compat: '2.0.25',
    args: '-l @zboot --reuse-cmdline',
    first: 'zboot-unread',
    works: '',
  },
  {
    name: 'Fedora 40: zboot without zlib',
    from: 'kdump-utils#22',
    compat: '2.0.29:',
    args: '-l @zboot --reuse-cmdline',
    first: 'zboot-unread',
  },
  {
    name: 'zboot with zstd',
    from: 'kexec-tools 2.0.31',
    compat: '2.0.29',
    args: '-c -l @zboot-zstd --reuse-cmdline',
    first: 'zboot-unread',
  },
  {
    name: 'lanzaboote: UKI, 2.0.25',
    from: 'lanzaboote#143',
    compat: '2.0.25',
    args: '-l @uki --reuse-cmdline',
    first: 'uki-unread',
  },
  {
    name: 'a UKI with a plain Image',
    from: 'kexec-uki.c',
    args: '-c -l @uki-plain --reuse-cmdline',
    first: 'uki-unread',
  },
  {
    name: 'the initrd of a UKI',
    from: 'kexec-uki.c',
    args: '-c -i -l @uki --reuse-cmdline',
    first: 'uki-initrd-left-out',
  },
  {
    name: 'zstd that cannot be unpacked',
    from: 'kexec-tools without libzstd',
    compat: '2.0.32:zlib',
    args: '-c -l @Image.zst --reuse-cmdline',
    first: 'compressed-unread',
  },
  {
    name: 'a bzImage',
    from: 'nixos-anywhere#289',
    args: '-l @bzImage --reuse-cmdline',
    first: 'other-architecture',
    works: '',
  },
  {
    name: 'an ELF for x86_64',
    from: 'nixos-anywhere#84',
    args: '-c -l @vmlinux-x86 --reuse-cmdline',
    first: 'other-architecture',
  },
  { name: 'a zImage', from: 'optee_os#2128', args: '-c -l @zImage --reuse-cmdline', first: 'other-architecture' },
  { name: 'a FIT', from: 'LinuxBoot', args: '-c -l @FIT --reuse-cmdline', first: 'fit-image' },
  {
    name: 'a uImage by kexec_file_load',
    from: 'kexec-uImage-arm64.c',
    args: '-s -l @uImage --reuse-cmdline',
    first: 'uimage-needs-kexec-load',
  },
  { name: 'a text', from: 'my_load()', args: '-l @README --reuse-cmdline', first: 'not-a-kernel' },
  { name: 'an empty file', from: 'petitboot#61', args: '-c -l @empty --reuse-cmdline', first: 'not-a-kernel' },
  { name: 'no such kernel', from: 'petitboot#61', args: '-c -l /nowhere/Image --reuse-cmdline', first: 'file-missing' },
  {
    name: 'no such initrd',
    from: 'kdump-config',
    args: '-c -l @Image --initrd=/nowhere/initrd --reuse-cmdline',
    first: 'file-missing',
  },
  {
    name: 'no such initrd, by kexec_file_load',
    from: 'kdump-config',
    args: '-s -l @Image --initrd=/nowhere/initrd --reuse-cmdline',
    first: 'file-missing',
  },
  {
    name: 'no such device tree',
    from: 'slurp_file()',
    args: '-c -l @Image --dtb=/nowhere/dtb --reuse-cmdline',
    first: 'file-missing',
  },
  {
    name: 'pages of 16 KiB on a Cortex-A72',
    from: 'image_load()',
    machine: { 'proc/cpuinfo': 'processor\t: 0\nCPU part\t: 0xd08\n' },
    args: '-s -l @Image-16k --reuse-cmdline',
    first: 'page-size-unknown',
  },
  {
    name: '--dtb with a seed',
    from: 'notes of a network boot project',
    args: '-c -l @Image --dtb=@dtb-seed --reuse-cmdline',
    first: 'kaslr-seed',
  },
  {
    name: 'a text as a device tree',
    from: 'setup_2nd_dtb()',
    args: '-c -l @Image --dtb=@README --reuse-cmdline',
    first: 'tree-refused',
  },
  {
    name: 'a type of another architecture',
    from: 'my_load(), kexec(8) --type',
    args: '-c -l @Image --type=bzImage --reuse-cmdline',
    first: 'bad-options',
  },
  {
    name: 'a vmlinux with two segments at one place',
    from: 'sort_segments()',
    args: '-c -l @vmlinux-twice --reuse-cmdline',
    first: 'kexec-fails',
  },
  // What the new kernel meets.
  {
    name: 'a vmlinux that was linked elsewhere than its header says',
    from: 'CONFIG_ARM64_RANDOMIZE_TEXT_OFFSET, elf_arm64_load()',
    args: '-c -l @vmlinux-moved --reuse-cmdline',
    first: 'does-not-arrive',
    works: 'c',
  },
  {
    name: 'a panic that no console shows',
    from: 'raspberrypi/linux#6465',
    args: '-c -l @Image-panics --reuse-cmdline',
    run: true,
    first: 'kernel-fails',
    says: /^The new kernel panics: Failed to allocate page table page\.$/,
  },
  {
    name: 'more processors than are modelled',
    from: 'Altra: 80 processors',
    machine: { 'sys/firmware/fdt': boardTree({ cpus: 80 }), 'proc/kcore': new Uint8Array(64) },
    args: '-s -l @Image --reuse-cmdline',
    first: 'not-executed',
  },
  {
    name: 'PineNote: a driver that hangs before its console',
    from: 'wilkbook notes',
    machine: { 'sys/firmware/fdt': boardTree({ compatible: 'rockchip,rk3566', more: CLOCKS }) },
    args: '-s -l @Image --reuse-cmdline',
    first: 'devices-left-off',
    says: /^Devices .*rockchip,rk3566/,
  },
  {
    name: 'Jetson Orin: a RAS error behind "Starting new kernel"',
    from: 'a UART log of a bare-metal kernel',
    machine: { 'sys/firmware/fdt': boardTree({ compatible: 'nvidia,tegra234', more: CLOCKS }) },
    args: '-c -l @Image --reuse-cmdline',
    first: 'devices-left-off',
    says: /^Devices .*nvidia,tegra234/,
  },
  {
    name: 'clocks that the running kernel has switched off',
    from: 'clk_disable_unused()',
    machine: {
      'sys/firmware/fdt': boardTree({ compatible: 'vendor,board', more: CLOCKS }),
      'proc/kcore': new Uint8Array(64),
    },
    args: '-s -l @Image --reuse-cmdline',
    first: 'devices-left-off',
  },
  {
    name: 'Pi 5: --dtb whose memory firmware fills in',
    from: 'raspberrypi/linux#6465',
    args: '-c -l @Image --dtb=@dtb-no-size --reuse-cmdline',
    first: 'tree-without-memory',
    works: 'sca',
  },
  {
    name: '--dtb without memory',
    from: 'linuxboot/book#172',
    args: '-c -l @Image --dtb=@dtb-no-memory --reuse-cmdline',
    first: 'tree-without-memory',
  },
  {
    name: '--dtb of another board',
    from: 'u-root#2424',
    args: '-c -l @Image --dtb=@dtb-elsewhere --reuse-cmdline',
    first: 'outside-tree-memory',
  },
  {
    name: '--dtb with a carve-out over the kernel',
    from: 'Jetson and Qualcomm boot logs',
    args: '-c -l @Image --dtb=@dtb-reserved --reuse-cmdline',
    first: 'reserved-memory',
  },
  {
    name: '--dtb with a reserve map over the kernel',
    from: 'early_init_fdt_scan_reserved_mem()',
    args: '-c -l @Image --dtb=@dtb-memreserve --reuse-cmdline',
    first: 'reserved-memory',
  },
  {
    name: '--dtb on a UEFI machine',
    from: 'u-root#2424',
    machine: { 'sys/firmware/fdt': boardTree({ chosen: UEFI }) },
    args: '-c -l @Image --dtb=@dtb-good --reuse-cmdline',
    first: 'uefi-lost',
  },
  {
    name: '--dtb with processors that nobody starts',
    from: 'cpu_read_enable_method()',
    machine: { ...FOUR, 'sys/firmware/fdt': boardTree({ cpus: 2 }) },
    args: '-c -l @Image --dtb=@dtb-no-method --reuse-cmdline',
    first: 'cpus-lost',
  },
  {
    name: 'CM5: CPU_ON after CPU_OFF',
    from: 'raspberrypi/linux#7291',
    machine: { ...FOUR, 'sys/firmware/fdt': boardTree({ cpus: 2 }), quirks: 'cpu-on-once\n' },
    args: '-c -l @Image --reuse-cmdline',
    first: 'cpus-lost',
  },
  {
    name: 'RK3588: LPI tables',
    from: 'wilkbook notes, freebsd#676',
    machine: {
      'sys/firmware/fdt': boardTree({ compatible: 'rockchip,rk3588', more: ITS }),
      dmesg: 'CPU: All CPU(s) started at EL2\nGICv3: CPU0: using allocated LPI pending table @0x1\n',
    },
    args: '-c -l @Image --reuse-cmdline',
    first: 'its-without-uefi',
  },
  {
    name: 'no console',
    from: 'raspberrypi/linux#6465',
    args: '-c -l @Image --dtb=@dtb-no-console --append=quiet',
    first: 'no-console',
  },
  // Options and command lines.
  {
    name: 'Pi 5: --serial above 4 GiB',
    from: 'raspberrypi/linux#6465',
    machine: { 'sys/class/tty/ttyAMA10/iomem_base': '0x107D001000\n' },
    args: '-c -l @Image --serial=ttyAMA10 --reuse-cmdline',
    first: 'console-above-4g',
  },
  {
    name: '--serial of nothing',
    from: 'find_purgatory_sink()',
    args: '-c -l @Image --serial=ttyS9 --reuse-cmdline',
    first: 'serial-unknown',
  },
  {
    name: '-s with --dtb',
    from: 'arch_process_options()',
    args: '-s -l @Image --dtb=@dtb-good --reuse-cmdline',
    first: 'file-load-ignores',
  },
  {
    name: '-s with --mem-min',
    from: 'kexec(8)',
    args: '-s -l @Image --mem-min=0x60000000 --reuse-cmdline',
    first: 'file-load-ignores',
  },
  {
    name: 'no command line',
    from: 'forum threads',
    machine: { 'sys/firmware/fdt': boardTree({ chosen: { bootargs: '' } }) },
    args: '-c -l @Image',
    first: 'no-command-line',
    says: /no command line but what is built into it/,
  },
  {
    name: 'no command line, and another one in the tree',
    from: "set_bootargs(): without one, the tree's own stays",
    machine: { 'sys/firmware/fdt': boardTree({ chosen: { bootargs: 'console=ttyAMA0 quiet' } }) },
    args: '-c -l @Image',
    first: 'no-command-line',
    says: /that the device tree has, console=ttyAMA0 quiet; the running one has/,
  },
  {
    name: 'no root',
    from: 'forum threads',
    machine: { 'proc/cmdline': 'console=ttyAMA0 root=/dev/mmcblk0p2\n' },
    args: '-c -l @Image --append=console=ttyAMA0',
    first: 'root-missing',
  },
  {
    name: 'Hetzner: minutes of silence',
    from: 'nixos-images#102',
    args: '-c -l @Image --initrd=@initrd-40m --reuse-cmdline',
    first: 'sha256-slow',
  },
  { name: 'no /proc/kcore', from: 'nixos-anywhere#183', args: '-c -l @Image --reuse-cmdline', first: 'kcore-warnings' },
  {
    name: 'a release between two that are known',
    from: 'Ubuntu 24.04',
    machine: { ...release('6.8.0'), 'proc/kcore': new Uint8Array(64) },
    args: '-s -l @Image --reuse-cmdline',
    first: 'release-unlike',
  },
  {
    name: 'no level',
    from: 'case 26: ACPI servers',
    machine: { dmesg: undefined, 'sys/firmware/fdt': boardTree({ method: '' }), 'proc/kcore': new Uint8Array(64) },
    args: '-s -l @Image --reuse-cmdline',
    first: 'level-unknown',
  },
];

/** Loads of which doctor says nothing worse than a note. */
export const HEALTHY: readonly Omit<DoctorCase, 'first' | 'from'>[] = [
  ...['virt-2g', 'virt-8g', 'virt-el2-4g', 'virt-file-2g'].flatMap((bundled) =>
    [
      '-l @Image --reuse-cmdline',
      '-c -l @Image --initrd=@initrd-small --append=console=ttyAMA0',
      '-c -i -l @Image --initrd=@initrd-small --reuse-cmdline',
    ].map((args) => ({
      name: bundled,
      args,
    })),
  ),
  ...['5.10.0', '6.1.5', '6.12.9', '7.2.1'].flatMap((release) =>
    ['-s', '-c', '-a'].map((way) => ({
      name: `Linux ${release}`,
      machine: { 'proc/version': `Linux version ${release} (someone) #1 SMP\n` },
      args: `${way} -l @Image --initrd=@initrd-small --reuse-cmdline`,
    })),
  ),
  {
    name: 'four processors with PSCI',
    machine: { ...FOUR, 'sys/firmware/fdt': boardTree({ cpus: 4 }) },
    args: '-l @Image --reuse-cmdline',
  },
  {
    name: 'four processors with an old PSCI that switches them off',
    machine: {
      ...FOUR,
      'sys/firmware/fdt': boardTree({ cpus: 4, more: { psci: { ...OLD_PSCI.psci, cpu_off: [0x84000002] } } }),
    },
    args: '-l @Image --reuse-cmdline',
  },
  {
    name: 'an old PSCI, and one processor that was started',
    machine: {
      ...FOUR,
      'sys/devices/system/cpu/online': '0\n',
      'sys/firmware/fdt': boardTree({ cpus: 4, more: OLD_PSCI }),
    },
    args: '-l @Image --reuse-cmdline',
  },
  {
    name: 'one processor at a spin table',
    machine: { 'sys/firmware/fdt': boardTree({ method: 'spin-table' }) },
    args: '-l @Image --reuse-cmdline',
  },
  {
    name: 'four at a spin table, for a panic',
    machine: SPIN,
    args: '-c -p @Image --append="console=ttyAMA0 nr_cpus=1 reset_devices"',
  },
  { name: 'a zboot kernel', args: '-c -l @zboot --reuse-cmdline' },
  { name: 'a UKI by kexec_file_load', args: '-s -l @uki --reuse-cmdline' },
  { name: 'a uImage by kexec_load', args: '-c -l @uImage --reuse-cmdline' },
  { name: 'a good --dtb', args: '-c -l @Image --dtb=@dtb-good --reuse-cmdline' },
  { name: 'a console of the purgatory', args: '-c -l @Image --serial=ttyAMA0 --reuse-cmdline' },
  {
    name: 'scratch areas of KHO that are large',
    machine: { ...SEVEN, ...scratch('0x50000000', '0x8000000'), config: KHO },
    args: '-s -l @Image --initrd=@initrd-20m --reuse-cmdline',
  },
  {
    name: 'a board with one clock, which nobody switches off',
    machine: {
      'sys/firmware/fdt': boardTree({ more: { clock: { compatible: 'fixed-clock', '#clock-cells': [0] } } }),
    },
    args: '-l @Image --reuse-cmdline',
  },
  {
    name: 'clocks that stay on',
    machine: {
      'proc/cmdline': 'console=ttyAMA0 clk_ignore_unused pd_ignore_unused\n',
      'sys/firmware/fdt': boardTree({ compatible: 'rockchip,rk3566', more: CLOCKS }),
    },
    args: '-l @Image --reuse-cmdline',
  },
  {
    name: 'UEFI that is handed on',
    machine: { 'sys/firmware/fdt': boardTree({ chosen: UEFI }) },
    args: '-c -l @Image --reuse-cmdline',
  },
  {
    name: 'a configuration that the kernel shows',
    machine: {
      config: undefined,
      'proc/config.gz': gzipSync('CONFIG_ARM64=y\nCONFIG_KEXEC=y\nCONFIG_KEXEC_FILE=y\nCONFIG_HOTPLUG_CPU=y\n'),
    },
    args: '-l @Image --reuse-cmdline',
  },
];
