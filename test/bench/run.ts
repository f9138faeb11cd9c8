/**
 * Benchmarks, beside something real in the same run: `npm run bench -- [load|cpu|linux|kdump] [--rounds N]`, and for all
 * but the loads `[--only NAME] [--json]`; load and cpu without a name. Machines are noisy: the ratios count, not the
 * seconds.
 *
 * load: our `kexec -l` beside the native kexec-tools of this processor: kernels and initrds of the same sizes, both keep
 * what is loaded on the same disk, best of several. cpu: programs on the model of the processor. linux: Debian's kernels
 * boot. kdump: whole kdumps, and dumps of a saved machine.
 */
import { spawnSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { prepareReal, type Target } from '../conformance/debian.js';
import { scratchDirectory } from '../support/cache.js';
import { benchCpu } from './cpu.js';
import { benchKdump } from './kdump.js';
import { benchLinux } from './linux.js';
import { runMain } from '../support/run-main.js';

const AMD64: Target = {
  architecture: 'amd64',
  interpreter: 'ld-linux-x86-64.so.2',
  readelf: 'readelf',
  compiler: 'gcc',
  shim: path.join('test', 'bench', 'shim-x86_64.c'),
};

const MiB = 2 ** 20;
const KERNEL_SIZE = 27 * MiB;
const INITRD_SIZE = 256 * MiB;
/** What a command may use beyond its payload. */
const MEMORY_GOAL = 150 * MiB;

const random = (size: number): Buffer => randomFillSync(Buffer.alloc(size));

/** An arm64 Image whose header is the only thing that means anything. */
const arm64Image = (): Buffer => {
  const image = random(KERNEL_SIZE);
  image.fill(0, 0, 64);
  image.write('MZ', 0);
  image.writeBigUInt64LE(BigInt(KERNEL_SIZE + MiB), 16);
  image.writeBigUInt64LE(0xan, 24);
  image.write('ARM\x64', 56);
  return image;
};

/** An x86 bzImage (Documentation/arch/x86/boot.rst): real-mode code of 16 sectors, then the kernel. */
const bzImage = (): Buffer => {
  const setupSectors = 15;
  const image = random(KERNEL_SIZE);
  image.fill(0, 0, (setupSectors + 1) * 512);
  image.writeUInt8(setupSectors, 0x1f1);
  image.writeUInt32LE((KERNEL_SIZE - (setupSectors + 1) * 512) / 16, 0x1f4);
  image.writeUInt16LE(0xaa55, 0x1fe);
  image.write('HdrS', 0x202);
  image.writeUInt16LE(0x20c, 0x206);
  image.writeUInt8(1, 0x211);
  image.writeUInt32LE(0x7fff_ffff, 0x22c);
  image.writeUInt32LE(0x20_0000, 0x230);
  image.writeUInt8(1, 0x234);
  image.writeUInt16LE(1, 0x236);
  image.writeUInt32LE(2047, 0x238);
  image.writeBigUInt64LE(0x100_0000n, 0x258);
  image.writeUInt32LE(KERNEL_SIZE + 4 * MiB, 0x260);
  return image;
};

interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Before each run: what is there to be kept anew. */
  readonly reset?: () => void;
}

/** Runs a command. @returns its time in milliseconds */
const time = ({ file, args, env, reset }: Command): number => {
  reset?.();
  const start = process.hrtime.bigint();
  const { status, stderr } = spawnSync(file, args, {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    encoding: 'latin1',
  });
  const end = process.hrtime.bigint();
  if (status !== 0) throw new Error(`${file} ${args.join(' ')}: exit ${status}\n${stderr}`);
  return Number(end - start) / 1e6;
};

interface Row {
  readonly what: string;
  readonly ours: Command;
  readonly theirs: Command;
  readonly theirName: string;
  /** The ratio that is wanted at most. */
  readonly goal: number;
}

/** The best of each side; the sides take turns, so that both see the same machine. */
const compare = ({ what, ours, theirs, theirName, goal }: Row, rounds: number): void => {
  const best = { ours: Infinity, theirs: Infinity };
  for (let i = 0; i < rounds; i++) {
    best.theirs = Math.min(best.theirs, time(theirs));
    best.ours = Math.min(best.ours, time(ours));
  }
  const ratio = best.ours / best.theirs;
  const verdict = ratio <= goal ? 'met' : 'missed';
  console.log(
    `${what.padEnd(34)} ours ${best.ours.toFixed(0).padStart(5)} ms   ${theirName} ${best.theirs.toFixed(0).padStart(5)} ms   ` +
      `ratio ${ratio.toFixed(2)} (goal ${goal.toFixed(1)}: ${verdict})`,
  );
};

/** Peak resident memory of a command, in bytes, as GNU time tells it; undefined where that is not installed. */
const peakMemory = ({ file, args, env, reset }: Command): number | undefined => {
  reset?.();
  const { status, stderr } = spawnSync('/usr/bin/time', ['-f', '%M', file, ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    encoding: 'latin1',
  });
  return status === 0 ? Number(stderr.trim().split('\n').at(-1)) * 1024 : undefined;
};

const benchLoad = (rounds: number): void => {
  if (os.arch() !== 'x64') throw new Error('the native kexec-tools are compared on x86_64 only');

  const real = prepareReal('2.0.25', AMD64);
  const work = scratchDirectory('bench');
  try {
    const root = path.join(work, 'root');
    for (const directory of ['proc', 'sys', 'out', 't', 'tmp'])
      fs.mkdirSync(path.join(root, directory), { recursive: true });
    fs.cpSync(real.tools, path.join(root, 'tools'), { recursive: true });
    fs.writeFileSync(
      path.join(root, 'proc', 'iomem'),
      '00001000-0009fbff : System RAM\n00100000-bffdffff : System RAM\n100000000-23fffffff : System RAM\n',
    );
    fs.writeFileSync(path.join(root, 'proc', 'cmdline'), 'root=/dev/vda console=ttyS0\n');
    const initrd = random(INITRD_SIZE);
    fs.writeFileSync(path.join(root, 't', 'bzImage'), bzImage());
    fs.writeFileSync(path.join(root, 't', 'initrd'), initrd);
    fs.writeFileSync(path.join(work, 'Image'), arm64Image());
    fs.writeFileSync(path.join(work, 'initrd'), initrd);

    const state = path.join(work, 'state');
    const ours = (...args: string[]): Command => ({
      file: process.execPath,
      args: [path.join('bin', 'kexec'), ...args],
      env: { KEXEC_STATE: state, KEXEC_MACHINE: 'virt-2g' },
      reset: () => fs.rmSync(state, { recursive: true, force: true }),
    });
    const theirs = (...args: string[]): Command => ({
      file: 'unshare',
      args: [
        '-n',
        'chroot',
        root,
        `/tools/lib/${AMD64.interpreter}`,
        '--library-path',
        '/tools/lib',
        '--preload',
        '/tools/shim.so',
        '/tools/kexec',
        ...args,
      ],
      reset: () => {
        fs.rmSync(path.join(root, 'out'), { recursive: true, force: true });
        fs.mkdirSync(path.join(root, 'out'));
      },
    });

    console.log(
      `native: Debian's kexec-tools ${real.packageVersion} amd64; node ${process.version}; best of ${rounds}`,
    );
    const withInitrd = `--initrd=${path.join(work, 'initrd')}`;
    const rows: readonly Row[] = [
      {
        what: 'kexec -l, 27 MB kernel',
        ours: ours('-c', '-l', path.join(work, 'Image'), '--reuse-cmdline'),
        theirs: theirs('-l', '/t/bzImage', '--reuse-cmdline'),
        theirName: 'native',
        goal: 1,
      },
      {
        what: 'kexec -l, and a 256 MB initrd',
        ours: ours('-c', '-l', path.join(work, 'Image'), '--reuse-cmdline', withInitrd),
        theirs: theirs('-l', '/t/bzImage', '--reuse-cmdline', '--initrd=/t/initrd'),
        theirName: 'native',
        goal: 0.5,
      },
      {
        what: 'kexec --version',
        ours: ours('--version'),
        theirs: { file: process.execPath, args: ['-e', '0'] },
        theirName: 'node -e 0',
        goal: 2,
      },
    ];
    for (const row of rows) compare(row, rounds);

    for (const { what, ours: command, payload } of [
      { what: 'peak memory, 27 MB kernel', ours: rows[0]!.ours, payload: KERNEL_SIZE },
      { what: 'peak memory, and a 256 MB initrd', ours: rows[1]!.ours, payload: KERNEL_SIZE + INITRD_SIZE },
    ]) {
      const peak = peakMemory(command);
      const over = peak === undefined ? undefined : peak - payload;
      console.log(
        over === undefined
          ? `${what.padEnd(34)} unknown: /usr/bin/time is not installed`
          : `${what.padEnd(34)} payload + ${(over / MiB).toFixed(0)} MB (goal ${MEMORY_GOAL / MiB}: ${over <= MEMORY_GOAL ? 'met' : 'missed'})`,
      );
    }
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
};

const main = async (): Promise<void> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      only: { type: 'string', default: '' },
      json: { type: 'boolean', default: false },
    },
  });
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  if (rounds !== undefined && (!Number.isInteger(rounds) || rounds < 1)) {
    throw new Error(`--rounds=${values.rounds ?? ''} is not a number of rounds`);
  }
  for (const name of positionals)
    if (!['load', 'cpu', 'linux', 'kdump'].includes(name)) throw new Error(`no benchmark is called ${name}`);
  const chosen = (name: string): boolean => positionals.length === 0 || positionals.includes(name);
  if (chosen('load')) benchLoad(rounds ?? 7);
  if (positionals.includes('linux')) benchLinux({ rounds: rounds ?? 2, json: values.json, only: values.only });
  if (positionals.includes('kdump')) benchKdump({ rounds: rounds ?? 1, json: values.json, only: values.only });
  if (chosen('cpu')) await benchCpu({ rounds: rounds ?? 3, json: values.json, only: values.only });
};

await runMain('bench', main);
