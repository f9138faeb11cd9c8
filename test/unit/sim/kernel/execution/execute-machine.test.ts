import { describe, expect, test } from '@jest/globals';
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runKexecSim } from '../../../../../sim/commands/index.js';
import { FakeTerminal } from '../../../../support/machine/fake-terminal.js';
import { guestImage } from '../../../../support/machine/guests.js';
import { boardFacts } from '../../../../../sim/kernel/facts/board-arm64.js';
import { MachineFiles } from '../../../../../sim/kernel/recording/machine-files.js';
import { boardTree, machineFiles } from '../../../../support/machine/doctor-machine.js';
import { useTempDir, writeTree } from '../../../../support/machine/sim-support.js';
import { runToEnd } from '../../../../support/run-support.js';

const temp = useTempDir();
const PAYLOAD = 'machines/payload/Image';

const session = (machine = 'virt-2g') => {
  const env = { KEXEC_MACHINE: machine, KEXEC_STATE: temp.make('state') };
  return { env, kexec: (...args: string[]) => runToEnd(args, env) };
};

describe('kexec -e', () => {
  test.each([
    ['virt-2g', 'EL1', 'hvc'],
    ['virt-8g', 'EL1', 'hvc'],
    ['virt-el2-4g', 'EL2', 'smc'],
  ])('on %s runs the demo kernel at %s until it switches the machine off', async (machine, level, method) => {
    const { kexec } = session(machine);
    expect(await kexec('-l', PAYLOAD, '--append=hello')).toMatchObject({ code: 0 });
    const { code, out, err } = await kexec('-e');
    expect(code).toBe(0);
    expect(err).toMatch(/^The new kernel's first instruction: .*\n((ok {4}|warn {2}tables of a GIC).*\n)+$/);
    expect(out.replaceAll('\r', '')).toMatch(
      new RegExp(
        `^kexec-ts demo kernel\nimage at: 0x40000000\nexception level: ${level}\nx0: 0x\\w+\n.*\nbootargs: hello\npsci method: ${method}\npowering off\n$`,
      ),
    );
    // The new kernel has nothing loaded.
    expect((await kexec('-e')).err).toBe('Nothing has been loaded!\n');
  });

  test.each(['virt-2g', 'virt-el2-4g'])(
    'on %s runs a kernel to its first instruction, and finds all rules kept',
    async (machine) => {
      const { kexec } = session(machine);
      await kexec('-l', PAYLOAD, '--append=hello');
      const { code, out, err } = await kexec('-e', '--sim-until=entry');
      expect({ code, err }).toEqual({ code: 0, err: '' });
      const [first, ...rules] = out.trimEnd().split('\n');
      expect(first).toMatch(
        /^The new kernel's first instruction: 0x40000000 at EL[12], x0 0x4000[0-9a-f]{4}, after \d+ instructions$/,
      );
      expect(rules.filter((line) => !/^(ok {4}|warn {2}tables of a GIC)/.test(line))).toEqual([]);
    },
  );

  test('ends with the old kernel where a processor cannot be switched off', async () => {
    const machine = temp.make('old-psci');
    const psci = { compatible: 'arm,psci', method: 'smc', cpu_on: [0x8400_0003] };
    writeTree(
      machine,
      machineFiles({
        'sys/devices/system/cpu/possible': '0-3\n',
        'sys/firmware/fdt': boardTree({ cpus: 4, more: { psci } }),
      }),
    );
    const { kexec } = session(machine);
    expect(await kexec('-l', PAYLOAD, '--append=hello')).toMatchObject({ code: 0 });
    const { code, out, err } = await kexec('-d', '-e');
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(/^kexec_core: Starting new kernel\nFailed to offline CPU1 - error=-95\n-{12}\[ cut here ]/m);
    expect(err).toMatch(
      /^kexec-ts: the old kernel dies on its way out: CPU 1 cannot be switched off \(Operation not supported\)/m,
    );
    expect(err).not.toMatch(/killed|Bye|first instruction/);
    // The machine is reset then, and nothing is loaded any more.
    expect((await kexec('-e')).err).toBe('Nothing has been loaded!\n');
  });

  test('a state that takes more than the kernel loads is refused before anything is made of it', async () => {
    const { env, kexec } = session();
    await kexec('-l', PAYLOAD, '--append=hello');
    const path = join(env.KEXEC_STATE, 'state.json');
    const state = JSON.parse(readFileSync(path, 'utf8')) as {
      readonly normal: { readonly segments: readonly object[] };
    };
    const zeros = { mem: '0x0', memsz: '0xc0000000', bufsz: '0xc0000000', file: null };
    writeFileSync(
      path,
      JSON.stringify({ ...state, normal: { ...state.normal, segments: [...state.normal.segments, zeros] } }),
    );
    const { code, err } = await kexec('-e');
    expect(code).toBe(1);
    expect(err).toMatch(
      new RegExp(`^${path}: what is loaded takes 32\\d+ bytes, of which the machine's kernel loads \\d+ at most\n$`),
    );
  });

  test('-f loads and executes at once, and -d tells the steps', async () => {
    const { kexec } = session();
    const { code, err } = await kexec('-f', '-d', PAYLOAD, '--append=hello', '--sim-until=halt');
    expect(code).toBe(0);
    for (const line of ['kexec_core: Starting new kernel', 'Bye!', 'ok    the MMU is off'])
      expect(err).toContain(`${line}\n`);
    expect(err).toMatch(/^kexec-ts: \d+ instructions in \d+\.\d{3} s: \d+\.\d million a second$/m);
    expect(err).toMatch(/^kexec-ts: translated \d+ instructions in \d+ regions, in \d+\.\d ms$/m);
  });

  test('without options loads, and a shutdown executes it', async () => {
    const { kexec } = session();
    const { code, out } = await kexec(PAYLOAD, '--append=hello');
    expect(code).toBe(0);
    expect(out).toContain('hello');
    expect(await kexec('-e')).toMatchObject({ code: 1, err: 'Nothing has been loaded!\n' });
  });

  test('ends with the shutdown when that is asked for', async () => {
    const { kexec } = session();
    expect(await kexec(PAYLOAD, '--append=hello', '--sim-until=reboot')).toEqual({ code: 0, out: '', err: '' });
    expect((await kexec('-e')).code).toBe(0);
  });

  test('ends with the system call when that is asked for', async () => {
    const { kexec } = session();
    await kexec('-l', PAYLOAD, '--append=hello');
    expect(await kexec('-e', '--sim-until=reboot')).toEqual({ code: 0, out: '', err: '' });
    expect((await kexec('-e')).err).toBe('Nothing has been loaded!\n');
  });

  test('names the segment and the byte that keep the purgatory from going on', async () => {
    const { kexec, env } = session();
    await kexec('-l', PAYLOAD, '--append=hello');
    const file = join(
      env.KEXEC_STATE,
      readdirSync(env.KEXEC_STATE).find((name) => name.endsWith('-n0.bin'))!,
    );
    const bytes = readFileSync(file);
    const was = bytes[0x123]!;
    bytes[0x123] = was ^ 0xff;
    writeFileSync(file, bytes);
    const hex = (byte: number): string => byte.toString(16).padStart(2, '0');

    const { code, err } = await kexec('-e');
    expect(code).toBe(1);
    expect(err).toMatch(/^kexec-ts: stuck at 0x\w+ \(purgatory\+0x\w+ of the purgatory\) after \d+ instructions: /);
    expect(err).toContain(
      `memory is not what was loaded: segment 0 differs from 0x40000123 on: ${hex(was ^ 0xff)} instead of ${hex(was)}\n`,
    );
    expect(err).toContain('last branches, the newest at the end:\n');
    // On a machine whose purgatory gives up there is nothing left.
    expect((await kexec('-e')).err).toBe('Nothing has been loaded!\n');
  });

  test('keeps what is loaded when a limit ends the run', async () => {
    const { kexec } = session();
    await kexec('-l', PAYLOAD, '--append=hello');
    const { code, err } = await kexec('-e', '--sim-max-instructions=20000');
    expect(code).toBe(1);
    expect(err).toMatch(/^kexec-ts: the limit of 20000 instructions is reached at 0x\w+/);
    expect((await kexec('-e')).code).toBe(0);
  });

  test('tells where it was, by the names of the old kernel, too', async () => {
    const { kexec } = session();
    await kexec('-l', PAYLOAD, '--append=hello');
    const { err } = await kexec('-e', '--sim-max-instructions=60');
    expect(err).toMatch(
      /^kexec-ts: the limit of 60 instructions is reached at 0x\w+ \((__cpu_soft_restart|arm64_relocate_new_kernel|machine_kexec)[+\w]*\)/,
    );
  });

  test('does not guess what was loaded before the machine was recorded', async () => {
    const machine = temp.make('machine');
    for (const [name, text] of Object.entries({ 'proc/iomem': '', 'sys/kernel/kexec_loaded': '1\n' })) {
      mkdirSync(join(machine, name, '..'), { recursive: true });
      writeFileSync(join(machine, name), text);
    }
    const { kexec } = session(machine);
    expect(await kexec('-e')).toEqual({
      code: 1,
      out: '',
      err: 'kexec-ts: what is loaded was loaded before the machine was recorded: nobody knows what it is\n',
    });
  });
});

describe('a serial port that nobody has a model of', () => {
  /** virt-2g with another port beside its own, of which the device tree says nothing. */
  const machine = (): string => {
    const directory = temp.make('machine');
    cpSync('machines/virt-2g', directory, { recursive: true });
    mkdirSync(join(directory, 'sys/class/tty/ttyX0'));
    writeFileSync(join(directory, 'sys/class/tty/ttyX0/iomem_base'), '0xa84000\n');
    mkdirSync(join(directory, 'sys/class/tty/ttyS0'));
    writeFileSync(join(directory, 'sys/class/tty/ttyS0/iomem_base'), '0x0\n');
    return directory;
  };

  test('is one that the purgatory can speak through, which --serial has found', async () => {
    const { kexec } = session(machine());
    expect((await kexec('-l', PAYLOAD, '--serial=ttyX0')).out).toContain('console memory is at 0xa84000\n');
    const { code, out } = await kexec('-e');
    expect(code).toBe(0);
    expect(out).toMatch(/^I'm in purgatory\r?\n/);
  });

  test('is told of where the purgatory prints into RAM, since kexec has cut its address off', async () => {
    const directory = machine();
    writeFileSync(join(directory, 'sys/class/tty/ttyX0/iomem_base'), '0x4200000012\n');
    const { kexec } = session(directory);
    expect((await kexec('-l', PAYLOAD, '--serial=ttyX0')).out).toContain('console memory is at 0x42000000\n');
    const { code, out, err } = await kexec('-e');
    expect(code).toBe(0);
    expect(out).not.toContain('purgatory');
    expect(err).toContain('kexec-ts: the purgatory prints into RAM, at 0x42000000: no console is there\n');
  });

  test('is one that a kernel can speak through that is booted', () => {
    const { sinks } = boardFacts(MachineFiles.open(machine()));
    expect(sinks).toEqual([0x900_0000n, 0xa8_4000n]);
  });
});

const guest = (name: string): string => {
  const file = join(temp.make('kernel'), 'Image');
  writeFileSync(file, guestImage(name));
  return file;
};

describe('what is typed while kexec -e runs', () => {
  test.each(['boot_echo', 'boot_typed'])('comes to the new kernel: %s', async (name) => {
    const { kexec, env } = session();
    await kexec('-l', guest(name));
    const keyboard = new FakeTerminal(['a text that is longer than ', 'what a UART holds.q']);
    const { code, out } = await runToEnd(['-e'], env, keyboard);
    expect({ code, out }).toEqual({ code: 0, out: 'a text that is longer than what a UART holds.q' });
    expect([keyboard.raw, keyboard.isListening]).toEqual([false, false]);
  });

  test('is left alone where the run ends at the first instruction', async () => {
    const { kexec, env } = session();
    await kexec('-l', guest('boot_typed'));
    const keyboard = new FakeTerminal(['q']);
    expect((await runToEnd(['-e', '--sim-until=entry'], env, keyboard)).code).toBe(0);
    expect(keyboard.raw).toBeUndefined();
  });

  test('ends the machine by Ctrl-A x, where somebody sits there; what is loaded stays', async () => {
    const { kexec, env } = session();
    await kexec('-l', guest('boot_typed'));
    const keyboard = new FakeTerminal(['ab', '\x01h', '\x01x'], true);
    const { code, err } = await runToEnd(['-e'], env, keyboard);
    expect(code).toBe(0);
    expect(err.match(/^kexec-ts: Ctrl-A x ends the machine.*\r$/gm)).toHaveLength(2);
    expect(err).toMatch(/kexec-ts: ended by Ctrl-A x\n$/);
    expect([keyboard.raw, keyboard.isListening]).toEqual([true, false]);
    expect((await runToEnd(['-e'], env, new FakeTerminal(['q']))).code).toBe(0);
  });

  test('is nobody who would wait where there is nothing to come', async () => {
    const { kexec, env } = session();
    await kexec('-l', guest('boot_typed'));
    const { code, err } = await runToEnd(['-e'], env, new FakeTerminal());
    expect(code).toBe(1);
    expect(err).toMatch(/^kexec-ts: stuck at 0x\w+/m);
  });
});

describe('kexec -e where firmware has a quirk', () => {
  test('finds processors that were switched off before, and names the quirk', async () => {
    const { kexec } = session('virt-8g');
    await kexec('-l', guest('boot_second'));
    const { code, err } = await kexec('-e', '--sim-quirk=cpu-on-once');
    expect(code).toBe(1);
    expect(err).toMatch(/^the quirk cpu-on-once: CPU_ON of processor 1 is refused: it has been switched off before$/m);
  });

  test('takes it from the recording', async () => {
    const machine = temp.make('machine');
    cpSync('machines/virt-2g', machine, { recursive: true });
    writeFileSync(join(machine, 'quirks'), 'cpu-on-once odd\n');
    const { kexec } = session(machine);
    await kexec('-l', PAYLOAD);
    expect(await kexec('-e')).toEqual({
      code: 1,
      out: '',
      err: `${machine}/quirks: "odd" is not one of psci-cpu0-only, cpu-on-below-1g, cpu-on-once\n`,
    });
    writeFileSync(join(machine, 'quirks'), 'psci-cpu0-only\n');
    expect((await kexec('-e')).code).toBe(0);
  });
});

describe('kexec-sim handoff', () => {
  const sim = async (env: Readonly<Record<string, string>>, ...args: string[]): Promise<string> => {
    let text = '';
    await runKexecSim(args, '0', { env, out: (more) => void (text += more) });
    return text;
  };

  test('writes memory and registers, and keeps what is loaded', async () => {
    const { kexec, env } = session();
    await kexec('-l', PAYLOAD, '--append=hello');
    const directory = join(temp.path, 'handoff');
    const command = await sim(env, 'handoff', directory);
    const { files, registers, rules, start } = JSON.parse(readFileSync(join(directory, 'cpu.json'), 'utf8')) as {
      readonly files: readonly { readonly file: string; readonly physAddr: string; readonly sizeBytes: number }[];
      readonly registers: Readonly<Record<string, string>>;
      readonly rules: readonly { readonly ok: boolean }[];
      readonly start: string;
    };
    expect(registers).toMatchObject({ pc: '0x40000000', x1: '0x0' });
    expect(rules.every(({ ok }) => ok)).toBe(true);
    for (const { file, physAddr, sizeBytes } of files) {
      expect(readFileSync(join(directory, file))).toHaveLength(sizeBytes);
      expect(command).toContain(`loader,file=${join(directory, file)},addr=${physAddr},force-raw=on`);
    }
    expect(command).toMatch(new RegExp(`^qemu-system-aarch64 .* -m 2048M .*-device loader,addr=${start},cpu-num=0\n$`));
    // QEMU's own tree is where the kernel is: its bytes wait elsewhere.
    const kernel = readFileSync(join(directory, files[0]!.file));
    expect(kernel.subarray(0, 64)).toEqual(readFileSync(PAYLOAD).subarray(0, 64));
    expect((await kexec('-e')).code).toBe(0);
  });

  test('needs something loaded', async () => {
    await expect(sim(session().env, 'handoff', temp.path)).rejects.toThrow('Nothing has been loaded!');
  });
});
