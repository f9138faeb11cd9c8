/** What init does in the kernel that panics, and in the one that captures the dump: scripts for busybox' shell. */
import { ADD_TEXT_SYMBOL, REAL_KEXEC } from '../real-kexec.js';
import type { Kdump } from './boots.js';

/** What the initramfs of the first kernel has for the second one. */
export const NEXT = { directory: 'next', kernel: 'next/Image', initrd: 'next/initrd' } as const;

/** What the initramfs of the second one has to save the dump by. */
export const MODULES = 'modules';
export const MAKEDUMPFILE = 'makedumpfile';

/** The files on the disk. */
export const SAVED = { vmcore: 'vmcore', dump: 'dump' } as const;

/** Every so many MiB of /proc/vmcore, so many are hashed. */
const PIECE = { every: 16, size: 2 } as const;

export const MOUNTS = `/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev`;

/**
 * Loads the crash kernel by the real kexec, and panics. Of what kexec tells, addresses of its own are left out: they
 * are others in each run.
 */
export const firstInit = ({ panicsOn, startsOthers }: Kdump): string => `#!/bin/sh
${MOUNTS}
kexec() { ${REAL_KEXEC} "$@"; }
${ADD_TEXT_SYMBOL}
echo "init: $(kexec --version)"
kexec -d -c -p /${NEXT.kernel} --initrd=/${NEXT.initrd} \\
  --append="console=ttyAMA0 ${startsOthers ? '' : 'maxcpus=1 '}reset_devices panic=-1" >/told 2>&1 || cat /told
grep -E 'segment.*mem|^elfcorehdr|^Elf header|^phys_offset|^page_offset|^crash_reserved_mem' /told
echo "loaded: $(cat /sys/kernel/kexec_crash_loaded) $(cat /sys/kernel/kexec_crash_size)"
cat /proc/iomem
grep -E ' (_text|_end|__crash_kexec)$' /proc/kallsyms
echo "init: panics on processor ${panicsOn}"
taskset ${(1 << panicsOn).toString(16)} sh -c 'echo c > /proc/sysrq-trigger'
sleep 60
poweroff -f
`;

const SAVE_BY_MAKEDUMPFILE = `
/${MAKEDUMPFILE}/lib/ld-linux-aarch64.so.1 --library-path /${MAKEDUMPFILE}/lib /${MAKEDUMPFILE}/makedumpfile \\
  --message-level 4 -l -d 31 /proc/vmcore /mnt/${SAVED.dump}
echo "makedumpfile: $?"
`;

/**
 * Shows what /proc/vmcore is, saves it to the disk, and switches off. QEMU's clock leaps while its disk is written to,
 * by minutes for the guest, which are no reason to call its tasks hung.
 */
export const captureInit = ({ makedumpfile }: Kdump): string => `#!/bin/sh
${MOUNTS}
echo 0 > /proc/sys/kernel/hung_task_timeout_secs
mkdir /mnt /tmp
echo "capture: $(uname -r), started with $(cat /proc/cmdline)"
cat /proc/iomem
stat -c "vmcore: %s bytes" /proc/vmcore
head -c 4096 /proc/vmcore | hexdump -C
head -c 12288 /proc/vmcore | tr '\\0' '\\n' | grep -a '^[A-Z][A-Za-z]*[=(].*=' | grep -av '^CRASHTIME='
for module in virtio virtio_ring virtio_mmio virtio_blk; do
  [ ! -e /${MODULES}/$module.ko ] || insmod /${MODULES}/$module.ko
done
mount -t ext4 /dev/vda /mnt
cp /proc/vmcore /mnt/${SAVED.vmcore}; echo "cp: $?"
${makedumpfile ? SAVE_BY_MAKEDUMPFILE : ''}
umount /mnt; echo "umount: $?"
at=0
while [ $at -lt $(($(stat -c %s /proc/vmcore) >> 20)) ]; do
  set -- $(dd if=/proc/vmcore bs=1M skip=$at count=${PIECE.size} 2>/dev/null | sha256sum)
  echo "vmcore at $at MiB, ${PIECE.size} MiB: $1"
  at=$((at + ${PIECE.every}))
done
echo "captured"
poweroff -f
`;
