import { expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const LAUNCH = pathToFileURL('bin/launch.js').href;

const node = (code: string) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
};

test('an old Node is told of in one line, and nothing is loaded', () => {
  const code = `
    Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.4' } });
    const { launch } = await import('${LAUNCH}');
    await launch('no-such-command');`;
  expect(node(code)).toEqual({
    status: 1,
    stdout: '',
    stderr: 'no-such-command: Node 18.20.4 is too old: it takes 20.19 or later\n',
  });
});

test('a command that is not built is told of in one line', () => {
  const code = `
    const { launch } = await import('${LAUNCH}');
    await launch('no-such-command');`;
  expect(node(code)).toEqual({
    status: 1,
    stdout: '',
    stderr: 'no-such-command: it is not built yet: make build does that\n',
  });
});

test('the oldest one is the one of package.json', () => {
  const { engines } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    readonly engines: { readonly node: string };
  };
  const oldest = engines.node.replace('>=', '');
  const [major, minor] = oldest.split('.').map(Number) as [number, number];
  const code = `
    const { isTooOld } = await import('${LAUNCH}');
    const versions = ['${oldest}.0', '${major}.${minor - 1}.9', '${major - 1}.99.0', '${major + 1}.0.0'];
    console.log(versions.map(isTooOld).join(' '));`;
  expect(node(code).stdout).toBe('false true true false\n');
});
