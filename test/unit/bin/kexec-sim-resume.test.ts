import { expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { guestImage } from '../../support/machine/guests.js';
import { KEXEC_SIM, useTempDir } from '../../support/machine/sim-support.js';

const temp = useTempDir();

interface Ended {
  readonly code: number | null;
  readonly shown: string;
  readonly told: string;
}

/** @param onShown is told of all that the console has shown, whenever there is more; may type, and send signals */
const run = (
  args: readonly string[],
  onShown: (shown: string, child: ReturnType<typeof spawn>) => void,
  typed: string,
): Promise<Ended> => {
  const child = spawn(process.execPath, [KEXEC_SIM, ...args], {
    stdio: 'pipe',
    env: { PATH: process.env['PATH'], HOME: temp.path },
  });
  let [shown, told] = ['', ''];
  child.stdout.setEncoding('latin1').on('data', (text: string) => {
    shown += text;
    onShown(shown, child);
  });
  child.stderr.setEncoding('latin1').on('data', (text: string) => (told += text));
  child.stdin.write(typed);
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, shown, told }));
  });
};

test('Ctrl-C ends a run, and the machine is saved', async () => {
  const directory = temp.make('files');
  const [image, saved] = [join(directory, 'Image'), join(directory, 'machine')];
  writeFileSync(image, guestImage('boot_typed'));
  const first = await run(
    ['boot', image, '--save', saved],
    (shown, child) => {
      if (shown === 'ab') child.kill('SIGINT');
    },
    'ab',
  );
  expect([first.code, first.shown]).toEqual([130, 'ab']);
  expect(first.told).toContain(`kexec-sim: the machine is saved in ${saved}\n`);
  expect(readdirSync(directory).sort()).toEqual(['Image', 'machine']);
  const second = await run(['resume', saved], () => {}, 'cq');
  expect([second.code, second.shown]).toEqual([0, 'cq']);
});
