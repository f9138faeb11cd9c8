#!/bin/sh
# Prints the address of a Debian mirror: DEBIAN_MIRROR, or else the first one that this machine's apt is set up with.
# Both forms of apt's sources are read, as sources.list(5) describes them. `debian-mirror.sh DIRECTORY` reads the sources
# in another directory than /etc/apt.
set -eu

etc=${1:-/etc/apt}

if [ -n "${DEBIAN_MIRROR:-}" ]; then
	echo "$DEBIAN_MIRROR"
	exit
fi

set --
for file in "$etc/sources.list" "$etc"/sources.list.d/*.list "$etc"/sources.list.d/*.sources; do
	[ ! -r "$file" ] || set -- "$@" "$file"
done

# shellcheck disable=SC2016 # the dollars are awk's
[ $# -eq 0 ] || mirror=$(awk '
	# Debian signs its archive with keys of its own; others who name their suites like Debian have other keys.
	function offer(types, uris, suites, components, key) {
		if (found || (" " types " ") !~ / deb /) return
		if ((" " components " ") !~ / main /) return
		if (key != "" && key !~ /debian-archive/) return
		if ((" " suites " ") !~ / (old(old)?stable|stable|testing|unstable|sid|bullseye|bookworm|trixie|forky|duke) /) return
		split(uris, each, " ")
		if (each[1] ~ /^cdrom:/) return
		print each[1]
		found = 1
	}
	function end_of_stanza() {
		if (tolower(field["enabled"]) !~ /^ *(no|false|without|off|disable|0) *$/)
			offer(field["types"], field["uris"], field["suites"], field["components"], field["signed-by"])
		split("", field)
		name = ""
	}

	FNR == 1 { end_of_stanza(); stanzas = FILENAME ~ /\.sources$/ }
	{ sub(/\r$/, ""); gsub(/\t/, " ") }

	!stanzas {
		sub(/#.*/, "")
		key = ""
		if (match($0, /\[[^]]*\]/)) {
			options = substr($0, RSTART + 1, RLENGTH - 2)
			$0 = substr($0, 1, RSTART - 1) " " substr($0, RSTART + RLENGTH)
			if (match(options, /signed-by=[^ ]*/)) key = substr(options, RSTART + 10, RLENGTH - 10)
		}
		rest = ""
		for (i = 4; i <= NF; i++) rest = rest " " $i
		offer($1, $2, $3, rest, key)
		next
	}

	/^#/ { next }
	/^ *$/ { end_of_stanza(); next }
	/^ / { field[name] = field[name] $0; next }
	{
		colon = index($0, ":")
		name = tolower(substr($0, 1, colon - 1))
		field[name] = substr($0, colon + 1)
	}

	END { end_of_stanza() }
' "$@")

if [ -z "${mirror:-}" ]; then
	echo "no mirror of Debian in apt's sources ($etc): set DEBIAN_MIRROR to the address of one" >&2
	exit 1
fi
echo "$mirror"
