/**
 * Carries out a kexec up to the purgatory's first instruction, in a process of its own: `node relocation-run.js KERNEL
 * STATE MACHINE`. Prints a {@link RelocationRun}.
 */
import { kexecLoad, loadKernel, recordedMachine } from '../../index.js';
import { purgatory } from '../../kexec/arch/arm64/purgatory.js';
import { openExecution } from '../../sim/kernel/execution/execute-machine.js';
import { launch } from '../../sim/kernel/execution/launch.js';
import type { RelocationRun } from './workload.js';

const run = async (kernel: string, state: string, machine: string): Promise<RelocationRun> => {
  const system = recordedMachine({ machine, state });
  const { entry, segments, flags } = await loadKernel(system, { kernel, reuseCmdline: true });
  await kexecLoad(system, { entry, segments, flags });
  const options = openExecution(system, system.kernel.state.normal, purgatory);
  const started = performance.now();
  const cpu = launch({ ...options, onOutput: () => {}, log: () => {} }).processors.first;
  const launched = performance.now();
  const stop = cpu.run({ stopAt: new Set([entry]) });
  const ended = performance.now();
  if (stop.kind !== 'stop-at') throw new Error(`stopped: ${stop.kind}`);
  return { preparationMs: launched - started, ms: ended - launched, instructions: Number(cpu.instructions) };
};

const [kernel, state, machine] = process.argv.slice(2);
process.stdout.write(JSON.stringify(await run(kernel!, state!, machine!)));
