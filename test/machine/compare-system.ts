/**
 * Compares the model with qemu-system-aarch64 in what user mode cannot do: `npm run compare:system -- [--case NAME]
 * [--keep]`. Programs of assembly run on both to the same address; registers and every exception on the way must agree.
 */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { describeEsr } from '../../sim/cpu/system/esr.js';
import { scratchDirectory } from '../support/cache.js';
import { KNOWN_DIFFERENCES, type SystemCase, SYSTEM_CASES } from './system/cases.js';
import { prepare, type Prepared, type Reached, runOnModel, runOnQemu } from './system/machines.js';
import { runMain, say } from '../support/run-main.js';

const RECORD_WORDS = 6;
const MOST_DIFFERENCES = 12;

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** The instruction at an address, and the label before it. */
const placeOf = (program: string, address: bigint): string => {
  const range = [`--start-address=${hex(address)}`, `--stop-address=${hex(address + 4n)}`];
  const text = execFileSync('aarch64-linux-gnu-objdump', ['-d', ...range, program], { encoding: 'utf8' });
  const instruction = /^ *[0-9a-f]+:\t[0-9a-f]+ *\t(.*)$/m.exec(text)?.[1] ?? 'not in the program';
  return `${hex(address)} (${instruction.replaceAll('\t', ' ')})`;
};

const describeRecord = (record: readonly bigint[]): string => {
  const [vector, esr, far, elr, spsr, x0] = record as [bigint, bigint, bigint, bigint, bigint, bigint];
  const where = `vector ${vector & 0xffn} of EL${vector >> 8n}`;
  return `${where}, esr ${hex(esr)} (${describeEsr(esr, far)}), far ${hex(far)}, elr ${hex(elr)}, spsr ${hex(spsr)}, x0 ${hex(x0)}`;
};

/**
 * The record as it is compared. For aborts of stage 1 at EL2, qemu 7.2 says in bits 24 to 14 what was accessed; the Arm
 * ARM has that for stage 2 only (D17.2.37, ISS encoding for an exception from a Data Abort).
 */
const comparable = (record: readonly bigint[]): readonly bigint[] => {
  const [vector, esr, ...others] = record;
  if (vector === undefined || esr === undefined || vector >> 8n !== 2n || ![0x24n, 0x25n].includes(esr >> 26n))
    return record;
  return [vector, esr & ~0x1ff_c000n, ...others];
};

/** @param place of the instruction whose result was noted */
const isKnown = (place: string, theirs: readonly bigint[], ours: readonly bigint[]): boolean =>
  theirs.slice(0, -1).every((word, i) => word === ours[i]) &&
  KNOWN_DIFFERENCES.some(({ register, model }) => place.includes(`mrs x0, ${register}`) && model === ours.at(-1));

const compare = ({ program }: Prepared, theirs: Reached, model: Reached): readonly string[] => {
  const differences: string[] = [];
  const count = Math.max(theirs.records.length, model.records.length);
  for (let at = 0; at < count; at += RECORD_WORDS) {
    const [a, b] = [theirs, model].map(({ records }) => records.slice(at, at + RECORD_WORDS)) as [bigint[], bigint[]];
    const [seen, ours] = [comparable(a), comparable(b)];
    if (seen.length === ours.length && seen.every((word, i) => word === ours[i])) continue;
    const elr = a[3] ?? b[3]!;
    if (isKnown(placeOf(program, elr - 8n), a, b)) continue;
    differences.push(`record ${at / RECORD_WORDS}, near ${placeOf(program, elr - 4n)}`);
    differences.push(
      `  qemu:  ${a.length === 0 ? 'none' : describeRecord(a)}`,
      `  model: ${b.length === 0 ? 'none' : describeRecord(b)}`,
    );
    // What follows another number of exceptions means nothing.
    if (a.length !== b.length || a[3] !== b[3]) break;
  }
  const name = (key: string, a: bigint | number, b: bigint | number): readonly string[] =>
    a === b ? [] : [`${key}: ${hex(a)} for qemu, ${hex(b)} for the model`];
  const [a, b] = [theirs.registers, model.registers];
  const failure = (who: string, { failure: why, registers: { pc } }: Reached): readonly string[] =>
    why === undefined ? [] : [`${who}: ${why}, at ${placeOf(program, pc)}`];
  return [
    ...failure('qemu', theirs),
    ...failure('the model', model),
    ...differences,
    ...a.x.flatMap((value, i) => name(`x${i}`, value, b.x[i]!)),
    ...name('sp', a.sp, b.sp),
    ...name('pc', a.pc, b.pc),
    ...name('cpsr', a.cpsr, b.cpsr),
  ];
};

const judge = async (directory: string, system: SystemCase): Promise<readonly string[]> => {
  const prepared = prepare(directory, system);
  const ours = await runOnModel(system, prepared);
  const theirs = await runOnQemu(directory, system, prepared);
  if (theirs.records.length === 0) throw new Error(`${system.name}: the program noted nothing`);
  return compare(prepared, theirs, ours);
};

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: { case: { type: 'string', default: '' }, keep: { type: 'boolean', default: false } },
  });
  const cases = SYSTEM_CASES.filter(({ name }) => name.includes(values.case));
  if (cases.length === 0) throw new Error(`no case is called like "${values.case}"`);
  let failed = 0;
  for (const system of cases) {
    // A socket's path is 107 characters at most: the directory is named from here.
    const directory = path.relative('', scratchDirectory('system'));
    try {
      const differences = await judge(directory, system);
      say(`${differences.length === 0 ? 'same   ' : 'DIFFERS'} ${system.name}`);
      for (const line of differences.slice(0, 3 * MOST_DIFFERENCES)) say(`    ${line}`);
      if (differences.length > 0) failed++;
    } finally {
      if (values.keep) say(`    kept in ${directory}`);
      else fs.rmSync(directory, { recursive: true });
    }
  }
  say(`${cases.length - failed} of ${cases.length} programs do the same on both`);
  if (failed > 0) process.exitCode = 1;
};

await runMain('compare:system', main);
