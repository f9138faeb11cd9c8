/** A command of kexec on the machine that it is for: what only some commands need. */
import { architectureOf, type ArchitectureEntry, type Architectures } from '../kexec/arch/architectures.js';
import type { Compat } from '../kexec/base/compat.js';
import { DEFAULT_DECOMPRESS_LIMIT } from '../kexec/compression/read-context.js';
import { KexecError } from '../kexec/base/error.js';
import { printCrashkernelRegionSize, runSettings, type CommandContext } from '../kexec/kexec.js';
import type { OnProgress } from '../kexec/base/progress.js';
import type { Interpreted } from '../kexec/options/settings.js';
import { slurpFile } from '../kexec/base/slurp.js';
import type { System } from '../kexec/base/system.js';
import { usageText } from '../kexec/options/usage.js';
import { fromByteString, toByteString } from './byte-strings.js';
import { executeLater } from './execute-later.js';
import { executionBounds, gdbSettings } from './execution-options.js';
import { createNodePlatform } from './platform-node.js';
import { withPrefetched, type Prefetched } from './prefetch.js';
import type { Keyboard } from '../sim/machine/terminal.js';
import { type AllChanges, recordedMachine } from '../sim/kernel/recorded-system.js';

export const MAX_LIMIT = 2 ** 32;

/** The help, as far as it is kexec-tools'. */
export const usage = async (compat: Compat, entry: ArchitectureEntry): Promise<string> => {
  const architecture = await entry.load();
  return usageText(compat, architecture.formatUsages(compat), architecture.optionUsage(compat));
};

/** What a command is connected to. */
export interface RunCommandOptions {
  /** The value of one of our own options; undefined when it was not set. */
  readonly simValue: (name: string) => string | undefined;
  readonly compat: Compat;
  readonly architectures: Architectures;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly terminal: Pick<CommandContext, 'out' | 'err'> & {
    /** For what the new kernel prints: like `out`, but nothing is held back. */
    readonly console: (text: string) => void;
  };
  /** What is typed into an executed kernel's console. */
  readonly keyboard: (() => Promise<Keyboard | undefined>) | undefined;
  /** Files whose reading has begun. */
  readonly prefetched: Prefetched;
  readonly progress: OnProgress | undefined;
}

/** Composes what a command works with. @throws KexecError */
const openCommand = async (debug: boolean, options: RunCommandOptions): Promise<CommandContext> => {
  const { simValue, compat, env, terminal, keyboard, progress } = options;
  const gdb = gdbSettings(simValue);
  // Where stdin and stdout are gdb's, nobody else may have them.
  const isPiped = gdb?.address.kind === 'stdio';
  const { err } = terminal;
  const { out, console } = isPiped ? { out: err, console: err } : terminal;
  const object = simValue('sim-purgatory');
  const purgatory = (): Uint8Array => (object === undefined ? architecture.purgatory : slurpFile(machine, object));
  const random = fixedRandom(env['KEXEC_SIM_RANDOM']);
  const machine = recordedMachine({
    machine: simValue('sim-machine'),
    state: simValue('sim-state'),
    record: simValue('sim-record'),
    pageSize: simValue('sim-page-size'),
    fileLoad: simValue('sim-file-load'),
    el: simValue('sim-el'),
    changes: {
      crashkernel: simValue('sim-crashkernel'),
      memory: simValue('sim-memory'),
      cmdline: simValue('sim-cmdline'),
    } satisfies AllChanges,
    env,
    execution: {
      ...executionBounds(simValue),
      gdb: gdb?.settings,
      console,
      keyboard: isPiped ? undefined : keyboard,
      out,
      err,
      step: debug ? err : undefined,
      purgatory,
      execute: executeLater,
    },
    progress,
    ...(random && { random }),
  });
  const architecture = await architectureOf(machine.machine, options.architectures).load();
  return {
    out,
    err,
    system: withBytePaths(await withPrefetched(machine, options.prefetched)),
    platform: createNodePlatform(progress),
    compat,
    architecture,
    purgatory: purgatory(),
    decompressLimitBytes: parseLimit(simValue('sim-decompress-limit')),
  };
};

/** Carries out what the options were found to ask for. @returns the original's result @throws KexecError */
export const runCommand = async (
  interpreted: Extract<Interpreted, { kind: 'run' | 'print-ckr-size' }>,
  operands: readonly string[],
  options: RunCommandOptions,
): Promise<number> => {
  if (interpreted.kind === 'run') {
    const { settings } = interpreted;
    return runSettings(settings, operands, await openCommand(settings.debug, options));
  }
  const command = await openCommand(interpreted.debug, options);
  printCrashkernelRegionSize(interpreted.debug, command);
  return 0;
};

const parseLimit = (text: string | undefined): number => {
  if (text === undefined) return DEFAULT_DECOMPRESS_LIMIT;
  const limit = Number(text);
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw KexecError.die(`kexec: KEXEC_DECOMPRESS_LIMIT: "${text}" is not a number of bytes from 1 to ${MAX_LIMIT}`, {
      subject: text,
    });
  }
  return limit;
};

/** Random numbers that are the same on every run, for comparing runs: the given bytes, over and over. */
const fixedRandom = (hex: string | undefined): ((length: number) => Uint8Array) | undefined => {
  if (hex === undefined || hex === '') return undefined;
  const bytes = Buffer.from(hex, 'hex');
  if (bytes.length === 0 || bytes.length * 2 !== hex.length) {
    throw KexecError.die(`kexec: KEXEC_SIM_RANDOM: "${hex}" is not bytes in hexadecimal`, { subject: hex });
  }
  return (length) => Uint8Array.from({ length }, (_, i) => bytes[i % bytes.length]!);
};

/** The tool's paths are byte strings; the file system's are text. */
const withBytePaths = (system: System): System => ({
  ...system,
  readFile: (path) => system.readFile(fromByteString(path)),
  readAt: (path, offset, length) => system.readAt(fromByteString(path), offset, length),
  stat: (path) => system.stat(fromByteString(path)),
  lstat: (path) => system.lstat(fromByteString(path)),
  list: (path) => system.list(fromByteString(path)).map(toByteString),
});
