/** The network interfaces of a recorded machine: as far as kexec cares, names and whether they are up. */
import { Errno } from '../../../kexec/base/error.js';
import { IFF_UP } from '../../../kexec/ifdown.js';
import type { KernelState, Outcome } from './kexec-load.js';
import type { RecordedFiles } from '../facts/recorded-files.js';

const CLASS_NET = '/sys/class/net';

/** `ifr_flags` of `struct ifreq` is a short. */
const IOCTL_FLAGS = 0xffff;

export interface NetworkInterface {
  readonly name: string;
  /** IFF_* flags when the machine was recorded, as many as ioctl() tells; undefined when the recording has none. */
  readonly flags: number | undefined;
}

/** What /sys/class/net of a recording tells, in the order of the interfaces' numbers (net/core/net-sysfs.c). */
export const recordedInterfaces = (files: RecordedFiles): readonly NetworkInterface[] => {
  const names = files.kind(CLASS_NET) === 'directory' ? files.list(CLASS_NET) : [];
  return names
    .filter((name) => files.kind(`${CLASS_NET}/${name}`) === 'directory')
    .map((name) => ({
      name,
      index: number(files.readText(`${CLASS_NET}/${name}/ifindex`)) ?? 0,
      flags: number(files.readText(`${CLASS_NET}/${name}/flags`)),
    }))
    .sort((a, b) => a.index - b.index || (a.name < b.name ? -1 : 1))
    .map(({ name, flags }) => ({ name, flags: flags === undefined ? undefined : flags & IOCTL_FLAGS }));
};

const number = (text: string | undefined): number | undefined =>
  /^(0x[0-9a-f]{1,8}|\d{1,9})$/.test(text?.trim() ?? '') ? Number(text) : undefined;

/** The interface's flags now; undefined when there is no such interface, or nobody knows. */
export const interfaceFlags = (
  interfaces: readonly NetworkInterface[],
  state: KernelState,
  name: string,
): number | undefined => {
  const flags = interfaces.find((candidate) => candidate.name === name)?.flags;
  const changed = state.interfaces.find((candidate) => candidate.name === name);
  if (flags === undefined || changed === undefined) return flags;
  return changed.up ? flags | IFF_UP : flags & ~IFF_UP;
};

/** SIOCSIFFLAGS (dev_ifsioc(), net/core/dev_ioctl.c), which changes nothing here but whether the interface is up. */
export const setInterfaceFlags = (
  interfaces: readonly NetworkInterface[],
  state: KernelState,
  name: string,
  flags: number,
): Outcome => {
  const before = interfaceFlags(interfaces, state, name);
  if (before === undefined) return { result: -Errno.ENODEV, state, log: [] };
  if (((before ^ flags) & IFF_UP) === 0) return { result: 0, state, log: [] };
  const others = state.interfaces.filter((candidate) => candidate.name !== name);
  return { result: 0, state: { ...state, interfaces: [...others, { name, up: (flags & IFF_UP) !== 0 }] }, log: [] };
};
