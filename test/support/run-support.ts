/** The commands as functions, run to their end with all that they print. */
import { runKexec } from '../../host/run-kexec.js';
import { runKexecSim } from '../../host/run-kexec-sim.js';
import { nodePlatform } from '../../host/platform-node.js';
import { ARM64_OPTIONS } from '../../kexec/arch/arm64/options-arm64.js';
import { arm64 } from '../../kexec/arch/arm64/kexec-arm64.js';
import { DEFAULT_COMPAT, type Compat } from '../../kexec/base/compat.js';
import { DEFAULT_DECOMPRESS_LIMIT } from '../../kexec/compression/read-context.js';
import { KexecError } from '../../kexec/base/error.js';
import { getoptLong } from '../../kexec/options/getopt.js';
import { printCrashkernelRegionSize, runSettings } from '../../kexec/kexec.js';
import { optionSyntax, optionsOf } from '../../kexec/options/options.js';
import { purgatory } from '../../kexec/arch/arm64/purgatory.js';
import { interpretOptions } from '../../kexec/options/settings.js';
import type { System } from '../../kexec/base/system.js';
import type { Keyboard, Terminal } from '../../sim/machine/terminal.js';

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Keeps what a command writes. */
const keeper = () => {
  const kept = { out: '', err: '' };
  return {
    kept,
    out: (text: string): void => {
      kept.out += text;
    },
    err: (text: string): void => {
      kept.err += text;
    },
  };
};

/** kexec, as bin/kexec runs it. */
export const runToEnd = async (
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  keyboard?: Keyboard,
): Promise<Ended> => {
  const { kept, out, err } = keeper();
  const code = await runKexec(args, { env, out, err, keyboard: keyboard && (async () => keyboard) });
  return { code, ...kept };
};

/** kexec-sim, as bin/kexec-sim runs it. What yargs writes itself, help and version, is not among it. */
export const runSimToEnd = async (
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  terminal?: Terminal,
): Promise<Ended> => {
  const { kept, out, err } = keeper();
  const code = await runKexecSim(args, {
    version: '0',
    env,
    out,
    err,
    ...(terminal === undefined ? {} : { terminal }),
  });
  return { code, ...kept };
};

/** The command on a System of the test's own. */
export const runOn = async (
  system: System,
  args: readonly string[],
  compat: Compat = DEFAULT_COMPAT,
): Promise<Ended> => {
  const { kept, out, err } = keeper();
  const { tokens, operands } = getoptLong(args, optionSyntax(optionsOf(compat, ARM64_OPTIONS), false));
  const interpreted = interpretOptions(tokens, compat);
  const command = {
    system,
    platform: nodePlatform,
    compat,
    architecture: arm64,
    purgatory,
    decompressLimitBytes: DEFAULT_DECOMPRESS_LIMIT,
    out,
    err,
  };
  try {
    switch (interpreted.kind) {
      case 'run': {
        const code = (await runSettings(interpreted.settings, operands, command)) & 0xff;
        return { code, ...kept };
      }
      case 'print-ckr-size':
        printCrashkernelRegionSize(interpreted.debug, command);
        return { code: 0, ...kept };
      default:
        throw new Error(`${args.join(' ')}: ends in ${interpreted.kind}`);
    }
  } catch (error) {
    if (!(error instanceof KexecError)) throw error;
    err(error.text);
    return { code: error.exitCode & 0xff, ...kept };
  }
};
