#!/bin/sh
# Installs what the conformance run and the comparisons of the processor need beside Node: qemu, a compiler, and what
# makes kernels of every format.
set -eu

missing=
need() {
	command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need qemu-aarch64-static qemu-user-static
need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
need gcc gcc
need make make
need aarch64-linux-gnu-readelf binutils-aarch64-linux-gnu
need qemu-system-aarch64 qemu-system-arm
need gdb-multiarch gdb-multiarch
need dtc device-tree-compiler
need mkimage u-boot-tools
need xz xz-utils
need zstd zstd
need unshare util-linux
need mke2fs e2fsprogs
need zsh zsh
[ -r /usr/share/keyrings/debian-archive-keyring.gpg ] || missing="$missing debian-archive-keyring"

[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "install.sh: not root; these packages are missing:$missing" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update
# shellcheck disable=SC2086 # one word for each package
apt-get install -y --no-install-recommends $missing
