import { execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { Range } from '../../../kexec/base/range.js';
import { createCpu } from '../../../sim/cpu/cpu.js';
import { deadlineIn, Processors, type RunEnd } from '../../../sim/kernel/machine/processors.js';
import { Board, type InterruptHost, type Interrupts } from '../../../sim/machine/board.js';
import { Pl011 } from '../../../sim/machine/devices/pl011.js';
import { GicV2 } from '../../../sim/machine/gic/gicv2.js';
import { GicV3 } from '../../../sim/machine/gic/gicv3.js';
import { PROGRAM, RECORDS, RECORDS_SIZE, type SystemCase } from './cases.js';
import { type CoreRegisters, GdbClient } from './gdb.js';

const RAM_START = 0x4000_0000n;
const RAM_SIZE = 0x1000_0000n;
const SOURCES = path.join('test', 'machine', 'system');
/** A program that takes longer is lost. */
const PATIENCE_MS = 5_000;
const MOST_INSTRUCTIONS = 1_000_000n;

/** A case, ready to be put into memory. */
export interface Prepared {
  readonly pieces: readonly { readonly address: bigint; readonly file: string }[];
  /** Address of the program's end. */
  readonly done: bigint;
  /** The program with its symbols. */
  readonly program: string;
}

/** What is compared. */
export interface Reached {
  readonly registers: CoreRegisters;
  /** What the program noted, six words a record. */
  readonly records: readonly bigint[];
  /** Why it did not get to its end; undefined where it did. */
  readonly failure: string | undefined;
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** Assembles a case. @param directory where the files go */
export const prepare = (directory: string, { source, defines, pieces }: SystemCase): Prepared => {
  const [program, file] = [path.join(directory, 'program.elf'), path.join(directory, 'program.bin')];
  const options = ['-nostdlib', '-static', '-Wl,--build-id=none', `-Wl,-Ttext=${hex(PROGRAM)}`, '-march=armv8-a'];
  const definitions = Object.entries(defines).map(([name, value]) => `-D${name}=${hex(value)}`);
  execFileSync('aarch64-linux-gnu-gcc', [...options, ...definitions, '-o', program, path.join(SOURCES, source)]);
  execFileSync('aarch64-linux-gnu-objcopy', ['-O', 'binary', program, file]);
  const symbols = execFileSync('aarch64-linux-gnu-nm', [program], { encoding: 'utf8' });
  const done = /^([0-9a-f]+) . done$/m.exec(symbols)?.[1];
  if (done === undefined) throw new Error(`${source} has no end`);
  const others = pieces.map(({ address, bytes }, i) => {
    const name = path.join(directory, `piece-${i}.bin`);
    fs.writeFileSync(name, bytes);
    return { address, file: name };
  });
  return { pieces: [{ address: PROGRAM, file }, ...others], done: BigInt(`0x${done}`), program };
};

const recordsOf = (bytes: Uint8Array): readonly bigint[] => [...new BigUint64Array(new Uint8Array(bytes).buffer)];

/** X28 points behind the last record. */
const recordsSize = ({ x }: CoreRegisters): number => Math.min(Math.max(Number(x[28]! - RECORDS), 0), RECORDS_SIZE);

/** QEMU makes the socket before it listens. */
const openGdb = async (socket: string, isRunning: () => boolean): Promise<GdbClient> => {
  for (const start = Date.now(); ;) {
    try {
      return await GdbClient.open(socket);
    } catch (error) {
      if (!isRunning() || Date.now() - start > PATIENCE_MS) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

export const runOnQemu = async (
  directory: string,
  { el, processor, gic = 2 }: SystemCase,
  { pieces, done }: Prepared,
): Promise<Reached> => {
  const socket = path.join(directory, 'gdb');
  const args = [
    ...[
      '-M',
      `virt,gic-version=${gic},virtualization=${el === 2 ? 'on' : 'off'}`,
      '-accel',
      'tcg',
      '-cpu',
      processor,
      '-m',
      `${RAM_SIZE >> 20n}M`,
    ],
    ...[
      '-nic',
      'none',
      '-display',
      'none',
      '-monitor',
      'none',
      '-serial',
      'none',
      '-S',
      '-gdb',
      `unix:${socket},server=on,wait=off`,
    ],
    ...pieces.flatMap(({ address, file }) => ['-device', `loader,file=${file},addr=${hex(address)},force-raw=on`]),
    ...['-device', `loader,addr=${hex(PROGRAM)},cpu-num=0`],
  ];
  const qemu = spawn('qemu-system-aarch64', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise<void>((resolve, reject) => {
    qemu.once('error', reject).once('exit', () => resolve());
  });
  try {
    const gdb = await openGdb(socket, () => qemu.exitCode === null);
    try {
      const failure = (await gdb.runTo(done, PATIENCE_MS)) ? undefined : 'does not end';
      const registers = await gdb.registers();
      return { registers, failure, records: recordsOf(await gdb.memory(RECORDS, recordsSize(registers))) };
    } finally {
      gdb.close();
    }
  } finally {
    qemu.kill('SIGKILL');
    await ended;
  }
};

const LINES = 288;
const TIMER_LINES = { virtual: 27, physical: 30, hypervisor: 26 } as const;

/** The interrupt controller where QEMU's board has it. */
const controllerOf =
  (version: 2 | 3) =>
  (host: InterruptHost): Interrupts => {
    const processor = { affinities: [0n], current: () => 0, setInterrupt: host.setInterrupt.bind(host) };
    const distributorAt = 0x800_0000n;
    if (version === 2) {
      const controller = new GicV2(processor, { lines: LINES });
      const devices = [
        { physAddr: distributorAt, device: controller.distributor },
        { physAddr: 0x801_0000n, device: controller.cpuInterface },
      ];
      return { controller, devices, timerLines: TIMER_LINES };
    }
    const controller = new GicV3(processor, { lines: LINES });
    const devices = [
      { physAddr: distributorAt, device: controller.distributor },
      { physAddr: 0x80a_0000n, device: controller.redistributors },
    ];
    return { controller, devices, timerLines: TIMER_LINES };
  };

export const runOnModel = async ({ el, gic = 2 }: SystemCase, { pieces, done }: Prepared): Promise<Reached> => {
  const board = new Board({
    ram: [Range.sized(RAM_START, RAM_SIZE)],
    devices: [{ physAddr: 0x900_0000n, device: new Pl011(() => {}) }],
    highestEl: el,
    interrupts: controllerOf(gic),
  });
  for (const { address, file } of pieces) board.memory.write(address, fs.readFileSync(file));
  const cpu = createCpu(board);
  cpu.setEl(el);
  cpu.pc = PROGRAM;
  const stopAt = new Set([done]);
  const bounds = { maxInstructions: MOST_INSTRUCTIONS, deadline: deadlineIn(PATIENCE_MS), interrupted: () => false };
  const stop = await new Processors(board, cpu).run(() => ({ stopAt }), bounds);
  const spsel = Number(cpu.getSystemRegister('SPSel'));
  const registers: CoreRegisters = {
    x: Array.from({ length: 31 }, (_, i) => cpu.getX(i)),
    sp: cpu.sp,
    pc: cpu.pc,
    cpsr: ((cpu.nzcv << 28) | (cpu.daif << 6) | (cpu.el << 2) | spsel) >>> 0,
  };
  return {
    registers,
    failure: failureOf(stop),
    records: recordsOf(board.memory.read(RECORDS, recordsSize(registers))),
  };
};

const failureOf = (stop: RunEnd): string | undefined => {
  switch (stop.kind) {
    case 'stop-at':
      return undefined;
    case 'max-instructions':
      return 'does not end';
    case 'unmodelled':
      return `is not modelled: ${stop.what}`;
    case 'stuck':
      return `is stuck: ${stop.why}`;
    default:
      return `stops: ${stop.kind}`;
  }
};
