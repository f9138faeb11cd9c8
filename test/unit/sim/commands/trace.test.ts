import { beforeEach, describe, expect, test } from '@jest/globals';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runSimToEnd, runToEnd } from '../../../support/run-support.js';
import { useTempDir } from '../../../support/machine/sim-support.js';

const temp = useTempDir();
const PAYLOAD = 'machines/payload/Image';

let file = '';
let env: Record<string, string> = {};

beforeEach(() => {
  file = join(temp.make('trace'), 'run.trace');
  env = { KEXEC_MACHINE: 'virt-2g', KEXEC_STATE: temp.make('state') };
});

const execute = async (what: string) => {
  await runToEnd(['-l', PAYLOAD, '--append=hello'], env);
  return runToEnd(['-e', `--sim-trace=${file}${what}`], env);
};

const shown = async (...args: readonly string[]) => runSimToEnd(['trace', file, ...args]);

describe('kexec -e with --sim-trace', () => {
  test('leaves a file that tells of the hand-over, with names and instructions', async () => {
    const { code, err } = await execute('');
    expect(code).toBe(0);
    expect(err).toMatch(new RegExp(`^kexec-ts: the trace is in ${file}: \\d+ events$`, 'm'));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { code: told, out } = await shown();
    expect(told).toBe(0);
    expect(out).toMatch(/^# exceptions,registers,devices: \d+ events\n0 1 {2}0x\w+ \(machine_kexec\+0x0\) {2}/);
    expect(out).toMatch(
      /^0 \d+ {2}0x\w+ \(arm64_relocate_new_kernel\+0x\w+\) {2}msr sctlr_el1, x\d+ {2}SCTLR_EL1 = 0x30d00800$/m,
    );
    const sent = [...out.matchAll(/write 32 bits: PL011\+0x0 = 0x(\w+)$/gm)].map(([, value]) => parseInt(value!, 16));
    expect(String.fromCharCode(...sent)).toMatch(/^kexec-ts demo kernel\r\n[^]*powering off\r\n$/);
  });

  test('says the same in JSON', async () => {
    await execute(':devices');
    const lines = (await shown('--json')).out.trimEnd().split('\n');
    const first = JSON.parse(lines[0]!) as unknown;
    expect(first).toMatchObject({ kind: 'device', processor: 0, sizeBytes: 4, isWrite: false, physAddr: '0x9000018' });
  });

  test('shows the last events alone where that is asked for', async () => {
    await execute(':branches,size=1');
    const { out } = await shown('--last', '3');
    expect(out.split('\n')).toHaveLength(5);
    expect(out).toMatch(/^# branches,size=1: \d+ events/);
  });

  test('does not begin where the file cannot be written', async () => {
    file = join(temp.make('trace'), 'none', 'run.trace');
    const { code, err } = await execute('');
    expect(code).toBe(1);
    expect(err).toMatch(/none.*No such file or directory\n$/);
  });

  test.each([':nothing', ':memory=5', ':size=0'])('refuses what cannot be traced: %s', async (what) => {
    const { code, err } = await execute(what);
    expect([code, err.split('\n').length]).toEqual([1, 2]);
    expect(err).toMatch(/^kexec: --sim-trace: ".*" is not FILE, or FILE: and some of branches, exceptions, /);
  });
});

describe('a file that is no trace', () => {
  test.each([
    ['is empty', () => new Uint8Array(), 'is no trace of a machine'],
    ['is another', () => Buffer.from('KEXECSIM and more'), 'is no trace of a machine'],
    [
      'is newer',
      (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 8), Buffer.from([2]), bytes.subarray(9)]),
      'format 2',
    ],
    ['is cut', (bytes: Buffer) => bytes.subarray(0, bytes.length - 5), 'is damaged'],
    ['is cut early', (bytes: Buffer) => bytes.subarray(0, 20), 'is damaged'],
    [
      'is broken',
      (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 30), Buffer.alloc(40, 0xff), bytes.subarray(70)]),
      'is damaged',
    ],
  ])('%s, and that is said', async (_, change, message) => {
    await execute('');
    writeFileSync(file, change(readFileSync(file)));
    const { code, err } = await shown();
    expect([code, err.split('\n').length]).toEqual([1, 2]);
    expect(err).toContain(message);
  });

  test('is not there', async () => {
    const { code, err } = await shown();
    expect(code).toBe(1);
    expect(err).toContain('No such file or directory');
  });
});
