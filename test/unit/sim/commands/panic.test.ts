import { describe, expect, test } from '@jest/globals';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runVmcoreDmesg } from '../../../../host/run-vmcore-dmesg.js';
import { machineFiles, boardTree } from '../../../support/machine/doctor-machine.js';
import { FakeTerminal } from '../../../support/machine/fake-terminal.js';
import { type Ended, runSimToEnd, runToEnd } from '../../../support/run-support.js';
import { useTempDir, writeTree } from '../../../support/machine/sim-support.js';

const temp = useTempDir();
const PAYLOAD = 'machines/payload/Image';

interface Told extends Ended {
  /** The console. */
  readonly shown: string;
  /** What is told aside, errors included. */
  readonly told: string;
}

/** A machine with memory for a crash kernel. */
const machineOf = (machine: string, crashkernel = '256M') => {
  const env = {
    KEXEC_MACHINE: machine,
    KEXEC_STATE: temp.make('state'),
    ...(crashkernel === '' ? {} : { KEXEC_CRASHKERNEL: crashkernel }),
    HOME: temp.path,
  };
  const sim = (...args: readonly string[]) => runSimToEnd(args, env, new FakeTerminal());
  return {
    env,
    sim,
    load: (...args: readonly string[]) => runToEnd(['-p', PAYLOAD, '--append=maxcpus=1', ...args], env),
    panic: async (...args: readonly string[]): Promise<Told> => {
      const terminal = new FakeTerminal();
      const ended = await runSimToEnd(['panic', ...args], env, terminal);
      return { ...ended, shown: terminal.shown.replaceAll('\r', ''), told: terminal.aside + ended.err };
    },
    /** A kexec_load of nothing but zeros, whatever kexec itself would say to it. */
    replay: async (mem: string) => {
      const file = join(temp.make('calls'), 'calls.json');
      const segment = { bufsz: '0x1000', mem, memsz: '0x1000', buf: 'valid' };
      writeFileSync(file, JSON.stringify([{ call: 'kexec_load', entry: mem, flags: '0xb70001', segments: [segment] }]));
      expect(await sim('replay', file)).toMatchObject({ code: 0 });
    },
    dmesg: async (): Promise<readonly string[]> => (await sim('dmesg')).out.trimEnd().split('\n'),
  };
};

/** Lines of the kernel itself. */
const words = (told: string): readonly string[] =>
  told.split('\n').filter((line) => line !== '' && !/^(kexec-(ts|sim): |ok {4}|warn|WRONG|The new kernel)/.test(line));

describe('a panic with a crash kernel loaded', () => {
  test.each([
    ['virt-2g', 'CPU: 0 PID: 1 Comm: init Kdump: loaded Not tainted 6.1.0-50-cloud-arm64 #1  Debian 6.1.176-1', false],
    ['virt-8g', 'CPU: 0 PID: 1 Comm: init Kdump: loaded Not tainted 6.1.0-50-cloud-arm64 #1  Debian 6.1.176-1', true],
    [
      'virt-el2-4g',
      'CPU: 0 UID: 0 PID: 1 Comm: init Kdump: loaded Not tainted 6.12.107+deb13-cloud-arm64 #1  Debian 6.12.107-1',
      true,
    ],
  ])('on %s says what a real kernel says, and starts it', async (machine, where, hasOthers) => {
    const { load, panic, dmesg } = machineOf(machine);
    expect(await load()).toMatchObject({ code: 0 });
    const { code, shown, told } = await panic();
    expect({ code, told }).toMatchObject({ code: 0 });
    expect(shown).toMatch(/^kexec-ts demo kernel\n(.*\n)*bootargs: .*maxcpus=1.*\n(.*\n)*powering off\n$/);
    const said = [
      'sysrq: Trigger a crash',
      'Kernel panic - not syncing: sysrq triggered crash',
      where,
      'Hardware name: linux,dummy-virt (DT)',
      ...(hasOthers ? ['SMP: stopping secondary CPUs'] : []),
      'Starting crashdump kernel...',
      'Bye!',
    ];
    expect(words(told)).toEqual(said);
    expect((await dmesg()).filter((line) => !line.startsWith('kexec-ts: '))).toEqual(said);
    expect(told).not.toMatch(/^WRONG/m);
  });

  test('stops the other processors, each with its note where /sys says', async () => {
    const { load, panic } = machineOf('virt-8g');
    await load();
    const { told } = await panic('--cpu=2', '--until=entry');
    for (const [cpu, at] of [
      [0, '23ef72000'],
      [1, '23ef90000'],
      [3, '23efcc000'],
    ] as const) {
      expect(told).toContain(`kexec-ts: crash_save_cpu: CPU${cpu}, at 0x${at}\nkexec-ts: CPU${cpu}: CPU_OFF\n`);
    }
    expect(told).toContain('kexec-ts: crash_save_cpu: CPU2, at 0x23efae000\n');
    expect(told).toMatch(/^kexec-ts: machine_kexec_mask_interrupts: 0-7,27,33 are inactive and masked$/m);
  });

  test('enters it on the processor that panics', async () => {
    const { load, panic } = machineOf('virt-8g');
    await load();
    const { code, out } = await panic('--cpu=3', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ reason: 'power', processor: 3 });
  });

  test('may be tried again: what is loaded stays, and the log has the last one', async () => {
    const { load, panic, dmesg } = machineOf('virt-2g');
    await load();
    await panic('--until=entry');
    const { code } = await panic('--until=entry', '--cause=oops');
    expect(code).toBe(0);
    const log = await dmesg();
    expect(log.filter((line) => line.startsWith('Unable to handle kernel NULL'))).toHaveLength(1);
    expect(log).not.toContain('sysrq: Trigger a crash');
    await load();
    expect(await dmesg()).not.toContain('Bye!');
  });

  test('with an oops comes to it before panic()', async () => {
    const { load, panic } = machineOf('virt-2g');
    await load();
    const file = join(temp.make('registers'), 'registers');
    writeFileSync(file, 'pc=0xffff800008012344 lr: ffff800008012300 # where it was\nx1=10\nesr=0x96000045 far=0x10\n');
    const { code, told } = await panic('--cause=oops', '--registers', file, '--until=entry');
    expect(code).toBe(0);
    expect(words(told)).toEqual([
      'Unable to handle kernel NULL pointer dereference at virtual address 0000000000000010',
      'Mem abort info:',
      '  ESR = 0x0000000096000045',
      '  EC = 0x25: DABT (current EL), IL = 32 bits',
      '  SET = 0, FnV = 0',
      '  EA = 0, S1PTW = 0',
      '  FSC = 0x05: level 1 translation fault',
      'Data abort info:',
      '  ISV = 0, ISS = 0x00000045',
      '  CM = 0, WnR = 1',
      'Internal error: Oops: 0000000096000045 [#1] SMP',
      'Modules linked in:',
      'CPU: 0 PID: 1 Comm: init Kdump: loaded Not tainted 6.1.0-50-cloud-arm64 #1  Debian 6.1.176-1',
      'Hardware name: linux,dummy-virt (DT)',
      'pstate: 60000005 (nZCv daif -PAN -UAO -TCO -DIT -SSBS BTYPE=--)',
      'pc : 0xffff800008012344',
      'lr : 0xffff800008012300',
      expect.stringMatching(/^sp : ffff[0-9a-f]{12}$/),
      expect.stringMatching(/^x29: [0-9a-f]{16} x28: 0{16} x27: 0{16}$/),
      ...Array.from({ length: 8 }, () => expect.stringMatching(/^x\d+ *: [0-9a-f]{16}( x\d+ *: [0-9a-f]{16}){2}$/)),
      expect.stringMatching(/^x2 : 0{16} x1 : 0000000000000010 x0 : [0-9a-f]{16}$/),
      'Starting crashdump kernel...',
      'Bye!',
    ]);
  });

  test('of a processor that does not answer says so, and has no note of it', async () => {
    const { load, panic } = machineOf('virt-el2-4g');
    await load();
    const { code, told, out } = await panic('--deaf-cpu=1', '--until=entry');
    expect(code).toBe(0);
    expect(told).toContain('\nSMP: failed to stop secondary CPUs 1\n');
    expect(told).toContain('\nSome CPUs may be stale, kdump will be unreliable.\n');
    expect(told).not.toContain('crash_save_cpu: CPU1');
    expect(out).toMatch(/^warn {2}the notes are there that it tells of: there is none at 0x13f7dde00$/m);
  });

  test('of an older release names all processors where some do not answer', async () => {
    const { load, panic } = machineOf('virt-8g');
    await load();
    expect((await panic('--deaf-cpu=2', '--until=entry')).told).toContain('\nSMP: failed to stop secondary CPUs 1-3\n');
  });

  test('that has changed since, is refused by the purgatory, which is told by segment and byte', async () => {
    const { env, load, panic } = machineOf('virt-2g');
    await load();
    const state = JSON.parse(readFileSync(join(env.KEXEC_STATE, 'state.json'), 'utf8')) as {
      readonly crash: { readonly segments: readonly { readonly mem: string }[] };
    };
    const start = BigInt(state.crash.segments[0]!.mem);
    const { code, told } = await panic(`--corrupt=0x${(start + 0x100n).toString(16)}`);
    expect(code).toBe(1);
    expect(told).toMatch(
      new RegExp(
        `^kexec-ts: the purgatory refuses to go on: memory is not what was loaded: segment 0 differs from 0x${(start + 0x100n).toString(16)} on: `,
        'm',
      ),
    );
  });

  test('is saved at its first instruction, from which it goes on', async () => {
    const { env, load, panic } = machineOf('virt-2g');
    await load();
    const file = join(temp.make('saved'), 'machine');
    expect(await panic('--until=entry', '--save', file)).toMatchObject({ code: 0 });
    const terminal = new FakeTerminal();
    expect(await runSimToEnd(['resume', file], env, terminal)).toMatchObject({ code: 0 });
    expect(terminal.shown.replaceAll('\r', '')).toMatch(/^kexec-ts demo kernel\n/);
  });

  test("leaves a dump in which the old kernel's log is", async () => {
    const { env, load, panic } = machineOf('virt-el2-4g');
    await load();
    const [file, out] = ['machine', 'vmcore'].map((name) => join(temp.make('dump'), name)) as [string, string];
    await panic('--cpu=1', '--until=entry', '--save', file);
    expect(await runSimToEnd(['vmcore', out, '--from', file], env)).toMatchObject({ code: 0 });
    let text = '';
    const put = (more: string): void => void (text += more);
    expect(runVmcoreDmesg([out], { env, out: put, err: put })).toBe(0);
    const log = text.trimEnd().split('\n');
    expect(log[0]).toBe('[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x410fd083]');
    expect(log.at(-1)).toMatch(/^\[ +\d+\.\d{6}\] Bye!$/);
    expect(log.some((line) => line.endsWith('] Kernel panic - not syncing: sysrq triggered crash'))).toBe(true);
  });

  test('of firmware that only processor 0 may call, hangs on another', async () => {
    const { load, panic } = machineOf('virt-8g');
    await load();
    const { code, told } = await panic('--cpu=1', '--quirk=psci-cpu0-only');
    expect(code).toBe(1);
    expect(told).toMatch(
      /^warn {2}the firmware answers the processor that it runs on: the firmware has the quirk psci-cpu0-only, and this is processor 0x1$/m,
    );
    expect(told).toMatch(/^kexec-ts: CPU2: CPU_OFF, in which it hangs$/m);
    expect(told).toMatch(/^the quirk psci-cpu0-only: processor 1 hangs in its call of SYSTEM_OFF$/m);
  });
});

describe('a panic with nothing to start', () => {
  const without = async (machine: string, crashkernel: string, cmdline: string, ...args: readonly string[]) => {
    const made = machineOf(machine, crashkernel);
    const env = { ...made.env, KEXEC_CMDLINE: cmdline };
    const terminal = new FakeTerminal();
    const ended = await runSimToEnd(['panic', ...args], env, terminal);
    return { ...ended, told: terminal.aside + ended.err };
  };

  test('ends as Linux does, and says why there is no dump', async () => {
    const { code, told } = await without('virt-8g', '256M', 'console=ttyAMA0');
    expect(code).toBe(1);
    expect(words(told)).toEqual([
      'sysrq: Trigger a crash',
      'Kernel panic - not syncing: sysrq triggered crash',
      'CPU: 0 PID: 1 Comm: init Not tainted 6.1.0-50-cloud-arm64 #1  Debian 6.1.176-1',
      'Hardware name: linux,dummy-virt (DT)',
      'SMP: stopping secondary CPUs',
      'Kernel Offset: 0x31bc24800000 from 0xffff800008000000',
      'PHYS_OFFSET: 0xffffd1ef80000000',
      'Memory Limit: none',
      '---[ end Kernel panic - not syncing: sysrq triggered crash ]---',
    ]);
    expect(told).toMatch(
      /^kexec-sim: the kernel panicked, and there is no dump: no crash kernel is loaded; the machine stands still$/m,
    );
  });

  test.each([
    ['panic=-1', []],
    ['panic=5', ['Rebooting in 5 seconds..']],
  ])('resets the machine with %s', async (cmdline, more) => {
    const { code, told } = await without('virt-8g', '', cmdline);
    expect(code).toBe(1);
    expect(words(told).slice(-1 - more.length)).toEqual(['Memory Limit: none', ...more]);
    expect(told).toMatch(
      /: no crash kernel is loaded, and no memory is reserved for one \(crashkernel=\); the machine resets itself$/m,
    );
  });

  test('says why the last load was refused', async () => {
    const { panic, replay } = machineOf('virt-2g', '');
    await replay('0x40000000');
    const { out, code } = await panic('--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      reason: 'no-dump',
      text: expect.stringMatching(
        /: no crash kernel is loaded; the last load was refused: kexec_load: Cannot assign requested address: the entry /,
      ),
    });
  });

  test('of crash_kexec_post_notifiers comes behind what arm64 has to say', async () => {
    const { env } = machineOf('virt-8g');
    const terminal = new FakeTerminal();
    const given = { ...env, KEXEC_CMDLINE: 'crash_kexec_post_notifiers' };
    await runToEnd(['-p', PAYLOAD, '--append=maxcpus=1'], given);
    expect((await runSimToEnd(['panic', '--until=entry'], given, terminal)).code).toBe(0);
    expect(words(terminal.aside).slice(4)).toEqual([
      'SMP: stopping secondary CPUs',
      'Kernel Offset: 0x31bc24800000 from 0xffff800008000000',
      'PHYS_OFFSET: 0xffffd1ef80000000',
      'Memory Limit: none',
      'Starting crashdump kernel...',
      'Bye!',
    ]);
  });

  test('after an oops is of init', async () => {
    const { told } = await without('virt-2g', '256M', 'x', '--cause=oops');
    expect(told).toContain('\nCode: bad PC value\n---[ end trace 0000000000000000 ]---\n');
    expect(told).toContain('\nKernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b\n');
  });
});

describe('what cannot be', () => {
  test.each([
    [['--cpu=1'], '--cpu: processor 1 is not on: 0 are'],
    [['--cpu=x'], '--cpu: "x" is not the number of a processor'],
    [['--deaf-cpu=0'], '--deaf-cpu: processor 0 is the one that panics'],
    [['--corrupt=0x40000000'], "--corrupt: 0x40000000 is not in the crash kernel's memory: it is 0x"],
    [['--corrupt=here'], '--corrupt: "here" is not an address'],
    [['--until=now'], '--until: "now" is not halt, entry or console:TEXT'],
  ])('is refused: %s', async (args, message) => {
    const { load, panic } = machineOf('virt-2g');
    await load();
    const { code, err } = await panic(...args);
    expect(code).toBe(1);
    expect(err.slice(0, `kexec-sim: ${message}`.length)).toBe(`kexec-sim: ${message}`);
  });

  test('a process that dies alone', async () => {
    const { panic } = machineOf('virt-2g');
    const file = join(temp.make('registers'), 'registers');
    writeFileSync(file, 'pid=77\n');
    expect((await panic('--cause=oops', '--registers', file)).err).toBe(
      'kexec-sim: --registers: process 77 would die of the oops, and the kernel go on: panic_on_oops is 0\n',
    );
  });
});

test('a recording without VMCOREINFO and notes has none in its dump, and the log says so', async () => {
  const machine = temp.make('bare');
  writeTree(
    machine,
    machineFiles({
      'sys/devices/system/cpu/possible': '0\n',
      'sys/devices/system/cpu/online': '0\n',
      'sys/firmware/fdt': boardTree({ cpus: 1 }),
    }),
  );
  const { panic, replay } = machineOf(machine, '');
  // Without notes kexec loads nothing.
  await replay('0xa0000000');
  const { told } = await panic('--until=entry');
  expect(told).toContain('crash_save_vmcoreinfo: neither /sys/kernel/vmcoreinfo nor /proc/kcore tells of it');
  expect(told).toContain('crash_save_cpu: /sys/devices/system/cpu/cpu0/crash_notes leads to no memory');
  expect(told).toContain("the log is not in the old kernel's memory: there is no VMCOREINFO");
});

describe('a dump at the first instruction', () => {
  test('has the notes and the memory, and is written before the capture kernel runs', async () => {
    const { load, panic } = machineOf('virt-el2-4g');
    await load();
    const out = join(temp.make('dump'), 'vmcore');
    const { code, told } = await panic('--until', 'entry', '--vmcore', out);
    expect(code).toBe(0);
    expect(told).toContain(`${out}: `);
    expect(told).toMatch(/^registers of \d+ processors?;/m);
    const { size, blocks } = statSync(out);
    expect([size > 2 ** 31, blocks * 512 < 2 ** 28]).toEqual([true, true]);
  });

  test('is told of where there is none, and the run goes on', async () => {
    // A kernel without _text in /proc/kallsyms: what kexec says of its text is no memory, and no read of it comes back.
    const { load, panic } = machineOf('virt-2g');
    await load();
    const { code, shown, told } = await panic('--vmcore', join(temp.make('dump'), 'vmcore'));
    expect([code, shown.includes('powering off')]).toEqual([1, true]);
    expect(told).toContain('Cannot make a vmcore: the elfcorehdr tells of memory at');
  });
});
