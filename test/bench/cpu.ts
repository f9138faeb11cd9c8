/**
 * The model of the processor beside qemu-system-aarch64 (TCG, Cortex-A57): the same memory, the same code, the same
 * output. What qemu needs to start is measured with the same memory and code that does nothing, and taken off; of the
 * model, the time counts from the making of the processor on, translation included. The sides take turns, best of
 * several.
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { scratchDirectory } from '../support/cache.js';
import { purgatoryWorkloads, switchOffImage } from './purgatory-workload.js';
import { loadForCommand, timeCommand } from './whole-command.js';
import {
  coldPrograms,
  encodeWorkload,
  floatPrograms,
  type ModelRun,
  programs,
  RAM_SIZE,
  type RelocationRun,
  withoutWork,
  type Workload,
} from './workload.js';

export interface CpuBenchOptions {
  readonly rounds: number;
  readonly json: boolean;
  /** Only workloads whose names contain it. */
  readonly only: string;
}

/** What one workload took, and what is wanted: the model's time over qemu's, at most. */
interface Result {
  readonly name: string;
  readonly oursMs: number;
  readonly qemuMs: number;
  readonly ratio: number;
  readonly mostWanted: number | undefined;
  readonly instructions: number;
  readonly regions: number;
  readonly translationMs: number;
}

const QEMU = 'qemu-system-aarch64';
/** A run that takes longer is broken. */
const PATIENCE_MS = 300_000;

interface TimedRun {
  readonly ms: number;
  readonly output: string;
}

const runQemu = ({ pieces, entry }: Workload): TimedRun => {
  const address = (value: bigint): string => `0x${value.toString(16)}`;
  const args = [
    ...['-M', 'virt', '-accel', 'tcg', '-cpu', 'cortex-a57', '-m', `${RAM_SIZE >> 20n}M`],
    ...['-nic', 'none', '-display', 'none', '-monitor', 'none', '-serial', 'stdio'],
    ...pieces.flatMap((piece) => ['-device', `loader,file=${piece.file},addr=${address(piece.address)},force-raw=on`]),
    ...['-device', `loader,addr=${address(entry)},cpu-num=0`],
  ];
  const started = performance.now();
  const { status, stdout, stderr, error } = spawnSync(QEMU, args, { encoding: 'latin1', timeout: PATIENCE_MS });
  const ms = performance.now() - started;
  if (status !== 0) throw new Error(`${QEMU}: ${error?.message ?? `exit ${status ?? 'by a signal'}`}\n${stderr}`);
  return { ms, output: stdout };
};

/** Runs one of the scripts beside this one. @returns what it prints, from JSON */
const runScript = (name: string, args: readonly string[]): unknown => {
  const script = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    encoding: 'latin1',
    timeout: PATIENCE_MS,
  });
  if (status !== 0) throw new Error(`${name} ${args.join(' ')}: ${stderr}`);
  return JSON.parse(stdout);
};

const runModel = (directory: string, workload: Workload): ModelRun => {
  const file = path.join(directory, 'workload.json');
  fs.writeFileSync(file, encodeWorkload(workload));
  return runScript('model-run', [file]) as ModelRun;
};

/** A machine of each way out of the kernel: with the MMU on while pages are copied, and booted at EL2. */
const RELOCATED = ['virt-2g', 'virt-el2-4g'] as const;
const RELOCATION_GOAL_MS = 300;

const relocate = (directory: string, machine: string, rounds: number): RelocationRun & { readonly machine: string } => {
  const kernel = path.join(directory, 'relocated');
  fs.writeFileSync(kernel, switchOffImage());
  const runs = Array.from(
    { length: rounds },
    () => runScript('relocation-run', [kernel, path.join(directory, `state-${machine}`), machine]) as RelocationRun,
  );
  return { machine, ...runs.reduce((best, run) => (run.ms < best.ms ? run : best)) };
};

const measure = (directory: string, workload: Workload, rounds: number, mostWanted?: number): Result => {
  const empty = withoutWork(directory, workload);
  const best = { qemu: Infinity, startup: Infinity };
  let ours: ModelRun | undefined;
  for (let i = 0; i < rounds; i++) {
    best.startup = Math.min(best.startup, runQemu(empty).ms);
    const theirs = runQemu(workload);
    best.qemu = Math.min(best.qemu, theirs.ms);
    const run = runModel(directory, workload);
    if (run.output !== theirs.output) {
      throw new Error(
        `${workload.name}: qemu prints ${JSON.stringify(theirs.output)}, the model ${JSON.stringify(run.output)}`,
      );
    }
    if (ours === undefined || run.ms < ours.ms) ours = run;
  }
  const { ms: oursMs, instructions, regions, translationMs } = ours!;
  const qemuMs = best.qemu - best.startup;
  return {
    name: workload.name,
    oursMs,
    qemuMs,
    ratio: oursMs / qemuMs,
    mostWanted,
    instructions,
    regions,
    translationMs,
  };
};

/** What the whole command takes, its start included, over what qemu takes for the purgatory, without its own. */
interface CommandResult {
  readonly ms: number;
  readonly qemuMs: number;
  readonly ratio: number;
}
const MOST_WANTED_OF_COMMAND = 0.07;

const measureCommand = async (directory: string, rounds: number, qemuMs: number): Promise<CommandResult> => {
  const loaded = await loadForCommand(directory);
  const ms = Math.min(...Array.from({ length: rounds }, () => timeCommand(loaded)));
  return { ms, qemuMs, ratio: ms / qemuMs };
};

const showCommand = ({ ms, qemuMs, ratio }: CommandResult): string =>
  `${'the whole command kexec -e for that of 2.0.25'.padEnd(42)} ours ${ms.toFixed(0).padStart(6)} ms` +
  `${`qemu ${qemuMs.toFixed(0).padStart(6)} ms`.padStart(27)}   ` +
  `ratio ${ratio.toFixed(3)}${verdict(ratio, MOST_WANTED_OF_COMMAND)}`;

const geometricMean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

const speed = ({ instructions, oursMs }: Result): string => {
  const perSecond = instructions / oursMs / 1000;
  return `${perSecond.toFixed(perSecond < 10 ? 2 : 0)} M/s`;
};

const verdict = (ratio: number, mostWanted: number | undefined): string =>
  mostWanted === undefined ? '' : ` (wanted at most ${mostWanted}: ${ratio <= mostWanted ? 'met' : 'missed'})`;

const show = (result: Result): string =>
  `${result.name.padEnd(42)} ours ${result.oursMs.toFixed(0).padStart(6)} ms ${speed(result).padStart(9)}   ` +
  `qemu ${result.qemuMs.toFixed(0).padStart(6)} ms   ratio ${result.ratio.toFixed(3)}${verdict(result.ratio, result.mostWanted)}`;

/** Runs the benchmark of the processor, and prints it. @throws Error where the two sides do not print the same */
export const benchCpu = async ({ rounds, json, only }: CpuBenchOptions): Promise<void> => {
  const directory = scratchDirectory('bench');
  const report = (line: string): void => {
    if (!json) console.log(line);
  };
  try {
    const wanted = ({ name }: Workload): boolean => name.includes(only);
    report(
      `${QEMU} -cpu cortex-a57, startup taken off; node ${process.version}; best of ${rounds}; ratio: ours to qemu's`,
    );
    const measureAll = (workloads: readonly Workload[], mostWanted?: number): Result[] =>
      workloads.filter(wanted).map((workload) => {
        const result = measure(directory, workload, rounds, mostWanted);
        report(show(result));
        return result;
      });
    const [theirs, ours] = await purgatoryWorkloads(directory);
    const theirPurgatory = measureAll([theirs], 0.1);
    const command = await Promise.all(theirPurgatory.map(({ qemuMs }) => measureCommand(directory, rounds, qemuMs)));
    command.map(showCommand).forEach(report);
    const purgatories = [...theirPurgatory, ...measureAll([ours])];
    const ordinary = measureAll(programs(directory));
    const mean = ordinary.length === 0 ? undefined : geometricMean(ordinary.map(({ ratio }) => ratio));
    if (mean !== undefined)
      report(
        `${`geometric mean of ${ordinary.length} programs`.padEnd(83)} ratio ${mean.toFixed(3)}${verdict(mean, 1)}`,
      );
    const float = measureAll(floatPrograms(directory));
    const cold = measureAll(coldPrograms(directory), 3);
    const relocations = 'relocation'.includes(only)
      ? RELOCATED.map((machine) => relocate(directory, machine, rounds))
      : [];
    for (const { machine, ms, preparationMs } of relocations) {
      report(
        `${`relocation of 27 MB on ${machine}`.padEnd(42)} ours ${ms.toFixed(0).padStart(6)} ms, and ${preparationMs.toFixed(0)} ms ` +
          `of preparation (wanted at most ${RELOCATION_GOAL_MS}: ${ms + preparationMs <= RELOCATION_GOAL_MS ? 'met' : 'missed'})`,
      );
    }
    if (json)
      console.log(
        JSON.stringify(
          { purgatories, command, programs: ordinary, geometricMean: mean, float, cold, relocations },
          null,
          2,
        ),
      );
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
};
