/** Debian's kexec-tools for arm64 in an initramfs, for a guest that executes kernels by itself. */
import * as path from 'node:path';
import { DIRECTORY, type Entry, entriesOf } from './initramfs.js';

const TOOLS = 'tools';

/** How a shell of the guest begins a command of kexec. */
export const REAL_KEXEC = `/${TOOLS}/lib/ld-linux-aarch64.so.1 --library-path /${TOOLS}/lib /${TOOLS}/kexec`;

/** @param tools the directory that `prepareReal` gives */
export const kexecEntries = (tools: string): readonly Entry[] => [
  { name: TOOLS, mode: DIRECTORY },
  ...['kexec', 'lib'].flatMap((name) => entriesOf(path.join(tools, name), `${TOOLS}/${name}`)),
];
