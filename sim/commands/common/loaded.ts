/** What is loaded on a machine, or would be by the options of kexec that are behind a "--". */
import { join } from 'node:path';
import { KexecError } from '../../../kexec/base/error.js';
import { KEXEC_ON_CRASH } from '../../../kexec/base/uapi.js';
import type { LoadedKernel } from '../../kernel/execution/loaded-kernel.js';
import type { RecordedMachine } from '../../kernel/recorded-machine.js';
import type { LoadedImage } from '../../kernel/rules/kexec-load.js';
import { behindDashes, inScratch, kexecFor } from './behind-dashes.js';
import { type CommonArguments, type SubcommandContext, environmentOf, openMachine } from './context.js';
import { chosenCompat, parseLoad, withOptions } from './kexec-words.js';

/** The kernel that is entered after a reboot, or after a panic. */
export type LoadedFor = 'normal' | 'crash';

export interface Loaded {
  readonly machine: RecordedMachine;
  readonly what: LoadedFor;
  readonly image: LoadedImage;
  readonly kernel: LoadedKernel;
}

interface Asked {
  readonly args: CommonArguments;
  /** Which of both that are loaded; of a load that is made, its options tell. */
  readonly wanted: LoadedFor | undefined;
}

/**
 * Gives what is loaded to `action`: the machine's own, or, where options of kexec are behind a "--", what they load into
 * a state of its own, which is gone afterwards.
 * @throws KexecError where nothing is loaded, or the load fails
 */
export const withLoaded = async <T>(
  { args, wanted }: Asked,
  context: SubcommandContext,
  action: (loaded: Loaded) => Promise<T> | T,
): Promise<T> => {
  const given = behindDashes({ ...args });
  if (given.length === 0) return action(await open(openMachine(args, context), wanted));
  const kexec = kexecFor(given, context);
  const { flags } = parseLoad(given, chosenCompat(context.env['KEXEC_COMPAT'])).settings;
  const what = (flags & KEXEC_ON_CRASH) === 0n ? 'normal' : 'crash';
  if (wanted !== undefined && wanted !== what) throw KexecError.die(`the options behind -- load no ${wanted} kernel`);
  return inScratch('load', async (scratch) => {
    const state = join(scratch, 'state');
    const env = { ...environmentOf(args, context.env), KEXEC_STATE: state, KEXEC_RECORD: undefined };
    let said = '';
    const put = (text: string): void => void (said += text);
    const exitCode = await kexec(withOptions(given, ...(what === 'normal' ? ['-l'] : [])), { env, out: put, err: put });
    if (exitCode !== 0)
      throw KexecError.die(`the load fails: ${said.trim().split('\n').at(-1) ?? ''}`, { subject: '--' });
    return action(await open(openMachine({ ...args, state }, context), what));
  });
};

const open = async (machine: RecordedMachine, wanted: LoadedFor | undefined): Promise<Loaded> => {
  const [{ knownImage }, { readLoadedKernel }] = await Promise.all([
    import('../../kernel/execution/execute-machine.js'),
    import('../../kernel/execution/loaded-kernel.js'),
  ]);
  const { state } = machine.kernel;
  const what = wanted ?? (state.normal === undefined && state.crash !== undefined ? 'crash' : 'normal');
  const image = knownImage(machine, state[what]);
  if (image === undefined) {
    const kind = wanted === undefined ? 'nothing' : `no ${wanted} kernel`;
    throw KexecError.die(`${kind} is loaded in ${machine.stateDirectory}`, { subject: machine.stateDirectory });
  }
  return { machine, what, image, kernel: readLoadedKernel(image, machine.stateDirectory) };
};
