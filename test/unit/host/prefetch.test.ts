import { expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { prefetch, withPrefetched } from '../../../host/prefetch.js';
import { fakeSystem } from '../../support/files/fake-system.js';
import { useTempDir } from '../../support/machine/sim-support.js';

const temp = useTempDir();

test('a prefetched file is given once, then asked of the system', async () => {
  const path = join(temp.make('files'), 'kernel');
  writeFileSync(path, 'prefetched');
  const system = await withPrefetched(fakeSystem({ [path]: 'of the system' }), prefetch([path]));
  expect(Buffer.from(system.readFile(path)).toString()).toBe('prefetched');
  expect(Buffer.from(system.readFile(path)).toString()).toBe('of the system');
});

test("what cannot be prefetched, and what is the machine's, is left to the system", async () => {
  const directory = temp.make('files');
  const paths = [directory, join(directory, 'none'), '/dev/zero', '/proc/self/../version', '/sys/kernel/notes'];
  const prefetched = prefetch(paths);
  expect([...prefetched.keys()]).toEqual(paths.slice(0, 3));
  expect(await Promise.all(prefetched.values())).toEqual([undefined, undefined, undefined]);
});
