import { describe, expect, test } from '@jest/globals';
import { KexecError } from '../../../../kexec/base/error.js';
import { changedFiles, type MachineChanges } from '../../../../sim/kernel/changes/changed-machine.js';
import { parseResources } from '../../../../sim/kernel/facts/iomem.js';
import { MachineFiles } from '../../../../sim/kernel/recording/machine-files.js';
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

const crashLines = (iomem: string): readonly string[] => iomem.split('\n').filter((line) => line.endsWith('Crash kernel'));

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
    boots.filter((other) => other !== one && other.suite === one.suite && related(one, other)).map((other) => [title(one), title(other), one, other] as const),
  );

const crashBytes = (iomem: string): readonly string[] => crashLines(iomem);

describe('another crashkernel=', () => {
  test.each(pairs((one, other) => one.memory === other.memory && other.crashkernel !== '' && ['', '256M'].includes(one.crashkernel)))(
    'on %s gives %s',
    (_from, _to, one, other) => {
      const changed = changedIomem(one, { cmdline: other.files['/proc/cmdline']!.trim() });
      expect(crashBytes(changed ?? '')).toEqual(crashBytes(other.files['/proc/iomem']!));
    },
  );
});

describe('more and less memory', () => {
  test.each(pairs((one, other) => one.memory !== other.memory && one.crashkernel === other.crashkernel && one.crashkernel === '256M'))(
    'on %s gives %s',
    (_from, _to, one, other) => {
      const changed = changedIomem(one, { memory: other.memory })!;
      expect(crashBytes(changed)).toEqual(crashBytes(other.files['/proc/iomem']!));
      const ram = (text: string) => parseResources(text).filter(({ name }) => name === 'System RAM');
      expect(ram(changed)).toEqual(ram(other.files['/proc/iomem']!));
    },
  );
});
