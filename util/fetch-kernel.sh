#!/bin/sh
# Fetches Debian's arm64 cloud kernel, and leaves its Image in the file that is named.
# It is downloaded by apt with a configuration of its own: the system's apt is neither used nor changed.
set -eu

target=${1:?usage: fetch-kernel.sh FILE}
suite=${2:-bookworm}

for tool in apt-get dpkg-deb; do
	command -v "$tool" >/dev/null || { echo "fetch-kernel: $tool is needed, which Debian has" >&2; exit 1; }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$(dirname "$target")"
: > "$work/status"
echo "deb [arch=arm64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $suite main" \
	> "$work/sources.list"

apt() {
	(cd "$work" && apt-get -q -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o "Dir::State=$work" -o "Dir::State::status=$work/status" -o "Dir::Cache=$work/cache" \
		-o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root \
		-o Acquire::Languages=none -o Acquire::Retries=3 "$@")
}

say() { echo "fetch-kernel: $*" >&2; }

say "looking for the kernel of Debian $suite"
apt update >/dev/null || { say "deb.debian.org is out of reach"; exit 1; }
apt download linux-image-cloud-arm64 >/dev/null
package=$(dpkg-deb -f "$work"/linux-image-cloud-arm64_*.deb Depends | sed 's/ .*//')
say "downloading $package"
apt download "$package" >/dev/null
dpkg-deb --fsys-tarfile "$work/$package"_*.deb | tar -xOf - --wildcards './boot/vmlinuz-*' > "$work/Image"
mv "$work/Image" "$target"
say "$target: $(wc -c < "$target") bytes"
