/** `kexec-sim inspect`: a machine is opened, and commands about it are answered. */
import { statSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import { visible } from '../../../kexec/base/format.js';
import { disassembleInstruction } from '../../cpu/disassembly/disassembler.js';
import { completionsOf, isEnd, runInspection } from '../../kernel/inspect/commands.js';
import { Inspector } from '../../kernel/inspect/inspector.js';
import { KernelView } from '../../kernel/inspect/kernel-view.js';
import { MemoryView } from '../../kernel/inspect/memory-view.js';
import { tellingOfMachine } from '../../kernel/machine/machine-errors.js';
import { NodeError } from '../../kernel/recording/host-files.js';
import { behindDashes } from '../common/behind-dashes.js';
import type { CommonArguments, SubcommandContext } from '../common/context.js';
import { formatJson } from '../common/text.js';
import { openCore } from './open-core.js';
import { type Stop, openLoaded } from './open-loaded.js';
import { openSaved } from './open-saved.js';
import type { OpenedMachine } from './opened.js';

export interface InspectArguments extends CommonArguments {
  readonly at: Stop | undefined;
  readonly from: string | undefined;
  readonly vmcore: string | undefined;
  readonly cpu: string | undefined;
  readonly command: readonly string[];
}

/** @throws KexecError where there is no such machine, or a command fails that nobody typed */
export const runInspect = (args: InspectArguments, context: SubcommandContext): Promise<void> =>
  tellingOfMachine(async () => {
    const opened = await open(args, context);
    try {
      await answer(inspectorOf(opened, args.cpu), opened, args, context);
    } finally {
      opened.close?.();
    }
  });

const open = async (args: InspectArguments, context: SubcommandContext): Promise<OpenedMachine> => {
  const { at, vmcore } = args;
  const saved = args.from ?? (isFile(args.state) ? args.state : undefined);
  const given = [
    ...(at === undefined ? [] : ['--at']),
    ...(saved === undefined ? [] : [args.from === undefined ? '--state' : '--from']),
    ...(vmcore === undefined ? [] : ['--vmcore']),
  ];
  const loads = behindDashes({ ...args }).length > 0;
  if (given.length > 1 || (loads && given.length > 0 && at === undefined)) {
    throw KexecError.die(`one machine only: ${[...given, ...(loads ? ['--'] : [])].join(', ')}`, {
      subject: 'inspect',
    });
  }
  if (saved !== undefined) return openSaved(saved);
  if (vmcore !== undefined) return openCore(vmcore);
  return openLoaded(at ?? 'entry', args, context);
};

const isFile = (path: string | undefined): boolean => {
  const stats = path === undefined ? undefined : attempt(NodeError, () => statSync(path));
  return stats !== undefined && !(stats instanceof NodeError) && stats.isFile();
};

const inspectorOf = ({ machine, kernels, texts }: OpenedMachine, cpu: string | undefined): Inspector => {
  const index = cpu === undefined ? machine.current : /^\d{1,5}$/.test(cpu) ? Number(cpu) : -1;
  const processor = machine.processors[index];
  if (processor === undefined) {
    throw KexecError.die(`--cpu: "${cpu}" is none of ${machine.processors.length} processors`, { subject: '--cpu' });
  }
  const view = new MemoryView(machine, processor);
  let kernel: KernelView | undefined;
  for (const place of kernels) kernel ??= KernelView.at(view, place);
  return new Inspector(view, kernel, disassembleInstruction, texts);
};

const answer = async (
  inspector: Inspector,
  { greeting }: OpenedMachine,
  { command, json }: InspectArguments,
  context: SubcommandContext,
): Promise<void> => {
  if (json) {
    const answers = command.map((line) => ({ command: line, lines: [...runInspection(inspector, line)] }));
    return context.out(formatJson({ machine: greeting, answers }));
  }
  const tell = (line: string): void => {
    for (const text of runInspection(inspector, line)) context.out(`${text}\n`);
  };
  if (command.length > 0) return command.forEach(tell);
  await converse(inspector, greeting, tell, context);
};

const PROMPT = 'inspect> ';
const MOST_COMPLETIONS = 200;
const HISTORY = 1000;

/** Commands of stdin: of somebody who sits there, with a prompt, and mistakes are told; of a file, the first one ends it. */
const converse = async (
  inspector: Inspector,
  greeting: string,
  tell: (line: string) => void,
  context: SubcommandContext,
): Promise<void> => {
  const interactive = context.terminal?.isInteractive === true;
  const completer = (line: string): [string[], string] => [
    [...completionsOf(inspector, line, MOST_COMPLETIONS)],
    line.split(/\s+/).at(-1) ?? '',
  ];
  const lines = createInterface({
    input: process.stdin,
    ...(interactive ? { output: process.stdout, completer, historySize: HISTORY, removeHistoryDuplicates: true } : {}),
    terminal: interactive,
  });
  if (interactive) {
    context.out(`${visible(greeting)}\n`);
    lines.setPrompt(PROMPT);
    lines.prompt();
  }
  try {
    for await (const line of lines) {
      if (isEnd(line)) break;
      const failed = attempt(KexecError, () => tell(line));
      if (failed instanceof KexecError) {
        if (!interactive) throw failed;
        context.out(`${visible(failed.message)}\n`);
      }
      if (interactive) lines.prompt();
    }
  } finally {
    lines.close();
  }
};
