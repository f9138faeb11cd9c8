/** Debian's kexec-tools for arm64 in an initramfs, for a guest that loads and executes kernels by itself. */
import * as path from 'node:path';
import { DIRECTORY, type Entry, entriesOf } from './initramfs.js';

const TOOLS = 'tools';

/** How a shell of the guest begins a command of kexec. */
export const REAL_KEXEC = `/${TOOLS}/lib/ld-linux-aarch64.so.1 --library-path /${TOOLS}/lib /${TOOLS}/kexec`;

/**
 * Debian builds 5.10 and 6.1 without CONFIG_KALLSYMS_ALL: their kallsyms lacks _text, which kexec takes addresses from.
 * It is 64 KiB before _stext (arch/arm64/kernel/vmlinux.lds.S).
 */
export const ADD_TEXT_SYMBOL = String.raw`
if ! grep -q ' _text$' /proc/kallsyms; then
  stext=0x$(sed -n 's/ . _stext$//p' /proc/kallsyms)
  { cat /proc/kallsyms; printf '%x T _text\n' $((stext - 0x10000)); } > /kallsyms
  mount --bind /kallsyms /proc/kallsyms
fi
`;

/** @param tools the directory that `prepareReal` gives */
export const kexecEntries = (tools: string): readonly Entry[] => [
  { name: TOOLS, mode: DIRECTORY },
  ...['kexec', 'lib'].flatMap((name) => entriesOf(path.join(tools, name), `${TOOLS}/${name}`)),
];
