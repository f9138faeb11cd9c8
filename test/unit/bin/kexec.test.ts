import { describe, expect, test } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { arm64Image } from '../../support/files/kernel-files.js';
import { useTempDir } from '../../support/machine/sim-support.js';

const temp = useTempDir();
const BIN = 'bin/kexec';
const IMAGE = 'machines/payload/Image';

const kexec = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
  const result = spawnSync(process.execPath, [BIN, ...args], {
    env: { PATH: process.env['PATH'] ?? '', KEXEC_STATE: temp.make('state'), ...env },
    encoding: 'latin1',
  });
  return { code: result.status, out: result.stdout, err: result.stderr };
};

const STACK = /\n\s+at .*:\d+:\d+|node:internal|Error:/;

describe('the command', () => {
  test('--version', () => {
    expect(kexec(['--version'])).toEqual({ code: 0, out: 'kexec-tools 2.0.32\n', err: '' });
  });

  test.each(['kernel', '--initrd'])('does not wait for a pipe as %s', (place) => {
    const pipe = join(temp.make('pipe'), 'pipe');
    spawnSync('mkfifo', [pipe]);
    const args = place === 'kernel' ? ['-l', pipe] : ['-l', IMAGE, `--initrd=${pipe}`];
    expect(kexec(args)).toMatchObject({ code: 1, err: `Cannot read ${pipe}\n` });
  });

  test('-l, -S and -u', () => {
    const env = { KEXEC_STATE: temp.make('state'), KEXEC_MACHINE: 'virt-2g' };
    expect(kexec(['-l', IMAGE], env)).toEqual({ code: 0, out: '', err: '' });
    expect(kexec(['-S', '-l'], env).code).toBe(1);
    expect(kexec(['-p', IMAGE], env)).toMatchObject({ code: 0, out: '' });
    expect(kexec(['-S'], env).code).toBe(1);
    expect(kexec(['-u', '-p'], env).code).toBe(255);
    expect(kexec(['-p', '-u'], env)).toEqual({ code: 0, out: '', err: '' });
    expect(kexec(['-S'], env).code).toBe(0);
    expect(kexec(['-u'], env)).toEqual({ code: 0, out: '', err: '' });
    expect(kexec(['-S', '-l'], env).code).toBe(0);
  });

  test.each<[readonly string[], Readonly<Record<string, string>>, number, RegExp]>([
    [['--wat'], {}, 1, /^kexec: unrecognized option '--wat'\n$/],
    [['-l'], {}, 255, /^No kernel specified\n$/],
    [['-l', '/none'], {}, 1, /^Cannot open `\/none': No such file or directory\n$/],
    [['-l', '.'], {}, 1, /^Read on \. failed: Is a directory\nCannot read \.\n$/],
    [['-l', 'package.json'], {}, 255, /Cannot determine the file type of package\.json\n$/],
    [['-l', IMAGE], { KEXEC_MACHINE: 'none-such' }, 1, /^[^\n]*none-such[^\n]*\n$/],
    [['-l', IMAGE], { KEXEC_MACHINE: '/none/such' }, 1, /^[^\n]*\/none\/such[^\n]*\n$/],
    [['-l', IMAGE], { KEXEC_COMPAT: '9.9' }, 1, /^kexec: KEXEC_COMPAT: "9\.9" is not [^\n]*\n$/],
    [['-l', IMAGE], { KEXEC_PURGATORY: '/none' }, 1, /^Cannot open `\/none'/],
    [['-l', IMAGE], { KEXEC_PURGATORY: 'package.json' }, 1, /./],
    [['-l', IMAGE], { KEXEC_PAGE_SIZE: '5' }, 1, /^[^\n]*KEXEC_PAGE_SIZE[^\n]*\n$/],
    [['-l', IMAGE], { KEXEC_STATE: '/proc/none' }, 1, /./],
    [['-l', IMAGE], { KEXEC_RECORD: '/proc/none' }, 1, /./],
    [['-l', IMAGE, '--initrd=/dev/null'], {}, 1, /^Cannot read \/dev\/null\n$/],
    [['-c', '-l', IMAGE, '--dtb', IMAGE], {}, 255, /Invalid 2nd device tree/],
    [['-e'], {}, 1, /^Nothing has been loaded!\n$/],
    [['-t', 'x', '-c', '-l', IMAGE], {}, 255, /^Unsupported kernel type x\n$/],
  ])('%j with %j ends with %d, and without a stack', (args, env, code, text) => {
    const result = kexec(args, env);
    expect([result.err, result.code]).toEqual([expect.stringMatching(text), code]);
    expect(result.err).not.toMatch(STACK);
    expect(result.out).not.toMatch(STACK);
  });

  test('takes names and arguments that are no UTF-8 as bytes', () => {
    const path = join(temp.make('boot'), 'Kernel-ä-\u{1f427}');
    writeFileSync(path, arm64Image());
    expect(kexec(['-c', '-l', path]).code).toBe(0);
    expect(kexec(['-l', '/none-ä']).err).toBe(
      `Cannot open \`${Buffer.from('/none-ä').toString('latin1')}': No such file or directory\n`,
    );
    expect(kexec(['-d', '-c', '-l', path, '--append=ä']).err).toContain('command_line: \xc3\xa4\n');
  });

  test('nobody needs to listen', async () => {
    for (const stream of ['stdout', 'stderr'] as const) {
      const child = spawn(process.execPath, [BIN, '--help', ...(stream === 'stderr' ? ['--wat'] : [])], {
        env: { PATH: process.env['PATH'] ?? '' },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      child[stream].destroy();
      let rest = '';
      child[stream === 'stdout' ? 'stderr' : 'stdout'].on('data', (bytes: Buffer) => (rest += bytes.toString()));
      const code = await new Promise((resolve) => child.on('close', resolve));
      expect(code).toBe(0);
      expect(rest).not.toMatch(STACK);
    }
  });

  test('closed streams are no trouble', () => {
    const result = spawnSync('/bin/sh', ['-c', `"${process.execPath}" ${BIN} --help >&- 2>&-; echo $?`], {
      encoding: 'latin1',
    });
    expect(result.stdout).toBe('0\n');
  });

  test('a full disk is told without a stack trace', () => {
    const result = spawnSync('/bin/sh', ['-c', `"${process.execPath}" ${BIN} --version > /dev/full; echo $?`], {
      encoding: 'latin1',
    });
    expect(result.stderr).not.toMatch(STACK);
  });

  test('loads what is loaded last, when many load at once', async () => {
    const state = temp.make('state');
    const codes = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const child = spawn(process.execPath, [BIN, '-c', '-l', IMAGE], {
          env: { PATH: process.env['PATH'] ?? '', KEXEC_STATE: state },
          stdio: 'ignore',
        });
        return new Promise<unknown>((resolve) => child.on('close', resolve));
      }),
    );
    expect(codes).toContain(0);
    for (const code of codes) expect([0, 255]).toContain(code);
    expect(kexec(['-S', '-l'], { KEXEC_STATE: state }).code).toBe(1);
  });
});
