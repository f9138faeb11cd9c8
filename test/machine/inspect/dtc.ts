/**
 * Compares device trees and their source with what dtc makes: `npm run dtc -- [--record] [MACHINE...]`. The running tree of each
 * bundled machine, or of those that are named (directories and tar files), is what `dtc -I fs -s` makes of its
 * directory; its source, and that of the trees that loads pass on and of all recorded trees, is what `dtc -O dts`
 * prints. With --record, what dtc makes is kept for the tests that have none. Needs Debian's package
 * device-tree-compiler.
 */
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { attempt } from '../../../kexec/base/attempt.js';
import { runKexecSim } from '../../../host/run-kexec-sim.js';
import { sourceOfBlob } from '../../../sim/kernel/dtc/source.js';
import { recordedBlob, recordedTree } from '../../../sim/kernel/facts/board-arm64.js';
import { MachineFiles } from '../../../sim/kernel/recording/machine-files.js';
import { bundledMachines, findMachine } from '../../../sim/kernel/recording/machines.js';
import type { TreeNode } from '../../../sim/machine/board-tree/tree.js';
import { MachineError } from '../../../sim/machine/error.js';
import { debianKernel } from '../../conformance/apt.js';
import { scratchDirectory } from '../../support/cache.js';
import { recordedJson } from '../../support/recorded.js';
import { runMain, say } from '../../support/run-main.js';

/** SHA-256 of what dtc makes, of blobs by machines, and of source by recorded trees. */
const RECORD = path.join('test', 'data', 'fdt', 'dtc.json');

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** It never comes to an end with one of the trees of its own tests. */
const PATIENCE_MS = 5000;

/** What dtc gives; undefined where it refuses. It says much about trees that nobody asked for. */
const dtc = (...args: readonly string[]): Buffer | undefined => {
  const { stdout, status, error } = spawnSync('dtc', ['-q', '-f', ...args], {
    maxBuffer: 1 << 26,
    timeout: PATIENCE_MS,
  });
  if (error !== undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') throw error;
  return status === 0 ? stdout : undefined;
};

/** What kexec-sim dtb writes; undefined where it refuses. */
const ours = async (
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Buffer | undefined> => {
  const pieces: Uint8Array[] = [];
  const code = await runKexecSim(['dtb', ...args], {
    ...{ version: '0', env, out: () => {} },
    err: (text) => say(`     ${text.trimEnd()}`),
    outBytes: (bytes) => void pieces.push(bytes),
  });
  return code === 0 ? Buffer.concat(pieces) : undefined;
};

/** The files of a directory as Linux shows them below /proc/device-tree. */
const unpack = ({ properties, children }: TreeNode, directory: string): void => {
  fs.mkdirSync(directory);
  for (const [name, value] of properties) fs.writeFileSync(path.join(directory, name), value);
  for (const child of children) unpack(child, path.join(directory, child.name));
};

/** Where headers have the processor that booted: dtc takes the first that a directory happens to list. */
const BOOT_CPU = 28;

/** Recorded trees of which another source is right. */
const DIFFERENCES: ReadonlyMap<string, string> = new Map([
  ['dup-propname', 'of two properties with one name libfdt and Linux find the first'],
  ...['ov1', 'ov2', 'ov3'].map((name) => [`${name}_test_tree1`, 'libfdt and Linux read no version before 16'] as const),
]);

class Comparison {
  readonly blobs = new Map<string, string>();
  readonly sources = new Map<string, string>();
  same = 0;
  refused = 0;
  differs = 0;

  constructor(private readonly scratch: string) {}

  #keep(kept: Map<string, string>, what: string, bytes: Buffer | undefined): Buffer | undefined {
    if (bytes !== undefined) kept.set(what, digestOf(bytes));
    return bytes;
  }

  #tell(what: string, our: Buffer | undefined, their: Buffer | undefined): void {
    const equal = our !== undefined && their !== undefined && our.equals(their);
    if (equal) this.same++;
    else this.differs++;
    if (!equal || this.same % 50 === 0)
      say(`${equal ? 'ok  ' : 'FAIL'} ${what}: ${our?.length} and ${their?.length} bytes`);
  }

  async machine(name: string): Promise<void> {
    const files = MachineFiles.open(findMachine(name));
    const env = { KEXEC_MACHINE: name, KEXEC_STATE: path.join(this.scratch, 'state') };
    const [blob, source] = [await ours([], env), await ours(['--dts'], env)];
    if (recordedBlob(files) !== undefined) {
      const file = this.#file('tree.dtb', recordedBlob(files)!);
      return this.#tell(`${name}: source`, source, dtc('-I', 'dtb', '-O', 'dts', file));
    }
    const directory = path.join(this.scratch, 'tree');
    fs.rmSync(directory, { recursive: true, force: true });
    unpack(recordedTree(files), directory);
    const bootCpu = String(blob?.readUInt32BE(BOOT_CPU) ?? 0);
    const theirs = dtc('-I', 'fs', '-s', '-b', bootCpu, '-O', 'dtb', directory);
    this.#tell(`${name}: blob`, blob, this.#keep(this.blobs, name, theirs));
    this.#tell(`${name}: source`, source, dtc('-I', 'fs', '-s', '-O', 'dts', directory));
  }

  /** The tree that a load passes on. */
  async load(name: string, options: readonly string[]): Promise<void> {
    const env = { KEXEC_MACHINE: name, KEXEC_STATE: path.join(this.scratch, 'state') };
    const blob = await ours(['--new', '--', ...options], env);
    if (blob === undefined) return this.#tell(`${name}: no load of ${options.join(' ')}`, undefined, undefined);
    this.file(`${name}: ${options.join(' ')}`, blob, false);
  }

  /** A tree that is a file, unless dtc refuses it, or crashes. */
  file(what: string, blob: Uint8Array, keeps = true): void {
    const source = attempt(MachineError, () => sourceOfBlob(blob));
    const our = source instanceof MachineError ? undefined : Buffer.from(source, 'latin1');
    const their = dtc('-I', 'dtb', '-O', 'dts', this.#file('tree.dtb', blob));
    if (their === undefined || DIFFERENCES.has(what)) this.refused++;
    else this.#tell(what, our, keeps ? this.#keep(this.sources, what, their) : their);
  }

  #file(name: string, bytes: Uint8Array): string {
    const file = path.join(this.scratch, name);
    fs.writeFileSync(file, bytes);
    return file;
  }
}

/** Machines, and how a kernel is loaded on them. */
const LOADS: readonly (readonly [machine: string, ...options: readonly string[]])[] = [
  ['virt-2g', '--reuse-cmdline'],
  ['virt-2g', '-p', '--reuse-cmdline'],
  ['virt-8g', '--command-line=root=/dev/vda1 "quoted"'],
  ['virt-acpi-4g', '--reuse-cmdline'],
  ['virt-el2-4g', '--reuse-cmdline'],
  ['virt-file-2g', '-s', '--reuse-cmdline'],
];

await runMain('dtc', async () => {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { record: { type: 'boolean' } } });
  const scratch = scratchDirectory('dtc');
  try {
    const comparison = new Comparison(scratch);
    for (const name of positionals.length > 0 ? positionals : bundledMachines()) await comparison.machine(name);
    if (positionals.length === 0) {
      const kernel = debianKernel('bookworm');
      for (const [name, ...options] of LOADS) await comparison.load(name, [kernel, ...options]);
      for (const [name, bytes] of Object.entries(recordedJson('libfdt-trees') as Readonly<Record<string, string>>)) {
        comparison.file(name, Buffer.from(bytes, 'base64'));
      }
    }
    const { same, differs, refused, blobs, sources } = comparison;
    if (values.record === true) {
      const kept = { blobs: Object.fromEntries(blobs), sources: Object.fromEntries(sources) };
      fs.writeFileSync(RECORD, `${JSON.stringify(kept, null, 1)}\n`);
    }
    say(`${same} as dtc makes them, ${differs} not, ${refused} that dtc refuses, or that are known to differ`);
    if (differs > 0 || same === 0) process.exitCode = 1;
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
});
