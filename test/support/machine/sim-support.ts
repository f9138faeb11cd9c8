/** What tests of the simulated kernel need: directories that are removed, files, a small machine. */
import { afterAll } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A compiled file of the project, by its path from the project's root. */
export const compiled = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

/** The program behind bin/kexec-sim. */
export const KEXEC_SIM = compiled('bin/kexec-sim.js');

/** A directory that is removed when the file's tests are done. Call it at the top of a test file. */
export const useTempDir = (): { readonly path: string; make(name: string): string } => {
  const path = mkdtempSync(join(tmpdir(), 'kexec-ts-test-'));
  afterAll(() => rmSync(path, { recursive: true, force: true }));
  let count = 0;
  return {
    path,
    /** A new empty directory in it. */
    make(name) {
      const made = join(path, `${name}-${count++}`);
      mkdirSync(made);
      return made;
    },
  };
};

/** Writes files, by their paths below `directory`. */
export const writeTree = (directory: string, files: Readonly<Record<string, string | Uint8Array>>): void => {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
};

/** The memory map of a machine with 2 GiB of RAM and a crash region from 0xa9a00000 to 0xb99fffff. */
export const IOMEM = `09000000-09000fff : pl011@9000000
40000000-bfffffff : System RAM
  40210000-4157ffff : Kernel code
  a9a00000-b99fffff : Crash kernel
`;

/** The least that makes a machine. */
export const SMALL_MACHINE: Readonly<Record<string, string>> = {
  'proc/iomem': IOMEM,
  'proc/version': 'Linux version 6.1.0-test (someone) #1 SMP\n',
  'proc/meminfo': 'MemTotal:        1771196 kB\nMemFree:         1745396 kB\n',
  'sys/kernel/kexec_loaded': '0\n',
  'sys/kernel/kexec_crash_loaded': '0\n',
  'sys/firmware/devicetree/base/model': 'test\0',
};
