/**
 * What a user is told of how a kernel's run ended: the reason, and where it went wrong what can be seen of the kernel.
 */
import { visible } from '../../../kexec/base/format.js';
import type { CpuModel } from '../../cpu/state/model.js';
import { formatCode } from './code-report.js';
import { type DescribeEsr, describeEnd, formatQuirkEvents, formatRegisters } from './end-report.js';
import type { GuestEnd, GuestRun } from './run-guest.js';

export interface GuestReport {
  readonly exitCode: number;
  /** One sentence, without its end. */
  readonly reason: string;
  /**
   * What comes behind it, whole lines: what quirks have done, and where it went wrong what can be seen of the kernel.
   */
  readonly details: string;
}

const FAILED = 1;
const INTERRUPTED = 130;

/** Lines of the log that are shown at most, the last ones. */
export const MAX_LOG_LINES = 200;

export const reportOn = async (end: GuestEnd, run: GuestRun, describeEsr: DescribeEsr): Promise<GuestReport> => {
  const exitCode = exitCodeOf(end, run);
  const hasFailed = exitCode !== 0 && end.kind !== 'interrupted';
  return {
    exitCode,
    reason: reasonOf(end, run, describeEsr),
    details: formatQuirkEvents(run.board) + (hasFailed ? await detailsOf(end, run, describeEsr) : ''),
  };
};

const exitCodeOf = (end: GuestEnd, { watch }: GuestRun): number => {
  switch (end.kind) {
    case 'console':
    case 'stop-at':
      return 0;
    case 'power':
      return watch.panic === undefined || watch.panic.over ? 0 : FAILED;
    case 'interrupted':
      return INTERRUPTED;
    default:
      return FAILED;
  }
};

const reasonOf = (end: GuestEnd, run: GuestRun, describeEsr: DescribeEsr): string => {
  const { board, processors, view, watch } = run;
  if (end.kind === 'console') return `the console shows the text, after ${processors.instructions} instructions`;
  const panic = watch.panic === undefined ? '' : `: ${visible(watch.panic.reason)}`;
  if (end.kind === 'panic') return `the kernel panicked after ${processors.instructions} instructions${panic}`;
  const place = (pc: bigint): string => view.place(processors.current, pc);
  const reason = describeEnd(end, { board, processors, place }, describeEsr);
  return end.kind === 'power' && exitCodeOf(end, run) !== 0 ? `${reason}, after a panic${panic}` : reason;
};

const detailsOf = async (
  end: GuestEnd,
  { board, processors, view, watch }: GuestRun,
  describeEsr: DescribeEsr,
): Promise<string> => {
  const lines = watch.oops === undefined ? [] : [`the first oops: ${visible(watch.oops)}`];
  const exceptions = [...processors].map((cpu, index) =>
    describeLastException(cpu, index, view.place.bind(view, cpu), describeEsr),
  );
  const log = watch.bytes === 0 ? view.log(processors.current) : undefined;
  return [
    ...lines.map((line) => `${line}\n`),
    ...exceptions,
    formatRegisters(processors.current),
    await formatCode(end, processors.current, board, (address) => view.place(processors.current, address)),
    ...(watch.bytes === 0 ? [describeLog(log)] : []),
  ].join('');
};

/** What EL1's registers say of the exception that was taken last. */
const describeLastException = (
  cpu: CpuModel,
  index: number,
  place: (virtAddr: bigint) => string,
  describeEsr: DescribeEsr,
): string => {
  const register = (name: string): bigint => cpu.getSystemRegister(`${name}_EL1`);
  const esr = register('ESR');
  if (cpu.instructions === 0n) return '';
  const at = `processor ${index} at ${place(cpu.pc)}, EL${cpu.el}`;
  if (esr === 0n) return `${at}\n`;
  const values = `ESR_EL1 0x${esr.toString(16)}, ELR_EL1 ${place(register('ELR'))}, FAR_EL1 0x${register('FAR').toString(16)}`;
  return `${at}; the last exception: ${describeEsr(esr, register('FAR'))} (${values})\n`;
};

const describeLog = (log: string | undefined): string => {
  if (log === undefined) return 'the console shows nothing, and there is no log of a kernel in memory\n';
  const lines = log.trimEnd().split('\n');
  const shown = lines.slice(-MAX_LOG_LINES);
  const left = lines.length > shown.length ? ` (the last ${shown.length} of ${lines.length} lines)` : '';
  return `the console shows nothing; what the kernel has logged in its memory${left}:\n${shown.map((line) => `  ${visible(line)}\n`).join('')}`;
};
