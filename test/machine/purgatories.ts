/**
 * Executes a kernel behind the purgatory of every real release: `npm run purgatories`. Each is taken out of Debian's
 * kexec, loaded, and must hand over to the demo kernel, and must notice a byte that changed.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { DEBIAN_RELEASES, prepareReal } from '../conformance/debian.js';
import { scratchDirectory } from '../support/cache.js';
import { runMain, say } from '../support/run-main.js';

const MACHINES = ['virt-2g', 'virt-8g', 'virt-el2-4g'];
const PAYLOAD = path.join('machines', 'payload', 'Image');

/** How many commands ran, and what was wrong. */
interface Tally {
  runs: number;
  readonly failures: string[];
}

const run = (program: string, args: readonly string[], env: Readonly<Record<string, string>>) =>
  spawnSync(process.execPath, [path.join('bin', program), ...args], {
    encoding: 'utf8',
    env: { ...process.env, KEXEC_TRANSLATIONS: 'off', ...env },
  });

const expectRun = (
  tally: Tally,
  what: string,
  isRight: (result: ReturnType<typeof run>) => boolean,
  result: ReturnType<typeof run>,
): void => {
  tally.runs++;
  if (!isRight(result)) tally.failures.push(`${what}: exit ${result.status ?? '?'}\n${result.stdout}${result.stderr}`);
};

interface Purgatory {
  readonly name: string;
  readonly variables: Readonly<Record<string, string>>;
}

const tryPurgatory = (scratch: string, tally: Tally, { name, variables }: Purgatory, machine: string): void => {
  const state = fs.mkdtempSync(path.join(scratch, 'state-'));
  const env = { KEXEC_MACHINE: machine, KEXEC_STATE: state, ...variables };
  const what = `${name} on ${machine}`;
  const load = (): void =>
    expectRun(
      tally,
      `${what}: load`,
      ({ status }) => status === 0,
      run('kexec', ['-c', '-l', PAYLOAD, '--reuse-cmdline'], env),
    );

  load();
  const execute = run('kexec', ['-d', '-e', '--sim-until=halt'], env);
  expectRun(
    tally,
    `${what}: execute`,
    ({ status, stdout }) => status === 0 && stdout.includes('powering off'),
    execute,
  );

  load();
  const kernel = fs.readdirSync(state).find((file) => file.endsWith('n0.bin'));
  if (kernel === undefined) return;
  const data = fs.readFileSync(path.join(state, kernel));
  data[data.length - 1]! ^= 0x40;
  fs.writeFileSync(path.join(state, kernel), data);
  const damaged = run('kexec', ['-e'], env);
  const isNoticed = ({ status, stderr }: typeof damaged): boolean =>
    status === 1 && stderr.includes('segment 0 differs');
  expectRun(tally, `${what}: a byte changed`, isNoticed, damaged);
};

await runMain('purgatories', () => {
  const scratch = scratchDirectory('purgatories');
  const tally: Tally = { runs: 0, failures: [] };
  try {
    for (const release of DEBIAN_RELEASES) {
      const file = path.join(scratch, `${release}.ro`);
      const { program } = prepareReal(release);
      execFileSync(process.execPath, [path.join('bin', 'kexec-sim'), 'extract-purgatory', program, file]);
      const variables = { KEXEC_PURGATORY: file, KEXEC_COMPAT: release };
      const purgatory: Purgatory = { name: `the purgatory of ${release}`, variables };
      for (const machine of MACHINES) tryPurgatory(scratch, tally, purgatory, machine);
    }
    for (const machine of MACHINES) tryPurgatory(scratch, tally, { name: 'our purgatory', variables: {} }, machine);
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
  const { runs, failures } = tally;
  failures.forEach(say);
  const counts = `${DEBIAN_RELEASES.length + 1} purgatories, ${MACHINES.length} machines: ${runs} runs`;
  say(`purgatories: ${counts}, ${failures.length} failed`);
  if (failures.length > 0) process.exitCode = 1;
});
