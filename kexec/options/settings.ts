import type { Compat } from '../base/compat.js';
import type { Token } from './getopt.js';
import type { OptionToken, OptionId } from './options.js';
import { strtoul } from '../base/scan.js';
import { U64_MAX } from '../base/u64.js';
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

/**
 * Goes through the options in their order, which has meaning: later ones take back what earlier ones set, and
 * --help ends it where it stands (the first pass of main(), kexec/kexec.c).
 */
export const interpretOptions = (tokens: readonly Token<OptionId>[], compat: Compat): Interpreted => {
  const options: OptionToken[] = [];
  let s: Settings = {
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
    fileSyscall: compat.fileLoadByDefault,
    fallback: compat.fileLoadByDefault,
    skipChecks: false,
    hasOptLoad: false,
    flags: 0n,
    fileFlags: 0n,
    type: undefined,
    entry: 0n,
    memMin: 0n,
    memMax: U64_MAX,
    options,
  };
  let skipSync = false;
  let skipIfdown = false;

  for (const token of tokens) {
    if (token.kind === 'error') return { kind: 'usage', error: token.text };
    const { id } = token;
    const argument = token.argument ?? '';
    switch (id) {
      case '?':
        return { kind: 'usage', error: '' };
      case 'help':
      case 'version':
        return { kind: id };
      case 'print-ckr-size':
        return { kind: id, debug: s.debug };
      case 'debug':
        s = {
          ...s,
          debug: true,
          flags: compat.loadDebugFlag ? s.flags | KEXEC_DEBUG : s.flags,
          fileFlags: compat.fileDebugFlag ? s.fileFlags | KEXEC_FILE_DEBUG : s.fileFlags,
        };
        // QUIRK-12: in 2.0.20 its case falls through to the next one.
        skipIfdown ||= compat.debugImpliesNoIfdown;
        break;
      case 'no-ifdown':
        skipIfdown = true;
        break;
      case 'no-sync':
        skipSync = true;
        break;
      case 'force':
        s = { ...s, doLoad: true, doShutdown: false, doSync: true, doIfdown: true, doExec: true };
        break;
      case 'load':
        s = { ...s, hasOptLoad: true, doLoad: true, doExec: false, doShutdown: false };
        break;
      case 'unload':
        s = {
          ...s,
          doLoad: false,
          doShutdown: false,
          doSync: false,
          doUnload: true,
          fileFlags: s.fileFlags | KEXEC_FILE_UNLOAD,
        };
        break;
      case 'exec-live-update':
        return { kind: 'exit', error: '--exec-live-update only works under xen.\n', exitCode: 1 };
      case 'exec':
        s = { ...s, doLoad: false, doShutdown: false, doSync: true, doIfdown: true, doExec: true };
        break;
      case 'load-jump-back-helper':
        s = {
          ...s,
          doLoad: false,
          doShutdown: false,
          doSync: true,
          doIfdown: true,
          doExec: false,
          doLoadJumpBackHelper: true,
          flags: KEXEC_PRESERVE_CONTEXT,
        };
        break;
      case 'load-preserve-context':
      case 'load-live-update':
        s = {
          ...s,
          doLoad: true,
          doExec: false,
          doShutdown: false,
          doSync: true,
          flags: id === 'load-preserve-context' ? KEXEC_PRESERVE_CONTEXT : KEXEC_LIVE_UPDATE,
        };
        break;
      case 'load-panic':
        s = {
          ...s,
          doLoad: true,
          doExec: false,
          doShutdown: false,
          doSync: false,
          fileFlags: s.fileFlags | KEXEC_FILE_ON_CRASH,
          flags: KEXEC_ON_CRASH,
        };
        break;
      case 'entry':
      case 'mem-min':
      case 'mem-max': {
        const { value, complete } = strtoul(argument, compat.readsBinaryNumbers);
        if (!complete) return { kind: 'usage', error: `Bad option value in --${id}=${argument}\n` };
        s = { ...s, [FIELD_OF[id]]: value };
        break;
      }
      case 'type':
        s = { ...s, type: argument };
        break;
      case 'reuseinitrd':
        s = { ...s, doReuseInitrd: true };
        break;
      case 'kexec-file-syscall':
        s = { ...s, fileSyscall: true, fallback: false };
        break;
      case 'kexec-syscall':
        s = { ...s, fileSyscall: false, fallback: false };
        break;
      case 'kexec-syscall-auto':
        s = { ...s, fileSyscall: true, fallback: true };
        break;
      case 'no-checks':
        s = { ...s, skipChecks: true };
        break;
      case 'status':
        s = { ...s, doStatus: true };
        break;
      case 'hotplug':
        s = { ...s, doHotplug: true };
        break;
      case 'no-cma':
        s = { ...s, fileFlags: s.fileFlags | KEXEC_FILE_NO_CMA };
        break;
      case 'force-dtb':
        s = { ...s, fileFlags: s.fileFlags | KEXEC_FILE_FORCE_DTB };
        break;
      default:
        break;
    }
    options.push(token);
  }
  s = { ...s, doIfdown: s.doIfdown && !skipIfdown, doSync: s.doSync && !skipSync };
  return { kind: 'run', settings: s.doStatus ? statusOnly(s, compat) : s };
};

const FIELD_OF = { entry: 'entry', 'mem-min': 'memMin', 'mem-max': 'memMax' } as const;

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
