/** What init does in the boots that are compared: scripts for busybox' shell. */
import { REAL_KEXEC } from '../real-kexec.js';

/** Shows what the kernel found, but no count that goes by time, and switches off. */
const FACTS = `#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
echo "init: $(uname -r -v -m), started with $(cat /proc/cmdline)"
cat /proc/cpuinfo
cat /proc/iomem
awk 'NR == 1 { n = NF; print; next } { for (i = 2; i <= n + 1; i++) $i = ""; print }' /proc/interrupts
poweroff -f
`;

/** Programs of all kinds: hashes, compression, sorting, floating point, long numbers, processes, signals, sleeps. */
const PROGRAMS = `#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
mkdir /tmp
echo "programs: hashes"
seq 1 120000 > /tmp/numbers
for hash in md5sum sha1sum sha256sum sha512sum sha3sum; do echo "$hash $($hash < /tmp/numbers)"; done
dd if=/dev/zero bs=1M count=4 2>/dev/null | sha256sum
echo "programs: compression"
for zip in gzip bzip2; do
  $zip -c /tmp/numbers > /tmp/packed
  echo "$zip $(wc -c < /tmp/packed) $($zip -dc /tmp/packed | md5sum)"
done
dd if=/dev/urandom bs=64k count=4 of=/tmp/random 2>/dev/null
gzip -c /tmp/random | gunzip -c | cmp - /tmp/random && echo "random bytes are the same again"
(cd /tmp && tar -cf all.tar numbers random && mkdir out && tar -xf all.tar -C out && diff -r out/numbers numbers) && echo "tar"
echo "programs: text"
sort -r /tmp/numbers | head -20000 | sort -n | uniq | md5sum
grep -c 7 /tmp/numbers
sed -n 's/^\\(1*\\)2\\(.*\\)9$/\\2-\\1/p' /tmp/numbers | md5sum
awk '{ s += $1; q += 1 / $1; t = t * 0.999 + $1 / 7 } END { printf "%d %.9f %.9f %g\\n", s, q, t, s / t }' /tmp/numbers
awk 'BEGIN { for (i = 0; i < 60000; i++) a[(i * 7919) % 10007] += i; for (k in a) h = (h * 31 + a[k]) % 65521; print "arrays " h }'
echo "scale=60; a(1)*4; e(1); sqrt(2); 7^313 % 1000007" | bc -l
factor 1000000007 600851475143
echo "programs: processes"
i=0
while [ $i -lt 40 ]; do (exit $((i % 7))); s=$s$?; i=$((i + 1)); done
echo "status $s"
seq 1 2000 | cat | cat | tr 0-9 a-j | tail -1
sleep 100 & p=$!; kill -9 $p; wait $p; echo "killed $?"
trap 'echo "a signal"' USR1
for i in 1 2 3; do kill -USR1 $$; done
(trap 'echo child had a signal; exit 3' TERM; while :; do sleep 1; done) & p=$!
sleep 1; kill $p; wait $p; echo "child $?"
for i in 1 2 3; do sleep 1; echo "tick $i"; done
timeout 1 sleep 30; echo "timeout $?"
read -t 1 line; echo "nothing to read: $?"
dd if=/dev/zero of=/tmp/hole bs=1 seek=8388607 count=1 2>/dev/null; wc -c < /tmp/hole
poweroff -f
`;

/**
 * Loads modules, which test themselves as they are loaded, and shows what came of it. What depends on another module,
 * or on the templates of one, finds it in a later pass.
 */
const MODULES = `#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
echo "modules:"
for pass in 1 2 3; do
  for module in /modules/*.ko; do insmod $module 2>/dev/null; done
done
lsmod | awk 'NR > 1 { print $1 }' | sort
awk '/^driver/ { driver = $3 } /^selftest/ { print driver ": " $3 }' /proc/crypto | sort
poweroff -f
`;

/** What the initramfs has for it: a kernel, and its initramfs. */
export const NEXT = { directory: 'next', kernel: 'next/Image', initrd: 'next/initrd' } as const;

/**
 * Loads the next kernel by the real kexec, and executes it: that one shows what it found. No kernel of Debian's for
 * arm64 has kexec_file_load. Of what kexec tells, addresses of its own are left out: they are others in each run.
 */
const KEXEC = `#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
kexec() { ${REAL_KEXEC} "$@"; }
echo "init: $(kexec --version)"
load="-l /${NEXT.kernel} --initrd=/${NEXT.initrd} --reuse-cmdline --append=next"
kexec -s $load; echo "by kexec_file_load: $?"
kexec -d $load >/told 2>&1 || cat /told
grep 'segment.*mem' /told
echo "loaded: $(cat /sys/kernel/kexec_loaded)"
kexec -e
poweroff -f
`;

/** Where the initramfs has Linux' selftests. */
export const SELFTESTS = 'selftests';

/**
 * What they say of addresses, process identifiers and counts is left out; a status of 4 is that of a test that is
 * skipped.
 */
const SELFTEST = `#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
cd /${SELFTESTS}
echo "selftests: signals"
for test in signal/*; do $test >/told 2>&1; echo "$test: $?"; done
for test in "fp-stress -t 1" breakpoint-test; do
  echo "selftests: $test"
  ./$test 2>&1 | grep -v '^#'
done
poweroff -f
`;

export const SCRIPTS = {
  facts: FACTS,
  programs: PROGRAMS,
  modules: MODULES,
  kexec: KEXEC,
  selftests: SELFTEST,
} as const;

export type Script = keyof typeof SCRIPTS;
