/** What the benchmark of the processor runs: programs without an operating system, built from C. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { createRandom, type Random } from '../fuzz/mutate.js';
import { pick } from '../machine/user/operands.js';

/** A program without an operating system, for the model and for qemu's board `virt`; it ends by PSCI SYSTEM_OFF. */
export interface Workload {
  readonly name: string;
  /** Raw files and the physical addresses they go to. */
  readonly pieces: readonly Piece[];
  /** Where it starts, at EL1 with the MMU off. */
  readonly entry: bigint;
}

export interface Piece {
  readonly address: bigint;
  readonly file: string;
}

/** What a run on the model took. */
export interface ModelRun {
  /** From the processor's making to its end. */
  readonly ms: number;
  readonly output: string;
  readonly instructions: number;
  readonly regions: number;
  readonly translationMs: number;
}

/** A workload as JSON has it: without bigint. */
export const encodeWorkload = (workload: Workload): string =>
  JSON.stringify(workload, (_, value: unknown) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value));

/** What a relocation took. */
export interface RelocationRun {
  /** Of the page lists, the page tables and the processor. */
  readonly preparationMs: number;
  /** Of the code that leaves the old kernel and copies. */
  readonly ms: number;
  readonly instructions: number;
}

/** RAM of the board: 2 GiB. */
export const RAM_START = 0x4000_0000n;
export const RAM_SIZE = 0x8000_0000n;

/** Where program.ld puts programs. */
const PROGRAM_ADDRESS = 0x4020_0000n;
const SOURCES = path.join('test', 'bench', 'programs');
/** With the MMU off, all memory is Device memory: accesses must be aligned. */
const OPTIONS = [
  '-Wall',
  '-Wextra',
  '-Werror',
  '-O2',
  '-ffreestanding',
  '-fno-builtin',
  '-fno-pic',
  '-fno-stack-protector',
  '-mstrict-align',
  '-static',
  '-nostdlib',
  '-Wl,--no-warn-rwx-segments,--build-id=none',
  '-T',
  path.join(SOURCES, 'program.ld'),
];

/** The programs, and how much of its work each does: about a second of qemu's. */
const ROUNDS: Readonly<Record<string, number>> = {
  recursion: 38,
  crc: 500,
  quicksort: 100,
  copy: 480,
  chase: 1200,
  pointers: 40_000_000,
  arithmetic: 1_300_000,
  sha256: 480,
};

/** The same of programs of floating point; `whole` is so slow a way to compute that it does less. */
const FLOAT_ROUNDS: Readonly<Record<string, number>> = { nbody: 200_000, mandelbrot: 18, filter: 2500, whole: 20_000 };
const FLOAT_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  nbody: ['-fno-math-errno'],
  mandelbrot: ['-ffp-contract=off'],
  filter: ['-O3'],
  whole: [],
};

const build = (directory: string, name: string, source: string, options: readonly string[]): Workload => {
  const [program, file] = [path.join(directory, `${name}.elf`), path.join(directory, `${name}.bin`)];
  const common = ['start.S', 'main.c'].map((other) => path.join(SOURCES, other));
  execFileSync('aarch64-linux-gnu-gcc', [...OPTIONS, ...options, '-o', program, ...common, source]);
  execFileSync('aarch64-linux-gnu-objcopy', ['-O', 'binary', program, file]);
  return { name, pieces: [{ address: PROGRAM_ADDRESS, file }], entry: PROGRAM_ADDRESS };
};

/** The eight ordinary programs. @param directory where they are built */
export const programs = (directory: string): readonly Workload[] =>
  Object.entries(ROUNDS).map(([name, rounds]) =>
    build(directory, name, path.join(SOURCES, `${name}.c`), ['-mgeneral-regs-only', `-DROUNDS=${rounds}`]),
  );

/** Programs of floating point. */
export const floatPrograms = (directory: string): readonly Workload[] =>
  Object.entries(FLOAT_ROUNDS).map(([name, rounds]) =>
    build(directory, name, path.join(SOURCES, `${name}.c`), [`-DROUNDS=${rounds}`, ...FLOAT_OPTIONS[name]!]),
  );

const COLD_FUNCTIONS = 20_000;

/** One of the instructions that a cold function is made of; X0 goes through all of them, X1 is free. */
const coldInstruction = (random: Random): string => {
  const number = random.below(4096);
  return pick(random, [
    `add x0, x0, #${number}`,
    `eor x0, x0, x0, ror #${1 + random.below(63)}`,
    `mov w1, #${number}\n\tmadd x0, x0, x1, x0`,
    `cmp x0, #${number}\n\tcsinc x0, x0, x0, ${pick(random, ['hi', 'lt', 'ne', 'cs'])}`,
    `tbz x0, #${random.below(64)}, 1f\n\tsub x0, x0, #${number}\n1:`,
    `str x0, [sp, #-16]!\n\tldrh w1, [sp, #${2 * random.below(4)}]\n\tadd sp, sp, #16\n\tadd x0, x0, x1`,
    `ubfx x1, x0, #${random.below(32)}, #${1 + random.below(32)}\n\torr x0, x0, x1, lsl #${random.below(8)}`,
    `rbit x1, x0\n\tadd x0, x1, x0, lsr #${1 + random.below(63)}`,
  ]);
};

/** Distinct functions that run once each, called one by one or through a table. */
const coldSource = (calls: 'direct' | 'table'): string => {
  const random = createRandom(20_000);
  const names = Array.from({ length: COLD_FUNCTIONS }, (_, i) => `f${i}`);
  const functions = names.map((name) => {
    const body = Array.from({ length: 4 + random.below(10) }, () => `\t${coldInstruction(random)}`);
    return `${name}:\n${body.join('\n')}\n\tret\n`;
  });
  const body =
    calls === 'direct'
      ? names.map((name) => `\tbl ${name}`)
      : [
          '\tadrp x19, table',
          '\tadd x19, x19, :lo12:table',
          `\tmov w20, #${COLD_FUNCTIONS}`,
          '2:\tldr x2, [x19], #8',
          '\tblr x2',
          '\tsubs w20, w20, #1',
          '\tb.ne 2b',
        ];
  return [
    '\t.text',
    '\t.globl run',
    'run:\tstp x19, x20, [sp, #-32]!',
    '\tstr x30, [sp, #16]',
    '\tmov x0, #1',
    ...body,
    '\tldr x30, [sp, #16]',
    '\tldp x19, x20, [sp], #32',
    '\tret',
    ...functions,
    ...(calls === 'table'
      ? ['\t.section .rodata', '\t.balign 8', 'table:', ...names.map((name) => `\t.quad ${name}`)]
      : []),
    '',
  ].join('\n');
};

/** Code that runs once. @param directory where it is built */
export const coldPrograms = (directory: string): readonly Workload[] =>
  (['direct', 'table'] as const).map((calls) => {
    const source = path.join(directory, `cold-${calls}.S`);
    fs.writeFileSync(source, coldSource(calls));
    return build(directory, `cold-${calls}`, source, []);
  });

/** What a piece of code is when all it does is to switch off: how long it takes to get to the first instruction. */
const OFF = Uint32Array.of(0x52b0_8000, 0x1100_2000, 0xd400_0002);

/** The same memory, and nothing to do. */
export const withoutWork = (directory: string, workload: Workload): Workload => {
  const file = path.join(directory, 'off.bin');
  fs.writeFileSync(file, OFF);
  const entry = freePage(workload);
  return { name: `${workload.name}, startup`, pieces: [...workload.pieces, { address: entry, file }], entry };
};

const PAGE = 0x1000n;

/** A page of RAM that no piece lies in, nor qemu's device tree, which it puts at the start of RAM. */
export const freePage = ({ pieces }: Pick<Workload, 'pieces'>): bigint => {
  const taken = pieces.map(({ address, file }) => ({ address, end: address + BigInt(fs.statSync(file).size) }));
  for (let page = RAM_START + RAM_SIZE - PAGE; page > RAM_START + 0x20_0000n; page -= PAGE) {
    if (taken.every(({ address, end }) => page + PAGE <= address || end <= page)) return page;
  }
  throw new Error('no free page of RAM');
};
