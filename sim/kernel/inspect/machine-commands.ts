/** Commands about the machine and its kernel: reg, bt, log, iomem, dtb, kimage. */
import { hex, hex16, visible } from '../../../kexec/base/format.js';
import { cString, latin1 } from '../../../kexec/base/scan.js';
import { guestLog } from '../log/guest-log.js';
import type { InspectCommand } from './command.js';
import { type Inspector, refuse } from './inspector.js';
import { isMissing } from './memory-view.js';
import { levelOf, numberAt } from './stopped.js';
import { mmuIsOn } from './walk.js';

/** Those that tell how a processor translates, and what it was doing. */
const SYSTEM_REGISTERS = ['SCTLR', 'TCR', 'TTBR0', 'TTBR1', 'MAIR', 'VBAR', 'ESR', 'ELR', 'SPSR', 'FAR'] as const;
const REGISTERS_A_LINE = 3;

const reg: InspectCommand = {
  name: 'reg',
  usage: '',
  what: 'The registers of the processor',
  words: [0, 0],
  run: function* (inspector) {
    const { processor } = inspector.view;
    const el = levelOf(processor);
    const named = (address: bigint): string => {
      const name = inspector.nameAt(address);
      return name === undefined ? '' : `  <${visible(name)}>`;
    };
    const mmu =
      processor.system(`SCTLR_EL${el === 2 ? 2 : 1}`) === undefined ? '' : `, MMU ${mmuIsOn(processor) ? 'on' : 'off'}`;
    yield `EL${el}${mmu}`;
    yield `     PC: ${hex16(processor.pc)}${named(processor.pc)}`;
    yield `     LR: ${hex16(processor.x(30))}${named(processor.x(30))}`;
    yield `     SP: ${hex16(processor.sp)}  PSTATE: ${hex(processor.pstate).padStart(8, '0')}`;
    for (let i = 30; i >= 0; i -= REGISTERS_A_LINE) {
      const line = Array.from({ length: Math.min(REGISTERS_A_LINE, i + 1) }, (_, n) => i - n);
      yield line.map((n) => `${`X${n}`.padStart(7)}: ${hex16(processor.x(n))}`).join('');
    }
    for (const name of SYSTEM_REGISTERS) {
      const full = `${name}_EL${el === 2 ? 2 : 1}`;
      const value = el === 2 && name === 'TTBR1' ? undefined : processor.system(full);
      if (value !== undefined)
        yield `${full.padStart(10)}: ${hex16(value)}${['VBAR', 'ELR'].includes(name) ? named(value) : ''}`;
    }
  },
};

/** Frames of one call after the other; a kernel's stack has 16 KiB. */
export const MOST_FRAMES = 512;

const bt: InspectCommand = {
  name: 'bt',
  usage: '',
  what: 'The calls that the processor is in, by frame pointers',
  words: [0, 0],
  run: function* (inspector) {
    const { processor } = inspector.view;
    let [frame, pc, sp] = [processor.x(29), processor.pc, processor.sp];
    for (let n = 0; n < MOST_FRAMES; n++) {
      yield `${`#${n}`.padStart(3)} [${hex(sp).padStart(16)}] ${visible(inspector.nameAt(pc)?.replace(/\+\d+$/, '') ?? '(unknown)')} at ${hex(pc)}`;
      const record = frame === 0n || frame % 8n !== 0n ? { missing: frame } : inspector.view.read(frame, 16);
      if (isMissing(record)) return;
      const [next, back] = [numberAt(record.subarray(0, 8)), numberAt(record.subarray(8))];
      if (back === 0n) return;
      [sp, frame, pc] = [frame, next, back];
      if (next !== 0n && next <= sp && next > sp - (1n << 16n)) return;
    }
  },
};

const log: InspectCommand = {
  name: 'log',
  usage: '',
  what: "The kernel's log, out of its memory",
  words: [0, 0],
  run: function* ({ view, kernel }) {
    const memory = { read: view.machine.read, translate: (address: bigint) => view.translate(address) };
    const text = kernel && guestLog(memory, kernel.memory, kernel.symbols);
    if (text === undefined) throw refuse('no log of a kernel is found in memory');
    for (const line of text.trimEnd().split('\n')) yield visible(line);
  },
};

/** Fields of struct resource (include/linux/ioport.h), since 4.6. */
const RESOURCE = { bytes: 64, start: 0, end: 8, name: 16, sibling: 48, child: 56 } as const;
/** Resources of one machine, and how deep they lie in each other. */
export const MOST_RESOURCES = 4096;
const MAX_DEPTH = 8;

function* resources(inspector: Inspector, address: bigint, depth: number, left: { count: number }): Generator<string> {
  for (let at = address; at !== 0n;) {
    if (left.count-- <= 0 || depth > MAX_DEPTH) throw refuse('the resources lead to each other');
    const bytes = inspector.memory(at, RESOURCE.bytes);
    const field = (offset: number): bigint => numberAt(bytes.subarray(offset, offset + 8));
    const name = inspector.view.read(field(RESOURCE.name), 64);
    const text = isMissing(name) ? '<BAD>' : visible(cString(latin1(name)));
    yield `${'  '.repeat(depth)}${hex(field(RESOURCE.start)).padStart(8, '0')}-${hex(field(RESOURCE.end)).padStart(8, '0')} : ${text}`;
    yield* resources(inspector, field(RESOURCE.child), depth + 1, left);
    at = field(RESOURCE.sibling);
  }
}

const iomem: InspectCommand = {
  name: 'iomem',
  usage: '',
  what: 'What /proc/iomem shows',
  words: [0, 0],
  run: function* (inspector) {
    const recorded = inspector.texts.iomem();
    if (recorded !== undefined) {
      yield* linesOf(recorded);
      return;
    }
    const root = inspector.symbol('iomem_resource').address;
    const first = numberAt(inspector.memory(root + BigInt(RESOURCE.child), 8));
    yield* resources(inspector, first, 0, { count: MOST_RESOURCES });
  },
};

const linesOf = (text: string): readonly string[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t').map(visible).join('\t'));

const dtb: InspectCommand = {
  name: 'dtb',
  usage: '[PATH]',
  what: 'The device tree, or a node of it, as source',
  words: [0, 1],
  run: (inspector, { words: [path] }) => linesOf(inspector.texts.dtb(path)),
};

/** Fields of struct kimage and of its segments (include/linux/kexec.h). */
const KIMAGE = { bytes: 64, head: 0, start: 24, segments: 56, first: 64, segmentBytes: 32 } as const;
const MOST_SEGMENTS = 16n;

function* kimageAt(inspector: Inspector, name: string): Generator<string> {
  const pointer = numberAt(inspector.memory(inspector.symbol(name).address, 8));
  if (pointer === 0n) {
    yield `${name}: nothing is loaded`;
    return;
  }
  const bytes = inspector.memory(pointer, KIMAGE.bytes);
  const field = (offset: number): bigint => numberAt(bytes.subarray(offset, offset + 8));
  yield `${name}: ${hex(pointer)}  head ${hex(field(KIMAGE.head))}  start ${hex(field(KIMAGE.start))}`;
  const count = field(KIMAGE.segments);
  if (count > MOST_SEGMENTS) throw refuse(`${name}: ${count} segments are none`);
  for (let i = 0n; i < count; i++) {
    const segment = inspector.memory(
      pointer + BigInt(KIMAGE.first) + i * BigInt(KIMAGE.segmentBytes),
      KIMAGE.segmentBytes,
    );
    const [, bufsz, mem, memsz] = [0, 8, 16, 24].map((at) => hex(numberAt(segment.subarray(at, at + 8))));
    yield `  segment[${i}]: mem ${mem}  memsz ${memsz}  bufsz ${bufsz}`;
  }
}

const kimage: InspectCommand = {
  name: 'kimage',
  usage: '',
  what: 'What is loaded by kexec: head, lists, control page',
  words: [0, 0],
  run: function* (inspector) {
    const recorded = inspector.texts.kimage();
    if (recorded !== undefined) {
      yield* linesOf(recorded);
      return;
    }
    yield* kimageAt(inspector, 'kexec_image');
    yield* kimageAt(inspector, 'kexec_crash_image');
  },
};

export const MACHINE_COMMANDS: readonly InspectCommand[] = [reg, bt, log, iomem, kimage, dtb];
