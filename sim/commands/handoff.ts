/** `kexec-sim handoff`: a machine at its new kernel's first instruction, written to files for QEMU. */
import { join } from 'node:path';
import { KexecError } from '../../kexec/base/error.js';
import { purgatory } from '../../kexec/arch/arm64/purgatory.js';
import type { CpuModel } from '../cpu/state/model.js';
import { boardFacts } from '../kernel/facts/board-arm64.js';
import { registersToJson } from '../kernel/execution/cpu-registers.js';
import { rulesAt, runToEntry } from '../kernel/execution/execute.js';
import { tellingOfMachine } from '../kernel/machine/machine-errors.js';
import { handOff, qemuCommand } from '../kernel/handoff/handoff.js';
import { hostCall, makeDirectories } from '../kernel/recording/host-files.js';
import { replaceFile } from '../kernel/saving/replace-file.js';
import { withInterrupts } from '../kernel/interrupts.js';
import { describeEnd } from '../kernel/run/end-report.js';
import { type SubcommandContext, type CommonArgv, openMachine } from './common/context.js';
import { formatAddress, formatJson, quoted } from './common/text.js';

/** Those that tell how a processor translates and traps. */
const SYSTEM_REGISTERS = ['SCTLR', 'TCR', 'TTBR0', 'MAIR', 'VBAR', 'ESR', 'ELR', 'SPSR', 'FAR'] as const;

const systemRegisters = (cpu: CpuModel): Readonly<Record<string, string>> =>
  Object.fromEntries(
    SYSTEM_REGISTERS.map((name) => `${name}_EL${cpu.el}`).map((name) => [
      name,
      formatAddress(cpu.getSystemRegister(name)),
    ]),
  );

/** `kexec-sim handoff`: what is loaded, run to its first instruction, for QEMU to go on with. */
export const addHandoffCommand = (yargs: CommonArgv, context: SubcommandContext): CommonArgv =>
  yargs.command(
    'handoff <directory>',
    "Run to the new kernel's first instruction, and write memory and registers for QEMU",
    (command) =>
      command.positional('directory', {
        type: 'string',
        demandOption: true,
        describe: 'Directory for the files; made if need be',
      }),
    async (args) => {
      const { openExecution } = await import('../kernel/execution/execute-machine.js');
      const machine = openMachine(args, context);
      const { directory } = args;
      const run = async (interrupted: () => boolean): Promise<void> => {
        const options = openExecution(machine, machine.kernel.state.normal, purgatory);
        const bounds = { maxInstructions: undefined, deadline: Infinity, interrupted };
        const { end, launched } = await runToEntry({
          ...options,
          bounds,
          console: () => {},
          step: undefined,
          progress: context.progress,
        });
        if (end.kind !== 'stop-at') {
          throw KexecError.die(describeEnd(end, launched, options.describeEsr), { subject: 'handoff' });
        }
        const cpu = launched.processors.current;
        const { ram, gic } = boardFacts(machine.files, machine.bootEl);
        const handoff = handOff(launched, options.kernel.segments, ram);
        const command = qemuCommand(
          handoff,
          {
            ramBytes: ram.reduce((sum, { size }) => sum + size, 0n),
            nrCpus: machine.nrCpus,
            gic,
            el: cpu.el === 2 ? 2 : 1,
          },
          (file) => join(directory, file),
        );
        const summary = {
          machine: machine.name,
          el: cpu.el,
          daif: formatAddress(BigInt(cpu.daif)),
          instructions: Number(cpu.instructions),
          registers: registersToJson(cpu),
          systemRegisters: systemRegisters(cpu),
          rules: rulesAt(launched, options),
          start: formatAddress(handoff.start),
          files: handoff.pieces.map(({ file, physAddr, bytes }) => ({
            file,
            physAddr: formatAddress(physAddr),
            sizeBytes: bytes.length,
          })),
          qemu: command,
        };
        hostCall('Cannot write to', directory, () => makeDirectories(directory));
        for (const { file, bytes } of handoff.pieces) replaceFile(join(directory, file), (write) => write(bytes));
        replaceFile(join(directory, 'cpu.json'), (write) => write(Buffer.from(formatJson(summary))));
        context.out(args.json ? formatJson(summary) : `${command.map(quoted).join(' ')}\n`);
      };
      await withInterrupts((interrupted) => tellingOfMachine(() => run(interrupted)));
    },
  );
