/** Modules of Debian's kernels: where they are, and those that test themselves. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { unpackPackage } from '../../conformance/apt.js';
import type { Suite } from './boots.js';
import { DIRECTORY, type Entry, FILE } from '../initramfs.js';

/** Those of the package: code for the Cryptographic Extension, for NEON and for integers, and what it is compared with. */
const WANTED = new RegExp(
  '/(?:arch/arm64/(?:crypto|lib)/[^/]+|lib/(?:crypto|raid6)/[^/]+|' +
    'crypto/(?:crypto_simd|cryptd|xor|xts|ctr|xctr|hctr2|ecb|cbc|gcm|ccm|cmac|xcbc|gf128mul|ghash-generic|' +
    'polyval-generic|sha512_generic|' +
    'sha3_generic|chacha_generic|poly1305_generic|chacha20poly1305|nhpoly1305|adiantum|blake2b_generic|' +
    'camellia_generic|serpent_generic|twofish_common|twofish_generic|curve25519-generic|streebog_generic|' +
    'crc32_generic|rmd160|wp512|lzo))\\.ko(?:\\.xz)?$',
);

/** The directory with a kernel's modules. @param kernel the file of the kernel, as the package of the suite has it */
export const moduleDirectory = (suite: Suite, kernel: string): string => {
  const inPackage = [
    path.join(path.dirname(kernel), '..', 'lib', 'modules'),
    path.join(path.dirname(kernel), '..', 'usr', 'lib', 'modules'),
  ];
  const found = inPackage.find((directory) => fs.existsSync(directory));
  if (found !== undefined) return found;
  // Since Linux 7.2 the kernel is among what goes with its modules, which are a package of their own.
  const release = path.basename(path.dirname(kernel));
  return path.join(unpackPackage(suite, `linux-modules-${release}`).directory, 'usr', 'lib', 'modules', release);
};

/** What the initramfs is to have of them. @param kernel the file of the kernel, as the package has it */
export const modulesOf = (suite: Suite, kernel: string): readonly Entry[] => {
  const modules = moduleDirectory(suite, kernel);
  const files = fs
    .readdirSync(modules, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(modules, name))
    .filter((name) => WANTED.test(name));
  if (files.length === 0) throw new Error(`${modules} has no modules that test themselves`);
  const entries = files.map((file) => ({
    name: `modules/${path.basename(file, '.xz')}`,
    mode: FILE,
    data: file.endsWith('.xz') ? execFileSync('xz', ['-dc', file], { maxBuffer: 2 ** 26 }) : fs.readFileSync(file),
  }));
  return [{ name: 'modules', mode: DIRECTORY }, ...entries];
};
