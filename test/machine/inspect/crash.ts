/**
 * Asks the real crash (Debian's, under qemu-aarch64) and `kexec-sim inspect` the same questions about the same memory:
 * `npm run crash -- [--record]`. A kernel of Debian's is booted here and saved, its RAM written as a core file, and
 * crash reads that with the kernel's vmlinux, whose package has 260 MB: it takes minutes, and is not a part of CI. With
 * --record, what crash printed is kept for the tests, with the pages of memory that it takes.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { concatBytes } from '../../../kexec/base/bytes.js';
import { elfNote } from '../../../kexec/elf/elf-note.js';
import { openSaved } from '../../../sim/commands/inspect/open-saved.js';
import { runInspection } from '../../../sim/kernel/inspect/commands.js';
import { Inspector } from '../../../sim/kernel/inspect/inspector.js';
import { KernelView } from '../../../sim/kernel/inspect/kernel-view.js';
import { MemoryView } from '../../../sim/kernel/inspect/memory-view.js';
import type { StoppedMachine } from '../../../sim/kernel/inspect/stopped.js';
import { debianKernel, findFile, unpackPackage } from '../../conformance/apt.js';
import { scratchDirectory } from '../../support/cache.js';
import { runMain, say } from '../../support/run-main.js';
import { CRASH_COMMANDS, type CrashRecord, comparable } from './crash-output.js';

const RAM = { start: 0x4000_0000n, sizeBytes: 256 << 20 };
const RECORD = path.join('test', 'data', 'inspect', 'crash.json.gz');
const SEGMENT_OFFSET = 0x1_0000;
const QEMU = '/usr/bin/qemu-aarch64-static';
/** crash says so of a symbol that nobody has: the answers are told apart by it. */
const MARK = 'nobody_has_this';

/** A machine that has booted up to its panic for want of a root file system. */
const boot = (scratch: string): string => {
  const saved = path.join(scratch, 'saved');
  const options = ['--append', 'console=ttyAMA0 nokaslr', '--memory', '256M', '--until', 'console:VFS: Unable'];
  const command = ['boot', debianKernel('bookworm'), ...options, '--save', saved];
  execFileSync('bin/kexec-sim', command, { stdio: 'ignore' });
  return saved;
};

/** What the kernel says of itself in its memory: what it is made from is there, too, with a "%s". */
const vmcoreinfoIn = (ram: Uint8Array, release: string): Uint8Array => {
  const bytes = Buffer.from(ram.buffer, ram.byteOffset, ram.byteLength);
  const start = bytes.indexOf(`OSRELEASE=${release}`);
  return bytes.subarray(start, bytes.indexOf(0, start));
};

/** A core file of the machine's RAM, as a dump's readers want it: the kernel's image, and all of memory. */
const coreFile = (ram: Uint8Array, release: string, start: bigint, virtual: bigint): Uint8Array => {
  const notes = concatBytes([
    elfNote({ name: 'CORE', type: 1, desc: new Uint8Array(392) }),
    elfNote({ name: 'VMCOREINFO', type: 0, desc: vmcoreinfoIn(ram, release) }),
  ]);
  const image = Number(start - RAM.start);
  const head = Buffer.alloc(SEGMENT_OFFSET);
  head.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  [4, 183].forEach((value, i) => head.writeUInt16LE(value, 16 + 2 * i));
  head.writeUInt32LE(1, 20);
  head.writeBigUInt64LE(64n, 32);
  [64, 56, 3].forEach((value, i) => head.writeUInt16LE(value, 52 + 2 * i));
  const segments: readonly (readonly bigint[])[] = [
    [232n, 0n, 0n, BigInt(notes.length)],
    [BigInt(SEGMENT_OFFSET + image), virtual, start, 0x1a0_0000n],
    [BigInt(SEGMENT_OFFSET), 0xffff_0000_0000_0000n, RAM.start, BigInt(ram.length)],
  ];
  segments.forEach(([offset = 0n, vaddr = 0n, paddr = 0n, size = 0n], i) => {
    const at = 64 + 56 * i;
    head.writeUInt32LE(i === 0 ? 4 : 1, at);
    [offset, vaddr, paddr, size, size].forEach((value, n) => head.writeBigUInt64LE(value, at + 8 + 8 * n));
  });
  head.set(notes, 232);
  return concatBytes([head, ram]);
};

/** What crash prints, command by command. */
const askCrash = (core: Uint8Array, release: string): readonly (readonly string[])[] => {
  const { directory } = unpackPackage('bookworm', 'crash', { follow: /^(?:lib|zlib)/ });
  const debug = unpackPackage('bookworm', `linux-image-${release}-dbg`).directory;
  for (const name of ['dev', 'tmp', 'var/tmp', 'work']) fs.mkdirSync(path.join(directory, name), { recursive: true });
  const put = (name: string): string => path.join(directory, 'work', name);
  if (!fs.existsSync(path.join(directory, 'dev', 'null')))
    execFileSync('mknod', [path.join(directory, 'dev', 'null'), 'c', '1', '3']);
  fs.copyFileSync(QEMU, put('qemu'));
  fs.copyFileSync(findFile(debug, /\/boot\/vmlinux-/), put('vmlinux'));
  fs.writeFileSync(put('core'), core);
  fs.writeFileSync(
    put('commands'),
    `${CRASH_COMMANDS.map((command) => `sym ${MARK}\n${command}`).join('\n')}\nsym ${MARK}\nquit\n`,
  );
  const crash = [
    '/work/qemu',
    '/usr/bin/crash',
    '-s',
    '--no_scroll',
    '-i',
    '/work/commands',
    '/work/vmlinux',
    '/work/core',
  ];
  const { stdout, stderr } = spawnSync('unshare', ['-n', 'chroot', directory, ...crash], {
    encoding: 'utf8',
    maxBuffer: 1 << 24,
  });
  fs.rmSync(path.join(directory, 'work'), { recursive: true, force: true });
  if (!stdout.includes(MARK)) throw new Error(`crash does not read the core file: ${stdout}${stderr}`);
  const mark = new RegExp(`^.*symbol not found: ${MARK}\n(?:possible alternatives:\n.*\n)?`, 'm');
  return stdout
    .split(mark)
    .slice(1, -1)
    .map((answer) => answer.trimEnd().split('\n'));
};

await runMain('crash', () => {
  const { values } = parseArgs({ options: { record: { type: 'boolean' } } });
  const scratch = scratchDirectory('crash');
  try {
    const { machine, kernels, texts } = openSaved(boot(scratch));
    const processor = machine.processors[machine.current];
    const ram = machine.read(RAM.start, RAM.sizeBytes);
    const kernel = processor && KernelView.at(new MemoryView(machine, processor), kernels[0] ?? { start: 0n });
    if (processor === undefined || kernel === undefined || ram === undefined)
      throw new Error('the machine has no kernel in its memory');
    const release = path.basename(debianKernel('bookworm')).replace(/^vmlinuz-/, '');
    const core = coreFile(ram, release, kernel.memory.start, kernel.memory.start + kernel.offset);
    const answers = askCrash(core, release);
    if (answers.length !== CRASH_COMMANDS.length) throw new Error(`crash answered ${answers.length} commands`);
    const pages = new Map<string, string>();
    const watched: StoppedMachine = {
      ...machine,
      read: (physAddr, sizeBytes) => {
        for (let page = physAddr - (physAddr % 4096n); page < physAddr + BigInt(sizeBytes); page += 4096n) {
          const bytes = machine.read(page, 4096);
          if (bytes !== undefined) pages.set(page.toString(16), Buffer.from(bytes).toString('base64'));
        }
        return machine.read(physAddr, sizeBytes);
      },
    };
    const inspector = new Inspector(new MemoryView(watched, processor), kernel, () => ({ text: '' }), texts);
    let differs = 0;
    CRASH_COMMANDS.forEach((command, i) => {
      const [ours, theirs] = [[...runInspection(inspector, command)], answers[i] ?? []].map((lines) =>
        comparable(command, lines)
          .map((line) => (command.startsWith('dis') ? line.split('\t')[0] : line))
          .join('\n'),
      );
      if (ours !== theirs) differs++;
      say(ours === theirs ? `ok   ${command}` : `FAIL ${command}\n${theirs}\n     ours:\n${ours}`);
    });
    say(`${CRASH_COMMANDS.length - differs} as crash answers, ${differs} not`);
    if (differs > 0) process.exitCode = 1;
    if (values.record !== true) return;
    const registers = ['SCTLR_EL1', 'TCR_EL1', 'TTBR0_EL1', 'TTBR1_EL1', 'MAIR_EL1', 'VBAR_EL1'];
    const near = ['panic', 'vectors'].flatMap((name) => {
      const at = kernel.symbols?.symbols.findIndex((symbol) => symbol.name === name) ?? -1;
      return kernel.symbols?.symbols.slice(Math.max(0, at - 1), at + 3) ?? [];
    });
    const kept: CrashRecord = {
      commands: CRASH_COMMANDS.map((command, i) => ({ command, lines: answers[i] ?? [] })),
      kernel: {
        start: kernel.memory.start.toString(16),
        sizeBytes: kernel.memory.size.toString(16),
        offset: kernel.offset.toString(16),
      },
      symbols: near.toSorted((a, b) => a.offset - b.offset),
      registers: Object.fromEntries(registers.map((name) => [name, (processor.system(name) ?? 0n).toString(16)])),
      pages: Object.fromEntries(pages),
    };
    fs.mkdirSync(path.dirname(RECORD), { recursive: true });
    fs.writeFileSync(RECORD, gzipSync(JSON.stringify(kept)));
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
});
