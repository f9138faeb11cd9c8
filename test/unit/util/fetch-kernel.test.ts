import { describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { useTempDir, writeTree } from '../../support/machine/sim-support.js';

const temp = useTempDir();

interface Package {
  readonly depends?: string;
  readonly files?: Readonly<Record<string, string>>;
}

/** What stands in for Debian: packages by their names. */
type Packages = Readonly<Record<string, Package>>;

const IMAGE = 'linux-image-6.1.0-9-cloud-arm64';
const BOOKWORM: Packages = {
  'linux-image-cloud-arm64': { depends: `${IMAGE} (= 6.1.1-1)` },
  [IMAGE]: { depends: 'kmod, linux-base (>= 4.3)', files: { './boot/vmlinuz-6.1.0-9-cloud-arm64': 'a kernel' } },
};

const VERSION = '7.2.13+deb14-cloud-arm64';
const SID: Packages = {
  'linux-image-cloud-arm64': { depends: `linux-base-cloud-arm64 (= 7.2.13-1), linux-image-${VERSION} (= 7.2.13-1)` },
  [`linux-image-${VERSION}`]: {
    depends: `dracut | initramfs-tools, linux-base-${VERSION} (= 1), linux-binary-${VERSION} (= 1)`,
    files: { './usr/share/doc/readme': 'no kernel' },
  },
  [`linux-binary-${VERSION}`]: { files: { [`./usr/lib/modules/${VERSION}/vmlinuz`]: 'a newer kernel' } },
};

const PROGRAMS: Readonly<Record<string, string>> = {
  // Downloads a package: its name is the last argument. A package is a tar file, and what it depends on another file.
  'apt-get': `
for last; do :; done
case " $* " in
*' update '*) exit 0 ;;
esac
cp "$PACKAGES/$last.tar" "\${last}_1_arm64.deb" && cp "$PACKAGES/$last.depends" "\${last}_1_arm64.deb.depends"`,
  'dpkg-deb': `
case $1 in
-f) cat "$2.depends" ;;
--fsys-tarfile) cat "$2" ;;
esac`,
};

/** Runs the script where apt knows these packages. */
const fetchKernel = (packages: Packages, ...args: readonly string[]) => {
  const [bin, shelf, out] = [temp.make('bin'), temp.make('packages'), temp.make('out')];
  for (const [name, text] of Object.entries(PROGRAMS)) {
    writeFileSync(join(bin, name), `#!/bin/sh${text}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  for (const [name, { depends = '', files = {} }] of Object.entries(packages)) {
    const tree = temp.make('tree');
    writeTree(tree, files);
    spawnSync('tar', ['-cf', join(shelf, `${name}.tar`), '-C', tree, '.']);
    writeFileSync(join(shelf, `${name}.depends`), `${depends}\n`);
  }
  const file = join(out, 'Image');
  const env = {
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
    PACKAGES: shelf,
    DEBIAN_MIRROR: 'http://mirror.example/debian',
  };
  const { status, stderr } = spawnSync('/bin/sh', ['util/fetch-kernel.sh', file, ...args], { encoding: 'utf8', env });
  return { status, stderr, image: existsSync(file) ? readFileSync(file, 'utf8') : undefined };
};

describe('the kernel of Debian', () => {
  test('is in the package of its name', () => {
    expect(fetchKernel(BOOKWORM)).toMatchObject({ status: 0, image: 'a kernel' });
  });

  test('is in linux-binary-VERSION since 7.2', () => {
    const { status, stderr, image } = fetchKernel(SID, 'sid');
    expect({ status, image }).toEqual({ status: 0, image: 'a newer kernel' });
    expect(stderr).toContain('the kernel of Debian sid at http://mirror.example/debian');
    expect(stderr).toContain(`downloading linux-binary-${VERSION}`);
  });

  test.each<[string, Packages, string]>([
    ['without its package', {}, 'http://mirror.example/debian has no linux-image-cloud-arm64 in sid'],
    [
      'whose package depends on no kernel',
      { 'linux-image-cloud-arm64': { depends: 'linux-base' } },
      'linux-image-cloud-arm64 of sid depends on no kernel',
    ],
    ['whose package is empty', { ...BOOKWORM, [IMAGE]: {} }, `${IMAGE} of sid has no kernel`],
  ])('is missed in a suite %s', (_, packages, message) => {
    const { status, stderr, image } = fetchKernel(packages, 'sid');
    expect({ status, image }).toEqual({ status: 1, image: undefined });
    expect(stderr).toContain(`fetch-kernel: ${message}\n`);
  });

  test('needs a file to go to', () => {
    const { status, stderr } = spawnSync('/bin/sh', ['util/fetch-kernel.sh'], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 2, stderr: 'usage: fetch-kernel.sh FILE [SUITE]\n' });
  });
});
