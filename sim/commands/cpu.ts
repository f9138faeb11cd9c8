/** `kexec-sim cpu`: bare code on the processor of a machine. */
import { attemptAsync } from '../../kexec/base/attempt.js';
import { KexecError } from '../../kexec/base/error.js';
import { CPACR, HCR } from '../cpu/state/control-bits.js';
import type { CpuModel } from '../cpu/state/model.js';
import { Console } from '../kernel/machine/console.js';
import { parseAddress, registersToJson, setRegisters } from '../kernel/execution/cpu-registers.js';
import { readInput } from '../kernel/recording/input-files.js';
import { checkReplaceable, replaceFile } from '../kernel/saving/replace-file.js';
import { optionalField, parseJson } from '../kernel/state/json.js';
import { boardFacts } from '../kernel/facts/board-arm64.js';
import { tellingOfMachine } from '../kernel/machine/machine-errors.js';
import { Processors, type RunEnd } from '../kernel/machine/processors.js';
import { withInterrupts } from '../kernel/interrupts.js';
import { formatCode } from '../kernel/run/code-report.js';
import { describeEnd } from '../kernel/run/end-report.js';
import { Board } from '../machine/board.js';
import { Pl011 } from '../machine/devices/pl011.js';
import { MachineError } from '../machine/error.js';
import { type SubcommandContext, type CommonArgv, openMachine } from './common/context.js';
import { KeptOutput } from './common/kept-output.js';
import { formatJson } from './common/text.js';

/** Ends that a program may mean to have. */
const GOOD_ENDS: readonly RunEnd['kind'][] = ['stop-at', 'power', 'stuck', 'max-instructions'];

const INTERRUPTED = 130;

const EL1_IS_64_BIT = 1n << BigInt(HCR.RW);
const EL1_FP_ENABLED = 3n << BigInt(CPACR.FPEN);
/** CPTR_EL2 (Arm ARM D17.2.31) where nothing is trapped: bits 13, 12 and 9 to 0 are one. */
const EL2_FP_ENABLED = 0x33ffn;

/** `FILE@ADDR`. */
const parseLoad = (text: string): { readonly file: string; readonly address: bigint } => {
  const at = text.lastIndexOf('@');
  if (at < 1) throw KexecError.die(`--load: "${text}" is not FILE@ADDR`, { subject: text });
  return { file: text.slice(0, at), address: parseAddress(text.slice(at + 1), '--load') };
};

/** `ADDR,SIZE=FILE`. */
const parseDump = (text: string): Dump => {
  const match = /^([^,=]+),([^,=]+)=(.+)$/s.exec(text);
  if (match === null) throw KexecError.die(`--dump: "${text}" is not ADDR,SIZE=FILE`, { subject: text });
  const size = parseAddress(match[2]!, '--dump');
  if (size > BigInt(2 ** 32)) throw KexecError.die(`--dump: ${size} bytes are too many`, { subject: text });
  return { address: parseAddress(match[1]!, '--dump'), size: Number(size), file: match[3]! };
};

const parseCount = (text: string | undefined): bigint | undefined => {
  if (text === undefined || /^\d{1,18}$/.test(text)) return text === undefined ? undefined : BigInt(text);
  throw KexecError.die(`--max-instructions: "${text}" is not a number of instructions`, { subject: text });
};

/** What `--json` prints has a few KB, but for what the program has printed. */
export const MAX_REGISTERS_BYTES = 64 << 20;

/** Takes the registers out of what `--json` prints, or an object of registers alone. */
const readRegisters = async (cpu: CpuModel, path: string): Promise<void> => {
  const json = parseJson(new TextDecoder().decode(await readInput(path, MAX_REGISTERS_BYTES)), path);
  setRegisters(cpu, optionalField(json, 'registers') ?? json);
};

/** Bytes of the program's output that `--json` keeps: the first ones. */
export const MAX_OUTPUT_BYTES = 16 << 20;

interface Dump {
  readonly address: bigint;
  readonly size: number;
  readonly file: string;
}

/** What could not be written is told of before the program runs, which may take long. @throws KexecError */
const checkDump = ({ address, size, file }: Dump, board: Board): void => {
  if (!board.memory.isRam(address, BigInt(Math.max(size, 1)))) {
    throw KexecError.die(`--dump: no RAM at 0x${address.toString(16)} (${size} bytes)`, { subject: '--dump' });
  }
  checkReplaceable(file);
};

const endToJson = (end: RunEnd): Readonly<Record<string, unknown>> =>
  JSON.parse(
    JSON.stringify(end, (_, value: unknown) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value)),
  ) as Readonly<Record<string, unknown>>;

const formatRegisterLines = (registers: Readonly<Record<string, string>>): string =>
  Object.entries(registers)
    .map(([name, value]) => `${name.padEnd(4)} ${value}\n`)
    .join('');

/** `kexec-sim cpu`: runs bare code on a machine's board. */
export const addCpuCommand = (yargs: CommonArgv, context: SubcommandContext): CommonArgv =>
  yargs.command(
    'cpu',
    "Run bare code on the machine's processor, MMU off, and show the registers",
    (command) =>
      command
        .option('load', {
          type: 'string',
          array: true,
          default: [],
          requiresArg: true,
          describe: 'FILE@ADDR: bytes to put into RAM',
        })
        .option('pc', { type: 'string', requiresArg: true, describe: 'Where to start' })
        .option('sp', { type: 'string', requiresArg: true, describe: 'Stack pointer at the start' })
        .option('el', { choices: [1, 2] as const, describe: "Exception level; the machine's own by default" })
        .option('registers', {
          type: 'string',
          requiresArg: true,
          describe: 'JSON file of registers at the start, as --json prints them',
        })
        .option('stop-at', {
          type: 'string',
          array: true,
          default: [],
          requiresArg: true,
          describe: 'Stop before the instruction at this address',
        })
        .option('max-instructions', { type: 'string', requiresArg: true, describe: 'Stop after so many' })
        .option('take-exceptions', {
          type: 'boolean',
          default: false,
          describe: "Let the code's own vectors take exceptions; they end the run otherwise",
        })
        .option('dump', {
          type: 'string',
          array: true,
          default: [],
          requiresArg: true,
          describe: 'ADDR,SIZE=FILE: memory to write at the end',
        }),
    (args) =>
      tellingOfMachine(async () => {
        // The model of a processor is large, and no other command has use for it.
        const [{ createCpu }, { describeEsr }] = await Promise.all([
          import('../cpu/cpu.js'),
          import('../cpu/system/esr.js'),
        ]);
        const { files } = openMachine(args, context);
        const facts = boardFacts(files);
        if (args.pc === undefined && args.registers === undefined) {
          throw KexecError.die('where to start is not told: --pc, or --registers with "pc" in it', { subject: '--pc' });
        }
        const dumps = args.dump.map(parseDump);
        const output = new KeptOutput(MAX_OUTPUT_BYTES);
        const terminal = new Console(args.json ? output.put : (text) => context.out(text));
        const el = args.el ?? facts.bootEl;
        const board = new Board({
          ram: facts.ram,
          devices: [{ physAddr: facts.uart, device: new Pl011(terminal.put) }],
          highestEl: el > facts.bootEl ? el : facts.bootEl,
        });
        for (const dump of dumps) checkDump(dump, board);
        const ramBytes = Number(facts.ram.reduce((sum, { size }) => sum + size, 0n));
        const cpu = createCpu(board);
        for (const { file, address } of args.load.map(parseLoad)) {
          board.memory.write(address, await readInput(file, ramBytes));
        }
        cpu.setEl(el);
        cpu.setSystemRegister('CPACR_EL1', EL1_FP_ENABLED);
        if (board.highestEl === 2) {
          cpu.setSystemRegister('CPTR_EL2', EL2_FP_ENABLED);
          cpu.setSystemRegister('HCR_EL2', EL1_IS_64_BIT);
        }
        if (args.registers !== undefined) await readRegisters(cpu, args.registers);
        if (args.pc !== undefined) cpu.pc = parseAddress(args.pc, '--pc');
        if (args.sp !== undefined) cpu.sp = parseAddress(args.sp, '--sp');
        cpu.invalidate();

        const limits = {
          stopAt: new Set(args['stop-at'].map((text) => parseAddress(text, '--stop-at'))),
          stopOnException: !args['take-exceptions'],
        };
        const place = (pc: bigint): string => `0x${pc.toString(16)}`;
        const maxInstructions = parseCount(args['max-instructions']);
        const processors = new Processors(board, cpu);
        const end = await attemptAsync(MachineError, () =>
          withInterrupts((interrupted) =>
            processors.run(
              () => limits,
              { maxInstructions, deadline: Infinity, interrupted },
              () => {
                terminal.flush();
                context.progress?.({
                  what: `at ${place(cpu.pc)}`,
                  unit: 'instructions',
                  done: Number(cpu.instructions),
                });
              },
            ),
          ),
        );
        terminal.flush();
        const registers = registersToJson(cpu);
        const { instructions } = cpu;
        const reason =
          end instanceof MachineError ? end.message : describeEnd(end, { board, processors, place }, describeEsr);
        const hasFailed = end instanceof MachineError || !GOOD_ENDS.includes(end.kind);
        const code = hasFailed && !args.json ? await formatCode(end, cpu, board, place) : '';
        context.out(
          args.json
            ? formatJson({
                reason: end instanceof MachineError ? { kind: 'machine', why: end.reason } : endToJson(end),
                text: reason,
                instructions: Number(instructions),
                output: output.text,
                outputBytes: output.bytes,
                el: cpu.el,
                registers,
              })
            : `${reason}\n${formatRegisterLines(registers)}${code}`,
        );
        // What the registers are is told whatever becomes of the files.
        for (const { address, size, file } of dumps) {
          replaceFile(file, (write) => write(board.memory.read(address, size)));
        }
        if (end instanceof MachineError) throw KexecError.die(reason, { subject: 'cpu' });
        if (!GOOD_ENDS.includes(end.kind)) {
          throw KexecError.die(reason, { subject: 'cpu', exitCode: end.kind === 'interrupted' ? INTERRUPTED : 1 });
        }
      }),
  );
