/** What the two kernels of a kdump are given: an initramfs each, and a disk for the dump. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { debianBusybox, debianKernel, findFile, unpackPackage } from '../../conformance/apt.js';
import { ARM64, collectProgram, prepareReal, releaseOf } from '../../conformance/debian.js';
import { cacheDirectory } from '../../support/cache.js';
import { DIRECTORY, type Entry, FILE, busyboxInitramfs, entriesOf } from '../initramfs.js';
import type { Suite } from '../linux/boots.js';
import { moduleDirectory } from '../linux/modules.js';
import { kexecEntries } from '../real-kexec.js';
import type { Kdump } from './boots.js';
import { MAKEDUMPFILE, MODULES, NEXT, captureInit, firstInit } from './scripts.js';

/** What a disk is driven by; newer kernels have some of them built in. */
const DISK_MODULE = /\/drivers\/(?:virtio|block)\/(virtio|virtio_ring|virtio_mmio|virtio_blk)\.ko(\.xz)?$/;

const modules = (suite: Suite): readonly Entry[] => {
  const directory = moduleDirectory(suite, debianKernel(suite));
  const found = fs
    .readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(directory, name))
    .flatMap((file) => {
      const [, name, compressed] = DISK_MODULE.exec(file) ?? [];
      if (name === undefined) return [];
      const data = compressed === undefined ? fs.readFileSync(file) : execFileSync('xz', ['-dc', file]);
      return [{ name: `${MODULES}/${name}.ko`, mode: FILE, data }];
    });
  if (found.length === 0) throw new Error(`${directory} has no modules for a disk`);
  return [{ name: MODULES, mode: DIRECTORY }, ...found];
};

/** The packages with the libraries that makedumpfile is linked with. */
const LIBRARIES =
  /^(?:libc6|zlib1g|libelf1(?:t64)?|libdw1(?:t64)?|liblzo2-2|libsnappy1v5|libzstd1|libbz2-1\.0|liblzma5|libstdc\+\+6|libgcc-s1)$/;

/** The makedumpfile of a suite, for a guest or for qemu's user mode. @returns the directory with it, in the cache */
export const prepareMakedumpfile = (suite: Suite): string => {
  const { directory } = unpackPackage(suite, 'makedumpfile', { follow: LIBRARIES });
  const tools = path.join(cacheDirectory('tools'), `${suite}-makedumpfile`);
  collectProgram(directory, findFile(directory, /\/s?bin\/makedumpfile$/), tools, ARM64);
  return tools;
};

const makedumpfileEntries = (suite: Suite): readonly Entry[] => {
  const tools = prepareMakedumpfile(suite);
  const inside = ['makedumpfile', 'lib'].flatMap((name) =>
    entriesOf(path.join(tools, name), `${MAKEDUMPFILE}/${name}`),
  );
  return [{ name: MAKEDUMPFILE, mode: DIRECTORY }, ...inside];
};

/** What the two kernels do, which are the same: scripts for busybox' shell. */
export interface Scripts {
  readonly first: string;
  readonly capture: string;
  /** What the capture kernel's initramfs has beside busybox. */
  readonly captureHas: readonly Entry[];
}

/** The initramfs of a kernel that loads its crash kernel by the real kexec, in which that one's is. */
export const initramfsWith = (suite: Suite, { first, capture, captureHas }: Scripts): Uint8Array => {
  const busybox = fs.readFileSync(debianBusybox());
  return busyboxInitramfs(busybox, first, [
    ...kexecEntries(prepareReal(releaseOf(suite)).tools),
    { name: NEXT.directory, mode: DIRECTORY },
    { name: NEXT.kernel, mode: FILE, data: fs.readFileSync(debianKernel(suite)) },
    { name: NEXT.initrd, mode: FILE, data: busyboxInitramfs(busybox, capture, captureHas) },
  ]);
};

/** The initramfs of the kernel that panics. */
export const initramfsOf = (kdump: Kdump): Uint8Array =>
  initramfsWith(kdump.suite, {
    first: firstInit(kdump),
    capture: captureInit(kdump),
    captureHas: [...modules(kdump.suite), ...(kdump.makedumpfile ? makedumpfileEntries(kdump.suite) : [])],
  });

const DISK_SIZE = '1G';
/** Both machines' disks have it: kernels show it. */
const UUID = '6b64756d-7000-4000-8000-000000000001';

/** A disk with an empty file system, sparse. */
export const makeDisk = (file: string): void => {
  fs.rmSync(file, { force: true });
  execFileSync('mke2fs', ['-q', '-t', 'ext4', '-U', UUID, file, DISK_SIZE]);
};

/** Takes a file off a disk that {@link makeDisk} made. @throws Error when it is not there */
export const takeFromDisk = (disk: string, name: string, to: string): void => {
  // debugfs says what is wrong, and ends well.
  execFileSync('debugfs', ['-R', `dump /${name} ${to}`, disk], { stdio: 'ignore' });
  if (!fs.existsSync(to)) throw new Error(`${disk} has no ${name}`);
};
