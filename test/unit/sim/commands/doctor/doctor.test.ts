import { describe, expect, test } from '@jest/globals';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROWS } from '../../../../../sim/commands/doctor/findings.js';
import { FILES, machineFiles } from '../../../../support/machine/doctor-machine.js';
import { useTempDir, writeTree } from '../../../../support/machine/sim-support.js';
import { runSimToEnd, runToEnd } from '../../../../support/run-support.js';
import { CASES as LOAD_CASES, type DoctorCase, HEALTHY as LOAD_HEALTHY } from './cases.js';
import { KDUMP_CASES, KDUMP_HEALTHY } from './cases-kdump.js';

/** What `kexec-sim doctor` finds, held against the table of cases. */

const CASES = [...LOAD_CASES, ...KDUMP_CASES];
const HEALTHY = [...LOAD_HEALTHY, ...KDUMP_HEALTHY];

const temp = useTempDir();
const files = temp.make('files');
for (const [name, content] of Object.entries(FILES)) {
  writeFileSync(join(files, name), typeof content === 'number' ? '' : content);
  if (typeof content === 'number') truncateSync(join(files, name), content);
}

const BUNDLED = /^virt-/;

const machineOf = ({ name, machine }: Pick<DoctorCase, 'name' | 'machine'>): string => {
  if (BUNDLED.test(name)) return name;
  const directory = temp.make('machine');
  writeTree(directory, machineFiles(machine));
  return directory;
};

/** Words as a shell has them; of files, the paths. */
const wordsOf = (args: string): readonly string[] =>
  [...args.matchAll(/(?:[^\s"]|"[^"]*")+/g)].map(([word]) =>
    word.replaceAll('"', '').replace(/@(?=[\w.-]+$)/, `${files}/`),
  );

interface Answer {
  readonly ways: Readonly<Record<string, { readonly works: boolean }>>;
  readonly findings: readonly {
    readonly id: string;
    readonly severity: string;
    readonly sentence: string;
    readonly fixes: readonly string[];
  }[];
}

/** @returns a state in which a kernel is loaded */
const loadedBefore = async ({ before, args, name }: Case, env: Readonly<Record<string, string>>): Promise<string> => {
  const state = temp.make('state');
  const machine = { KEXEC_MACHINE: machineOf({ name, ...(before && { machine: before }) }), KEXEC_STATE: state };
  expect(await runToEnd(wordsOf(args), { ...env, ...machine })).toMatchObject({ code: 0 });
  return state;
};

type Case = Pick<DoctorCase, 'name' | 'machine' | 'args' | 'compat' | 'run' | 'before'>;

const doctor = async (one: Case) => {
  const env = { XDG_STATE_HOME: temp.path, ...(one.compat !== undefined && { KEXEC_COMPAT: one.compat }) };
  const ended = await runSimToEnd(
    [
      'doctor',
      '--json',
      ...(one.run === true ? ['--run'] : []),
      ...(one.before === undefined ? [] : ['--state', await loadedBefore(one, env)]),
      '--machine',
      machineOf(one),
      '--',
      ...wordsOf(one.args),
    ],
    env,
  );
  return { ...ended, answer: JSON.parse(ended.out === '' ? '{}' : ended.out) as Answer };
};

const titled = <T extends Pick<DoctorCase, 'name' | 'args'>>(cases: readonly T[]): readonly (readonly [string, T])[] =>
  cases.map((one) => [`${one.name}: ${one.args}`, one]);

describe('doctor names the cause first', () => {
  test.each(titled(CASES))('%s', async (_, one) => {
    const { code, answer, err } = await doctor(one);
    expect({ err, first: answer.findings[0]?.id }).toMatchObject({ first: one.first });
    if (one.says !== undefined) expect(answer.findings[0]?.sentence).toMatch(one.says);
    const isError = answer.findings[0]?.severity === 'error';
    expect(code).toBe(isError ? 1 : 0);
    for (const { sentence, fixes } of answer.findings)
      expect([sentence.endsWith('.'), fixes.length > 0]).toEqual([true, true]);
    if (one.works !== undefined) {
      expect(['s', 'c', 'a'].filter((way) => answer.ways[`-${way}`]?.works).join('')).toBe(one.works);
    }
  });

  test('in cases enough, of nearly every row', () => {
    expect(CASES.length).toBeGreaterThanOrEqual(60);
    const untried = ROWS.map(({ id }) => id).filter((id) => CASES.every(({ first }) => first !== id));
    // The simulated kernel answers EPERM for what is recorded only, and that has rows of its own. Of a log, it is told
    // below.
    expect(untried).toEqual(UNTRIED);
  });
});

const UNTRIED = ['not-permitted'];
test('doctor tells of a log that EPERM has a reason, which the log does not show', async () => {
  const log = join(temp.make('log'), 'kexec.log');
  writeFileSync(log, 'kexec_file_load failed: Operation not permitted\n');
  const { code, out } = await runSimToEnd(['doctor', '--json', '--log', log], { XDG_STATE_HOME: temp.path });
  expect([code, (JSON.parse(out) as Answer).findings.map(({ id }) => id)]).toEqual([1, ['not-permitted']]);
});

test('doctor tells of a log that processors did not stop', async () => {
  const log = join(temp.make('log'), 'panic.log');
  writeFileSync(log, '[ 9.1] SMP: stopping secondary CPUs\n[ 10.1] SMP: failed to stop secondary CPUs 0,2-3\n');
  const { out } = await runSimToEnd(['doctor', '--json', '--log', log], { XDG_STATE_HOME: temp.path });
  const [first] = (JSON.parse(out) as Answer).findings;
  expect(first).toMatchObject({ id: 'crash-cpus-stay', severity: 'warning' });
  expect(first?.sentence).toContain('failed to stop secondary CPUs 0,2-3. Their registers');
});

test('doctor calls no kernel that comes to its own end one that fails, whatever rule does not hold', async () => {
  const { code, answer } = await doctor({
    name: 'reserved',
    args: '-c -l machines/payload/Image --dtb=@dtb-reserved --reuse-cmdline',
    run: true,
  });
  expect([code, answer.findings.filter(({ severity }) => severity === 'error').map(({ id }) => id)]).toEqual([
    1,
    ['reserved-memory'],
  ]);
});

test('doctor looks at the machine as it would be with another crashkernel=', async () => {
  const initrd = join(temp.make('initrd'), 'initrd');
  writeFileSync(initrd, '');
  truncateSync(initrd, 4 << 20);
  const given = ['-p', 'machines/payload/Image', '--append=x', '--initrd', initrd];
  const idsOf = async (...options: readonly string[]): Promise<readonly string[]> => {
    const { out } = await runSimToEnd(['doctor', '--json', ...options, '--', ...given], { XDG_STATE_HOME: temp.path });
    return (JSON.parse(out) as Answer).findings.map(({ id }) => id);
  };
  expect(await idsOf('--machine=virt-2g')).not.toContain('crash-region-small');
  expect(await idsOf('--machine=virt-2g', '--sim-crashkernel=1M')).toContain('crash-region-small');
});

describe('doctor finds nothing worse than a note', () => {
  test.each(titled(HEALTHY))('%s', async (_, one) => {
    const { code, answer } = await doctor(one);
    expect(answer.findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
    expect(code).toBe(0);
  });

  test('in cases enough', () => expect(HEALTHY.length).toBeGreaterThanOrEqual(30));
});
