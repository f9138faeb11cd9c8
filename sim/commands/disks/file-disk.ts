/** Disk images that are files of the host. */
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, fsyncSync, readSync, writeSync } from 'node:fs';
import { attempt, failing } from '../../../kexec/base/attempt.js';
import { NodeError, fromRoot, hostCall } from '../../kernel/recording/host-files.js';
import { openRegular } from '../../kernel/recording/input-files.js';
import type { DiskIdentity, SavedDisk } from '../../kernel/saving/saved-session.js';
import { MachineError } from '../../machine/error.js';
import { type Disk, type DiskBlock, OverlayDisk } from '../../machine/devices/virtio/disk.js';

export interface OpenDisk {
  readonly disk: Disk;
  /** What the machine that has it is saved with. @throws KexecError when the host cannot read it */
  readonly describe: () => SavedDisk;
  readonly close: () => void;
}

/**
 * Opens an image.
 * @param writable whether the file gets what the guest writes; otherwise memory does
 * @throws KexecError when there is no such file, or not that may be used so
 */
export const openDisk = (path: string, writable: boolean): OpenDisk => {
  const flags = writable ? constants.O_RDWR : constants.O_RDONLY;
  const { file, sizeBytes } = failing('Cannot open', path, () => openRegular(path, flags));
  const disk = new FileDisk(file, sizeBytes);
  return {
    disk: writable ? disk : new OverlayDisk(disk),
    describe: () => ({ file: fromRoot(path), writes: writable, ...identify(path, file) }),
    close: () => {
      closeSync(file);
    },
  };
};

/** Of a larger file it would take too long. */
export const MOST_DIGESTED = 1 << 30;
const PIECE_BYTES = 1 << 20;

const identify = (path: string, file: number): DiskIdentity =>
  hostCall('Cannot read', path, () => {
    // What was written last may not have come to the file's times yet.
    fsyncSync(file);
    const { size, mtimeNs } = fstatSync(file, { bigint: true });
    return { sizeBytes: Number(size), modifiedNs: mtimeNs, digest: size > MOST_DIGESTED ? undefined : digestOf(file) };
  });

const digestOf = (file: number): string => {
  const digest = createHash('sha256');
  const piece = new Uint8Array(PIECE_BYTES);
  for (let at = 0; ;) {
    const count = readSync(file, piece, 0, PIECE_BYTES, at);
    if (count === 0) return digest.digest('hex');
    digest.update(piece.subarray(0, count));
    at += count;
  }
};

/** What has become of a disk since a machine was saved with it; undefined when it is the same. */
export const changeOf = (before: DiskIdentity, now: DiskIdentity): string | undefined => {
  if (before.sizeBytes !== now.sizeBytes) return `it has ${now.sizeBytes} bytes, and had ${before.sizeBytes}`;
  if (before.digest !== undefined && now.digest !== undefined) {
    return before.digest === now.digest ? undefined : 'its bytes are others';
  }
  return before.modifiedNs === now.modifiedNs ? undefined : 'it was written to';
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
