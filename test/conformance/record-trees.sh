#!/bin/sh
# Makes test/data/libfdt-trees.json.gz of the device trees of libfdt's own tests: `record-trees.sh DIRECTORY`, where
# DIRECTORY has the sources of dtc (Debian: apt-get source device-tree-compiler). Needs a C compiler, make, flex, bison,
# node. Each tree is made by the tests themselves, or by dtc of a source; one of those makes it loop for ever.
set -eu

[ $# -eq 1 ] || {
	echo "usage: record-trees.sh DIRECTORY" >&2
	exit 2
}
project=$(cd "$(dirname "$0")/../.." && pwd)
cd "$1"
export NO_PYTHON=1 NO_YAML=1 LD_LIBRARY_PATH="$PWD/libfdt"
make dtc fdtget fdtput fdtoverlay tests
cd tests
(ulimit -t 10 && timeout 600 ./run_tests.sh) || true
mkdir -p written compiled
for mode in fixed resize realloc newalloc; do
	for flags in default no_name_dedup; do
		(cd written && ../sw_tree1 $mode $flags) || true
		for tree in sw_tree1 unfinished_tree1; do
			[ ! -f written/$tree.test.dtb ] || mv written/$tree.test.dtb "written/$tree-$mode-$flags.dtb"
		done
	done
done
for source in *.dts; do
	(ulimit -t 5 && ulimit -v 2000000 && timeout 10 ../dtc -q -f -I dts -O dtb -o "compiled/${source%.dts}.dtb" "$source") || true
done

# Of trees with the same bytes, the first is kept; further ones of a name have a number.
node --input-type=module - "$project/test/data/libfdt-trees.json.gz" <<'END'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { gzipSync } from 'node:zlib';
const trees = new Map();
for (const folder of ['.', 'written', 'compiled']) {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.dtb')).sort()) {
    const text = readFileSync(`${folder}/${file}`).toString('base64');
    if (text === '' || [...trees.values()].includes(text)) continue;
    const name = basename(file).replaceAll(/\.(?:test|dts|dtb)/g, '');
    let key = name;
    for (let n = 2; trees.has(key); n++) key = `${name}-${n}`;
    trees.set(key, text);
  }
}
writeFileSync(process.argv[2], gzipSync(JSON.stringify(Object.fromEntries([...trees].sort())), { level: 9 }));
console.log(`${trees.size} trees`);
END
