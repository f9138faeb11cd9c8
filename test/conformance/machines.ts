/**
 * The machines that both tools are run on: the recorded ones, and ones that differ from them in one thing, described
 * by an edit each.
 */
import { buildFdt, deviceTreeFiles } from './fdt.js';
import type { FdtNode, FdtOptions, Property } from './fdt.js';
import { noise } from './files.js';
import { DEVICE_TREE, edit, put, readTree, remove } from './tree.js';
import type { Tree } from './tree.js';

interface Machine {
  readonly base: string;
  readonly change: (tree: Tree) => void;
}

type MachineTable = Readonly<Record<string, Machine>>;

const RECORDED = ['virt-2g', 'virt-8g', 'virt-el2-4g', 'virt-file-2g', 'virt-acpi-4g'] as const;
const IOMEM = 'proc/iomem';
const CMDLINE = 'proc/cmdline';
const KALLSYMS = 'proc/kallsyms';
const KCORE = 'proc/kcore';
const FDT = 'sys/firmware/fdt';
const CPUS = 'sys/devices/system/cpu';
const ELFCOREHDR_SIZE = 'sys/kernel/crash_elfcorehdr_size';

const machine = (base: (typeof RECORDED)[number], change: (tree: Tree) => void): Machine => ({ base, change });

/** virt-2g with a /proc/iomem of these lines. */
const iomem = (...lines: readonly string[]): Machine =>
  machine('virt-2g', (tree) => put(tree, IOMEM, lines.map((line) => `${line}\n`).join('')));

const cmdline = (text: string): Machine => machine('virt-2g', (tree) => put(tree, CMDLINE, text));

const hex = (value: number): string => value.toString(16).padStart(8, '0');

const iomemMachines: MachineTable = {
  'iomem-one-line': machine('virt-8g', (tree) => put(tree, IOMEM, '40000000-23fffffff : System RAM\n')),
  'iomem-none': machine('virt-2g', (tree) => remove(tree, IOMEM)),
  'iomem-empty': iomem(),
  'iomem-no-ram': iomem('09000000-09000fff : pl011@9000000', '10000000-3efeffff : pcie@10000000'),
  'iomem-no-newline': machine('virt-2g', (tree) => put(tree, IOMEM, '40000000-bfffffff : System RAM')),
  'iomem-nested': iomem(
    '40000000-bfffffff : System RAM',
    '  40210000-4157ffff : Kernel code',
    '    40300000-403fffff : reserved',
    '  48000000-48ffffff : reserved',
    '    48100000-481fffff : reserved',
    '      48110000-4811ffff : inner',
    '  a9a00000-b99fffff : Crash kernel',
    '    a9a00000-a9afffff : inside',
  ),
  'iomem-unordered': iomem(
    '80000000-bfffffff : System RAM',
    '  90000000-900fffff : reserved',
    '40000000-5fffffff : System RAM',
    '  50000000-500fffff : reserved',
    '100000000-13fffffff : System RAM',
    '  40100000-401fffff : reserved',
  ),
  'iomem-overlap': iomem(
    '40000000-7fffffff : System RAM',
    '60000000-9fffffff : System RAM',
    '  5ff00000-600fffff : reserved',
    '  9ff00000-a00fffff : reserved',
  ),
  'iomem-covering': iomem(
    '40000000-4fffffff : System RAM',
    '  30000000-5fffffff : reserved',
    '60000000-6fffffff : System RAM',
    '  60000000-6fffffff : reserved',
    '70000000-7fffffff : System RAM',
  ),
  'iomem-edges': iomem(
    '40000000-4fffffff : System RAM',
    '  40000000-400fffff : reserved',
    '  4ff00000-4fffffff : reserved',
    '  48000000-48000000 : reserved',
    '  48000002-48000002 : reserved',
  ),
  'iomem-crlf': iomem('40000000-bfffffff : System RAM\r', '  48000000-480fefff : reserved\r'),
  'iomem-tabs': iomem('\t40000000\t-\tbfffffff\t:\tSystem RAM', '40000000-\tbfffffff\t:\tSystem RAM'),
  'iomem-no-spaces': iomem(
    '40000000-7fffffff:System RAM',
    '80000000-bfffffff: System RAM',
    'c0000000-cfffffff :System RAM',
  ),
  'iomem-wide-spaces': iomem('   40000000-   bfffffff    :      System RAM'),
  'iomem-upper-case': iomem('40000000-BFFFFFFF : System RAM', '  4A000000-4AFFFFFF : reserved'),
  'iomem-prefix-0x': iomem('0x40000000-0xbfffffff : System RAM', '  0X48000000-0X480fffff : reserved'),
  'iomem-signs': iomem('+40000000-+bfffffff : System RAM', '-1-ffffffff : System RAM'),
  'iomem-suffix': iomem(
    '40000000-7fffffff : System RAM (boot alias)',
    '80000000-8fffffff : System RAMdisk',
    '90000000-9fffffff : system ram',
  ),
  'iomem-garbage': iomem(
    'not a line',
    '',
    ' : System RAM',
    '40000000 : System RAM',
    '40000000- : System RAM',
    '40000000-bfffffff',
    '40000000-bfffffff :',
    '40000000-bfffffff : ',
    'zz-bfffffff : System RAM',
    '40000000-7fffffff : System RAM',
  ),
  'iomem-long-line': iomem(
    `40000000-4fffffff : System RAM${' '.repeat(200)}`,
    `  48000000-480fffff : ${'x'.repeat(300)} 50000000-5fffffff : System RAM`,
    `${'y'.repeat(159)}60000000-6fffffff : System RAM`,
    '80000000-9fffffff : System RAM',
  ),
  'iomem-nul': iomem('40000000-7fffffff : System RAM\0garbage', '80000000-\0bfffffff : System RAM'),
  'iomem-inverted': iomem(
    '7fffffff-40000000 : System RAM',
    '80000000-bfffffff : System RAM',
    '  90000000-8fffffff : reserved',
  ),
  'iomem-whole': iomem('00000000-ffffffffffffffff : System RAM'),
  'iomem-top': iomem('40000000-bfffffff : System RAM', 'ffffffff00000000-ffffffffffffffff : System RAM'),
  'iomem-overflow': iomem(
    '40000000-1ffffffffffffffff : System RAM',
    '123456789abcdef01-123456789abcdef02 : System RAM',
  ),
  'iomem-zero': iomem('00000000-3fffffff : System RAM', '00000000-00000000 : System RAM'),
  'iomem-small': iomem('40000000-4000ffff : System RAM'),
  'iomem-two-small': iomem('40000000-4007ffff : System RAM', '40100000-4017ffff : System RAM'),
  'iomem-tight': iomem('40000000-40092fff : System RAM', '50000000-500fffff : System RAM'),
  'iomem-one-byte': iomem(
    '40000000-40000000 : System RAM',
    '40001000-40001fff : System RAM',
    '80000000-bfffffff : System RAM',
  ),
  'iomem-odd': iomem('40000123-bffffabc : System RAM', '  48000111-480fe222 : reserved'),
  'iomem-many': machine('virt-2g', (tree) => {
    const lines = Array.from({ length: 150 }, (_, i) => {
      const start = 0x40000000 + i * 0x800000;
      return `${hex(start)}-${hex(start + 0x3fffff)} : System RAM\n  ${hex(start + 0x1000)}-${hex(start + 0x1fff)} : reserved\n`;
    });
    put(tree, IOMEM, lines.join(''));
  }),
  'iomem-64-ranges': machine('virt-2g', (tree) => {
    const starts = Array.from({ length: 64 }, (_, i) => 0x40000000 + i * 0x200000);
    const lines = starts.map((start) => `${hex(start)}-${hex(start + 0x17ffff)} : System RAM\n`);
    put(tree, IOMEM, lines.join(''));
  }),
};

const CRASH_RAM = [
  '40000000-bfffffff : System RAM',
  '  40210000-4157ffff : Kernel code',
  '  41a00000-41c9ffff : Kernel data',
];

const crashMachines: MachineTable = {
  'crash-two': machine('virt-el2-4g', (tree) =>
    edit(tree, IOMEM, (text) =>
      text.replace('  ec000000-fbffffff', '  50000000-57ffffff : Crash kernel\n  ec000000-fbffffff'),
    ),
  ),
  'crash-two-high': machine('virt-8g', (tree) =>
    put(
      tree,
      IOMEM,
      [
        '40000000-23fffffff : System RAM',
        '  40210000-4157ffff : Kernel code',
        '  41a00000-41c9ffff : Kernel data',
        '  f0000000-f7ffffff : Crash kernel',
        '  210000000-22fffffff : Crash kernel',
        '',
      ].join('\n'),
    ),
  ),
  'crash-three': iomem(
    ...CRASH_RAM,
    '  50000000-57ffffff : Crash kernel',
    '  60000000-67ffffff : Crash kernel',
    '  70000000-77ffffff : Crash kernel',
  ),
  'crash-repeated': iomem(...CRASH_RAM, '  50000000-57ffffff : Crash kernel', '  50000000-57ffffff : Crash kernel'),
  'crash-repeated-start': iomem(
    ...CRASH_RAM,
    '  50000000-57ffffff : Crash kernel',
    '  50000000-5fffffff : Crash kernel',
  ),
  'crash-outside': iomem(...CRASH_RAM, 'd0000000-dfffffff : Crash kernel'),
  'crash-at-zero': iomem('00000000-07ffffff : Crash kernel', ...CRASH_RAM),
  'crash-small': iomem(...CRASH_RAM, '  50000000-5000ffff : Crash kernel'),
  'crash-unaligned': iomem(...CRASH_RAM, '  50012000-57ffefff : Crash kernel'),
  'crash-straddling': iomem(
    '40000000-5fffffff : System RAM',
    '  5f000000-60ffffff : Crash kernel',
    '61000000-bfffffff : System RAM',
  ),
  'crash-whole-ram': iomem(
    '40000000-4fffffff : System RAM',
    '  40000000-4fffffff : Crash kernel',
    '50000000-bfffffff : System RAM',
  ),
  'crash-name': iomem(...CRASH_RAM, '  50000000-57ffffff : Crash kernel (low)', '  60000000-67ffffff : Crash kerne'),
  'crash-inverted': iomem(...CRASH_RAM, '  57ffffff-50000000 : Crash kernel'),
  'crash-no-kernel': iomem('40000000-bfffffff : System RAM', '  a9a00000-b99fffff : Crash kernel'),
  'crash-data-first': iomem(
    '40000000-bfffffff : System RAM',
    '  41a00000-41c9ffff : Kernel data',
    '  40210000-4157ffff : Kernel code',
    '  a9a00000-b99fffff : Crash kernel',
  ),
  'crash-stext-size': machine('virt-2g', (tree) => edit(tree, KALLSYMS, (text) => `ffffc1dce9400000 T _text\n${text}`)),
  'crash-no-notes': machine('virt-el2-4g', (tree) => remove(tree, `${CPUS}/cpu1/crash_notes`)),
  'crash-no-notes-size': machine('virt-el2-4g', (tree) => remove(tree, `${CPUS}/cpu0/crash_notes_size`)),
  'crash-no-cpu0': machine('virt-el2-4g', (tree) => remove(tree, `${CPUS}/cpu0`)),
  'crash-cpu-hole': machine('virt-el2-4g', (tree) => {
    put(tree, `${CPUS}/cpu3/crash_notes`, '13f000000\n');
    put(tree, `${CPUS}/cpu3/crash_notes_size`, '424\n');
    put(tree, `${CPUS}/possible`, '0-3\n');
  }),
  'crash-bad-notes': machine('virt-el2-4g', (tree) => {
    put(tree, `${CPUS}/cpu0/crash_notes`, 'zzz\n');
    put(tree, `${CPUS}/cpu1/crash_notes_size`, 'junk\n');
  }),
  'crash-empty-notes': machine('virt-el2-4g', (tree) => put(tree, `${CPUS}/cpu0/crash_notes`, '')),
  'crash-no-vmcoreinfo': machine('virt-el2-4g', (tree) => remove(tree, 'sys/kernel/vmcoreinfo')),
  'crash-bad-vmcoreinfo': machine('virt-el2-4g', (tree) => put(tree, 'sys/kernel/vmcoreinfo', 'rubbish\n')),
  'crash-half-vmcoreinfo': machine('virt-el2-4g', (tree) => put(tree, 'sys/kernel/vmcoreinfo', '0x42d76000\n')),
  'crash-empty-vmcoreinfo': machine('virt-el2-4g', (tree) => put(tree, 'sys/kernel/vmcoreinfo', '')),
  'crash-no-cpu-directory': machine('virt-el2-4g', (tree) => remove(tree, CPUS)),
};

/** The files of a processor that tell of its notes. */
const notesOf = (cpu: number): readonly [notes: string, size: string] => [
  `${CPUS}/cpu${cpu}/crash_notes`,
  `${CPUS}/cpu${cpu}/crash_notes_size`,
];

/** Gives processors from `first` to `last` notes: below the kernel, then above 4 GiB, as large machines have them. */
const addNotes = (tree: Tree, first: number, last: number, size = 424): void => {
  for (let cpu = first; cpu <= last; cpu++) {
    const [notes, notesSize] = notesOf(cpu);
    put(tree, notes, `${(cpu % 2 === 0 ? 0x1_3f00_0000 + cpu * 0x1000 : 0x4010_0800 + cpu * 0x200).toString(16)}\n`);
    put(tree, notesSize, `${size}\n`);
  }
};

/** virt-8g with a region, whose kernel says so of its processors. */
const processors = (lists: Readonly<Record<string, string>>, change: (tree: Tree) => void): Machine =>
  machine('virt-8g', (tree) => {
    put(tree, IOMEM, ofEightGigabytes([LOW_REGION]));
    for (const [list, text] of Object.entries(lists)) put(tree, `${CPUS}/${list}`, `${text}\n`);
    change(tree);
  });

/** virt-8g with these lines below its RAM, and these behind it. */
const ofEightGigabytes = (inside: readonly string[], behind: readonly string[] = []): string =>
  [
    '40000000-23fffffff : System RAM',
    '  40210000-4157ffff : Kernel code',
    '  41a00000-41c9ffff : Kernel data',
    ...inside.map((line) => `  ${line}`),
    ...behind,
    '',
  ].join('\n');

const [LOW_REGION, HIGH_REGION] = ['e0000000-e7ffffff : Crash kernel', '200000000-21fffffff : Crash kernel'];

/** Machines for crash kernels: processors of all kinds, memory that came and went, kernels with large pages. */
const kdumpMachines: MachineTable = {
  'kdump-64-cpus': processors({ possible: '0-63', present: '0-63', online: '0-63' }, (tree) => addNotes(tree, 0, 63)),
  'kdump-300-cpus': processors({ possible: '0-299', present: '0-299', online: '0-299' }, (tree) =>
    addNotes(tree, 0, 299),
  ),
  'kdump-cpus-off': processors({ online: '0-1', offline: '2-3' }, () => {}),
  'kdump-cpus-to-come': processors({ possible: '0-7' }, () => {}),
  'kdump-cpu-gone': processors({ present: '0,2-3', online: '0,2-3' }, (tree) => remove(tree, `${CPUS}/cpu1`)),
  'kdump-cpu-come': processors({ possible: '0-7', present: '0-4', online: '0-4' }, (tree) => addNotes(tree, 4, 4)),
  'kdump-no-notes': processors({}, (tree) => {
    for (let cpu = 0; cpu < 4; cpu++) for (const file of notesOf(cpu)) remove(tree, file);
  }),
  'kdump-last-note': processors({}, (tree) => {
    for (let cpu = 0; cpu < 3; cpu++) remove(tree, notesOf(cpu)[0]);
  }),
  'kdump-no-note-sizes': processors({}, (tree) => {
    for (let cpu = 0; cpu < 4; cpu++) remove(tree, notesOf(cpu)[1]);
  }),
  'kdump-small-notes': processors({}, (tree) => addNotes(tree, 1, 2, 1)),
  'kdump-memory-come': machine('virt-8g', (tree) =>
    put(
      tree,
      IOMEM,
      ofEightGigabytes(
        [LOW_REGION],
        [
          '240000000-27fffffff : System RAM',
          '800000000-83fffffff : dax0.0',
          '  800000000-83fffffff : System RAM (kmem)',
        ],
      ),
    ),
  ),
  'kdump-memory-gone': machine('virt-8g', (tree) =>
    edit(tree, IOMEM, () =>
      ofEightGigabytes([LOW_REGION], [])
        .replace('23fffffff : System RAM', 'ffffffff : System RAM')
        .concat('140000000-1bfffffff : System RAM\n'),
    ),
  ),
  'kdump-low-and-high': machine('virt-8g', (tree) => put(tree, IOMEM, ofEightGigabytes([LOW_REGION, HIGH_REGION]))),
  'kdump-high-and-low': machine('virt-8g', (tree) => put(tree, IOMEM, ofEightGigabytes([HIGH_REGION, LOW_REGION]))),
  'kdump-16k': machine('virt-el2-4g', (tree) => {
    edit(tree, 'sys/kernel/vmcoreinfo', (text) => text.replace(/ \S+/, ' 4024'));
    edit(tree, IOMEM, (text) => text.replace(/\S+ : Crash kernel/, 'ec000000-fbffffff : Crash kernel'));
  }),
  'kdump-64k': machine('virt-8g', (tree) => {
    edit(tree, 'sys/kernel/vmcoreinfo', (text) => text.replace(/ \S+/, ' 10024'));
    put(tree, IOMEM, ofEightGigabytes(['c0000000-dfffffff : Crash kernel', '1e0000000-1ffffffff : Crash kernel']));
  }),
  'kdump-hotplug': processors({}, (tree) => put(tree, ELFCOREHDR_SIZE, '475136\n')),
  'kdump-hotplug-two': machine('virt-8g', (tree) => {
    put(tree, ELFCOREHDR_SIZE, '475136\n');
    put(tree, IOMEM, ofEightGigabytes([LOW_REGION, HIGH_REGION]));
  }),
  'kdump-hotplug-64-cpus': processors({ possible: '0-63', present: '0-63', online: '0-63' }, (tree) => {
    addNotes(tree, 0, 63);
    put(tree, ELFCOREHDR_SIZE, '475136\n');
  }),
  'kdump-hotplug-small': processors({}, (tree) => put(tree, ELFCOREHDR_SIZE, '1\n')),
  'kdump-hotplug-large': processors({}, (tree) => put(tree, ELFCOREHDR_SIZE, '4194304\n')),
};

const kernelMachines: MachineTable = {
  'no-kcore': machine('virt-2g', (tree) => remove(tree, KCORE)),
  'no-kcore-el2': machine('virt-el2-4g', (tree) => remove(tree, KCORE)),
  'no-kallsyms': machine('virt-el2-4g', (tree) => remove(tree, KALLSYMS)),
  'no-kcore-no-kallsyms': machine('virt-2g', (tree) => {
    remove(tree, KCORE);
    remove(tree, KALLSYMS);
  }),
  'kcore-empty': machine('virt-2g', (tree) => put(tree, KCORE, '')),
  'kcore-not-elf': machine('virt-el2-4g', (tree) => put(tree, KCORE, noise(4096))),
  'kcore-no-note': machine('virt-el2-4g', (tree) => put(tree, KCORE, withoutVmcoreinfo(tree))),
  'kcore-no-phys-offset': machine('virt-el2-4g', (tree) =>
    put(tree, KCORE, replaceText(kcore(tree), 'NUMBER(PHYS_OFFSET)', 'NUMBER(PHYS_OFFSEX)')),
  ),
  'kcore-no-va-bits': machine('virt-el2-4g', (tree) =>
    put(tree, KCORE, replaceText(kcore(tree), 'NUMBER(VA_BITS)', 'NUMBER(VA_BITX)')),
  ),
  'kallsyms-5.3': machine('virt-el2-4g', (tree) => {
    put(tree, KCORE, withoutVmcoreinfo(tree));
    put(
      tree,
      KALLSYMS,
      'ffff000010080000 t _head\nffff000010080000 T _text\nffff000010081000 T _stext\nffff000011000000 T __init_begin\n',
    );
  }),
  'kallsyms-39': machine('virt-el2-4g', (tree) => {
    put(tree, KCORE, withoutVmcoreinfo(tree));
    put(tree, KALLSYMS, 'ffffff8008080000 T _text\nffffff8008081000 T _stext\n');
  }),
  'kallsyms-zero': machine('virt-el2-4g', (tree) => {
    put(tree, KCORE, withoutVmcoreinfo(tree));
    edit(tree, KALLSYMS, (text) => text.replace(/^[0-9a-f]{16}/gm, '0'.repeat(16)));
  }),
  'kallsyms-user': machine('virt-el2-4g', (tree) => {
    put(tree, KCORE, withoutVmcoreinfo(tree));
    put(tree, KALLSYMS, '0000000000400000 T _text\n0000000000401000 T _stext\n');
  }),
  'kallsyms-garbage': machine('virt-el2-4g', (tree) =>
    put(tree, KALLSYMS, `garbage\n\n_text\n${'f'.repeat(300)} T _text\nzz T _stext\n`),
  ),
};

const kcore = (tree: Tree): Uint8Array => tree.get(KCORE) ?? new Uint8Array();

const replaceText = (bytes: Uint8Array, from: string, to: string): Uint8Array =>
  Buffer.from(Buffer.from(bytes).toString('latin1').replace(from, to), 'latin1');

const withoutVmcoreinfo = (tree: Tree): Uint8Array => replaceText(kcore(tree), 'VMCOREINFO\0', 'VMCOREINFX\0');

const cmdlineMachines: MachineTable = {
  'cmdline-none': machine('virt-2g', (tree) => remove(tree, CMDLINE)),
  'cmdline-empty': cmdline(''),
  'cmdline-newline': cmdline('\n'),
  'cmdline-no-newline': cmdline('root=/dev/vda rw'),
  'cmdline-two-lines': cmdline('root=/dev/vda rw\nsecond line\n'),
  'cmdline-cr': cmdline('root=/dev/vda rw\r\n'),
  'cmdline-boot-image-first': cmdline('BOOT_IMAGE=/boot/vmlinuz-6.1 root=/dev/vda rw crashkernel=256M\n'),
  'cmdline-boot-image-middle': cmdline('root=/dev/vda BOOT_IMAGE=/boot/vmlinuz-6.1 rw crashkernel=256M quiet\n'),
  'cmdline-boot-image-last': cmdline('root=/dev/vda rw BOOT_IMAGE=/boot/vmlinuz-6.1\n'),
  'cmdline-boot-image-only': cmdline('BOOT_IMAGE=/boot/vmlinuz-6.1\n'),
  'cmdline-boot-image-inside': cmdline('my.BOOT_IMAGE=1 root=/dev/vda BOOT_IMAGE=2 rw\n'),
  'cmdline-crashkernel-many': cmdline(
    'crashkernel=512M,high a crashkernel=128M,low b crashkernel=1G crashkernel.x=1\n',
  ),
  'cmdline-crashkernel-inside': cmdline('foo.crashkernel=1 crashkernel=256M bar\n'),
  'cmdline-quotes': cmdline('dyndbg="file a.c +p ; file crashkernel b.c +p" root=/dev/vda  two  spaces\ttab\n'),
  'cmdline-2047': cmdline(`${'a'.repeat(2046)}\n`),
  'cmdline-2048': cmdline(`${'b '.repeat(1023)}b\n`),
  'cmdline-2049': cmdline(`crashkernel=1 ${'c'.repeat(2034)}\n`),
  'cmdline-3000': cmdline(`root=/dev/vda ${'d'.repeat(2980)} BOOT_IMAGE=1\n`),
  'cmdline-5000': cmdline(`root=/dev/vda ${'e'.repeat(4985)}\n`),
  'cmdline-binary': cmdline('root=/dev/vda \xff\xfe\x80 rw\n'),
  'cmdline-nul': cmdline('root=/dev/vda\0rw\n'),
  'cmdline-retain-initrd': cmdline('root=/dev/vda retain_initrd rw\n'),
};

const CELLS = { '#address-cells': 2, '#size-cells': 2 } as const;
const MEMORY: FdtNode = { properties: { device_type: 'memory', reg: [0, 0x40000000, 0, 0x80000000] } };

/** A small device tree; `chosen` undefined leaves the node out. */
const smallTree = (
  chosen: Readonly<Record<string, Property>> | undefined,
  root: Readonly<Record<string, Property>> = CELLS,
  more: Readonly<Record<string, FdtNode>> = {},
): FdtNode => ({
  properties: { ...root, compatible: 'test,board', model: 'test board' },
  children: { ...(chosen === undefined ? {} : { chosen: { properties: chosen } }), 'memory@40000000': MEMORY, ...more },
});

const CHOSEN = { bootargs: 'console=ttyAMA0 root=/dev/vda', 'kaslr-seed': 0n } as const;

const fdt = (node: FdtNode, options?: FdtOptions): Machine =>
  machine('virt-2g', (tree) => put(tree, FDT, buildFdt(node, options)));

const fdtBytes = (change: (bytes: Buffer) => Uint8Array): Machine =>
  machine('virt-2g', (tree) => put(tree, FDT, change(Buffer.from(buildFdt(smallTree(CHOSEN))))));

const HIGH_CRASH = '40000000-23fffffff : System RAM\n  210000000-22fffffff : Crash kernel\n';

const highCrash = (node: FdtNode): Machine =>
  machine('virt-8g', (tree) => {
    put(tree, FDT, buildFdt(node));
    put(tree, IOMEM, HIGH_CRASH);
  });

const sharedTails: FdtNode = smallTree(
  CHOSEN,
  { ...CELLS, 'address-cells': 1 },
  {
    device: {
      properties: { 'my-bootargs': 'x', bootargs2: 'y', args: 'z', 'xlinux,initrd-start': 1, 'ylinux,elfcorehdr': 2 },
    },
  },
);

const fdtMachines: MachineTable = {
  'fdt-small': fdt(smallTree(CHOSEN)),
  'fdt-chosen-empty': fdt(smallTree({})),
  'fdt-chosen-missing': fdt(smallTree(undefined)),
  'fdt-chosen-unit': fdt({
    properties: CELLS,
    children: { 'chosen@0': { properties: CHOSEN }, 'memory@40000000': MEMORY },
  }),
  'fdt-chosen-last': fdt({
    properties: CELLS,
    children: { 'memory@40000000': MEMORY, chosen: { properties: CHOSEN } },
  }),
  'fdt-chosen-nested': fdt({ properties: CELLS, children: { soc: { children: { chosen: { properties: CHOSEN } } } } }),
  'fdt-no-seed': fdt(smallTree({ bootargs: 'quiet' })),
  'fdt-seed-nonzero': fdt(smallTree({ bootargs: 'quiet', 'kaslr-seed': 0x123456789n })),
  'fdt-seed-high-only': fdt(smallTree({ bootargs: 'quiet', 'kaslr-seed': 0x1234567800000000n })),
  'fdt-seed-short': fdt(smallTree({ bootargs: 'quiet', 'kaslr-seed': 0 })),
  'fdt-seed-long': fdt(smallTree({ bootargs: 'quiet', 'kaslr-seed': [0, 0, 0] })),
  'fdt-seed-empty': fdt(smallTree({ 'kaslr-seed': new Uint8Array() })),
  'fdt-initrd': fdt(smallTree({ ...CHOSEN, 'linux,initrd-start': 0x48000000n, 'linux,initrd-end': 0x480ff000n })),
  'fdt-initrd-cells': fdt(smallTree({ ...CHOSEN, 'linux,initrd-start': 0x48000000, 'linux,initrd-end': 0x480ff000 })),
  'fdt-initrd-start-only': fdt(smallTree({ ...CHOSEN, 'linux,initrd-start': 0x48000000n })),
  'fdt-elfcorehdr': fdt(
    smallTree({ ...CHOSEN, 'linux,elfcorehdr': [0, 1, 0, 2], 'linux,usable-memory-range': [0, 0x50000000, 0, 0x1000] }),
  ),
  'fdt-bootargs-bytes': fdt(smallTree({ bootargs: new Uint8Array([0x61, 0x62]), 'kaslr-seed': 0n })),
  'fdt-bootargs-empty': fdt(smallTree({ bootargs: '' })),
  'fdt-reserve': fdt(smallTree(CHOSEN), {
    reserve: [
      [0x48000000n, 0x100000n],
      [0xbf000000n, 0x1000n],
    ],
  }),
  'fdt-reserve-zero-size': fdt(smallTree(CHOSEN), {
    reserve: [
      [0x48000000n, 0n],
      [0xbf000000n, 0x1000n],
    ],
  }),
  'fdt-padding': fdt(smallTree(CHOSEN), { padding: 1000 }),
  'fdt-tails': fdt(sharedTails, { shareTails: true }),
  'fdt-no-tails': fdt(sharedTails),
  'fdt-version-16': fdt(smallTree(CHOSEN), { version: 16 }),
  'fdt-version-18': fdt(smallTree(CHOSEN), { version: 18 }),
  'fdt-version-18-17': fdt(smallTree(CHOSEN), { version: 18, lastCompatible: 17 }),
  'fdt-version-18-18': fdt(smallTree(CHOSEN), { version: 18, lastCompatible: 18 }),
  'fdt-version-3': fdt(smallTree(CHOSEN), { version: 3, lastCompatible: 1 }),
  'fdt-magic': fdt(smallTree(CHOSEN), { magic: 0xdeadbeef }),
  'fdt-magic-sw': fdt(smallTree(CHOSEN), { magic: 0x2ff20112 }),
  'fdt-empty': fdtBytes(() => new Uint8Array()),
  'fdt-20-bytes': fdtBytes((bytes) => bytes.subarray(0, 20)),
  'fdt-trailing': fdtBytes((bytes) => Buffer.concat([bytes, noise(3000)])),
  'fdt-nops': fdtBytes((bytes) => {
    const at = bytes.readUInt32BE(8);
    const size = bytes.readUInt32BE(36);
    const structure = bytes.subarray(at, at + size);
    const nop = Buffer.from([0, 0, 0, 4]);
    const padded = Buffer.concat([nop, structure.subarray(0, size - 4), nop, nop, structure.subarray(size - 4)]);
    const result = Buffer.concat([bytes.subarray(0, at), padded, bytes.subarray(at + size)]);
    result.writeUInt32BE(bytes.readUInt32BE(4) + 12, 4);
    result.writeUInt32BE(bytes.readUInt32BE(12) + 12, 12);
    result.writeUInt32BE(size + 12, 36);
    return result;
  }),
  'fdt-cells-1': fdt(smallTree(CHOSEN, { '#address-cells': 1, '#size-cells': 1 })),
  'fdt-cells-1-high': highCrash(smallTree(CHOSEN, { '#address-cells': 1, '#size-cells': 1 })),
  'fdt-cells-1-2-high': highCrash(smallTree(CHOSEN, { '#address-cells': 1, '#size-cells': 2 })),
  'fdt-cells-2-1-high': highCrash(smallTree(CHOSEN, { '#address-cells': 2, '#size-cells': 1 })),
  'fdt-cells-missing': fdt(smallTree(CHOSEN, {})),
  'fdt-cells-missing-high': highCrash(smallTree(CHOSEN, {})),
  'fdt-cells-long': fdt(smallTree(CHOSEN, { '#address-cells': [0, 2], '#size-cells': 2 })),
  'fdt-cells-short': fdt(smallTree(CHOSEN, { '#address-cells': 2, '#size-cells': new Uint8Array([2]) })),
  'fdt-cells-3': fdt(smallTree(CHOSEN, { '#address-cells': 3, '#size-cells': 2 })),
  'fdt-cells-4': fdt(smallTree(CHOSEN, { '#address-cells': 4, '#size-cells': 4 })),
  'fdt-deep': fdt(smallTree(CHOSEN, CELLS, { a: nested(40) })),
};

function nested(depth: number): FdtNode {
  return depth === 0
    ? { properties: { leaf: 1 } }
    : { properties: { depth }, children: { [`level${depth}`]: nested(depth - 1) } };
}

/** virt-2g without /sys/firmware/fdt: the device tree is put together from its files. */
const files = (change: (tree: Tree) => void, base: (typeof RECORDED)[number] = 'virt-2g'): Machine =>
  machine(base, (tree) => {
    remove(tree, FDT);
    change(tree);
  });

/** The same with this device tree. */
const filesOf = (node: FdtNode): Machine =>
  files((tree) => {
    remove(tree, DEVICE_TREE);
    for (const [name, bytes] of deviceTreeFiles(node, DEVICE_TREE)) put(tree, name, bytes);
  });

const namedNode = (name: string, properties: Readonly<Record<string, Property>>): FdtNode => ({
  properties: { name, ...properties },
});

const deviceTreeMachines: MachineTable = {
  'dt-none': machine('virt-2g', (tree) => {
    remove(tree, FDT);
    remove(tree, DEVICE_TREE);
  }),
  'dt-2g': files(() => {}),
  'dt-8g': files(() => {}, 'virt-8g'),
  'dt-el2': files(() => {}, 'virt-el2-4g'),
  'dt-no-chosen': files((tree) => remove(tree, `${DEVICE_TREE}/chosen`)),
  'dt-no-bootargs': files((tree) => remove(tree, `${DEVICE_TREE}/chosen/bootargs`)),
  'dt-bootargs-no-root': files((tree) => put(tree, `${DEVICE_TREE}/chosen/bootargs`, 'console=ttyAMA0\0')),
  'dt-no-initrd': files((tree) => {
    remove(tree, `${DEVICE_TREE}/chosen/linux,initrd-start`);
    remove(tree, `${DEVICE_TREE}/chosen/linux,initrd-end`);
  }),
  'dt-small': filesOf({
    properties: { name: '', ...CELLS },
    children: { chosen: namedNode('chosen', { bootargs: 'root=/dev/vda' }), 'memory@40000000': MEMORY },
  }),
  'dt-empty-properties': filesOf({
    properties: { ...CELLS, 'dma-coherent': new Uint8Array() },
    children: {
      'memory@40000000': MEMORY,
      b: namedNode('b', { empty: new Uint8Array(), one: new Uint8Array([1]) }),
      a: namedNode('a', { v: 1 }),
    },
  }),
  'dt-order': filesOf({
    properties: { zeta: 1, Alpha: 2, '#address-cells': 2, '#size-cells': 2, alpha: 3, name: '' },
    children: {
      'dev@10': namedNode('dev', { reg: 16 }),
      'dev@9': namedNode('dev', { reg: 9 }),
      'dev@a': namedNode('dev', { reg: 10 }),
      'memory@40000000': MEMORY,
      cpus: {
        properties: { '#address-cells': 1 },
        children: { 'cpu@1': namedNode('cpu', { reg: 1 }), 'cpu@0': namedNode('cpu', { reg: 0 }) },
      },
    },
  }),
  'dt-memory-two': filesOf({
    properties: CELLS,
    children: {
      'memory@40000000': {
        properties: { device_type: 'memory', reg: [0, 0x40000000, 0, 0x40000000, 0, 0x80000000, 0, 0x40000000] },
      },
      'memory@100000000': { properties: { device_type: 'memory', reg: [1, 0, 0, 0x40000000] } },
      chosen: namedNode('chosen', {}),
    },
  }),
  'dt-long-name': filesOf({
    properties: CELLS,
    children: { ['n'.repeat(120)]: namedNode('n', { ['p'.repeat(60)]: 'value' }), 'memory@40000000': MEMORY },
  }),
  'dt-big-property': filesOf({
    properties: CELLS,
    children: { 'memory@40000000': MEMORY, blob: namedNode('blob', { data: noise(0x12345) }) },
  }),
  'dt-pci': filesOf({
    properties: { name: '', ...CELLS },
    children: {
      'memory@40000000': MEMORY,
      chosen: namedNode('chosen', { bootargs: 'quiet' }),
      'pcie@10000000': {
        properties: { name: 'pcie', device_type: 'pci', ranges: [1, 2, 3] },
        children: { 'pci@0': namedNode('pci', {}) },
      },
    },
  }),
};

/** A machine whose crash header has this size. */
const hotplug = (size: string): Machine => machine('virt-el2-4g', (tree) => put(tree, ELFCOREHDR_SIZE, size));

const statusMachines: MachineTable = {
  'loaded-1': machine('virt-2g', (tree) => {
    put(tree, 'sys/kernel/kexec_loaded', '1\n');
    put(tree, 'sys/kernel/kexec_crash_loaded', '1\n');
  }),
  'loaded-absent': machine('virt-2g', (tree) => {
    remove(tree, 'sys/kernel/kexec_loaded');
    remove(tree, 'sys/kernel/kexec_crash_loaded');
  }),
  'hotplug-size': machine('virt-el2-4g', (tree) => put(tree, ELFCOREHDR_SIZE, '8192\n')),
  'hotplug-no-newline': machine('virt-el2-4g', (tree) => put(tree, ELFCOREHDR_SIZE, '65536')),
  'hotplug-garbage': machine('virt-el2-4g', (tree) => put(tree, ELFCOREHDR_SIZE, '12x\n')),
  'hotplug-hexadecimal': hotplug('0x2000\n'),
  'hotplug-octal': hotplug('020000\n'),
  'hotplug-spaces': hotplug(' 8192\n'),
  'hotplug-space-behind': hotplug('8192 \n'),
  'hotplug-two-lines': hotplug('8192\n\n'),
  'hotplug-negative': hotplug('-1\n'),
  'hotplug-seven-digits': hotplug('1234567\n'),
  'hotplug-eight-digits': hotplug('12345678\n'),
  'hotplug-newline': hotplug('\n'),
  'hotplug-0x': hotplug('0x\n'),
  'hotplug-0b': hotplug('0b11\n'),
  'retain-initrd': machine('virt-2g', (tree) => {
    edit(tree, CMDLINE, (text) => `retain_initrd ${text}`);
    const chosen = { ...CHOSEN, 'linux,initrd-start': 0x48000000n, 'linux,initrd-end': 0x480ff000n };
    put(tree, FDT, buildFdt(smallTree(chosen)));
  }),
  'hotplug-zero': machine('virt-el2-4g', (tree) => put(tree, ELFCOREHDR_SIZE, '0\n')),
  'tty-more': machine('virt-2g', (tree) => {
    put(tree, 'sys/class/tty/ttyS0/iomem_base', '0x9010000\n');
    put(tree, 'sys/class/tty/ttyS1/type', '3\n');
    put(tree, 'sys/class/tty/ttyS2/iomem_base', '0x123456789abcdef0\n');
    put(tree, 'sys/class/tty/ttyS3/iomem_base', 'junk\n');
    put(tree, 'sys/class/tty/ttyS4/iomem_base', '');
    put(tree, 'sys/class/tty/ttyfile', 'not a directory\n');
  }),
};

/** virt-2g with these network interfaces: the files of each, by name. */
const network = (interfaces: Readonly<Record<string, Readonly<Record<string, string>>>>): Machine =>
  machine('virt-2g', (tree) => {
    for (const [name, files] of Object.entries(interfaces)) {
      for (const [file, text] of Object.entries(files)) put(tree, `sys/class/net/${name}/${file}`, text);
    }
  });

const LO = { ifindex: '1\n', flags: '0x9\n' };

const networkMachines: MachineTable = {
  'net-lo': network({ lo: LO }),
  'net-eth0': network({ lo: LO, eth0: { ifindex: '2\n', flags: '0x1003\n' } }),
  'net-many': network({
    wlan0: { ifindex: '12\n', flags: '0x1002\n' },
    shaper1: { ifindex: '11\n', flags: '0x11043\n' },
    lo: LO,
    eth1: { ifindex: '3\n', flags: '0x1103\n' },
    eth0: { ifindex: '2\n', flags: '0x1003\n' },
    shaper: { ifindex: '9\n', flags: '0x1\n' },
    shape: { ifindex: '8\n', flags: '0x1\n' },
    lo0: { ifindex: '7\n', flags: '0x8049\n' },
    'eth0:1': { ifindex: '6\n', flags: '0x1003\n' },
    'a-name-longer-than-ifreq': { ifindex: '13\n', flags: '0x1003\n' },
    'veth-behind-it': { ifindex: '14\n', flags: '0x1003\n' },
  }),
  'net-no-flags': network({
    lo: LO,
    eth0: { ifindex: '2\n', flags: '0x1003\n' },
    eth1: { ifindex: '3\n' },
    eth2: { ifindex: '4\n', flags: '0x1003\n' },
  }),
  'net-shaper-no-flags': network({
    eth0: { ifindex: '2\n', flags: '0x1003\n' },
    shaper0: { ifindex: '3\n', flags: 'none\n' },
  }),
};

/** A machine whose kernel has kexec_file_load(2), as this symbol of it tells. */
const withFileLoad = (base: (typeof RECORDED)[number], change: (tree: Tree) => void = () => {}): Machine =>
  machine(base, (tree) => {
    edit(tree, KALLSYMS, (text) => `${text}ffffc1dce9490000 T kexec_add_buffer\n`);
    change(tree);
  });

const fileLoadMachines: MachineTable = {
  'file-load': withFileLoad('virt-2g'),
  'file-load-6.12': withFileLoad('virt-el2-4g'),
  'file-load-7.2': withFileLoad('virt-el2-4g', (tree) =>
    edit(tree, 'proc/version', (text) => text.replace(/version \S+/, 'version 7.2.1')),
  ),
  'file-load-disabled': withFileLoad('virt-2g', (tree) => put(tree, 'proc/sys/kernel/kexec_load_disabled', '1\n')),
  'file-load-limited': withFileLoad('virt-el2-4g', (tree) => {
    put(tree, 'proc/sys/kernel/kexec_load_limit_reboot', '0\n');
    put(tree, 'proc/sys/kernel/kexec_load_limit_panic', '-1\n');
  }),
  'file-load-no-room': withFileLoad('virt-2g', (tree) =>
    put(tree, IOMEM, '40000000-400fffff : System RAM\n  40080000-400fffff : Crash kernel\n'),
  ),
};

const DERIVED: MachineTable = {
  ...networkMachines,
  ...iomemMachines,
  ...crashMachines,
  ...kdumpMachines,
  ...kernelMachines,
  ...cmdlineMachines,
  ...fdtMachines,
  ...deviceTreeMachines,
  ...statusMachines,
  ...fileLoadMachines,
};

export const MACHINE_NAMES: readonly string[] = [...RECORDED, ...Object.keys(DERIVED)];

export const machineNames = (group: string): readonly string[] =>
  MACHINE_NAMES.filter((name) => name.startsWith(group));

/** The files of a machine. */
export const machineTree = (name: string): Tree => {
  const derived = DERIVED[name];
  if (derived === undefined && !RECORDED.some((recorded) => recorded === name)) throw new Error(`no machine ${name}`);
  const tree = readTree(derived?.base ?? name);
  derived?.change(tree);
  return tree;
};
