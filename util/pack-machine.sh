#!/bin/sh
# Packs a recorded machine into a tar file, always the same bytes for the same files: machines/*.tar are made by
# `pack-machine.sh DIRECTORY FILE`, and unpacked by `tar -xf FILE -C DIRECTORY`. With names behind them, only these are
# packed: machines/*/devicetree.tar is made with sys/firmware/devicetree. Needs GNU tar.
set -eu

if [ $# -lt 2 ]; then
	echo "usage: pack-machine.sh DIRECTORY FILE [NAME...]" >&2
	exit 2
fi
if [ $# -eq 2 ] && [ ! -d "$1/proc" ]; then
	echo "pack-machine: $1 has no directory proc" >&2
	exit 1
fi
tar --version 2>/dev/null | grep -q 'GNU tar' || {
	echo "pack-machine: GNU tar is needed" >&2
	exit 1
}
case $2 in
/*) file=$2 ;;
*) file=$PWD/$2 ;;
esac

# The names of what is in it, without a directory before them.
cd "$1"
shift 2
[ $# -gt 0 ] || set -- *
LC_ALL=C tar --format=ustar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode='u=rwX,go=rX' \
	-cf "$file" -- "$@"
