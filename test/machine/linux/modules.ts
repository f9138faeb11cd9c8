/** Modules of Debian's kernels that test themselves. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { DIRECTORY, type Entry, FILE } from '../initramfs.js';

/**
 * Those of the package: code for NEON and for integers, and what it is compared with. Not those for the Cryptographic
 * Extension (`-ce`), which QEMU's processor has and ours has not.
 */
const WANTED = new RegExp(
  '/(?:arch/arm64/(?:crypto|lib)/(?!.*-ce)[^/]+|lib/(?:crypto|raid6)/[^/]+|' +
    'crypto/(?:crypto_simd|cryptd|xor|xts|ctr|ecb|cbc|gcm|ccm|cmac|xcbc|gf128mul|ghash-generic|sha512_generic|' +
    'sha3_generic|chacha_generic|poly1305_generic|chacha20poly1305|nhpoly1305|adiantum|blake2b_generic|' +
    'camellia_generic|serpent_generic|twofish_common|twofish_generic|curve25519-generic|streebog_generic|' +
    'crc32_generic|rmd160|wp512|lzo))\\.ko$',
);

/** What the initramfs is to have of them. @param kernel the file of the kernel, as the package has it */
export const modulesOf = (kernel: string): readonly Entry[] => {
  const modules = path.join(path.dirname(kernel), '..', 'lib', 'modules');
  const files = fs
    .readdirSync(modules, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(modules, name))
    .filter((name) => WANTED.test(name));
  if (files.length === 0) throw new Error(`${modules} has no modules that test themselves`);
  const entries = files.map((file) => ({
    name: `modules/${path.basename(file)}`,
    mode: FILE,
    data: fs.readFileSync(file),
  }));
  return [{ name: 'modules', mode: DIRECTORY }, ...entries];
};
