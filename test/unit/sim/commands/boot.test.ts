import { describe, expect, test } from '@jest/globals';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { cells64, stringValue } from '../../../../kexec/device-tree/fdt-values.js';
import { Fdt, isFdtError } from '../../../../kexec/device-tree/libfdt.js';
import { pathOffset } from '../../../../kexec/device-tree/libfdt-ro.js';
import { openInto, setProp } from '../../../../kexec/device-tree/libfdt-rw.js';
import { virtTree } from '../../../../sim/machine/boards/virt-tree.js';
import { FakeTerminal } from '../../../support/machine/fake-terminal.js';
import { emptyTree } from '../../../support/files/fdt-support.js';
import { arm64Image, uImage, uki, vmlinux, zboot } from '../../../support/files/kernel-files.js';
import { guestImage } from '../../../support/machine/guests.js';
import { type Ended, runSimToEnd } from '../../../support/run-support.js';
import { useTempDir } from '../../../support/machine/sim-support.js';

const temp = useTempDir();

const file = (name: string, bytes: Uint8Array): string => {
  const path = join(temp.make('files'), name);
  writeFileSync(path, bytes);
  return path;
};

const guest = (name: string): string => file('Image', guestImage(name));

/** A unified kernel image that is padded, as they are. */
const unified = (initrd: string): Uint8Array =>
  uki([
    { name: '.initrd', data: Buffer.from(initrd.padEnd(512, '\0')), virtualSize: initrd.length },
    { name: '.linux', data: guestImage('boot_hello') },
  ]);

const boot = async (terminal: FakeTerminal, ...args: readonly string[]): Promise<Ended> =>
  runSimToEnd(['boot', ...args], { HOME: temp.path }, terminal);

interface Shown {
  readonly code: number;
  /** The console. */
  readonly shown: string;
  /** What is told of the end, errors included. */
  readonly told: string;
}

const show = async (args: readonly string[], terminal = new FakeTerminal()): Promise<Shown> => {
  const { code, err } = await boot(terminal, ...args);
  expect(terminal.isListening).toBe(false);
  return { code, shown: terminal.shown, told: terminal.aside + err };
};

describe('a kernel on an invented machine', () => {
  test('starts at EL1 with a device tree, and switches the machine off', async () => {
    expect(await show([guest('boot_hello')])).toEqual({
      code: 0,
      shown: 'hello from EL1\n',
      told: expect.stringMatching(/^kexec-sim: the machine switched itself off after \d+ instructions\n$/),
    });
  });

  test.each([['--el=2'], ['--el=2', '--memory=512M', '--initrd', '/bin/sh']])('starts at EL2: %s', async (...args) => {
    const { code, shown } = await show([guest('boot_hello'), ...args]);
    expect({ code, shown }).toEqual({ code: 0, shown: 'hello from EL2\n' });
  });

  test('may be compressed', async () => {
    const { code, shown } = await show([file('Image.gz', gzipSync(guestImage('boot_hello')))]);
    expect({ code, shown }).toEqual({ code: 0, shown: 'hello from EL1\n' });
  });

  test.each([
    ['a vmlinux', () => vmlinux(guestImage('boot_hello'))],
    ['a vmlinux that is linked elsewhere', () => vmlinux(guestImage('boot_hello'), { paddr: 0x4008_0000n })],
    ['a compressed vmlinux', () => gzipSync(vmlinux(guestImage('boot_hello')))],
    ['a uImage', () => uImage(guestImage('boot_hello'))],
    ['a unified kernel image', () => unified('an initrd')],
  ])('may be %s', async (_, make) => {
    const { code, shown } = await show([file('kernel', make())]);
    expect({ code, shown }).toEqual({ code: 0, shown: 'hello from EL1\n' });
  });

  test('may be an EFI zboot image', async () => {
    const kernel = file('zboot', zboot(gzipSync(arm64Image({ pe: true }))));
    expect((await show([kernel, '--until=entry'])).code).toBe(0);
  });

  test.each([
    ['its own initrd', [], 8],
    ['the one of the option', ['--initrd', 'COPYING'], statSync('COPYING').size],
  ])('has as a unified kernel image %s', async (_, args, size) => {
    const kernel = file('uki', unified('8 bytes.'));
    const { out } = await boot(new FakeTerminal(), kernel, ...args, '--json');
    const { places } = JSON.parse(out) as { readonly places: Readonly<Record<string, { start: string; end: string }>> };
    expect(Number(places['initrd']?.end) - Number(places['initrd']?.start)).toBe(size);
  });

  test('waits for a timer, which takes no time', async () => {
    const { code, shown } = await show([guest('boot_timer')]);
    expect({ code, shown }).toEqual({ code: 0, shown: 'an hour later\n' });
  });

  test.each(['boot_alarm', 'boot_alarm_busy'])("is woken by the clock's alarm: %s", async (name) => {
    const args = [guest(name), '--json'];
    const runs = [await boot(new FakeTerminal(), ...args), await boot(new FakeTerminal(), ...args)];
    const [first, second] = runs.map(({ out }) => JSON.parse(out) as Readonly<Record<string, unknown>>);
    expect(first).toMatchObject({ reason: 'power', consoleBytes: 8 });
    // The clock goes by the instructions.
    expect(second?.['instructions']).toBe(first?.['instructions']);
  });

  test('has more processors', async () => {
    const { code, shown } = await show([guest('boot_second'), '--cpus=2']);
    expect({ code, shown }).toEqual({ code: 0, shown: 'second\n' });
  });

  test('has processors that wait at a spin table', async () => {
    const tree = new Fdt(virtTree({ memoryBytes: 1n << 30n, processors: 2, gic: 2, el: 1 }), 'tree');
    const wide = openInto(tree, tree.bytes.length + 0x1000);
    if (isFdtError(wide)) throw new Error(wide);
    for (const [name, value] of [
      ['enable-method', stringValue('spin-table')],
      ['cpu-release-addr', cells64(0x4000_1000n)],
    ] as const) {
      const node = pathOffset(wide, '/cpus/cpu@1');
      if (isFdtError(node)) throw new Error(node);
      setProp(wide, node, name, value);
    }
    const { code, shown } = await show([guest('boot_spin'), '--dtb', file('dtb', wide.bytes)]);
    expect({ code, shown }).toEqual({ code: 0, shown: 'out of the spin table\n' });
  });

  test.each(['virt-2g', 'virt-8g', 'virt-el2-4g'])('may be a recorded one: %s', async (name) => {
    const { code, shown } = await show([guest('boot_hello'), '--machine', name]);
    expect({ code, shown }).toEqual({ code: 0, shown: `hello from EL${name === 'virt-el2-4g' ? 2 : 1}\n` });
  });

  test('may have the other interrupt controller', async () => {
    const { code, shown } = await show([guest('boot_hello'), '--gic=3', '--cpus=4']);
    expect({ code, shown }).toEqual({ code: 0, shown: 'hello from EL1\n' });
  });

  test('does not run where it is only looked at', async () => {
    const { code, shown, told } = await show([guest('boot_hello'), '--until=entry']);
    expect({ code, shown }).toEqual({ code: 0, shown: '' });
    expect(told).toMatch(/^kexec-sim: stopped at 0x40200000 after 0 instructions\n$/);
  });

  test('ends as soon as the console shows a text', async () => {
    const { code, shown } = await show([guest('boot_panic'), '--until=console:Oops: 9']);
    expect({ code, shown }).toEqual({ code: 0, shown: '[    0.5] Internal error: Oops: 9' });
  });

  test('is told of as JSON, with the console aside', async () => {
    const terminal = new FakeTerminal();
    const { code, out } = await boot(terminal, guest('boot_hello'), '--json');
    expect({ code, shown: terminal.shown, aside: terminal.aside }).toEqual({
      code: 0,
      shown: '',
      aside: 'hello from EL1\n',
    });
    expect(JSON.parse(out)).toMatchObject({
      reason: 'power',
      consoleBytes: 15,
      places: { kernel: { start: '0x40200000' } },
    });
  });
});

describe('firmware with a quirk', () => {
  test.each([
    ['psci-cpu0-only', 'second\n', 'processor 1 hangs in its call of SYSTEM_OFF'],
    ['cpu-on-below-1g', '', 'CPU_ON of processor 1 is refused: its entry is 0x40[0-9a-f]+'],
  ])('%s ends in a report that names it', async (name, shown, what) => {
    const ended = await show([guest('boot_second'), '--cpus=2', '--quirk', name]);
    expect(ended).toMatchObject({ code: 1, shown });
    expect(ended.told).toMatch(new RegExp(`^the quirk ${name}: ${what}$`, 'm'));
  });

  test('is not told of where it has done nothing', async () => {
    const { code, told } = await show([guest('boot_second'), '--cpus=2', '--quirk=cpu-on-once']);
    expect(code).toBe(0);
    expect(told).not.toContain('quirk');
  });
});

describe('what is typed', () => {
  test.each(['boot_echo', 'boot_typed'])('comes to %s', async (name) => {
    const text = `${'a long line, longer than what a UART holds. '.repeat(5)}q`;
    const { code, shown } = await show([guest(name)], new FakeTerminal([text.slice(0, 30), text.slice(30)]));
    expect({ code, shown }).toEqual({ code: 0, shown: text });
  });

  test('may be at its end: then the machine is stuck that waits for it', async () => {
    const { code, shown, told } = await show([guest('boot_typed')], new FakeTerminal(['ab']));
    expect({ code, shown }).toEqual({ code: 1, shown: 'ab' });
    expect(told).toMatch(/kexec-sim: stuck at 0x[0-9a-f]+ .*: WFI, and no interrupt can come\n$/);
  });

  test('by somebody are keys, and some of them are commands', async () => {
    const terminal = new FakeTerminal(['x\x01\x01y\x01hz\x01x'], true);
    const { code, shown, told } = await show([guest('boot_typed')], terminal);
    expect({ code, shown, raw: terminal.raw }).toEqual({ code: 0, shown: '', raw: true });
    expect(told.match(/Ctrl-A h shows this/g)).toHaveLength(2);
    expect(told).toMatch(/kexec-sim: ended by Ctrl-A x\r\n$/);
    const typed = new FakeTerminal(['x\x01\x01yq'], true);
    expect((await show([guest('boot_typed')], typed)).shown).toBe('x\x01yq');
  });
});

describe('a kernel that fails', () => {
  test('panics', async () => {
    const { code, shown, told } = await show([guest('boot_panic')]);
    expect({ code, lines: shown.split('\n').length }).toEqual({ code: 1, lines: 4 });
    expect(told).toMatch(/^the first oops: Oops: 96000004 \[#1\] SMP\nprocessor 0 at 0x[0-9a-f]+, EL1\n x0 /);
    expect(told).toMatch(/kexec-sim: the kernel panicked after \d+ instructions: no init\n$/);
  });

  test('is not one that shows the panic of another', async () => {
    const { code, told } = await show([guest('boot_dump')]);
    expect(code).toBe(0);
    expect(told).toMatch(/^kexec-sim: the machine reset itself after \d+ instructions\n$/);
  });

  test('resets the machine after its panic', async () => {
    const { code, told } = await show([guest('boot_reset')]);
    expect(code).toBe(1);
    expect(told).toMatch(/kexec-sim: the machine reset itself after \d+ instructions, after a panic: again\n$/);
  });

  test('says nothing, and has no log', async () => {
    const { code, told } = await show([guest('wfi')]);
    expect(code).toBe(1);
    expect(told).toContain('the console shows nothing, and there is no log of a kernel in memory\n');
    expect(told).toMatch(/kexec-sim: stuck at 0x40200040 after \d+ instructions: WFI, and no interrupt can come\n$/);
  });

  test.each([
    ['--max-instructions=5000', 'the limit of 5000 instructions is reached at 0x[0-9a-f]+'],
    ['--timeout=0.2', 'the time limit is reached at 0x[0-9a-f]+ after \\d+ instructions'],
  ])('reaches a limit: %s', async (option, told) => {
    const ended = await show([guest('twobranch'), option]);
    expect(ended.code).toBe(1);
    expect(ended.told).toMatch(new RegExp(`kexec-sim: ${told}\n$`));
  });
});

describe('what cannot be booted', () => {
  const hello = (): string => guest('boot_hello');
  const CASES: readonly (readonly [() => readonly string[], string])[] = [
    [() => ['/nowhere'], "Cannot open `/nowhere': No such file or directory"],
    [() => [file('text', Buffer.from('no kernel'.repeat(20)))], '.*/text is no arm64 Image'],
    [() => [file('elf', Buffer.from('\x7fELF'.padEnd(200, '\0')))], '.*/elf is a damaged ELF file, .*'],
    [
      () => [file('elf', vmlinux(guestImage('boot_hello'), { machine: 62 }))],
      '.*/elf is an ELF file for another machine .*',
    ],
    [() => [file('elf', vmlinux(new Uint8Array(200)))], '.*/elf is an ELF file without the header .*'],
    [
      () => [file('elf', vmlinux(guestImage('boot_hello'), { entry: 4n, vaddr: 0n }))],
      '.*/elf is an ELF file without the header .*',
    ],
    [() => [file('zboot', zboot(Buffer.from('no gzip')))], '.*/zboot is .*'],
    [() => [hello(), '--initrd=/nowhere'], "Cannot open `/nowhere': No such file or directory"],
    [() => [hello(), '--initrd', file('empty', new Uint8Array())], 'Cannot read .*/empty'],
    [() => [hello(), '--dtb', file('dtb', Buffer.from('no tree'.repeat(20)))], '.*the device tree is none: .*'],
    [() => [hello(), '--dtb', file('dtb', emptyTree())], ".*the machine's memory has no room for a kernel of .*"],
    [() => [hello(), '--append', 'x'.repeat(2048)], 'the command line has 2048 characters, of which .* takes 2047'],
    [() => [hello(), '--memory=1M'], '--memory: "1M" is not a size from 64M to 255G'],
    [() => [hello(), '--memory=256G'], '--memory: "256G" is not .*'],
    [() => [hello(), '--memory=lots'], '--memory: "lots" is not .*'],
    [() => [hello(), '--cpus=0'], '--cpus: "0" is not a number from 1 to \\d'],
    [() => [hello(), '--cpus=9'], '--cpus: "9" is not a number from 1 to \\d'],
    [() => [hello(), '--until=shutdown'], '--until: "shutdown" is not halt, entry or console:TEXT'],
    [() => [hello(), '--until=console:'], '--until: "console:" is not .*'],
    [() => [hello(), '--max-instructions=0'], '--max-instructions: "0" is not .*'],
    [() => [hello(), '--timeout=never'], '--timeout: "never" is not .*'],
    [() => [hello(), '--disk=/nowhere'], 'Cannot open /nowhere: No such file or directory'],
    [() => [hello(), '--disk=/dev/null'], '/dev/null: not a regular file'],
    [
      () => [hello(), '--quirk=odd'],
      'Invalid values: Argument: quirk, Given: "odd", Choices: .*\nTry "kexec-sim boot --help".',
    ],
    [() => [hello(), '--machine=virt-2g', '--cpus=2'], '--cpus is for an invented machine, and --machine names .*'],
    [() => [hello(), '--machine=nowhere'], '.*nowhere.*'],
    [() => [hello(), '--memory=64M', '--initrd', file('large', new Uint8Array(64 << 20))], '.*has no room for .*'],
  ];

  test.each(CASES)('%#', async (args, message) => {
    const { code, err } = await runSimToEnd(['boot', ...args()], { HOME: temp.path }, new FakeTerminal());
    expect(err).toMatch(new RegExp(`^kexec-sim: ${message}\n$`));
    expect(code).not.toBe(0);
  });
});
