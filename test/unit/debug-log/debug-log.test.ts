import { arm64CompatOf } from '../../../kexec/arch/arm64/compat-arm64.js';
import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { RELEASES } from '../../../kexec/base/compat.js';
import { commandLines, inferredArguments, librariesIn, splitWords } from '../../../debug-log/command-line.js';
import { compareLogs } from '../../../debug-log/compare.js';
import { diffLines } from '../../../debug-log/line-diff.js';
import { normalise } from '../../../debug-log/messages.js';
import { parseLogs, type DebugLog } from '../../../debug-log/parse.js';
import { evidenceIn, nearestReleases } from '../../../debug-log/releases.js';
import { formatDifferences, paintFor } from '../../../debug-log/report.js';

const read = (name: string): string => readFileSync(`test/data/logs/${name}.txt`, 'utf8');

const only = (text: string): DebugLog => {
  const logs = parseLogs(text);
  expect(logs.length).toBe(1);
  return logs[0]!;
};

const texts = ({ lines }: DebugLog): readonly string[] => lines.map(({ text }) => text);

/** Differences between two texts as lines of a diff. */
const differences = (real: string, ours: string): readonly string[] =>
  compareLogs(only(real), only(ours)).differences.flatMap((one) => [
    ...one.real.map(({ text }) => `-${text}`),
    ...one.ours.map(({ text }) => `+${text}`),
  ]);

describe('a line of kexec’s is found', () => {
  const MESSAGE = 'arch_process_options:178: command_line: root=/dev/vda quiet';

  test.each([
    '',
    '> ',
    '>> > ',
    '+ ',
    '\t',
    '# ',
    '[   12.345678] ',
    '[   12.345678][ T1234] ',
    '[   12.345678] kdump[123]: ',
    '<4>[   12.345678] kexec[7]: ',
    'kdump[123]: ',
    'kdump-tools[1]: kexec[2]: ',
    'Jul 05 20:03:06 pi kdump[12]: ',
    'Jul  5 20:03:06 EppdPi stage-2-init: ',
    '2025-07-05T20:03:06+0200 pi kdump[12]: ',
    '2025-07-05 20:03:06.123456 pi /usr/sbin/kexec: ',
    '20:03:06.5 ',
    '[Sat Nov 21 07:46:01 2026] kexec[1]: ',
    '\x1b[0;32m',
    '\x1b]0;title\x07',
  ])('behind %j', (prefix) => {
    expect(texts(only(`${prefix}${MESSAGE}\r\n${prefix}Try gzip decompression.\x1b[0m\r\n`))).toEqual([
      MESSAGE,
      'Try gzip decompression.',
    ]);
  });

  test.each([
    '[  167.593405] kexec_file: nr_segments = 4',
    'Jul  5 20:03:06 pi kernel: kexec_file: nr_segments = 4',
    '[    1.0] kexec: Starting new kernel',
    'kexec-tools 2.0.28',
    'image arm64_load: x',
  ])('and %j is none', (line) => {
    expect(parseLogs(line)).toEqual([]);
    expect(only(`${MESSAGE}\nnr_segments = 3\n${line}\n`).others).toEqual([{ number: 3, text: line }]);
  });

  test.each([
    'kexec: arm64_process_image_header: Warning: Kernel image size set to 16 MiB.',
    "Cannot open `/boot/Image': No such file or directory",
    'Cannot find a proper _stext for calculating VA_BITS',
    'Memory for crashkernel is not reserved',
    'Could not find a free area of memory of 0x1000 bytes...',
    'kexec_load failed: Cannot assign requested address',
    'console memory is at 0x9000000',
    'get_memory_ranges:+[0] 0000000040000000 - 00000000bfffffff',
    'dtb:    base 40003000, size 1dfbh (7675)',
    'unrecoverable error: could not open "/proc/device-tree": No such file or directory',
  ])('%j', (line) => {
    expect(texts(only(line))).toEqual([line]);
  });

  test.each(['virt-2g-2.0.20', 'virt-2g-2.0.25', 'virt-2g-2.0.29', 'virt-2g-2.0.32', 'virt-el2-4g-2.0.32-panic'])(
    'each in %s',
    (name) => {
      expect(only(read(name))).toMatchObject({
        others: [],
        lines: { length: read(name).trimEnd().split('\n').length },
      });
    },
  );

  test('with what ours says, whatever that looks like', () => {
    const [log] = parseLogs(`${MESSAGE}\nsomething new\n`, new Set(['something new']));
    expect(texts(log!)).toEqual([MESSAGE, 'something new']);
  });

  test('in a log that a mailer broke', () => {
    const log = only(read('hpe-apollo-2.0.32'));
    expect(texts(log)[0]).toBe(
      'arch_process_options:179: command_line: root=/dev/mapper/rhel_hpe--apollo80--02--n00-root ro earlycon=pl011,0x1c050000 ip=dhcp ' +
        'crashkernel=2G-4G:406M,4G-64G:470M,64G-:726M rd.lvm.lv=rhel_hpe-apollo80-02-n00/root rd.lvm.lv=rhel_hpe-apollo80-02-n00/swap console=ttyAMA0  cma=512M',
    );
    expect(texts(log).slice(1, 4)).toEqual([
      'arch_process_options:181: initrd: initramfs-6.18.0-rc7-next-20251125.img',
      'arch_process_options:183: dtb: (null)',
      'arch_process_options:186: console: (null)',
    ]);
    expect(texts(log).at(-1)).toBe('pez_prepare: done');
    expect(log.command).toBe(
      '-d -s -l vmlinuz-6.18.0-rc7-next-20251125 --initrd initramfs-6.18.0-rc7-next-20251125.img --reuse-cmdline',
    );
  });

  test('also where a line of ours tells what belongs together', () => {
    const whole =
      'Elf header: p_type = 1, p_offset = 0x40000000 p_paddr = 0x40000000 p_vaddr = 0x5409 p_filesz = 0x69a00000 p_memsz = 0x69a00000';
    const broken = whole.replace(' p_vaddr', '\np_vaddr').replace(' p_filesz', '\n p_filesz');
    const [log] = parseLogs(`Coredump memory ranges\n${broken}\nmore\n`, new Set([whole]));
    expect(texts(log!)).toEqual(['Coredump memory ranges', whole]);
    expect(log!.others).toEqual([{ number: 5, text: 'more' }]);
  });

  test('between the lines of a mail', () => {
    expect(texts(only(read('edk2-thread')))).toEqual([
      "kexec: elfcorehdr doesn't fit cells-size.",
      'kexec: setup_2nd_dtb failed.',
      'kexec: load failed.',
      'Cannot load /boot/vmlinuz-5.4.0-rc4+',
      'load_crashdump_segments: elfcorehdr 0x7f7cbfc000-0x7f7cbff7ff',
      'read_1st_dtb: found name =dtb_sys  /sys/firmware/fdt',
      'get_cells_size: #address-cells:1 #size-cells:1',
    ]);
    expect(texts(only(read('rpi4-list'))).slice(0, 3)).toEqual([
      'kexec_load failed: Device or resource busy',
      'entry      = 0x3d9d690 flags = 0xb70000',
      'nr_segments = 4',
    ]);
  });

  test('each run for itself', () => {
    const logs = parseLogs(`$ kexec -d -l a\n${MESSAGE}\nNot a PE file\n$ kexec -d -l b\n${MESSAGE}\n`);
    expect(logs.map(({ command, lines }) => [command, lines.length])).toEqual([
      ['-d -l a', 2],
      ['-d -l b', 1],
    ]);
  });

  test('with the command that has backslashes, and nothing of what is said behind it', () => {
    expect(only(read('lg-c1-notes')).command).toBe(
      '-l ./Image --mem-min=0x80000000 --mem-max=0xa9000000 --initrd=./initramfs.cpio.gz --dtb=./lgc1-running.dtb --append="$CMDLINE"',
    );
  });
});

describe('set aside is', () => {
  test.each([
    ['kernel: 0x7faa968010 kernel_size: 0xc89200', 'kernel: POINTER kernel_size: 0xc89200'],
    ['segment[0].buf   = 0x7faa968010', 'segment[0].buf = POINTER'],
    ['segment[0].mem   = 0x40080000  #存放内核镜像的段', 'segment[0].mem = 0x40080000'],
    ['kexec_load: entry = 0x40d666b0 flags = 0xb70000 #x', 'kexec_load: entry = 0x40d666b0 flags = 0xb70000'],
    ['arch_process_options:178: initrd: /boot/initrd', 'arch_process_options:LINE: initrd: initrd'],
    ["Cannot open `/root/Image': No such file or directory", "Cannot open `Image': No such file or directory"],
    ['Cannot open /proc/kallsyms', 'Cannot open /proc/kallsyms'],
    ['arch_process_options:178: command_line: root=/dev/vda', 'arch_process_options:LINE: command_line: root=/dev/vda'],
    ['dtb:    base 40d64000, size 1dd6h (7638)', 'dtb: base 40d64000, size 1dd6h (7638)'],
  ])('in %j nothing but what need not be the same', (line, normal) => {
    expect(normalise(line)).toBe(normal);
  });
});

describe('the difference is', () => {
  const log = read('virt-2g-2.0.25');

  test('none between a log and itself', () => {
    for (const name of [
      'virt-2g-2.0.20',
      'virt-2g-2.0.25',
      'virt-2g-2.0.32',
      'virt-el2-4g-2.0.32-panic',
      'hpe-apollo-2.0.32',
      'qemu-virt-notes',
      'rpi4-list',
    ]) {
      expect([name, differences(read(name), read(name))]).toEqual([name, []]);
    }
  });

  test.each([
    ['image_arm64_load: kernel_segment: 0000000040000000', 'image_arm64_load: kernel_segment: 0000000041000000'],
    ['segment[1].mem   = 0x40003000', 'segment[1].mem   = 0x40004000'],
    ['0000000041a00000-0000000047ffffff (0)', '0000000041a00000-0000000047ffffff (1)'],
    ['sym: sha256_starts value: 40005f80 addr: 40005014', 'sym: sha256_starts value: 40005f80 addr: 40005018'],
    ['kexec_load: entry = 0x400056a0 flags = 0xb70000', 'kexec_load: entry = 0x400056a0 flags = 0xb70001'],
  ])('one changed line: %j', (line, changed) => {
    expect(log).toContain(line);
    expect(differences(log.replace(line, changed), log)).toEqual([`-${changed}`, `+${line}`]);
  });

  test('a line that is missing, at the end too', () => {
    const lines = log.trimEnd().split('\n');
    expect(differences(lines.slice(0, -2).join('\n'), log)).toEqual(lines.slice(-2).map((line) => `+${line}`));
    expect(differences(lines.filter((_, i) => i !== 7).join('\n'), log)).toEqual([`+${lines[7]}`]);
  });

  test('not what dots stand for, nor what was before a late start', () => {
    const lines = log.trimEnd().split('\n');
    const cut = [...lines.slice(12, 60), '...', ...lines.slice(100, 150), '[…]'].join('\n');
    const comparison = compareLogs(only(cut), only(log));
    expect(comparison.differences).toEqual([]);
    expect(comparison.leftOut).toBe(lines.length - 98);
    expect(differences(cut.replace('kernel_segment: 0000000040000000', 'kernel_segment: 0'), log)).toEqual([
      '-image_arm64_load: kernel_segment: 0',
      '+image_arm64_load: kernel_segment: 0000000040000000',
    ]);
  });

  test('shown beside dots where the same message says another thing', () => {
    expect(differences('nr_segments = 3\n...\nsegment[2].memsz = 0x5000\n', log)).toEqual([
      '-segment[2].memsz = 0x5000',
      '+segment[2].memsz = 0x4000',
    ]);
  });

  test('not the purgatory, when the builds have different ones', () => {
    const other = read('virt-2g-2.0.29');
    const { differences: found, purgatories } = compareLogs(only(log), only(other));
    expect(found).toEqual([]);
    expect(purgatories).toEqual({ real: 0x3558n, ours: 0x3580n, index: 2, sameMemory: true });
    expect(compareLogs(only(log), only(log)).purgatories).toBeUndefined();
    const moved = other
      .replace(/^(segment\[2\]\.mem {3}= ).*/m, '$10x40006000')
      .replace(/entry = 0x40005/, 'entry = 0x40006');
    expect(moved).not.toBe(other);
    expect(differences(log, moved)).toEqual(['-segment[2].mem   = 0x40005000', '+segment[2].mem   = 0x40006000']);
  });

  test('in colour where colours are welcome', () => {
    const line = 'nr_segments = 3';
    const comparison = compareLogs(only(log.replace(line, 'nr_segments = 4')), only(log));
    const shown = formatDifferences(comparison, { real: 'real', ours: 'ours' }, paintFor(true)).split('\n');
    expect(shown).toEqual(expect.arrayContaining(['\x1b[31m-nr_segments = 4\x1b[0m', `\x1b[32m+${line}\x1b[0m`]));
  });

  test('not the place of stdout’s lines', () => {
    const line = 'console memory read from /sys/class/tty/ttyAMA0/iomem_base\n';
    expect(differences(line + log, log + line)).toEqual([]);
    expect(differences(line + log, log)).toEqual([`-${line.trim()}`]);
  });
});

describe('the release', () => {
  test.each([
    ['virt-2g-2.0.20', ['2.0.20']],
    ['virt-2g-2.0.25', ['2.0.25', '2.0.29']],
    ['virt-2g-2.0.29', ['2.0.25', '2.0.29']],
    ['virt-2g-2.0.32', ['2.0.32']],
    ['virt-el2-4g-2.0.32-panic', ['2.0.32']],
    ['hpe-apollo-2.0.32', ['2.0.32']],
    ['lg-c1-notes', ['2.0.29']],
    ['qemu-virt-notes', ['2.0.20']],
    ['rpi4-list', []],
    ['ls1043a-list', []],
  ])('of %s is known by its text: %j', (name, releases) => {
    expect(nearestReleases(evidenceIn(only(read(name))))).toEqual(releases);
  });

  test('of the development tree is known by what only it says, and is a guess for no other log', () => {
    const said = [
      'do_kexec_file_load: using original kernel file fd 3',
      'do_kexec_file_load: compressed input, using memfd kernel fd 3',
    ];
    for (const line of said) {
      const log = only(
        `arch_process_options:179: command_line: x\nTry zstd decompression.\n${line}\nkexec_file_load: flags = 0xc\n`,
      );
      expect(log.others).toEqual([]);
      expect(log.lines.map(({ normal }) => normal)).toContain(line.replace('3', 'N'));
      expect(nearestReleases(evidenceIn(log))).toEqual(['2.0.32.git']);
    }
    const named = only('kexec-tools 2.0.32.git\narch_process_options:179: command_line: x\n');
    expect(evidenceIn(named)[0]!.text).toBe('the log names kexec-tools 2.0.32.git');
    expect(nearestReleases(evidenceIn(named))).toEqual(['2.0.32.git']);
  });

  test.each(RELEASES.filter((release) => release !== '2.0.32.git'))(
    '%s is among those that have its source lines',
    (release) => {
      const { commandLine, initrd, dtb, console, purgatorySink } = arm64CompatOf({ release }).lines;
      const log = only(
        [
          `arch_process_options:${commandLine}: command_line: x`,
          `arch_process_options:${initrd}: initrd: (null)`,
          `arch_process_options:${dtb}: dtb: (null)`,
          ...(console === undefined ? [] : [`arch_process_options:${console}: console: (null)`]),
          ...(purgatorySink === undefined ? [] : [`arm64_load_other_segments:${purgatorySink}: purgatory sink: 0x0`]),
        ].join('\n'),
      );
      expect(nearestReleases(evidenceIn(log))).toContain(release);
    },
  );

  test('comes with what tells it', () => {
    expect(evidenceIn(only(read('qemu-virt-notes'))).map(({ text }) => text)).toEqual([
      'source lines 154, 156, 157, 159, 613: no release from 2.0.14 to 2.0.32.git',
      '"get_memory_ranges_iomem_cb:": 2.0.14 to 2.0.20',
    ]);
  });
});

describe('the command line', () => {
  test.each([
    ['-d -l Image', ['-d', '-l', 'Image']],
    [`-l 'a b' --append="c \\"d\\" e" f\\ g`, ['-l', 'a b', '--append=c "d" e', 'f g']],
    ['-l Image 2>&1 | tee log', ['-l', 'Image']],
    ['-l Image; echo $?', ['-l', 'Image']],
    ['-p /boot/vmlinuz-`uname -r`', undefined],
    ['-l "$KERNEL"', undefined],
    ["-l 'open", undefined],
    ['', []],
  ])('%j is taken apart as a shell does', (command, words) => {
    expect(splitWords(command)).toEqual(words);
  });

  test('is inferred as far as the log tells', () => {
    expect(inferredArguments(only(read('virt-el2-4g-2.0.32-panic')))).toEqual([
      ['-p', '--append=console=ttyAMA0 panic=-1 root=/dev/vda rw earlycon  irqpoll'],
      ['-p', '--append=console=ttyAMA0 panic=-1 root=/dev/vda rw earlycon  irqpoll', '-c'],
    ]);
    expect(inferredArguments(only(read('hpe-apollo-2.0.32')))[1]).toEqual(
      expect.arrayContaining(['-l', '--initrd=initramfs-6.18.0-rc7-next-20251125.img', '-s']),
    );
  });

  test('is the one behind --, the one in the log, or a kernel and what the log tells', () => {
    const notes = only(read('qemu-virt-notes'));
    expect(commandLines(notes, ['-l', 'Image'], 'log')).toEqual([['-d', '-l', 'Image']]);
    expect(commandLines(notes, [], 'log')).toEqual([
      ['-d', '-c', '-t', 'Image', '-l', '/root/Image', '--reuse-cmdline'],
    ]);
    expect(commandLines(notes, ['Image'], 'log')[0]).toEqual([
      '-d',
      '-l',
      '--append=root=/dev/vda rw rootfstype=ext4 earlycon earlyprintk crashkernel=384M@0',
      'Image',
    ]);
  });

  test('must be told where the log does not', () => {
    expect(() => commandLines(only(read('virt-2g-2.0.25')), [], 'a.log')).toThrow(
      "a.log does not tell which kernel was loaded: give it, or kexec's whole command line, behind --",
    );
    expect(() => commandLines(only(read('lg-c1-notes')), [], 'a.log')).toThrow('which only a shell understands');
  });

  test('goes with the libraries that the log shows', () => {
    expect(librariesIn(only(read('hpe-apollo-2.0.32')))).toEqual(['zlib', 'lzma']);
    expect(librariesIn(only(read('virt-2g-2.0.25')))).toEqual(['zlib']);
  });
});

describe('a diff of lines', () => {
  test('is one change where there are too many', () => {
    const a = Array.from({ length: 100 }, (_, i) => `a${i}`);
    const b = a.map((line, i) => (i % 2 === 0 ? line : 'b'));
    expect(diffLines(a, b).length).toBe(50);
    expect(diffLines(a, b, 10)).toEqual([{ aStart: 1, aEnd: 100, bStart: 1, bEnd: 100 }]);
  });

  test.each([
    [[], [], []],
    [['x'], [], [{ aStart: 0, aEnd: 1, bStart: 0, bEnd: 0 }]],
    [['x', 'y'], ['x', 'z', 'y'], [{ aStart: 1, aEnd: 1, bStart: 1, bEnd: 2 }]],
    [
      ['a', 'b', 'c'],
      ['b', 'c', 'd'],
      [
        { aStart: 0, aEnd: 1, bStart: 0, bEnd: 0 },
        { aStart: 3, aEnd: 3, bStart: 2, bEnd: 3 },
      ],
    ],
  ])('%j to %j', (a, b, changes) => {
    expect(diffLines(a, b)).toEqual(changes);
  });
});
