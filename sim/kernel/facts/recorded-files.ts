/** The interface by which the contents of a recorded machine's files are read. */

import type { FileStat } from '../../../kexec/base/system.js';

/** VMCOREINFO and the program headers are within so many bytes from the start of /proc/kcore. */
export const KCORE_HEAD = 64 * 1024;

/** Paths are those on the machine: `/proc/...` and `/sys/...`. */
export interface RecordedFiles {
  /** The recording on the host, for messages. */
  readonly path: string;
  /** Undefined when there is no such file. Follows symbolic links. */
  kind(path: string): FileStat['kind'] | undefined;
  /** @throws SystemError */
  readFile(path: string): Uint8Array;
  /** At most `length` bytes from `offset`. @throws SystemError */
  readAt(path: string, offset: number, length: number): Uint8Array;
  /** A text file; undefined when it cannot be read. Bytes that are not UTF-8 become U+FFFD. */
  readText(path: string): string | undefined;
  /** Names in a directory, without "." and "..". @throws SystemError */
  list(path: string): readonly string[];
  /** A file beside proc/ and sys/; undefined when it cannot be read. */
  note(name: string): string | undefined;
  /** The kernel's configuration: what it shows itself, or a note; undefined without either. */
  kernelConfig(): string | undefined;
}
