import { describe, expect, test } from '@jest/globals';
import { KexecError } from '../../../../kexec/base/error.js';
import { changedFiles, type MachineChanges } from '../../../../sim/kernel/changes/changed-machine.js';
import { parseResources } from '../../../../sim/kernel/facts/iomem.js';
import { MachineFiles } from '../../../../sim/kernel/recording/machine-files.js';
import { boardDescription } from '../../../../sim/kernel/facts/board-arm64.js';
import { recordedMachine } from '../../../../sim/kernel/recorded-system.js';
import { runSimToEnd, runToEnd } from '../../../support/run-support.js';
import { useTempDir, writeTree } from '../../../support/machine/sim-support.js';
import { recordedJson } from '../../../support/recorded.js';

/** What a real kernel showed: see test/machine/memory/record.ts. */
interface Boot {
  readonly suite: string;
  readonly memory: string;
  readonly crashkernel: string;
  readonly files: Readonly<Record<string, string>>;
}

const { boots } = recordedJson('boot-memory') as { readonly boots: readonly Boot[] };

const temp = useTempDir();

const machineOf = ({ files }: Boot): MachineFiles => {
  const directory = temp.make('machine');
  writeTree(directory, Object.fromEntries(Object.entries(files).map(([path, text]) => [path.slice(1), text])));
  return MachineFiles.open(directory);
};

const crashLines = (iomem: string): readonly string[] =>
  iomem.split('\n').filter((line) => line.endsWith('Crash kernel'));

/** The machine with the changes; undefined when its kernel would reserve nothing. */
const changedIomem = (boot: Boot, changes: MachineChanges): string | undefined => {
  const files = machineOf(boot);
  try {
    return files.changed(changedFiles(files, changes)).readText('/proc/iomem');
  } catch (error) {
    if (error instanceof KexecError) return undefined;
    throw error;
  }
};

const title = ({ suite, memory, crashkernel }: Boot): string => `${suite} ${memory} crashkernel=${crashkernel}`;
const pairs = (related: (one: Boot, other: Boot) => boolean) =>
  boots.flatMap((one) =>
    boots
      .filter((other) => other !== one && other.suite === one.suite && related(one, other))
      .map((other) => [title(one), title(other), one, other] as const),
  );

describe('another crashkernel=', () => {
  test.each(
    pairs(
      (one, other) => one.memory === other.memory && other.crashkernel !== '' && ['', '256M'].includes(one.crashkernel),
    ),
  )('on %s gives %s', (_from, _to, one, other) => {
    const changed = changedIomem(one, { cmdline: other.files['/proc/cmdline']!.trim() });
    expect(crashLines(changed ?? '')).toEqual(crashLines(other.files['/proc/iomem']!));
  });
});

describe('more and less memory', () => {
  test.each(
    pairs(
      (one, other) =>
        one.memory !== other.memory && one.crashkernel === other.crashkernel && one.crashkernel === '256M',
    ),
  )('on %s gives %s', (_from, _to, one, other) => {
    const changed = changedIomem(one, { memory: other.memory })!;
    expect(crashLines(changed)).toEqual(crashLines(other.files['/proc/iomem']!));
    const ram = (text: string) => parseResources(text).filter(({ name }) => name === 'System RAM');
    expect(ram(changed)).toEqual(ram(other.files['/proc/iomem']!));
  });
});

describe('kexec on a machine that is changed', () => {
  const kexec = (args: readonly string[]) => runToEnd(args, { XDG_STATE_HOME: temp.path });
  const PAYLOAD = 'machines/payload/Image';

  test('loads where the crash kernel’s memory would be, and leaves the recorded machine alone', async () => {
    const changed = ['--sim-machine=virt-el2-4g', '--sim-crashkernel=512M'];
    expect(await kexec([...changed, '-p', PAYLOAD, '--append=x'])).toEqual({ code: 0, out: '', err: '' });
    expect((await kexec([...changed, '--print-ckr-size'])).out).toBe('536870912\n');
    const { out } = await runSimToEnd(['segments', 'crash', '--json', ...changed], { XDG_STATE_HOME: temp.path });
    const segments = JSON.parse(out) as readonly { mem: string }[];
    expect(segments.map(({ mem }) => BigInt(mem)).every((mem) => mem >= 0xdc00_0000n && mem <= 0xfbff_ffffn)).toBe(
      true,
    );
    expect(segments[0]!.mem).toBe('0xdc000000');
    expect((await kexec(['--sim-machine=virt-el2-4g', '-S', '-p'])).code).toBe(0);
    expect((await kexec([...changed, '-S', '-p'])).code).toBe(1);
  });

  test('has the command line in /proc and in the device tree', () => {
    const { files } = recordedMachine({ machine: 'virt-2g', changes: { cmdline: 'root=/dev/x quiet' }, env: {} });
    expect(files.readText('/proc/cmdline')).toBe('root=/dev/x quiet\n');
    expect(files.readText('/sys/firmware/devicetree/base/chosen/bootargs')).toBe('root=/dev/x quiet\0');
    const before = recordedMachine({ machine: 'virt-2g', env: {} }).files.readFile('/sys/firmware/fdt');
    const blob = files.readFile('/sys/firmware/fdt');
    expect(blob.length).toBe(before.length);
    expect(Buffer.from(blob).includes('root=/dev/x quiet\0')).toBe(true);
    // It asks for no crash kernel.
    expect(files.readText('/proc/iomem')).not.toContain('Crash kernel');
    expect(files.readText('/sys/kernel/kexec_crash_size')).toBe('0\n');
  });

  test('has as much memory as is wanted, and the device tree tells so', () => {
    const { files, kernel } = recordedMachine({ machine: 'virt-2g', changes: { memory: '4G' }, env: {} });
    expect(boardDescription(files).memory.map(({ size }) => size)).toEqual([1n << 32n]);
    expect(kernel.facts.totalRamPages).toBeGreaterThan(900_000n);
    expect(kernel.facts.crashRegion).toMatchObject({ start: 0xec00_0000n, size: 1n << 28n });
  });

  test.each([
    [
      ['--sim-crashkernel=3G'],
      '--sim-crashkernel: Linux 6.1 finds no place for crashkernel=3G in 2048 MiB of memory, and would reserve nothing',
    ],
    [
      ['--sim-crashkernel=12x'],
      '--sim-crashkernel: Linux 6.1 does not understand this crashkernel=, and would reserve nothing',
    ],
    [['--sim-crashkernel=a b'], '--sim-crashkernel: "a b" is not what may stand behind crashkernel='],
    [['--sim-memory=much'], '--sim-memory: "much" is not a size such as 512M or 4G'],
    [
      ['--sim-memory=64M'],
      '--sim-memory: Linux 6.1 finds no place for crashkernel=256M in 64 MiB of memory, and would reserve nothing',
    ],
    [['--sim-cmdline=a\nb'], '--sim-cmdline: "a\nb" is not one line'],
  ])('%j is refused', async (args, message) => {
    expect(await kexec([...args, '--print-ckr-size'])).toEqual({ code: 1, out: '', err: `kexec: ${message}\n` });
  });
});
