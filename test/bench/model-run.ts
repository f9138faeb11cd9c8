/**
 * Runs a workload on the model, in a process of its own: `node model-run.js WORKLOAD.json`. Prints a {@link ModelRun}.
 */
import { readFileSync } from 'node:fs';
import { Range } from '../../kexec/base/range.js';
import { createCpu } from '../../sim/cpu/cpu.js';
import { Board } from '../../sim/machine/board.js';
import { Pl011 } from '../../sim/machine/devices/pl011.js';
import { type ModelRun, RAM_SIZE, RAM_START } from './workload.js';

const run = (file: string): ModelRun => {
  const workload = JSON.parse(readFileSync(file, 'utf8')) as {
    entry: string;
    pieces: readonly { address: string; file: string }[];
  };
  const output: number[] = [];
  const ram = [Range.sized(RAM_START, RAM_SIZE)];
  const board = new Board({
    ram,
    devices: [{ physAddr: 0x900_0000n, device: new Pl011((byte) => output.push(byte)) }],
    highestEl: 1,
  });
  for (const piece of workload.pieces) board.memory.write(BigInt(piece.address), readFileSync(piece.file));
  const started = performance.now();
  const cpu = createCpu(board);
  cpu.pc = BigInt(workload.entry);
  const stop = cpu.run();
  const ms = performance.now() - started;
  if (stop.kind !== 'power') {
    throw new Error(
      `stopped: ${JSON.stringify(stop, (_, value: unknown) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value))}`,
    );
  }
  const { regions, translationMs } = cpu.statistics;
  return { ms, output: String.fromCharCode(...output), instructions: Number(cpu.instructions), regions, translationMs };
};

process.stdout.write(JSON.stringify(run(process.argv[2]!)));
