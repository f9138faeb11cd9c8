/** The files by which Linux tells and limits what is loaded (kernel/ksysfs.c, kernel/kexec_core.c). */
import { Errno } from '../../../kexec/base/error.js';
import type { KernelFacts } from '../facts/facts.js';
import { traitsOf } from '../facts/generations.js';
import type { KernelState, Outcome } from './kexec-load.js';

export const KEXEC_LOADED = '/sys/kernel/kexec_loaded';
export const KEXEC_CRASH_LOADED = '/sys/kernel/kexec_crash_loaded';
export const LOAD_DISABLED = '/proc/sys/kernel/kexec_load_disabled';
export const LOAD_LIMIT_REBOOT = '/proc/sys/kernel/kexec_load_limit_reboot';
export const LOAD_LIMIT_PANIC = '/proc/sys/kernel/kexec_load_limit_panic';

/** What a file of the kernel reads; undefined when it is none of those, or the kernel has no such file. */
export const readKernelFile = (facts: KernelFacts, state: KernelState, path: string): string | undefined => {
  switch (path) {
    case KEXEC_LOADED:
      return state.normal === undefined ? '0' : '1';
    case KEXEC_CRASH_LOADED:
      return state.crash === undefined ? '0' : '1';
    case LOAD_DISABLED:
      return state.loadDisabled ? '1' : '0';
    case LOAD_LIMIT_REBOOT:
      return traitsOf(facts.generation).hasLoadLimits ? `${state.limitReboot}` : undefined;
    case LOAD_LIMIT_PANIC:
      return traitsOf(facts.generation).hasLoadLimits ? `${state.limitPanic}` : undefined;
    default:
      return undefined;
  }
};

/** The answer to root's writing to such a file. */
export const writeKernelFile = (facts: KernelFacts, state: KernelState, path: string, data: string): Outcome => {
  const refuse = (errno: number): Outcome => ({ result: -errno, state, log: [] });
  if (readKernelFile(facts, state, path) === undefined) return refuse(Errno.ENOENT);
  if (path === KEXEC_LOADED || path === KEXEC_CRASH_LOADED) return refuse(Errno.EACCES);
  const value = parseInteger(data);
  if (value === undefined) return refuse(Errno.EINVAL);
  const next = path === LOAD_DISABLED ? disabled(state, value) : limited(state, path, value);
  return next === undefined ? refuse(Errno.EINVAL) : { result: 0, state: next, log: [] };
};

/** Loading can be disabled, and stays so until the next boot: 1 is all that is accepted. */
const disabled = (state: KernelState, value: number): KernelState | undefined =>
  value === 1 ? { ...state, loadDisabled: true } : undefined;

/** kexec_limit_handler(): a limit can only be lowered. */
const limited = (state: KernelState, path: string, value: number): KernelState | undefined => {
  const limit = path === LOAD_LIMIT_PANIC ? 'limitPanic' : 'limitReboot';
  if (value < 0 || (state[limit] !== -1 && value >= state[limit])) return undefined;
  return { ...state, [limit]: value };
};

/** proc_dointvec(), kernel/sysctl.c: one integer in C's notation, and space. */
const parseInteger = (data: string): number | undefined => {
  const match = /^\s*(-?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)(?:\s|$)/.exec(data.slice(0, 128));
  if (match === null) return undefined;
  const digits = match[2]!;
  const magnitude = Number(/^0\d/.test(digits) ? `0o${digits.slice(1)}` : digits);
  const value = match[1] === '-' ? -magnitude : magnitude;
  return value >= -(2 ** 31) && value < 2 ** 31 ? value : undefined;
};
