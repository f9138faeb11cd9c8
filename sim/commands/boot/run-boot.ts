/** `kexec-sim boot`: a kernel runs on a whole machine, from its first instruction to its last. */
import { DEFAULT_COMPAT } from '../../../kexec/base/compat.js';
import { KexecError } from '../../../kexec/base/error.js';
import { createLog, type Log } from '../../../kexec/base/log.js';
import type { Range } from '../../../kexec/base/range.js';
import { slurpFile } from '../../../kexec/base/slurp.js';
import { DEFAULT_DECOMPRESS_LIMIT } from '../../../kexec/compression/read-context.js';
import { createCpus } from '../../cpu/cpu.js';
import { describeEsr } from '../../cpu/system/esr.js';
import type { BootPlaces } from '../../kernel/boot/boot-places.js';
import { readKernelFile } from '../../kernel/boot/kernel-file.js';
import { type BootLoad, loadBoot } from '../../kernel/boot/load-boot.js';
import { withInterrupts } from '../../kernel/interrupts.js';
import { Console } from '../../kernel/machine/console.js';
import { tellingOfMachine } from '../../kernel/machine/machine-errors.js';
import { deadlineIn } from '../../kernel/machine/processors.js';
import { type WholeMachine, wholeMachine } from '../../kernel/machine/whole-machine.js';
import { ConsoleWatch } from '../../kernel/run/console-watch.js';
import { type GuestReport, reportOn } from '../../kernel/run/guest-report.js';
import { GuestView } from '../../kernel/run/guest-view.js';
import { type GuestRun, runGuest } from '../../kernel/run/run-guest.js';
import { ENDED_BY_USER, KEYS, TypedInput } from '../../kernel/run/typed-input.js';
import { describeBoard } from '../../machine/board-tree/describe.js';
import { treeOfBlob } from '../../machine/board-tree/tree.js';
import { VirtioBlock } from '../../machine/devices/virtio/block.js';
import { VirtioEntropy } from '../../machine/devices/virtio/entropy.js';
import { Random } from '../../machine/random.js';
import type { Terminal } from '../../machine/terminal.js';
import { type SubcommandContext, openMachine } from '../common/context.js';
import { formatAddress, formatJson } from '../common/text.js';
import { type OpenDisk, openDisk } from '../disks/file-disk.js';
import {
  type BootArguments,
  type BootUntil,
  parseDisk,
  parseInstructions,
  parseTimeout,
  parseUntil,
} from './options.js';
import { targetOf } from './target.js';

/** A run that nobody watches and that takes longer has lost its way. */
const DEFAULT_TIMEOUT_MS = 300_000;

/** Random numbers are the same in every run. */
const SEED = 1n;
/** As many bytes as QEMU gives: enough for the kernel's random numbers to be ready at once. */
const RNG_SEED_BYTES = 32;

/** A run that is about to begin. */
interface Session {
  readonly terminal: Terminal;
  readonly until: BootUntil;
  /** Whether the user's keys are the machine's. */
  readonly interactive: boolean;
  readonly maxInstructions: bigint | undefined;
  readonly timeoutMs: number | undefined;
  readonly json: boolean;
}

/** The machine with its kernel in memory. */
interface Booted {
  readonly whole: WholeMachine;
  readonly places: BootPlaces;
  readonly watch: ConsoleWatch;
  readonly console: Console;
}

/** @throws KexecError when it goes wrong, also where the kernel does */
export const runBoot = (args: BootArguments, context: SubcommandContext): Promise<void> =>
  tellingOfMachine(async () => {
    const { terminal } = context;
    if (terminal === undefined) throw new Error('boot needs a terminal');
    const until = parseUntil(args.until);
    const interactive = terminal.isInteractive && until.kind === 'halt' && !args.json;
    const session: Session = {
      terminal,
      until,
      interactive,
      maxInstructions: parseInstructions(args['max-instructions']),
      timeoutMs: parseTimeout(args.timeout, interactive ? undefined : DEFAULT_TIMEOUT_MS),
      json: args.json,
    };
    const disks: OpenDisk[] = [];
    try {
      for (const { file, writes } of args.disk.map(parseDisk)) disks.push(openDisk(file, writes));
      await run(await bring(args, context, session, disks), context, session);
    } finally {
      for (const disk of disks) disk.close();
    }
  });

/** Brings a machine to the kernel's first instruction. */
const bring = async (
  args: BootArguments,
  context: SubcommandContext,
  { terminal, until, json }: Session,
  disks: readonly OpenDisk[],
): Promise<Booted> => {
  const machine = openMachine(args, context);
  const log = logTo(terminal);
  const { load, description, target } = await readFiles();
  const console = new Console((text) => {
    const bytes = Buffer.from(text, 'latin1');
    if (json) terminal.writeAside(bytes);
    else terminal.write(bytes);
  });
  const watch = new ConsoleWatch(console.put, until.kind === 'console' ? toByteString(until.text) : undefined);
  const slots = description.devices.filter(({ compatible }) => compatible.includes('virtio,mmio')).length;
  const virtio = [
    ...disks.map(({ disk }, i) => new VirtioBlock(disk, `disk${i}`)),
    ...(disks.length < slots ? [new VirtioEntropy(SEED)] : []),
  ];
  const whole = wholeMachine({
    description,
    ram: target.ram,
    highestEl: target.el,
    createCpus,
    onOutput: watch.put,
    sinks: target.sinks,
    virtio,
    quirks: [...target.quirks, ...args.quirk],
  });
  return {
    whole,
    places: loadBoot(whole, { ...load, rngSeed: new Random(SEED).bytes(RNG_SEED_BYTES) }, log),
    watch,
    console,
  };

  async function readFiles() {
    const read = (file: string): Uint8Array => slurpFile(machine, file);
    if (context.platform === undefined) throw new Error('boot needs a platform');
    const { image, header, ...beside } = await readKernelFile(args.image, {
      system: machine,
      platform: await context.platform(),
      compat: DEFAULT_COMPAT,
      log,
      decompressLimitBytes: DEFAULT_DECOMPRESS_LIMIT,
    });
    const initrd = args.initrd === undefined ? beside.initrd : read(args.initrd);
    const dtb = args.dtb === undefined ? undefined : read(args.dtb);
    const target = targetOf(args, dtb, machine, context.env);
    const description = describeBoard(treeOfBlob(target.board));
    const load: BootLoad = {
      image,
      header,
      initrd,
      tree: dtb ?? target.board,
      append: args.append === undefined ? beside.commandLine : toByteString(args.append),
      freeRam: target.freeRam ?? description.memory,
      el: target.el,
    };
    return { load, description, target };
  }
};

const logTo = (terminal: Terminal): Log => {
  const aside = (text: string): void => terminal.writeAside(Buffer.from(text, 'latin1'));
  return createLog(false, aside, aside);
};

const run = async (
  { whole, places, watch, console }: Booted,
  context: SubcommandContext,
  { terminal, until, interactive, maxInstructions, timeoutMs, json }: Session,
): Promise<void> => {
  const tell = (text: string): void =>
    terminal.writeAside(Buffer.from(`kexec-sim: ${text}${interactive ? '\r' : ''}\n`));
  const start = performance.now();
  const report = await withInterrupts(async (interrupted) => {
    const input = new TypedInput({ terminal, interactive, console: whole.console, tell });
    const guestRun: GuestRun = {
      ...whole,
      watch,
      console,
      view: new GuestView(whole.board, places.kernel),
      bounds: {
        maxInstructions,
        deadline: deadlineIn(timeoutMs),
        interrupted: () => interrupted() || input.ended || terminal.isClosed,
      },
      stopAt: until.kind === 'entry' ? new Set([places.kernel.start]) : undefined,
      input,
      // What the console shows tells more, and would be torn apart.
      progress: (progress) => {
        if (!interactive && watch.bytes === 0) context.progress?.(progress);
      },
    };
    if (interactive) tell(KEYS);
    try {
      const end = await runGuest(guestRun);
      return end.kind === 'interrupted' && input.ended
        ? { kind: 'user', ...BY_USER }
        : { kind: end.kind, ...reportOn(end, guestRun, describeEsr) };
    } finally {
      input.close();
    }
  });
  // What is told begins a line of its own, where the console shares its terminal.
  if (watch.isInLine) terminal.writeAside(Buffer.from('\n'));
  if (json) {
    context.out(
      formatJson({
        reason: report.kind,
        text: report.reason,
        details: report.details,
        instructions: Number(whole.processors.instructions),
        seconds: (performance.now() - start) / 1000,
        consoleBytes: watch.bytes,
        places: placesToJson(places),
      }),
    );
  } else terminal.writeAside(Buffer.from(report.details));
  if (report.exitCode !== 0) throw KexecError.die(report.reason, { subject: 'boot', exitCode: report.exitCode });
  if (!json) tell(report.reason);
};

const BY_USER: GuestReport = { exitCode: 0, reason: ENDED_BY_USER, details: '' };

const placesToJson = (places: BootPlaces): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(places).flatMap(([name, range]: readonly [string, Range | undefined]) =>
      range === undefined ? [] : [[name, { start: formatAddress(range.start), end: formatAddress(range.end) }]],
    ),
  );

/** One byte a character, as commands are typed. */
const toByteString = (text: string): string => Buffer.from(text).toString('latin1');
