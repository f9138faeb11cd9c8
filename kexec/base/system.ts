/** The seam between the tool and the machine that it acts on. */
import type { Segment } from './segment.js';

export type FileKind = 'file' | 'directory' | 'symlink' | 'character' | 'block' | 'other';

export interface FileStat {
  readonly kind: FileKind;
  /** Size in bytes as stat() tells it. */
  readonly size: number;
}

/** What the new kernel's loader passed to the kernel, in the terms of kexec_load(2). */
export interface KexecLoadCall {
  readonly entry: bigint;
  readonly segments: readonly Segment[];
  readonly flags: bigint;
}

/** Arguments of kexec_file_load(2); files by content, since there is no other process's table of descriptors. */
export interface KexecFileLoadCall {
  /** The kernel's bytes; undefined for fd -1. */
  readonly kernel: Uint8Array | undefined;
  /** The initrd's bytes; undefined for fd -1. */
  readonly initrd: Uint8Array | undefined;
  /** Without its NUL; undefined for a NULL pointer. */
  readonly cmdline: string | undefined;
  /** Bytes of the command line, its NUL included; 0 without one. */
  readonly cmdlineLen: number;
  readonly flags: bigint;
}

/** What came of a reboot or of another program in the tool's place. Success returns only on a simulated machine. */
export type RebootOutcome =
  | { readonly kind: 'refused'; /** Negative. */ readonly errno: number }
  /** The machine went its way; `exitCode` tells whether that was the right one. */
  | { readonly kind: 'over'; readonly exitCode: number };

/**
 * The one seam between the tool and whatever it acts on: a recorded machine with a simulated kernel, later a real
 * host. Paths are those of the machine; relative ones start at the current directory.
 */
export interface System {
  readonly pageSize: bigint;
  /** `machine` of uname(2), for example "aarch64". */
  readonly machine: string;
  /** Number of configured CPUs: sysconf(_SC_NPROCESSORS_CONF). */
  readonly nrCpus: number;

  /** The whole file. @throws SystemError */
  readFile(path: string): Uint8Array;
  /** At most `length` bytes from `offset`; fewer at the end of the file. @throws SystemError */
  readAt(path: string, offset: number, length: number): Uint8Array;
  /** Follows symbolic links. @throws SystemError */
  stat(path: string): FileStat;
  /** Does not follow the last symbolic link. @throws SystemError */
  lstat(path: string): FileStat;
  /** Names in a directory, without "." and "..", in no special order. @throws SystemError */
  list(path: string): readonly string[];
  /** getrandom(2) with GRND_NONBLOCK. @throws SystemError */
  random(length: number): Uint8Array;

  /** kexec_load(2); 0 or a negative errno. */
  kexecLoad(call: KexecLoadCall): Promise<number>;
  /** kexec_file_load(2); 0 or a negative errno. */
  kexecFileLoad(call: KexecFileLoadCall): Promise<number>;
  /** reboot(2) with LINUX_REBOOT_CMD_KEXEC. */
  rebootKexec(): Promise<RebootOutcome>;

  /** sync(2). */
  sync(): void;
  /** Names of the network interfaces, in the order of their numbers (if_nameindex(3)). */
  interfaceNames(): readonly string[];
  /** SIOCGIFFLAGS: the IFF_* flags of a network interface (netdevice(7)). @throws SystemError */
  interfaceFlags(name: string): number;
  /** SIOCSIFFLAGS; 0 or a negative errno. */
  setInterfaceFlags(name: string, flags: number): Promise<number>;
  /** execv(3). @param argv the program's own name, then its arguments */
  execv(path: string, argv: readonly string[]): Promise<RebootOutcome>;
}
