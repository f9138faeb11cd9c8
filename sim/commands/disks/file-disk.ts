/** Disk images that are files of the host. */
import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError, strerror } from '../../../kexec/base/error.js';
import { NodeError, errnoOf } from '../../kernel/recording/host-files.js';
import { MachineError } from '../../machine/error.js';
import { type Disk, type DiskBlock, OverlayDisk } from '../../machine/devices/virtio/disk.js';

export interface OpenDisk {
  readonly disk: Disk;
  readonly close: () => void;
}

/**
 * Opens an image.
 * @param writable whether the file gets what the guest writes; otherwise memory does
 * @throws KexecError when there is no such file, or not that may be used so
 */
export const openDisk = (path: string, writable: boolean): OpenDisk => {
  // A pipe would wait for its other end.
  const flags = (writable ? constants.O_RDWR : constants.O_RDONLY) | constants.O_NONBLOCK;
  const file = attempt(NodeError, () => openSync(path, flags));
  if (file instanceof NodeError) {
    const errno = errnoOf(file);
    throw KexecError.die(`Cannot open ${path}: ${strerror(errno)}`, { subject: path, errno: -errno });
  }
  const stat = fstatSync(file);
  if (!stat.isFile()) {
    closeSync(file);
    throw KexecError.die(`Cannot use ${path} as a disk: it is no regular file`, { subject: path });
  }
  const disk = new FileDisk(file, stat.size);
  return {
    disk: writable ? disk : new OverlayDisk(disk),
    close: () => {
      closeSync(file);
    },
  };
};

class FileDisk implements Disk {
  constructor(
    private readonly file: number,
    readonly sizeBytes: number,
  ) {}

  /** What was cut off the file since it was opened reads as zeros. */
  read(offset: number, sizeBytes: number): Uint8Array | undefined {
    const bytes = new Uint8Array(sizeBytes);
    for (let at = 0; at < sizeBytes;) {
      const count = attempt(NodeError, () => readSync(this.file, bytes, at, sizeBytes - at, offset + at));
      if (typeof count !== 'number') return undefined;
      if (count === 0) break;
      at += count;
    }
    return bytes;
  }

  write(offset: number, bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length;) {
      const count = attempt(NodeError, () => writeSync(this.file, bytes, at, bytes.length - at, offset + at));
      if (typeof count !== 'number') return false;
      at += count;
    }
    return true;
  }

  flush(): boolean {
    return !(attempt(NodeError, () => fsyncSync(this.file)) instanceof NodeError);
  }

  written(): readonly DiskBlock[] {
    return [];
  }

  putBack(): never {
    throw new MachineError('what is written to a disk is in its file, and not elsewhere');
  }
}
