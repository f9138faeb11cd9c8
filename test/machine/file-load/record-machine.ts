/**
 * Writes machines/virt-file-2g.tar: what kexec and the simulated kernel read of a machine whose kernel has
 * kexec_file_load(2).
 */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { busyboxInitramfs } from '../initramfs.js';
import { GUEST_INIT, startGuest } from './guest.js';

const TAR = path.join('machines', 'virt-file-2g.tar');
const BOARD = ['-M', 'virt', '-cpu', 'cortex-a57', '-m', '2048', '-smp', '2'];
const COMMAND_LINE = 'console=ttyAMA0 panic=-1 root=/dev/vda rw rootfstype=ext4 earlycon crashkernel=256M';

/** Of the kernel's symbols, those that matter. */
const SYMBOLS = [
  ...[
    '_text',
    '_stext',
    'machine_kexec',
    'crash_kexec',
    'kexec_add_buffer',
    'panic',
    '__idmap_text_start',
    'cpu_soft_restart',
  ],
  ...['__idmap_text_end', '_etext', '_sinittext', '__init_begin', '_einittext', '_end'],
];

const FILES = [
  ...['cmdline', 'cpuinfo', 'iomem', 'meminfo', 'version'].map((name) => `proc/${name}`),
  ...['iomem_base', 'iomem_reg_shift', 'type'].map((name) => `sys/class/tty/ttyAMA0/${name}`),
  ...['kernel_max', 'online', 'possible', 'present'].map((name) => `sys/devices/system/cpu/${name}`),
  ...[0, 1].flatMap((cpu) =>
    ['crash_notes', 'crash_notes_size'].map((name) => `sys/devices/system/cpu/cpu${cpu}/${name}`),
  ),
  ...['fscaps', 'kexec_crash_loaded', 'kexec_crash_size', 'kexec_loaded', 'notes', 'vmcoreinfo'].map(
    (name) => `sys/kernel/${name}`,
  ),
  'sys/firmware/fdt',
];

/** @param image the kernel that is booted @param work a directory for what is needed meanwhile */
export const recordMachine = async (image: string, busybox: Uint8Array, work: string): Promise<void> => {
  const initrd = path.join(work, 'initrd');
  fs.writeFileSync(initrd, busyboxInitramfs(busybox, GUEST_INIT));
  const guest = await startGuest([...BOARD, '-kernel', image, '-initrd', initrd, '-append', COMMAND_LINE], work);
  try {
    await guest.run('busybox mkdir -p /m/sys/firmware/devicetree');
    for (const file of FILES)
      await guest.run(`busybox mkdir -p /m/${path.dirname(file)}; busybox cat /${file} > /m/${file}`);
    await guest.run('busybox cp -r /sys/firmware/devicetree/base /m/sys/firmware/devicetree/');
    await guest.run('busybox head -c 32768 /proc/kcore > /m/proc/kcore');
    await guest.run(`busybox grep -E " (${SYMBOLS.join('|')})$" /proc/kallsyms > /m/proc/kallsyms`);
    await guest.run('busybox uname -a > /m/uname; busybox dmesg > /m/dmesg');
    const packed = await guest.run('busybox tar -cf - -C /m . | busybox gzip -c | base64');
    const archive = path.join(work, 'machine.tar');
    fs.writeFileSync(archive, gunzipSync(Buffer.from(packed, 'base64')));
    const directory = path.join(work, 'machine');
    fs.mkdirSync(directory);
    execFileSync('tar', ['-xf', archive, '-C', directory, '--no-same-owner', '--no-same-permissions', '--mode=u+w']);
    execFileSync('sh', [path.join('util', 'pack-machine.sh'), directory, TAR]);
  } finally {
    guest.stop();
  }
};
