/**
 * Records what the interrupt controllers of qemu-system-aarch64 answer to random accesses, into `test/data/gic/`, and
 * tells where ours differ: `npm run record:gic -- [--count ACCESSES] [--keep]`, where `--keep` leaves what is recorded.
 */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { scratchDirectory } from '../../support/cache.js';
import { runMain, say } from '../../support/run-main.js';
import { type Access, type AccessCase, differences, REGISTERS } from './accesses.js';
import { randomV2 } from './random.js';
import { randomV3 } from './random-v3.js';

const SOURCE = path.join('test', 'machine', 'gic', 'probe.S');
const RECORDED = path.join('test', 'data', 'gic', 'random.json.gz');
const ENTRY_BYTES = 32;
const LIST = '0x48000000';
const KINDS = { memory: { read: 1, write: 2 }, register: { read: 3, write: 4 } } as const;
const DEFAULT_COUNT = 2500;
const MOST_DIFFERENCES = 5;

const CASES = [
  { version: 2, processors: 1, seed: 1, random: randomV2 },
  { version: 2, processors: 2, seed: 2, random: randomV2 },
  { version: 2, processors: 8, seed: 3, random: randomV2 },
  { version: 3, processors: 1, seed: 4, random: randomV3 },
  { version: 3, processors: 2, seed: 5, random: randomV3 },
  { version: 3, processors: 4, seed: 6, random: randomV3 },
] as const;

/** The list as probe.S reads it; an entry of zeros is the end. */
const encode = (accesses: readonly Access[]): Buffer => {
  const list = Buffer.alloc(ENTRY_BYTES * (accesses.length + 1));
  accesses.forEach(([processor, what, where, sizeBytes, value], n) => {
    const at = ENTRY_BYTES * n;
    const isRegister = typeof where === 'string';
    list.writeUInt8(processor, at);
    list.writeUInt8(KINDS[isRegister ? 'register' : 'memory'][what], at + 1);
    list.writeUInt8(isRegister ? REGISTERS.indexOf(where) : sizeBytes, at + 2);
    if (!isRegister) list.writeBigUInt64LE(BigInt(where), at + 8);
    list.writeBigUInt64LE(BigInt(value), at + 16);
  });
  return list;
};

/** What the probe sent of an access that was refused: the upper bit, and the exception's class. */
const isRefused = (answer: bigint): boolean => answer >> 8n === 1n << 55n;

const askQemu = (version: 2 | 3, processors: number, accesses: readonly Access[]): readonly string[] => {
  const directory = scratchDirectory('gic');
  const [program, list, output] = [`${directory}/probe`, `${directory}/list`, `${directory}/serial`];
  const link = ['-nostdlib', '-static', '-Wl,-Ttext=0x40080000', '-Wl,-N', '-Wl,--no-warn-rwx-segments'];
  execFileSync('aarch64-linux-gnu-gcc', [...link, '-Wa,--no-warn', '-o', program, SOURCE]);
  fs.writeFileSync(list, encode(accesses));
  execFileSync('qemu-system-aarch64', [
    ...['-M', `virt,gic-version=${version},its=off`, '-cpu', 'cortex-a57', '-smp', String(processors), '-m', '256'],
    ...['-display', 'none', '-net', 'none', '-monitor', 'none', '-serial', `file:${output}`, '-kernel', program],
    ...['-device', `loader,file=${list},addr=${LIST},force-raw=on`],
  ]);
  // Before it are the bytes that the accesses themselves sent.
  const bytes = fs.readFileSync(output).subarray(-8 * accesses.length);
  fs.rmSync(directory, { recursive: true });
  return accesses.map((_, n) => {
    const answer = bytes.readBigUInt64LE(8 * n);
    return isRefused(answer) ? 'refused' : `0x${answer.toString(16)}`;
  });
};

await runMain('record:gic', () => {
  const { values } = parseArgs({ options: { count: { type: 'string' }, keep: { type: 'boolean' } } });
  const cases = CASES.map(({ version, processors, seed, random }): AccessCase => {
    const accesses = random(seed, processors, Number(values.count ?? DEFAULT_COUNT));
    return { version, processors, accesses, answers: askQemu(version, processors, accesses) };
  });
  for (const each of cases) {
    const found = differences(each);
    say(
      `GICv${each.version}, processors: ${each.processors}, accesses: ${each.accesses.length}, differences: ${found.length}`,
    );
    for (const difference of found.slice(0, MOST_DIFFERENCES)) say(`  ${difference}`);
  }
  if (values.keep !== true) fs.writeFileSync(RECORDED, gzipSync(JSON.stringify(cases), { level: 9 }));
});
