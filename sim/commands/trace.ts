/** `kexec-sim trace`: what a processor did, as `kexec -e --sim-trace` and `kexec-sim boot --trace` wrote it down. */
import { visible } from '../../kexec/base/format.js';
import { KexecError } from '../../kexec/base/error.js';
import { attempt } from '../../kexec/base/attempt.js';
import { MachineError } from '../machine/error.js';
import { describeEsr } from '../cpu/system/esr.js';
import type { CommonArgv, SubcommandContext } from './common/context.js';

/** A trace that is larger is none of ours. */
export const MAX_TRACE_FILE = 2 ** 31;

/** Adds the subcommand to kexec-sim. */
export const addTraceCommand = (yargs: CommonArgv, context: SubcommandContext): CommonArgv =>
  yargs.command(
    'trace <file>',
    'Print what the processors did in a run that was traced',
    (command) =>
      command
        .positional('file', { type: 'string', demandOption: true, describe: 'The trace: a file' })
        .option('last', { type: 'number', requiresArg: true, describe: 'Print the last so many events only' }),
    async ({ file, last, json }) => {
      if (last !== undefined && !(Number.isSafeInteger(last) && last > 0)) {
        throw KexecError.die(`--last: ${last} is not a number of events from 1 on`, { subject: 'last' });
      }
      const [{ readRegular }, { readTrace }, { formatEvent, eventToJson }, { disassemble }] = await Promise.all([
        import('../kernel/recording/input-files.js'),
        import('../kernel/trace/trace-file.js'),
        import('../kernel/trace/format-trace.js'),
        import('../cpu/disassembly/disassembler.js'),
      ]);
      const refuse = (why: string): KexecError => KexecError.die(`${file} ${why}`, { subject: file });
      const trace = readTrace(readRegular(file, MAX_TRACE_FILE), refuse);
      const wording = { describeEsr, disassemble };
      const skipped = last === undefined ? 0 : Math.max(trace.events - last, 0);
      const dropped = trace.dropped === 0 ? '' : `, ${trace.dropped} before them dropped`;
      if (!json) context.out(`# ${visible(trace.what)}: ${trace.events} events${dropped}\n`);
      let index = 0;
      const result = attempt(MachineError, () => {
        for (const event of trace.all()) {
          if (index++ < skipped) continue;
          context.out(
            json
              ? `${JSON.stringify(eventToJson(event, trace, wording))}\n`
              : `${formatEvent(event, trace, wording)}\n`,
          );
        }
      });
      if (result instanceof MachineError) throw refuse(`is damaged: ${result.message}`);
    },
  );
