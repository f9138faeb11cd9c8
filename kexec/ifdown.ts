/** Network interfaces are taken down before another kernel runs (kexec/ifdown.c). */
import { attempt } from './base/attempt.js';
import { SystemError, strerror } from './base/error.js';
import type { Log } from './base/log.js';
import type { System } from './base/system.js';

/** The interface is up (include/uapi/linux/if.h). */
export const IFF_UP = 0x1;

/** A name in `struct ifreq`, its NUL left out (IFNAMSIZ - 1). */
const LONGEST_NAME = 15;

/**
 * Takes the network interfaces down, all but the loopback and aliases (kexec/ifdown.c, which comes from sysvinit).
 * Traffic shapers go first: taking down the interface below one first would crash the machine. The first failure is
 * told, and ends it.
 */
export const ifdown = async (system: System, log: Log): Promise<void> => {
  const names = system.interfaceNames();
  const isShaper = (name: string): boolean => name.startsWith('shaper');
  for (const name of [...names.filter(isShaper), ...names.filter((each) => !isShaper(each))]) {
    if (name === 'lo' || name.includes(':')) continue;
    const errno = await takeDown(system, name.slice(0, LONGEST_NAME));
    if (errno !== 0) {
      log.err(`ifdown: shutdown ${name}: ${strerror(errno)}\n`);
      return;
    }
  }
};

/** @returns 0 or a positive errno */
const takeDown = async (system: System, name: string): Promise<number> => {
  const flags = attempt(SystemError, () => system.interfaceFlags(name));
  if (flags instanceof SystemError) return flags.errno;
  return -(await system.setInterfaceFlags(name, flags & ~IFF_UP));
};
