/** Errors: those of a load or a command, those of the system's calls, and Linux' numbers for them. */

/** Exit codes as the original's functions return them (kexec/kexec.h); the process exits with the low eight bits. */
export const EFAILED = -1;
export const EFALLBACK = -3;

/** What can be said about an error beyond its text. */
export interface KexecErrorDetails {
  /** The file, option or system call that the error is about. */
  readonly subject?: string | undefined;
  /** Negative errno of a failed system call, or undefined. */
  readonly errno?: number | undefined;
  /**
   * What the command writes to stderr for this error, when that is not `message` and a newline. The original ends
   * some messages without a newline, and fails silently in places: then this is the empty string.
   */
  readonly text?: string;
}

/**
 * A failure of a load or of a command.
 *
 * `died` errors end the command at once, as the original's die() does: with exit code 1 unless another is given. The
 * others are passed up through the original's callers, each of which may add a line of its own: see
 * {@link KexecError.follow}.
 */
export class KexecError extends Error {
  readonly exitCode: number;
  readonly died: boolean;
  readonly subject: string | undefined;
  readonly errno: number | undefined;
  /** What the command writes to stderr: the message and what the callers added. */
  readonly text: string;

  private constructor(message: string, exitCode: number, died: boolean, details: KexecErrorDetails) {
    super(message);
    this.name = 'KexecError';
    this.exitCode = exitCode;
    this.died = died;
    this.subject = details.subject;
    this.errno = details.errno;
    this.text = details.text ?? (message === '' ? '' : `${message}\n`);
  }

  /** The command cannot go on: die() of kexec/kexec.c, or exit() with a code of its own in util_lib/elf_info.c. */
  static die(message: string, details: KexecErrorDetails & { readonly exitCode?: number } = {}): KexecError {
    return new KexecError(message, details.exitCode ?? 1, true, details);
  }

  /** A function of the original returned an error code; its callers may add to the text. */
  static failed(message: string, details: KexecErrorDetails & { readonly exitCode?: number } = {}): KexecError {
    return new KexecError(message, details.exitCode ?? EFAILED, false, details);
  }

  /** The error with what a caller prints while it passes through; one that died stays as it is. */
  follow(text: string): KexecError {
    if (this.died) return this;
    const { message, exitCode, subject, errno } = this;
    return KexecError.failed(message, { exitCode, subject, errno, text: this.text + text });
  }
}

/** A system call on the {@link System} failed. `errno` is positive, as in C. */
export class SystemError extends Error {
  constructor(
    readonly call: string,
    readonly path: string,
    readonly errno: number,
  ) {
    super(`${call} ${path}: ${strerror(errno)}`);
    this.name = 'SystemError';
  }
}

/** Linux error numbers (asm-generic/errno-base.h, errno.h) that the tool or the simulated kernel uses. */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  EIO: 5,
  ENXIO: 6,
  ENOEXEC: 8,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  EFBIG: 27,
  ENOSPC: 28,
  ESPIPE: 29,
  EROFS: 30,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ELOOP: 40,
  ENODATA: 61,
  ELIBBAD: 80,
  EOPNOTSUPP: 95,
  EADDRNOTAVAIL: 99,
  EKEYREJECTED: 129,
} as const;

/** glibc's strerror() texts for {@link Errno}. */
const TEXTS: Readonly<Record<number, string>> = {
  0: 'Success',
  [Errno.EPERM]: 'Operation not permitted',
  [Errno.ENOENT]: 'No such file or directory',
  [Errno.EIO]: 'Input/output error',
  [Errno.ENXIO]: 'No such device or address',
  [Errno.ENOEXEC]: 'Exec format error',
  [Errno.EBADF]: 'Bad file descriptor',
  [Errno.EAGAIN]: 'Resource temporarily unavailable',
  [Errno.ENOMEM]: 'Cannot allocate memory',
  [Errno.EACCES]: 'Permission denied',
  [Errno.EFAULT]: 'Bad address',
  [Errno.EBUSY]: 'Device or resource busy',
  [Errno.EEXIST]: 'File exists',
  [Errno.ENODEV]: 'No such device',
  [Errno.ENOTDIR]: 'Not a directory',
  [Errno.EISDIR]: 'Is a directory',
  [Errno.EINVAL]: 'Invalid argument',
  [Errno.ENFILE]: 'Too many open files in system',
  [Errno.EMFILE]: 'Too many open files',
  [Errno.EFBIG]: 'File too large',
  [Errno.ENOSPC]: 'No space left on device',
  [Errno.ESPIPE]: 'Illegal seek',
  [Errno.EROFS]: 'Read-only file system',
  [Errno.ENAMETOOLONG]: 'File name too long',
  [Errno.ENOSYS]: 'Function not implemented',
  [Errno.ELOOP]: 'Too many levels of symbolic links',
  [Errno.ENODATA]: 'No data available',
  [Errno.ELIBBAD]: 'Accessing a corrupted shared library',
  [Errno.EOPNOTSUPP]: 'Operation not supported',
  [Errno.EADDRNOTAVAIL]: 'Cannot assign requested address',
  [Errno.EKEYREJECTED]: 'Key was rejected by service',
};

/** The text of a positive errno, as glibc's strerror() gives it. */
export const strerror = (errno: number): string => TEXTS[errno] ?? `Unknown error ${errno}`;
