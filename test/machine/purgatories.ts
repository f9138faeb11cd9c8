/**
 * Executes a kernel behind the purgatory of every real release: `npm run purgatories`. Each is taken out of Debian's
 * kexec, loaded, and must hand over to the demo kernel, and must notice a byte that changed.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { DEBIAN_RELEASES, prepareReal } from '../conformance/debian.js';
import { scratchDirectory } from '../support/cache.js';

const MACHINES = ['virt-2g', 'virt-8g', 'virt-el2-4g'];
const PAYLOAD = path.join('machines', 'payload', 'Image');

const scratch = scratchDirectory('purgatories');
let runs = 0;
const failures: string[] = [];

const run = (program: string, args: readonly string[], env: Readonly<Record<string, string>>) =>
  spawnSync(process.execPath, [path.join('bin', program), ...args], {
    encoding: 'utf8',
    env: { ...process.env, KEXEC_TRANSLATIONS: 'off', ...env },
  });

const expectRun = (
  what: string,
  isRight: (result: ReturnType<typeof run>) => boolean,
  result: ReturnType<typeof run>,
): void => {
  runs++;
  if (!isRight(result)) failures.push(`${what}: exit ${result.status ?? '?'}\n${result.stdout}${result.stderr}`);
};

const tryPurgatory = (name: string, variables: Readonly<Record<string, string>>, machine: string): void => {
  const state = fs.mkdtempSync(path.join(scratch, 'state-'));
  const env = { KEXEC_MACHINE: machine, KEXEC_STATE: state, ...variables };
  const what = `${name} on ${machine}`;
  const load = (): void =>
    expectRun(
      `${what}: load`,
      ({ status }) => status === 0,
      run('kexec', ['-c', '-l', PAYLOAD, '--reuse-cmdline'], env),
    );

  load();
  const execute = run('kexec', ['-d', '-e', '--sim-until=halt'], env);
  expectRun(`${what}: execute`, ({ status, stdout }) => status === 0 && stdout.includes('powering off'), execute);

  load();
  const kernel = fs.readdirSync(state).find((file) => file.endsWith('n0.bin'));
  if (kernel === undefined) return;
  const data = fs.readFileSync(path.join(state, kernel));
  data[data.length - 1]! ^= 0x40;
  fs.writeFileSync(path.join(state, kernel), data);
  const damaged = run('kexec', ['-e'], env);
  const isNoticed = ({ status, stderr }: typeof damaged): boolean =>
    status === 1 && stderr.includes('segment 0 differs');
  expectRun(`${what}: a byte changed`, isNoticed, damaged);
};

try {
  for (const release of DEBIAN_RELEASES) {
    const purgatory = path.join(scratch, `${release}.ro`);
    execFileSync(process.execPath, [
      path.join('bin', 'kexec-sim'),
      'extract-purgatory',
      prepareReal(release).program,
      purgatory,
    ]);
    const variables = { KEXEC_PURGATORY: purgatory, KEXEC_COMPAT: release };
    for (const machine of MACHINES) tryPurgatory(`the purgatory of ${release}`, variables, machine);
  }
  for (const machine of MACHINES) tryPurgatory('our purgatory', {}, machine);
} finally {
  fs.rmSync(scratch, { recursive: true, force: true });
}
for (const failure of failures) console.log(failure);
console.log(
  `purgatories: ${DEBIAN_RELEASES.length + 1} purgatories, ${MACHINES.length} machines: ${runs} runs, ${failures.length} failed`,
);
if (failures.length > 0) process.exitCode = 1;
