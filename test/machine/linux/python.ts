/**
 * Debian's Python in a guest, with the part of its own test suite that asks most of a processor: floating point, long
 * numbers, hashes, compression.
 */
import * as path from 'node:path';
import { unpackPackage } from '../../conformance/apt.js';
import { DIRECTORY, type Entry, entriesOf, FILE } from '../initramfs.js';
import type { Machine } from './machines.js';

const SUITE = 'bookworm';
const VERSION = 'python3.11';
const TESTSUITE = `lib${VERSION}-testsuite`;
const PACKAGES = new RegExp(
  `^(?:${VERSION}|${VERSION}-minimal|lib${VERSION}-(?:minimal|stdlib)|libc6|libcrypt1|libgcc-s1|zlib1g|libexpat1|` +
    'libssl3|libffi8|libbz2-1\\.0|liblzma5|libuuid1)$',
);

/** The modules of the test suite that are run. */
const TESTS = ['float', 'math', 'struct', 'decimal', 'zlib', 'hashlib', 're', 'json'].map((name) => `test_${name}`);

const LIBRARIES = 'lib/aarch64-linux-gnu';
/** What of the packages is in the guest. */
const WANTED = ['lib/ld-linux-aarch64.so.1', LIBRARIES, `usr/${LIBRARIES}`, `usr/bin/${VERSION}`, `usr/lib/${VERSION}`];
/** Encodings of iconv(3), which nothing asks for, and what a package's own links lead to where it is not. */
const isNeeded = (name: string): boolean => !/\/(?:gconv|sitecustomize\.py)$/.test(name);

const RESULT = '/tmp/results.xml';
const SUMMARY = '/summary.py';
/** How a line of a test's result begins. */
const MARK = 'python:';

/** The names of the tests and what became of them, a line each. */
const SUMMARY_PROGRAM = `import sys, xml.etree.ElementTree as tree
for case in tree.parse(sys.argv[1]).iter('testcase'):
    bad = [child.tag for child in case if child.tag in ('failure', 'error', 'skipped')]
    print('${MARK}', case.get('name').replace(' ', '_'), bad[0] if bad else 'passed')
`;

const INIT = `#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /tmp /root
export HOME=/root PATH=/bin:/usr/bin PYTHONHASHSEED=0
${VERSION} -m test --junit-xml ${RESULT} ${TESTS.join(' ')} 2>&1
${VERSION} ${SUMMARY} ${RESULT}
poweroff -f
`;

/** The directories above a file or directory of an archive. */
const directoriesAbove = (name: string): readonly string[] => {
  const parts = name.split('/');
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join('/'));
};

/** What the guest is to have beside busybox. */
const entries = (): readonly Entry[] => {
  const { directory } = unpackPackage(SUITE, TESTSUITE, { follow: PACKAGES });
  const above = [...new Set(WANTED.flatMap(directoriesAbove))].filter((name) => !WANTED.includes(name));
  return [
    ...above.map((name) => ({ name, mode: DIRECTORY })),
    ...WANTED.flatMap((name) => entriesOf(path.join(directory, name), name, isNeeded)),
    { name: SUMMARY.slice(1), mode: FILE, data: Buffer.from(SUMMARY_PROGRAM) },
  ];
};

/** What is booted. */
export const PYTHON = {
  title: `the tests of ${VERSION}: ${TESTS.join(', ')}`,
  suite: SUITE,
  init: INIT,
  entries,
} as const;

/** The machine that it is booted on. */
export const PYTHON_MACHINE: Machine = {
  ...{ gic: 3, el: 1, cpus: 1, memory: '1G', tree: 'own' },
  commandLine: 'console=ttyAMA0 quiet',
};

/** Far more than it takes on a machine that is busy with other things. */
export const PYTHON_PATIENCE_S = 4 * 3600;

/** Whether a result is one that tests of the suite are to have. */
export const isRight = (result: string | undefined): boolean => result === 'passed' || result === 'skipped';

/** What became of each test, by its name; some names are those of several, which are numbered. */
export const resultsIn = (console: string): ReadonlyMap<string, string> => {
  const results = new Map<string, string>();
  for (const line of console.split(/\r*\n/)) {
    const [mark, name, result] = line.split(' ');
    if (mark !== MARK || name === undefined || result === undefined) continue;
    let number = 1;
    while (results.has(`${name}#${number}`)) number++;
    results.set(`${name}#${number}`, result);
  }
  return results;
};
