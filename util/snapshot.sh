#!/bin/sh
# Records this arm64 machine for kexec-ts: what kexec and the simulated kernel read of /proc and /sys, in a tar file
# that KEXEC_MACHINE accepts. Needs a POSIX shell and what busybox has; changes nothing on the machine.
# SPDX-License-Identifier: GPL-2.0-only
set -u
export LC_ALL=C

usage() {
	cat <<'END'
Usage: snapshot.sh [-o FILE] [OPTION...]

Records this arm64 machine into a tar file for kexec-ts (KEXEC_MACHINE=FILE). Run it as root.
What is collected, and what could not be, is listed on stderr.

  -o FILE       write to FILE, which must not be there yet; - is standard output
                (default: machine.tar.gz, or machine.tar without gzip)
  --kallsyms    include the addresses of the kernel's symbols that kexec asks for; they tell where KASLR put it
  --kcore       include the headers and the VMCOREINFO of /proc/kcore; they tell the same
  --no-cmdline  leave the kernel's command line empty: it may hold passwords
  --seeds       keep kaslr-seed and rng-seed of the device tree, which are filled with zeros otherwise
  --ids         keep serial numbers and MAC addresses of the device tree, the same
  --dmesg       include the kernel's log, which has the command line too
  --partial     record even what no kernel can be loaded onto, as when not run by root
  -h, --help    print this
END
}

say() { echo "snapshot: $*" >&2; }
die() { say "$*"; exit 1; }

# Where the machine's files are; only tests say otherwise.
root=${SNAPSHOT_ROOT:-}
out='' kallsyms='' kcore='' cmdline=yes seeds='' ids='' dmesg='' partial=''
while [ $# -gt 0 ]; do
	case $1 in
	-o) [ $# -gt 1 ] || die "-o needs a file"; out=$2; shift ;;
	-o?*) out=${1#-o} ;;
	--kallsyms) kallsyms=yes ;;
	--kcore) kcore=yes ;;
	--no-cmdline) cmdline='' ;;
	--seeds) seeds=yes ;;
	--ids) ids=yes ;;
	--dmesg) dmesg=yes ;;
	--partial) partial=yes ;;
	-h | --help) usage; exit 0 ;;
	*) usage >&2; exit 1 ;;
	esac
	shift
done

for tool in awk cat dd find grep mkdir mktemp od rm sed tar uname wc; do
	command -v "$tool" >/dev/null || die "$tool is needed"
done
zip=cat suffix=tar
command -v gzip >/dev/null && zip='gzip -9' suffix=tar.gz
[ -n "$out" ] || out=machine.$suffix
[ "$out" = - ] || [ ! -e "$out" ] || die "$out is there already"

if ! grep -Eq '^ *[0-9a-f]+-0*[1-9a-f]' "$root/proc/iomem" 2>/dev/null; then
	why="proc/iomem tells no addresses, and no kernel can be loaded onto a recording without them"
	[ -n "$partial" ] || die "$why: run this as root, or record the rest with --partial"
	say "WARNING: $why"
fi

umask 077
work=$(mktemp -d) || die "cannot make a temporary directory"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
copy=$work/machine
mkdir "$copy"

count() { wc "$1" | sed 's/ //g'; }
bytes() { count -c <"$1"; }
kept() { printf '%9s  %s\n' "$1" "$2" >&2; }

# The kernel tells no sizes of these files, or wrong ones: they are read to the end.
# keep FILE [COMMAND...]: records what COMMAND makes of FILE, or FILE as it is.
keep() {
	file=$1
	shift
	[ $# -gt 0 ] || set -- cat
	[ -f "$root/$file" ] || { absent="$absent $file"; return 1; }
	mkdir -p "$copy/${file%/*}"
	if why=$("$@" "$root/$file" 2>&1 >"$copy/$file"); then
		kept "$(bytes "$copy/$file")" "$file"
	else
		rm -f "$copy/$file"
		kept failed "$file: ${why##*: }"
		return 1
	fi
}
absent=''

# zero FILE OFFSET SIZE: writes zeros over a part of the copy.
zero() {
	[ "$3" -eq 0 ] || dd if=/dev/zero of="$copy/$1" bs=1 seek="$2" count="$3" conv=notrunc 2>/dev/null || die "cannot blank $1"
}

# What is blanked in the device tree, as a regular expression of property names, of which none has a slash. Sizes stay,
# so that all that is loaded lies where it would.
secret=/
[ -n "$seeds" ] || secret="$secret|.*-seed"
[ -n "$ids" ] || secret="$secret|.*serial-number|linux,serial|rpi-serial.*|rpi-duid|.*mac-address|.*bd-address"
[ -n "$cmdline" ] || secret="$secret|bootargs"

# The parts of a binary file that are to be blanked. Its bytes come as text from od.
# shellcheck disable=SC2016 # awk's, not the shell's
bytes_in_awk='
	BEGIN { for (i = 0; i < 256; i++) value[sprintf("%02x", i)] = i }
	{ for (i = 1; i <= NF; i++) b[n++] = value[$i] }
	function big(at) { return ((b[at] * 256 + b[at + 1]) * 256 + b[at + 2]) * 256 + b[at + 3] }
	function little(at) { return ((b[at + 3] * 256 + b[at + 2]) * 256 + b[at + 1]) * 256 + b[at] }
	function up(at) { return at + (4 - at % 4) % 4 }
	function name(at, text) {
		for (text = ""; b[at] != 0 && at < n; at++) text = text sprintf("%c", b[at])
		return text
	}'

# Of a flattened device tree (Devicetree Specification 0.4, 5): "OFFSET SIZE" of each property that is a secret.
secret_properties() {
	end=$(od -An -v -tx1 -N 40 "$1" | awk "$bytes_in_awk"'
		END {
			if (n < 40 || big(0) != 3490578157) { print 0; exit }
			structure = big(8) + big(36)
			strings = big(12) + big(32)
			if (strings > structure) structure = strings
			print structure
		}')
	od -An -v -tx1 -N "$end" "$1" | SECRET=$secret awk "$bytes_in_awk"'
		END {
			for (at = big(8); at + 4 <= n;) {
				token = big(at); at += 4
				if (token == 9) { good = 1; break }
				if (token == 1) { while (b[at] != 0 && at < n) at++; at = up(at + 1) }
				else if (token == 3) {
					size = big(at); property = big(at + 4); at += 8
					if (!(property in names)) names[property] = name(big(12) + property)
					if (size && names[property] ~ ("^(" ENVIRON["SECRET"] ")$")) print at, size
					at = up(at + size)
				}
				else if (token != 2 && token != 4) break
			}
			exit !good
		}'
}

# Of the start of an ELF core: "OFFSET SIZE" of what notes hold, but for VMCOREINFO, and "end OFFSET" behind them.
# There are registers, the command line and a task_struct that kexec does not look at.
other_notes() {
	od -An -v -tx1 "$1" | awk "$bytes_in_awk"'
		END {
			if (big(0) != 2135247942) exit 1
			for (i = b[56] + 256 * b[57]; i > 0; i--) {
				header = little(32) + (i - 1) * (b[54] + 256 * b[55])
				if (little(header) == 4) { at = little(header + 8); end = at + little(header + 32) }
			}
			if (!end || end > n) exit 1
			while (at + 12 <= end) {
				size = little(at + 4); called = name(at + 12); at = up(at + 12 + little(at))
				if (size && called != "VMCOREINFO") print at, size
				at = up(at + size)
			}
			print "end", end
		}'
}

say "collecting, in bytes:"
system=$(uname -m)
[ "$system" = aarch64 ] || say "WARNING: this is no arm64 machine, but $system"

# As uname -a has it, but without the machine's name.
echo "$(uname -s) (none) $(uname -r) $(uname -v) $system" >"$copy/uname"
kept "$(bytes "$copy/uname")" uname
awk '/^KernelPageSize:/ { print $2 * 1024; exit }' "$root/proc/self/smaps" >"$copy/pagesize" 2>/dev/null
if [ -s "$copy/pagesize" ]; then
	kept "$(bytes "$copy/pagesize")" pagesize
else
	rm "$copy/pagesize"
	kept none "pagesize: if it is not 4096, KEXEC_PAGE_SIZE must say so, or --kcore"
fi

config() {
	case $1 in *.gz) gzip -dc "$1" ;; *) cat "$1" ;; esac 2>/dev/null |
		grep -E 'CONFIG_(KEXEC|(ARM64|HOTPLUG_CPU|KVM|CMA_ALIGNMENT)[= ])'
}
for file in proc/config.gz "boot/config-$(uname -r)" "lib/modules/$(uname -r)/config"; do
	config "$root/$file" >"$copy/config" && break
done
if [ -s "$copy/config" ]; then
	kept "$(bytes "$copy/config")" "config: what counts for kexec, of $file"
else
	rm "$copy/config"
	kept none "config: the kernel's configuration is not there to be read"
fi

if [ -n "$cmdline" ]; then
	keep proc/cmdline && say "NOTE: proc/cmdline and /chosen/bootargs hold the command line: look for passwords (--no-cmdline)"
else
	mkdir -p "$copy/proc"
	echo >"$copy/proc/cmdline"
	kept blanked proc/cmdline
fi
keep proc/iomem
keep proc/version
keep proc/meminfo
cpu_parts() { grep -E '^(processor|CPU part)' "$1"; }
keep proc/cpuinfo cpu_parts
for file in kexec_load_disabled kexec_load_limit_panic kexec_load_limit_reboot; do keep proc/sys/kernel/$file; done
[ ! -d "$root/proc/xen" ] || { mkdir -p "$copy/proc/xen"; kept directory proc/xen; }
for file in kexec_loaded kexec_crash_loaded kexec_crash_size vmcoreinfo crash_elfcorehdr_size security/lockdown; do
	keep sys/kernel/$file
done
# Where the kernel hands memory over to the next one (KHO), and what it keeps clear for that.
for file in scratch_phys scratch_len finalize; do keep sys/kernel/debug/kho/out/$file; done
# Contiguous memory that kexec_file_load takes, and what of it is taken: the area that is no device's own.
for area in reserved linux,cma; do
	for file in base_pfn count order_per_bit bitmap; do keep sys/kernel/debug/cma/$area/$file; done
done
for file in possible present online; do keep sys/devices/system/cpu/$file; done
for file in "$root"/sys/devices/system/cpu/cpu[0-9]*/crash_notes "$root"/sys/devices/system/cpu/cpu[0-9]*/crash_notes_size; do
	[ ! -f "$file" ] || keep "${file#"$root/"}"
done

# --serial asks which terminals there are, and where in memory the ports among them lie.
terminals=0
for directory in "$root"/sys/class/tty/*; do
	[ -d "$directory" ] || continue
	terminals=$((terminals + 1))
	mkdir -p "$copy/${directory#"$root/"}"
	[ ! -f "$directory/iomem_base" ] || keep "${directory#"$root/"}/iomem_base"
done
kept names "sys/class/tty: $terminals terminals"
for directory in "$root"/sys/class/net/*; do
	[ ! -f "$directory/flags" ] || keep "${directory#"$root/"}/flags"
done

tree=sys/firmware/devicetree/base
if [ -d "$root/$tree" ]; then
	(cd "$root/$tree" && find . -type d) | while read -r name; do mkdir -p "$copy/$tree/$name"; done
	(cd "$root/$tree" && find . -type f) | while read -r name; do
		why=$(cat "$root/$tree/$name" 2>&1 >"$copy/$tree/$name") && continue
		rm -f "$copy/$tree/$name"
		kept failed "$tree/${name#./}: ${why##*: }"
	done
	find "$copy/$tree" -type f | grep -E "/($secret)\$" >"$work/blank"
	kept "$(find "$copy/$tree" -type f -exec cat {} + | count -c)" "$tree: $(find "$copy/$tree" -type f | count -l) properties"
	while read -r name; do
		name=${name#"$copy/"}
		zero "$name" 0 "$(bytes "$copy/$name")"
		kept blanked "$name"
	done <"$work/blank"
else
	absent="$absent $tree"
fi

# A tree that the walk does not get through could keep its secrets.
if keep sys/firmware/fdt; then
	if secret_properties "$copy/sys/firmware/fdt" >"$work/parts"; then
		while read -r at size; do zero sys/firmware/fdt "$at" "$size"; done <"$work/parts"
	else
		rm "$copy/sys/firmware/fdt"
		say "sys/firmware/fdt is left out: it is no device tree that could be blanked"
	fi
fi

missing=''
if [ -n "$kallsyms" ]; then
	symbols() { grep -E ' (_text|_stext|__init_begin|__idmap_text_start|kexec_add_buffer)$' "$1"; }
	if keep proc/kallsyms symbols && ! grep -qv '^0* ' "$copy/proc/kallsyms"; then
		say "WARNING: proc/kallsyms has no addresses: run this as root, and see /proc/sys/kernel/kptr_restrict"
	fi
else
	missing="proc/kallsyms (--kallsyms)"
fi
if [ -n "$kcore" ]; then
	start() { dd if="$1" bs=4096 count=16; }
	if keep proc/kcore start; then
		if other_notes "$copy/proc/kcore" >"$work/parts"; then
			while read -r at size; do
				if [ "$at" = end ]; then
					dd if="$copy/proc/kcore" of="$work/kcore" bs="$size" count=1 2>/dev/null
				else
					zero proc/kcore "$at" "$size"
				fi
			done <"$work/parts"
			mv "$work/kcore" "$copy/proc/kcore"
		else
			rm "$copy/proc/kcore"
			say "proc/kcore is left out: its notes are not where they should be"
		fi
	fi
else
	missing="${missing:+$missing, }proc/kcore (--kcore)"
fi
if [ -n "$dmesg" ]; then
	if why=$(dmesg 2>&1 >"$copy/dmesg"); then kept "$(bytes "$copy/dmesg")" dmesg; else rm "$copy/dmesg"; kept failed "dmesg: ${why##*: }"; fi
fi

# Lines of the log that count for kexec: the exception level, lost processors and one that is not given up, KHO, LPI
# tables, lockdown, contiguous memory.
if [ -z "$dmesg" ]; then
	told='CPU\(s\) started at EL|: is stuck in kernel|KHO: |kexec handover|LPI (pending|property) table|Lockdown: |cma: Reserved|CMA memory pool|Trusted OS resident'
	dmesg 2>/dev/null | grep -E "$told" >"$copy/dmesg"
	if [ -s "$copy/dmesg" ]; then kept "$(bytes "$copy/dmesg")" "dmesg: what counts for kexec"; else rm "$copy/dmesg"; fi
fi

[ -z "$absent" ] || say "not on this machine:$absent"
[ -z "$missing" ] || say "left out: $missing. Loads of a crash kernel, and debug messages, differ without them from the machine's own"
unusable=''
if [ ! -f "$copy/sys/firmware/fdt" ]; then
	if [ -d "$copy/$tree" ]; then
		say "WARNING: without sys/firmware/fdt, kexec makes its device tree of sys/firmware/devicetree"
	else
		unusable="there is no device tree, neither sys/firmware/fdt nor $tree"
	fi
fi
[ "$system" = aarch64 ] || unusable="it is of no arm64 machine, but of $system"
if ! (cd "$copy" && tar -cf "$work/tar" .) || ! $zip <"$work/tar" >"$work/archive"; then
	die "cannot make the tar file"
fi
if [ -n "$unusable" ]; then
	hint="No kernel can be loaded onto it: $unusable"
else
	hint="Use it with KEXEC_MACHINE=$out"
fi
if [ "$out" = - ]; then
	[ -z "$unusable" ] || say "$hint"
	cat "$work/archive" || die "cannot write the tar file"
else
	# Not over a file, nor through a link, that somebody else puts there.
	set -C
	cat "$work/archive" >"$out" || die "cannot write $out"
	say "$out: $(bytes "$out") bytes. $hint"
fi
