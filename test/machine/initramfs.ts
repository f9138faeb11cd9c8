/**
 * An initramfs: a cpio archive of the kind "newc" (Linux' Documentation/driver-api/early-userspace/buffer-format.rst).
 */
import * as fs from 'node:fs';
import * as path from 'node:path';

export interface Entry {
  readonly name: string;
  /** As in stat(2): type and permissions. */
  readonly mode: number;
  readonly data?: Uint8Array;
  /** Of a device. */
  readonly major?: number;
  readonly minor?: number;
}

export const DIRECTORY = 0o040755;
export const FILE = 0o100644;
export const PROGRAM = 0o100755;
const LINK = 0o120777;
const CHARACTER_DEVICE = 0o020600;
const TRAILER = 'TRAILER!!!';

const padded = (bytes: Uint8Array): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);

const encode = ({ name, mode, data = new Uint8Array(), major = 0, minor = 0 }: Entry, inode: number): Buffer => {
  const fields = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, major, minor, name.length + 1, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}\0`;
  return Buffer.concat([padded(Buffer.from(header, 'latin1')), padded(data)]);
};

/**
 * A file of the host, or a directory with all that is in it.
 * @param name what it is called in the initramfs
 * @param isWanted tells by such a name what is left out
 */
export const entriesOf = (
  hostPath: string,
  name: string,
  isWanted: (name: string) => boolean = () => true,
): readonly Entry[] => {
  if (!isWanted(name)) return [];
  if (!fs.statSync(hostPath).isDirectory()) return [{ name, mode: PROGRAM, data: fs.readFileSync(hostPath) }];
  const inside = fs
    .readdirSync(hostPath)
    .flatMap((entry) => entriesOf(path.join(hostPath, entry), `${name}/${entry}`, isWanted));
  return [{ name, mode: DIRECTORY }, ...inside];
};

const text = (value: string): Uint8Array => Buffer.from(value, 'latin1');

/** An archive. */
export const cpioOf = (entries: readonly Entry[]): Uint8Array =>
  Buffer.concat([...entries, { name: TRAILER, mode: 0 }].map(encode));

/**
 * An initramfs whose init is a script for busybox' shell.
 * @param busybox the program, linked statically
 * @param others what else is to be there, directories before what is in them
 */
export const busyboxInitramfs = (busybox: Uint8Array, init: string, others: readonly Entry[] = []): Uint8Array =>
  cpioOf([
    { name: 'dev', mode: DIRECTORY },
    { name: 'dev/console', mode: CHARACTER_DEVICE, major: 5, minor: 1 },
    { name: 'proc', mode: DIRECTORY },
    { name: 'sys', mode: DIRECTORY },
    { name: 'bin', mode: DIRECTORY },
    { name: 'bin/busybox', mode: PROGRAM, data: busybox },
    { name: 'bin/sh', mode: LINK, data: text('busybox') },
    { name: 'init', mode: PROGRAM, data: text(init) },
    ...others,
  ]);
