/** What the options of a command line ask for. */
import type { Compat } from '../base/compat.js';
import type { Token } from './getopt.js';
import type { GenericOptionId, OptionToken } from './options.js';
import { WORD_64, type Word } from '../base/word.js';
import { strtoul } from '../base/scan.js';
import {
  KEXEC_DEBUG,
  KEXEC_FILE_DEBUG,
  KEXEC_FILE_FORCE_DTB,
  KEXEC_FILE_NO_CMA,
  KEXEC_FILE_ON_CRASH,
  KEXEC_FILE_UNLOAD,
  KEXEC_LIVE_UPDATE,
  KEXEC_ON_CRASH,
  KEXEC_PRESERVE_CONTEXT,
} from '../base/uapi.js';

/** What a command is to do, as main() of kexec/kexec.c keeps it in its variables. */
export interface Settings {
  readonly debug: boolean;
  readonly doLoad: boolean;
  readonly doExec: boolean;
  readonly doLoadJumpBackHelper: boolean;
  readonly doShutdown: boolean;
  readonly doSync: boolean;
  readonly doIfdown: boolean;
  readonly doUnload: boolean;
  readonly doReuseInitrd: boolean;
  readonly doStatus: boolean;
  readonly doHotplug: boolean;
  readonly fileSyscall: boolean;
  readonly fallback: boolean;
  readonly skipChecks: boolean;
  readonly hasOptLoad: boolean;
  readonly flags: bigint;
  readonly fileFlags: bigint;
  readonly type: string | undefined;
  readonly entry: bigint;
  readonly memMin: bigint;
  /** Inclusive. */
  readonly memMax: bigint;
  readonly options: readonly OptionToken[];
}

/** What the options end in: a command to carry out, or an answer at once. */
export type Interpreted =
  | { readonly kind: 'run'; readonly settings: Settings }
  | { readonly kind: 'help' | 'version' }
  | { readonly kind: 'print-ckr-size'; readonly debug: boolean }
  /** The usage goes to stdout, and `error` to stderr first. */
  | { readonly kind: 'usage'; readonly error: string }
  | { readonly kind: 'exit'; readonly error: string; readonly exitCode: number };

/** The settings while the options are gone through. */
interface Draft extends Settings {
  readonly skipSync: boolean;
  readonly skipIfdown: boolean;
}

/** What an option has beside its name. */
interface OptionContext {
  /** Empty for an option without one. */
  readonly argument: string;
  readonly compat: Compat;
  readonly word: Word;
}

/** What an option sets; or what it makes of the settings so far, which may be the end. */
type Effect =
  | Partial<Draft>
  | ((draft: Draft, context: OptionContext) => Partial<Draft> | Exclude<Interpreted, { readonly kind: 'run' }>);

const number =
  (name: string, set: (value: bigint) => Partial<Draft>): Effect =>
  (_, { argument, compat, word }) => {
    const { value, complete } = strtoul(argument, compat.readsBinaryNumbers, word);
    return complete ? set(value) : { kind: 'usage', error: `Bad option value in --${name}=${argument}\n` };
  };

/** The first pass of main(), kexec/kexec.c. */
const EFFECTS: Readonly<Record<GenericOptionId, Effect>> = {
  '?': () => ({ kind: 'usage', error: '' }),
  help: () => ({ kind: 'help' }),
  version: () => ({ kind: 'version' }),
  'print-ckr-size': ({ debug }) => ({ kind: 'print-ckr-size', debug }),
  'exec-live-update': () => ({ kind: 'exit', error: '--exec-live-update only works under xen.\n', exitCode: 1 }),
  debug: ({ flags, fileFlags, skipIfdown }, { compat }) => ({
    debug: true,
    flags: compat.loadDebugFlag ? flags | KEXEC_DEBUG : flags,
    fileFlags: compat.fileDebugFlag ? fileFlags | KEXEC_FILE_DEBUG : fileFlags,
    // QUIRK-12: in 2.0.20 its case falls through to the next one.
    skipIfdown: skipIfdown || compat.debugImpliesNoIfdown,
  }),
  'no-ifdown': { skipIfdown: true },
  'no-sync': { skipSync: true },
  'no-checks': { skipChecks: true },
  status: { doStatus: true },
  hotplug: { doHotplug: true },
  reuseinitrd: { doReuseInitrd: true },
  load: { hasOptLoad: true, doLoad: true, doExec: false, doShutdown: false },
  force: { doLoad: true, doExec: true, doShutdown: false, doSync: true, doIfdown: true },
  exec: { doLoad: false, doExec: true, doShutdown: false, doSync: true, doIfdown: true },
  unload: ({ fileFlags }) => ({
    doLoad: false,
    doUnload: true,
    doShutdown: false,
    doSync: false,
    fileFlags: fileFlags | KEXEC_FILE_UNLOAD,
  }),
  'load-panic': ({ fileFlags }) => ({
    doLoad: true,
    doExec: false,
    doShutdown: false,
    doSync: false,
    fileFlags: fileFlags | KEXEC_FILE_ON_CRASH,
    flags: KEXEC_ON_CRASH,
  }),
  'load-preserve-context': {
    doLoad: true,
    doExec: false,
    doShutdown: false,
    doSync: true,
    flags: KEXEC_PRESERVE_CONTEXT,
  },
  'load-live-update': { doLoad: true, doExec: false, doShutdown: false, doSync: true, flags: KEXEC_LIVE_UPDATE },
  'load-jump-back-helper': {
    doLoad: false,
    doExec: false,
    doShutdown: false,
    doSync: true,
    doIfdown: true,
    doLoadJumpBackHelper: true,
    flags: KEXEC_PRESERVE_CONTEXT,
  },
  entry: number('entry', (entry) => ({ entry })),
  'mem-min': number('mem-min', (memMin) => ({ memMin })),
  'mem-max': number('mem-max', (memMax) => ({ memMax })),
  type: (_, { argument }) => ({ type: argument }),
  'kexec-file-syscall': { fileSyscall: true, fallback: false },
  'kexec-syscall': { fileSyscall: false, fallback: false },
  'kexec-syscall-auto': { fileSyscall: true, fallback: true },
  'no-cma': ({ fileFlags }) => ({ fileFlags: fileFlags | KEXEC_FILE_NO_CMA }),
  'force-dtb': ({ fileFlags }) => ({ fileFlags: fileFlags | KEXEC_FILE_FORCE_DTB }),
};

const isGeneric = (id: string): id is GenericOptionId => Object.hasOwn(EFFECTS, id);

const initialDraft = ({ fileLoadByDefault }: Compat, word: Word, options: readonly OptionToken[]): Draft => ({
  debug: false,
  doLoad: true,
  doExec: false,
  doLoadJumpBackHelper: false,
  doShutdown: true,
  doSync: true,
  doIfdown: false,
  doUnload: false,
  doReuseInitrd: false,
  doStatus: false,
  doHotplug: false,
  fileSyscall: fileLoadByDefault,
  fallback: fileLoadByDefault,
  skipChecks: false,
  hasOptLoad: false,
  flags: 0n,
  fileFlags: 0n,
  type: undefined,
  entry: 0n,
  memMin: 0n,
  memMax: word.max,
  options,
  skipSync: false,
  skipIfdown: false,
});

/**
 * Goes through the options in their order, which has meaning: later ones take back what earlier ones set, and
 * --help ends it where it stands. An architecture's options are kept for it.
 */
export const interpretOptions = (
  tokens: readonly Token<string>[],
  compat: Compat,
  word: Word = WORD_64,
): Interpreted => {
  const options: OptionToken[] = [];
  let draft = initialDraft(compat, word, options);
  for (const token of tokens) {
    if (token.kind === 'error') return { kind: 'usage', error: token.text };
    const effect = isGeneric(token.id) ? EFFECTS[token.id] : {};
    const set = typeof effect === 'function' ? effect(draft, { argument: token.argument ?? '', compat, word }) : effect;
    if ('kind' in set) return set;
    draft = { ...draft, ...set };
    options.push(token);
  }
  const { skipSync, skipIfdown, ...settings } = draft;
  const last = { ...settings, doIfdown: draft.doIfdown && !skipIfdown, doSync: draft.doSync && !skipSync };
  return { kind: 'run', settings: last.doStatus ? statusOnly(last, compat) : last };
};

/** --status does nothing else, and asks about the crash kernel unless something says otherwise. */
const statusOnly = (s: Settings, compat: Compat): Settings => ({
  ...s,
  flags: s.flags === 0n && (!s.hasOptLoad || compat.statusIgnoresLoad) ? KEXEC_ON_CRASH : s.flags,
  doLoad: false,
  doReuseInitrd: false,
  doUnload: false,
  doShutdown: false,
  doSync: false,
  doIfdown: false,
  doExec: false,
  doLoadJumpBackHelper: false,
});
