#!/bin/sh
# Fetches Debian's arm64 cloud kernel, and leaves its Image in the file that is named.
# It is downloaded by apt from the mirror that util/debian-mirror.sh tells, with sources and state of its own: those of the
# system stay as they are.
set -eu

say() { echo "fetch-kernel: $*" >&2; }
fail() {
	say "$*"
	exit 1
}

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
	echo "usage: fetch-kernel.sh FILE [SUITE]" >&2
	exit 2
fi
target=$1
suite=${2:-bookworm}

for tool in apt-get awk dpkg-deb; do
	command -v "$tool" >/dev/null || fail "$tool is needed, which Debian has"
done
mirror=$(sh "$(dirname "$0")/debian-mirror.sh")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$(dirname "$target")"
: >"$work/status"
echo "deb [arch=arm64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$work/sources.list"

apt() {
	(cd "$work" && apt-get -q -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o "Dir::State=$work" -o "Dir::State::status=$work/status" -o "Dir::Cache=$work/cache" \
		-o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root \
		-o Acquire::Languages=none -o Acquire::Retries=3 "$@")
}

download() {
	say "downloading $1"
	apt download "$1" >/dev/null || fail "$mirror has no $1 in $suite"
}

# The package that $1 depends on and whose name begins with $2.
dependency() {
	dpkg-deb -f "$work/$1"_*.deb Depends | tr ',' '\n' | sed -n "s/^ *\($2[^ ]*\).*/\1/p" | head -n 1
}

# The path of the kernel in package $1; nothing where it has none.
kernel_in() {
	dpkg-deb --fsys-tarfile "$work/$1"_*.deb | tar -tf - |
		sed -n -e '/^\.\/boot\/vmlinuz-[^/]*$/p' -e '/^\.\/usr\/lib\/modules\/[^/]*\/vmlinuz$/p' | head -n 1
}

say "looking for the kernel of Debian $suite at $mirror"
apt -o APT::Update::Error-Mode=any update >/dev/null || fail "$mirror is out of reach, or has no $suite"
download linux-image-cloud-arm64
package=$(dependency linux-image-cloud-arm64 'linux-image-[0-9]')
[ -n "$package" ] || fail "linux-image-cloud-arm64 of $suite depends on no kernel"
download "$package"
file=$(kernel_in "$package")
# Since Linux 7.2 the package of the kernel's name only sets it up.
if [ -z "$file" ]; then
	binary=$(dependency "$package" 'linux-binary-[0-9]')
	[ -n "$binary" ] || fail "$package of $suite has no kernel"
	package=$binary
	download "$package"
	file=$(kernel_in "$package")
	[ -n "$file" ] || fail "$package of $suite has no kernel"
fi
dpkg-deb --fsys-tarfile "$work/$package"_*.deb | tar -xOf - "$file" >"$work/Image"
mv "$work/Image" "$target"
say "$target: $(wc -c <"$target") bytes"
