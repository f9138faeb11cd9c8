import { describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { arm64Image, deviceTree, gzip, zboot } from '../../../support/files/kernel-files.js';
import { type Ended, runSimToEnd } from '../../../support/run-support.js';
import { KEXEC_SIM, useTempDir, writeTree } from '../../../support/machine/sim-support.js';

const temp = useTempDir();
const PAYLOAD = 'machines/payload/Image';

const logPath = (name: string): string => resolve(`test/data/logs/${name}.txt`);
const readLog = (name: string): string => readFileSync(logPath(name), 'utf8');

const diff = (args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended> =>
  runSimToEnd(['diff', ...args], { HOME: temp.path, ...env });

const json = async (args: readonly string[]): Promise<{ readonly code: number; readonly answer: unknown }> => {
  const { code, out } = await diff(['--json', ...args]);
  return { code, answer: JSON.parse(out) };
};

/** `kexec-sim diff` in another directory: as a process, because a log's command line names files from there. */
const diffIn = (cwd: string, args: readonly string[]): Ended => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [KEXEC_SIM, 'diff', ...args], {
    cwd,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: temp.path },
  });
  return { code: status ?? -1, out: stdout, err: stderr };
};

const file = (text: string): string => {
  const path = join(temp.make('log'), 'real.log');
  writeFileSync(path, text);
  return path;
};

describe('kexec-sim diff', () => {
  test.each([
    ['virt-2g-2.0.20', 'virt-2g', ['-d', '-l', PAYLOAD, '--reuse-cmdline'], ['2.0.20']],
    ['virt-2g-2.0.25', 'virt-2g', ['-d', '-l', PAYLOAD, '--reuse-cmdline'], ['2.0.25']],
    // What this load prints is the same in both; their purgatories are not.
    ['virt-2g-2.0.29', 'virt-2g', ['-d', '-c', '-l', PAYLOAD, '--reuse-cmdline'], ['2.0.25', '2.0.29']],
    ['virt-2g-2.0.32', 'virt-2g', ['-d', '-c', '-l', PAYLOAD, '--reuse-cmdline'], ['2.0.32']],
    [
      'virt-el2-4g-2.0.32-panic',
      'virt-el2-4g',
      ['-c', '-p', PAYLOAD, '--reuse-cmdline', '--append=irqpoll'],
      ['2.0.32'],
    ],
    ['virt-el2-4g-2.0.32-panic', 'virt-el2-4g', [PAYLOAD], ['2.0.32']],
    ['virt-2g-2.0.20', 'virt-2g', [PAYLOAD], ['2.0.20']],
  ])('finds nothing that differs in %s on %s for %j, and names its release', async (name, machine, args, releases) => {
    const { code, answer } = await json([logPath(name), '--machine', machine, '--', ...args]);
    expect(answer).toMatchObject({ same: true, differences: [], releases, leftOut: 0, others: [] });
    expect(code).toBe(0);
  });

  test('says in words what it has set aside', async () => {
    const { code, out, err } = await diff([
      logPath('virt-2g-2.0.25'),
      '--machine',
      'virt-2g',
      '--',
      '-d',
      '-l',
      PAYLOAD,
      '--reuse-cmdline',
    ]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(
      /^ours: kexec-tools 2\.0\.25, which fits best: kexec -d -l machines\/payload\/Image --reuse-cmdline\n/,
    );
    expect(out).toMatch(
      /^The purgatories are different ones .*: 13656 bytes, .*give it with --purgatory\.\nNothing that is compared differs\.\n$/m,
    );
  });

  test('shows what differs', async () => {
    const real = file(
      readLog('virt-2g-2.0.25').replace('kernel_segment: 0000000040000000', 'kernel_segment: 0000000041000000'),
    );
    const { code, out, err } = await diff([real, '--machine', 'virt-2g', '--', '-l', PAYLOAD, '--reuse-cmdline']);
    expect(out.split('\n').slice(2)).toEqual([
      `@@ ${real} line 31, ours line 31 @@`,
      ' 00000000bfbd8000-00000000bfbd9fff (0)',
      ' elf_arm64_probe: Not an ELF executable.',
      '-image_arm64_load: kernel_segment: 0000000041000000',
      '+image_arm64_load: kernel_segment: 0000000040000000',
      ' image_arm64_load: text_offset:    0000000000000000',
      ' image_arm64_load: image_size:     0000000000003000',
      '',
    ]);
    expect({ code, err }).toEqual({ code: 1, err: `kexec-sim: ${real} and ours differ in 1 place\n` });
  });

  test('follows the release that it is told to', async () => {
    const { code, answer } = await json([
      logPath('virt-2g-2.0.25'),
      '--machine',
      'virt-2g',
      '--compat',
      '2.0.20:zlib',
      '--',
      PAYLOAD,
    ]);
    expect(answer).toMatchObject({ same: false, releases: ['2.0.20'] });
    expect(code).toBe(1);
  });

  test('compares two logs, and takes messages that no table has for kexec’s when ours has them', async () => {
    const news = 'something that a later release says\n';
    const [old, changed] = [readLog('virt-2g-2.0.32'), readLog('virt-2g-2.0.32') + news];
    expect(await json([file(changed), file(changed)])).toMatchObject({
      code: 0,
      answer: { same: true, releases: ['2.0.32'] },
    });
    expect(await json([file(changed), file(old)])).toMatchObject({
      code: 0,
      answer: { same: true, others: [{ text: news.trim() }] },
    });
    expect(await json([logPath('virt-2g-2.0.20'), logPath('virt-2g-2.0.32')])).toMatchObject({
      code: 1,
      answer: { same: false, releases: ['2.0.20'] },
    });
  });

  test('names the release by the text alone when there is nothing to compare', async () => {
    const { code, out, err } = await diff([logPath('qemu-virt-notes')]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('looks like kexec-tools 2.0.20:\n  source lines 154, 156, 157, 159, 613: no release');
    expect(out).toContain('Nothing was compared');
    expect(await json([logPath('hpe-apollo-2.0.32')])).toMatchObject({
      code: 0,
      answer: { ours: null, releases: ['2.0.32'] },
    });
  });

  test('takes the run that is asked for', async () => {
    const real = file(readLog('virt-2g-2.0.20') + readLog('virt-2g-2.0.32'));
    expect(await json([real])).toMatchObject({ answer: { releases: ['2.0.32'] } });
    expect(await json([real, '--run', '1'])).toMatchObject({ answer: { releases: ['2.0.20'] } });
    expect((await diff([real, '--run', '3'])).err).toBe(`kexec-sim: --run: ${real} has 2 of kexec's runs\n`);
  });

  test('leaves what the user has loaded alone', async () => {
    const state = temp.make('state');
    const { code } = await diff([logPath('virt-2g-2.0.20'), '--', PAYLOAD], {
      KEXEC_MACHINE: 'virt-2g',
      KEXEC_STATE: state,
      KEXEC_RECORD: join(state, 'record'),
    });
    expect(code).toBe(0);
    expect(readdirSync(state)).toEqual([]);
    expect(existsSync(join(temp.path, '.local'))).toBe(false);
  });

  test('shows no terminal codes of a log', async () => {
    const real = file(`${readLog('virt-2g-2.0.20')}Cannot load \x1b[31m\x07\x9b2J\n`);
    expect((await diff([real, logPath('virt-2g-2.0.20')])).out).toContain('-Cannot load \\x07\\x9b2J\n');
  });

  test.each<[readonly string[], string]>([
    [['/nonexistent'], 'Cannot read /nonexistent: No such file or directory'],
    [['machines'], 'Cannot read machines: Is a directory'],
    [['COPYING'], "COPYING has no line of kexec's debug log for arm64"],
    [['/dev/null'], '/dev/null: neither a regular file nor a pipe'],
    [[logPath('virt-2g-2.0.20'), 'COPYING'], "COPYING has no line of kexec's debug log for arm64"],
    [[logPath('virt-2g-2.0.20'), '--machine', '/nonexistent', '--', PAYLOAD], '/nonexistent: not a recorded machine'],
    [[logPath('virt-2g-2.0.20'), '--machine', 'virt-2g'], 'does not tell which kernel was loaded'],
    [
      [logPath('virt-2g-2.0.20'), '--machine', 'virt-2g', '--compat', '1.0', '--', PAYLOAD],
      '--compat: "1.0" is not VERSION[:LIB,...]',
    ],
    [
      [logPath('virt-2g-2.0.20'), '--', '-l', PAYLOAD, '--sim-state=/tmp/x'],
      '--sim-state=/tmp/x: behind -- go options of the real kexec only',
    ],
    [[logPath('virt-2g-2.0.20'), '--', '-l', '/nonexistent/Image'], '/nonexistent/Image cannot be opened here'],
    [
      [logPath('qemu-virt-notes'), '--machine', 'virt-2g'],
      "/root/Image cannot be opened here; give kexec's command line with files that are here behind --",
    ],
    [[logPath('virt-2g-2.0.20'), '--', '--help'], 'Usage: kexec'],
    [
      [logPath('virt-2g-2.0.20'), logPath('virt-2g-2.0.20'), '--', '-l', 'x'],
      'a log of ours, or a command line for ours behind --, but not both',
    ],
  ])('%j is trouble: %s', async (args, message) => {
    const { code, out, err } = await diff(args);
    expect(code).toBe(2);
    // What the log alone tells is told before.
    expect(out).toMatch(/^$|^\S+ looks like kexec-tools 2\.0\.\d/);
    expect(err).toMatch(/^kexec-sim: .*\n$/);
    expect(err).toContain(message);
  });

  test.each<[string, (text: string) => Buffer]>([
    ['UTF-16 with a mark', (text) => Buffer.from(`\ufeff${text}`, 'utf16le')],
    ['UTF-16 without one', (text) => Buffer.from(text, 'utf16le')],
    ['UTF-16 of the other order', (text) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16()],
    ['UTF-8 with a mark', (text) => Buffer.from(`\ufeff${text}`)],
  ])('reads %s', async (_, encode) => {
    const path = join(temp.make('log'), 'real.log');
    writeFileSync(path, encode(readLog('virt-2g-2.0.25')));
    expect((await diff([path])).out).toContain('looks like kexec-tools 2.0.25 or 2.0.29');
  });

  test('reads pipes, and standard input where a file is "-"', () => {
    const log = logPath('virt-2g-2.0.25');
    for (const script of [
      'cat "$0" | "$@" diff -',
      '"$@" diff - < "$0"',
      'mkfifo real; cat "$0" > real & "$@" diff real',
      '"$@" diff "$0" "$0" < /dev/null',
    ]) {
      const { stdout, stderr } = spawnSync('sh', ['-c', script, log, process.execPath, KEXEC_SIM], {
        cwd: temp.make('pipes'),
        encoding: 'utf8',
      });
      expect(stderr).toBe('');
      expect(stdout).toContain('looks like kexec-tools 2.0.25 or 2.0.29');
    }
  });

  test('refuses a log of too many lines, before it takes their time', async () => {
    const path = join(temp.make('log'), 'long.log');
    writeFileSync(path, '\n'.repeat(15_000_000));
    expect(await diff([path])).toMatchObject({
      code: 2,
      err: `kexec-sim: ${path}: more than 250000 lines: cut out what kexec said\n`,
    });
  });

  test.each<[string, (line: string, number: number) => string]>([
    ['cat -n', (line, number) => `${String(number).padStart(6)}\t${line}`],
    ['grep -n', (line, number) => `${number}:${line}`],
    ['a number and a colon', (line, number) => `${number}: ${line}`],
    ['a number and a bar', (line, number) => `${String(number).padStart(4)} | ${line}`],
    ['strace -f', (line) => `[pid  4123] ${line}`],
  ])('finds the same in a log with what %s puts in front of lines', async (_, put) => {
    const plain = readLog('virt-2g-2.0.32');
    const prefixed = file(
      plain
        .trimEnd()
        .split('\n')
        .map((line, i) => put(line, i + 1))
        .join('\n'),
    );
    expect(await json([prefixed, file(plain)])).toMatchObject({ code: 0, answer: { same: true, others: [] } });
  });

  test('says which run it is about when there are others', async () => {
    const real = file(readLog('virt-2g-2.0.20') + readLog('virt-2g-2.0.32'));
    expect((await diff([real])).out).toContain(`${real} has 2 of kexec's runs: this is about number 2 (--run).\n`);
    expect((await diff([real, '--run', '1'])).out).toContain('this is about number 1 (--run).\n');
  });

  test('names all releases that the evidence allows, and those that can be followed', async () => {
    const log = readLog('virt-2g-2.0.32').replaceAll(/(arch_process_options|arm64_load_other_segments):\d+:/g, '$1:');
    expect((await diff([file(`kexec-tools 2.0.28\n${readLog('virt-2g-2.0.29')}`)])).out).toMatch(
      /looks like kexec-tools 2\.0\.29 \(the evidence allows 2\.0\.28\):\n/,
    );
    expect((await diff([file(log)])).out).toMatch(
      /looks like kexec-tools 2\.0\.25 or 2\.0\.29 or 2\.0\.32 \(the evidence allows 2\.0\.21 to 2\.0\.32\.git\):/,
    );
  });

  test.each([
    [['x', '--bad'], 'Unknown argument: bad'],
    [['a', 'b', 'c'], 'Unknown argument: c'],
    [[], 'diff needs 1 argument, and has none'],
  ])('a wrong command line is trouble: %j', async (args, message) => {
    const { code, err } = await diff(args);
    expect(code).toBe(2);
    expect(err).toContain(message);
  });

  test('a log that tells no release, with nothing to compare it with, is trouble', async () => {
    const path = file('kexec_load failed: Invalid argument\n');
    const { code, out, err } = await diff([path]);
    expect({ code, err }).toEqual({
      code: 2,
      err: `kexec-sim: ${path}: nothing was compared, and no release was found\n`,
    });
    expect(out).toContain('tells which release it is of');
  });

  test.each([
    [['--compat', '9'], '--compat: "9" is not VERSION'],
    [['--machine', 'nosuch'], 'No such machine: nosuch'],
  ])('%j is refused before anything is compared', async (args, message) => {
    const { code, out, err } = await diff([logPath('virt-2g-2.0.20'), ...args]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(message);
  });

  test('refuses a log that is too large', async () => {
    const path = join(temp.make('log'), 'large.log');
    writeFileSync(path, Buffer.alloc(16 * 1024 * 1024 + 1, 'x\n'));
    expect(await diff([path])).toMatchObject({
      code: 2,
      err: `kexec-sim: ${path}: too large: 16777217 bytes, where at most 16777216 bytes are read\n`,
    });
  });
});

describe('the machine of a public log, put together again', () => {
  test('HPE Apollo: the command in the log makes ours say the same', () => {
    const place = temp.make('apollo');
    writeTree(place, {
      'machine/proc/cmdline':
        'BOOT_IMAGE=(hd0,gpt2)/vmlinuz-6.18.0-rc7-next-20251125 root=/dev/mapper/rhel_hpe--apollo80--02--n00-root ro earlycon=pl011,0x1c050000 ' +
        'ip=dhcp crashkernel=2G-4G:406M,4G-64G:470M,64G-:726M rd.lvm.lv=rhel_hpe-apollo80-02-n00/root ' +
        'rd.lvm.lv=rhel_hpe-apollo80-02-n00/swap console=ttyAMA0  cma=512M\n',
      'machine/proc/iomem': '80000000-ffffffff : System RAM\n',
      'machine/proc/version': 'Linux version 6.18.0-rc7-next-20251125 (someone) #1 SMP\n',
      'machine/config': 'CONFIG_KEXEC_FILE=y\n',
      'machine/sys/firmware/memmap': '',
      'machine/sys/firmware/fdt': readFileSync('machines/virt-2g/sys/firmware/fdt'),
      'vmlinuz-6.18.0-rc7-next-20251125': zboot(
        gzip(arm64Image({ size: 50790400, imageSize: 50790400n, pe: true }).fill(0, 0x200)),
      ),
      'initramfs-6.18.0-rc7-next-20251125.img': 'initrd',
    });
    const { out } = diffIn(place, [logPath('hpe-apollo-2.0.32'), '--machine', './machine', '--json']);
    expect(JSON.parse(out)).toMatchObject({ releases: ['2.0.32'], same: true });
  });

  test('a virtual machine: everything is at the same place; the rest is what that kexec has of its own', () => {
    const place = temp.make('virt');
    const bootargs = 'root=/dev/vda rw rootfstype=ext4 earlycon earlyprintk crashkernel=384M@0';
    writeTree(place, {
      'machine/proc/cmdline': `${bootargs}\n`,
      'machine/proc/iomem': '40000000-23fffffff : System RAM\n',
      'machine/proc/version': 'Linux version 4.9.0 (someone) #1 SMP\n',
      // As large as the log's device tree was.
      'machine/sys/firmware/fdt': deviceTree({
        '#address-cells': [2],
        '#size-cells': [2],
        board: new Uint8Array(7376),
        chosen: { bootargs },
      }),
      Image: arm64Image({ size: 0xc89200, textOffset: 0x80000n, imageSize: 0xce4000n, pe: true }),
    });
    const { code, out } = diffIn(place, [
      logPath('qemu-virt-notes'),
      '--machine',
      './machine',
      '--',
      '-d',
      '-c',
      '-t',
      'Image',
      '-l',
      'Image',
      '--reuse-cmdline',
    ]);
    expect(code).toBe(1);
    expect(out).toMatch(/^ours: kexec-tools 2\.0\.20, which fits best/);
    expect(out.split('\n').filter((line) => /^[-+]/.test(line))).toEqual([
      // That one prints the console, as later releases do; it does not look into /proc/kcore and at the cells' sizes.
      '-arch_process_options:159: console: (null)',
      "+Can't open (/proc/kcore).",
      '+Cannot open /proc/kallsyms',
      "+Can't get the symbol of _stext.",
      '+set_phys_offset: phys_offset : 0000000040000000 (method : iomem)',
      '-arm64_load_other_segments:613: purgatory sink: 0x0',
      '+get_cells_size: #address-cells:2 #size-cells:2',
      '+cells_size_fitted: 0-0',
      '+cells_size_fitted: 0-0',
      '+setup_2nd_dtb: no kaslr-seed found',
      '+dtb_delete_property: fdt_delprop failed: <valid offset/length>',
      '+dtb_delete_property: fdt_delprop failed: <valid offset/length>',
    ]);
  });

  test('a kernel elsewhere makes no difference', async () => {
    const place = temp.make('elsewhere');
    copyFileSync(PAYLOAD, join(place, 'Image'));
    expect(await json([logPath('virt-2g-2.0.20'), '--machine', 'virt-2g', '--', join(place, 'Image')])).toMatchObject({
      code: 0,
    });
  });
});

describe('a log as people paste it', () => {
  const zbootFile = (): string => {
    const path = join(temp.make('kernel'), 'vmlinuz');
    writeFileSync(path, zboot(gzip(arm64Image({ pe: true, imageSize: 0x20_0000n }))));
    return path;
  };
  const FEDORA = `+ /sbin/kexec -s -d -p --command-line=BOOT_IMAGE=x --initrd=/var/lib/kdump/initramfs.img /boot/vmlinuz
kernel symbol _text vaddr = ffffd8935f9a0000
kernel symbol _stext vaddr = ffffd8935f9b0000
kernel symbol __init_begin vaddr = ffffd893619b0000
arch_process_options:178: command_line: BOOT_IMAGE=x
arch_process_options:180: initrd: /var/lib/kdump/initramfs.img
arch_process_options:182: dtb: (null)
arch_process_options:185: console: (null)
Try gzip decompression.
elf_arm64_probe: Not an ELF executable.
image_arm64_probe: Bad arm64 image header.
zImage_arm64_probe: Not an zImage file (Image.gz).
Cannot determine the file type of /boot/vmlinuz
`;

  test('is of the release that its messages prove, whatever moves with every boot, and whatever files are called', async () => {
    const initrd = join(temp.make('initrd'), 'other.img');
    writeFileSync(initrd, 'x');
    const args = ['-s', '-d', '-p', '--command-line=BOOT_IMAGE=x', `--initrd=${initrd}`, zbootFile()];
    const { answer } = await json([file(FEDORA), '--machine', 'virt-file-2g', '--', ...args]);
    const text = JSON.stringify(answer);
    expect(answer).toMatchObject({ releases: ['2.0.25'] });
    expect(text).not.toContain('initrd: ');
    expect(text).not.toContain('Cannot determine');
    expect(text).not.toMatch(/kernel symbol \w+ vaddr/);
  });

  test('may be of a build without zlib, which is named', async () => {
    const text = `elf_arm64_probe: Not an ELF executable.
image_arm64_probe: Bad arm64 image header.
pez_arm64_probe: PROBE.
pez_prepare: decompressed size 178
pez_prepare: done
pez_arm64_probe: Bad arm64 image header.
Cannot determine the file type of /boot/vmlinuz-6.9.7-200.fc40.aarch64
`;
    const { out } = await diff([file(text), '--machine', 'virt-2g', '--', '-c', '-l', zbootFile()]);
    expect(out).toMatch(
      /^ours: kexec-tools 2\.0\.\d+(?: and 2\.0\.\d+)* built without zlib, zstd and lzma, which fits? best: /,
    );
  });

  test('is not given a -d that it does not show', async () => {
    const text = `Can't open (/proc/kcore).
Warning, can't get the VA_BITS from kcore
Can't open (/proc/kcore).
`;
    const { out } = await diff([file(text), '--machine', machineWithoutKcore(), '--', '-c', '-l', PAYLOAD]);
    expect(out).toMatch(/: kexec -c -l machines\/payload\/Image$/m);
    expect(out).toContain('Nothing that is compared differs.');
  });

  const machineWithoutKcore = (): string => {
    const directory = temp.make('machine');
    writeTree(directory, {
      'proc/kallsyms': 'ffff800080000000 T _text\nffff800080010000 T _stext\nffff800081000000 T __init_begin\n',
      'proc/iomem': '40000000-bfffffff : System RAM\n  40210000-4157ffff : Kernel code\n',
      'sys/firmware/fdt': deviceTree({ chosen: { 'kaslr-seed': [0, 0] } }),
    });
    return directory;
  };

  test.each([
    ['32-bit Arm', '0x280000'],
    ['x86_64', '0x3e0000'],
    ['RISC-V', '0xf30001'],
  ])('is trouble where it is of another architecture: %s', async (name, flags) => {
    const path = file(`kexec_load: entry = 0x10008000 flags = ${flags}\nnr_segments = 2\n`);
    const { code, err } = await diff([path, '--machine', 'virt-2g', '--', '-l', PAYLOAD]);
    expect({ code, err }).toEqual({
      code: 2,
      err: `kexec-sim: ${path} is a log of kexec for ${name}, which is not followed\n`,
    });
    expect((await diff([path])).code).toBe(2);
  });
});
