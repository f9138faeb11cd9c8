/**
 * Records machines/virt-acpi-4g.tar: Debian's 6.12 kernel, started by UEFI firmware in QEMU, on a machine that ACPI
 * describes; by the script of `kexec-sim snapshot`: `npm run record:acpi`.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { debianBusybox, debianKernel, findFile, unpackPackage } from '../conformance/apt.js';
import { scratchDirectory } from '../support/cache.js';
import { runMain } from '../support/run-main.js';
import { PROGRAM, busyboxInitramfs } from './initramfs.js';

const MACHINE = 'virt-acpi-4g';
const PATIENCE_MS = 600_000;
const COMMAND_LINE = 'console=ttyAMA0 quiet loglevel=1 panic=-1 root=/dev/vda rw crashkernel=256M';

const INIT = `#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir /tmp
mount -t tmpfs tmpfs /tmp
cd /tmp
sh /snapshot.sh -o machine.tar.gz --kallsyms --kcore --dmesg
echo === machine
base64 machine.tar.gz
echo ===
poweroff -f
`;

await runMain('record:acpi', () => {
  const work = scratchDirectory('acpi');
  const initrd = path.join(work, 'initrd');
  const others = [{ name: 'snapshot.sh', mode: PROGRAM, data: fs.readFileSync('util/snapshot.sh') }];
  fs.writeFileSync(initrd, busyboxInitramfs(fs.readFileSync(debianBusybox()), INIT, others));
  const firmware = findFile(
    unpackPackage('bookworm', 'qemu-efi-aarch64').directory,
    /\/qemu-efi-aarch64\/QEMU_EFI\.fd$/,
  );
  const { stdout } = spawnSync(
    'qemu-system-aarch64',
    [
      ...['-M', 'virt,gic-version=3', '-cpu', 'cortex-a57', '-m', '4G', '-smp', '2', '-nic', 'none', '-nographic'],
      ...['-no-reboot', '-bios', firmware, '-kernel', debianKernel('trixie'), '-initrd', initrd],
      ...['-append', COMMAND_LINE],
    ],
    { encoding: 'latin1', timeout: PATIENCE_MS, maxBuffer: 2 ** 26, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const text = /^=== machine\n([\w+/=\n]+)^===$/m.exec(stdout.replaceAll('\r', ''))?.[1];
  if (text === undefined) throw new Error(`the machine shows no recording:\n${stdout.slice(-2000)}`);
  const archive = path.join(work, 'machine.tar.gz');
  fs.writeFileSync(archive, Buffer.from(text, 'base64'));
  const directory = path.join(work, MACHINE);
  fs.mkdirSync(directory);
  execFileSync('tar', ['-xzf', archive, '-C', directory]);
  execFileSync('util/pack-machine.sh', [directory, path.join('machines', `${MACHINE}.tar`)]);
  fs.rmSync(work, { recursive: true });
});
