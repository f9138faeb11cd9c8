/**
 * A process that loads an image and is killed by SIGKILL before the n-th step that changes files.
 * Arguments: the machine, the state directory, the byte that the image is made of, n.
 */
import fs from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { Range } from '../../../kexec/base/range.js';
import { recordedMachine } from '../../../sim/kernel/recorded-system.js';

const [machine, state, fill, last] = process.argv.slice(2);
let steps = 0;

const countStep = (): void => {
  if (steps++ === Number(last)) process.kill(process.pid, 'SIGKILL');
};

const counted =
  <Arguments extends readonly unknown[], Result>(action: (...args: Arguments) => Result) =>
  (...args: Arguments): Result => {
    countStep();
    return action(...args);
  };

const files = fs as unknown as Record<string, (...args: readonly unknown[]) => unknown>;
for (const name of ['mkdirSync', 'writeFileSync', 'renameSync', 'rmSync', 'unlinkSync', 'linkSync']) {
  files[name] = counted(files[name]!);
}
const open = promises.open;
promises.open = async (...args: Parameters<typeof open>) => {
  countStep();
  const handle = await open(...args);
  const write = handle.write.bind(handle) as (...args: readonly unknown[]) => unknown;
  Object.assign(handle, { write: counted(write) });
  return handle;
};
syncBuiltinESMExports();

const system = recordedMachine({ machine, state, env: {} });
const data = new Uint8Array(100_000).fill(Number(fill));
const segments = [0x6000_0000n, 0x6100_0000n].map((start) => ({ data, memory: Range.sized(start, 0x20000n), buf: 0n }));
process.exitCode = (await system.kexecLoad({ entry: 0x6000_0000n, segments, flags: 0n })) === 0 ? 0 : 1;
