/** What a running kernel calls itself: struct new_utsname, as far as a recording tells. */
import { kernelRelease } from '../facts/generations.js';
import type { RecordedFiles } from '../facts/recorded-files.js';

export interface Uts {
  readonly nodename: string;
  readonly release: string;
  /** `#1 SMP Debian 6.1.176-1 (2026-07-02)`. */
  readonly version: string;
}

/** @returns undefined where /proc/version does not tell */
export const utsOf = (files: RecordedFiles): Uts | undefined => {
  const told = files.readText('/proc/version');
  const release = kernelRelease(told);
  const [, version] = / (#\d{1,9}[ -~]{0,120})$/m.exec(told ?? '') ?? [];
  if (release === undefined || version === undefined) return undefined;
  // `uname -a`: the system's name, and the machine's.
  const nodename = files.note('uname')?.split(/\s+/)[1];
  return { nodename: nodename ?? '(none)', release, version };
};

/** LINUX_PACKAGE_ID, which Debian adds behind the version in the lines that a kernel dies with. */
export const packageId = ({ version }: Uts): string => {
  const [, id] = /\b(Debian \S{1,64})/.exec(version) ?? [];
  return id === undefined ? '' : ` ${id}`;
};
