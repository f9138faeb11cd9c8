/**
 * Real gdb-multiarch on our machine: `npm run gdb -- [--case NAME]`. `kexec -e`, `kexec-sim boot` and `kexec-sim panic`
 * wait for it, and gdb is given commands; what it says must be what is expected. A case compares registers with those
 * of QEMU's own stub, where QEMU runs the same code.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { connect } from 'node:net';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { debianKernel } from '../../conformance/apt.js';
import { scratchDirectory } from '../../support/cache.js';
import { runMain, say } from '../../support/run-main.js';

const SUITE = 'bookworm';
const PATIENCE_MS = 120_000;
const LOOK_MS = 50;

/** What a machine is started with. */
interface Machine {
  readonly child: ChildProcess;
  readonly err: () => string;
  readonly out: () => string;
  readonly ended: Promise<number | null>;
  /** `127.0.0.1:4321`, when it waits for gdb. */
  readonly port: () => Promise<string>;
}

/** What gdb says, and what the machine had said when it was over. */
interface Told {
  readonly gdb: string;
  readonly err: string;
  readonly out: string;
  readonly exitCode: number | null;
}

interface Case {
  readonly name: string;
  readonly run: (bench: Bench) => Promise<void>;
}

class Mismatch extends Error {}

const expectText = (text: string, ...wanted: readonly (string | RegExp)[]): void => {
  for (const one of wanted) {
    const isThere = typeof one === 'string' ? text.includes(one) : one.test(text);
    if (!isThere) throw new Mismatch(`${String(one)} is missing in:\n${text}`);
  }
};

class Bench {
  readonly #env: Readonly<Record<string, string | undefined>>;

  constructor(
    readonly work: string,
    readonly kernel: string,
  ) {
    this.#env = {
      ...process.env,
      KEXEC_STATE: path.join(work, 'state'),
      KEXEC_MACHINE: 'virt-2g',
      KEXEC_TRANSLATIONS: 'off',
    };
  }

  /** Loads the kernel. @returns what `-d` says */
  load(...options: readonly string[]): string {
    const args = ['bin/kexec', '-c', '-d', ...options, this.kernel, '--command-line=console=ttyAMA0 panic=-1'];
    const { status, stderr, stdout } = spawnSync(process.execPath, args, { env: this.#env, encoding: 'latin1' });
    if (status !== 0) throw new Error(`kexec: exit ${status}\n${stderr}`);
    return stdout + stderr;
  }

  start(program: 'kexec' | 'kexec-sim', ...args: readonly string[]): Machine {
    const child = spawn(process.execPath, [`bin/${program}`, ...args], {
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, err] = ['', ''];
    child.stdout.setEncoding('latin1').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('latin1').on('data', (text: string) => (err += text));
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    const port = async (): Promise<string> => {
      const [, found = ''] = await waitFor(
        () => /target remote (\S+:\d+)'/.exec(err),
        child,
        () => err,
      );
      return found;
    };
    return { child, err: () => err, out: () => out, ended, port };
  }

  /** gdb with some commands. @returns what it says */
  gdb(port: string, ...commands: readonly string[]): Promise<string> {
    const all = [`target remote ${port}`, ...commands].flatMap((command) => ['-ex', command]);
    return runGdb(all, this.#env);
  }

  /** A machine, and one gdb that ends it. */
  async talk(machine: Machine, ...commands: readonly string[]): Promise<Told> {
    const gdb = await this.gdb(await machine.port(), ...commands);
    const exitCode = await Promise.race([machine.ended, later(PATIENCE_MS)]);
    return { gdb, err: machine.err(), out: machine.out(), exitCode };
  }

  piped(command: string, ...commands: readonly string[]): Promise<string> {
    const all = [`target remote | ${command}`, ...commands].flatMap((one) => ['-ex', one]);
    return runGdb(all, this.#env);
  }
}

const later = (ms: number): Promise<null> => new Promise((resolve) => setTimeout(() => resolve(null), ms).unref());

const runGdb = (args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn('gdb-multiarch', ['-nx', '-batch', '-ex', 'set pagination off', ...args], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: PATIENCE_MS,
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('latin1').on('data', (piece: string) => (text += piece));
    child.on('error', reject);
    child.on('close', () => resolve(text));
  });

const waitFor = async <T>(look: () => T | null, child: ChildProcess, told: () => string): Promise<T> => {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end && child.exitCode === null;) {
    const found = look();
    if (found !== null) return found;
    await later(LOOK_MS);
  }
  throw new Error(`the machine does not wait for gdb:\n${told()}`);
};

const CASES: readonly Case[] = [
  {
    name: 'from the old kernel into the purgatory and the new kernel, as in the notes',
    run: async (bench) => {
      const [, entry = ''] = /\bentry *= 0x(\w+)/.exec(bench.load('-l')) ?? [];
      const told = await bench.talk(
        bench.start('kexec', '-e', '--sim-gdb=0'),
        ...[
          'x/i $pc',
          'si',
          'x/32i $pc',
          'i reg',
          'hbreak *0x41a00000',
          'c',
          'x/i $pc',
          'i reg x0 x1 x2 x3',
          'si',
          'x/i $pc',
          'kill',
        ],
      );
      expectText(told.gdb, /=> 0x\w+:\tbr\tx\d+/, 'ldr\tx9,', /Breakpoint 1, 0x0*41a00000/, 'ccmp\tx18, #0x0');
      expectText(told.err, 'the machine waits at', 'ended by gdb');
      // Behind "MZ", which is an instruction, the kernel's header has its first branch (b primary_entry, once b stext).
      expectText(told.gdb, new RegExp(`=> 0x${entry}:`), /=> 0x41a00004:\tb\t0x\w+/);
      if (told.exitCode !== 0) throw new Mismatch(`exit ${told.exitCode}`);
    },
  },
  {
    name: 'breakpoints, watchpoints and steps in the new kernel, wherever KASLR puts it',
    run: async (bench) => {
      bench.load('-l');
      const told = await bench.talk(
        bench.start('kexec', '-e', '--sim-gdb=0', '--sim-gdb-at=start_kernel'),
        ...['monitor info', 'si 3', 'break *($pc+8)', 'c', 'watch *(long*)($sp-8)', 'c', 'info mem'],
        ...['monitor vtop 0x1000', 'monitor pagetable', 'monitor help', 'monitor dtb', 'monitor nonsense'],
        ...['x/gx $sp', 'maintenance packet Qqemu.PhyMemMode:1', 'x/wx 0x41a00038', 'x/wx 0x9000000', 'kill'],
      );
      expectText(told.gdb, 'start_kernel+0x0', 'Breakpoint 1, ', 'Watchpoint 2: *(long*)($sp-8)', 'Old value');
      expectText(
        told.gdb,
        'rw nocache',
        /1000 +\(not mapped\)/,
        'Linear Mapping start',
        'vtop [-t ROOT]',
        'compatible = ',
        'no command "nonsense"',
      );
      expectText(told.gdb, /0x41a00038:\t0x644d5241/, 'Cannot access memory at address 0x9000000');
    },
  },
  {
    name: 'back from a purgatory that is stuck to the store that broke the kernel, and to where the machine began',
    run: async (bench) => {
      // The tree says that the console is where the kernel goes to.
      const machine = path.join(bench.work, 'machine');
      fs.cpSync('machines/virt-2g', machine, { recursive: true });
      fs.writeFileSync(path.join(machine, 'sys/class/tty/ttyAMA0/iomem_base'), '0x41a00800\n');
      bench.load('-l', `--sim-machine=${machine}`, '--serial=ttyAMA0');
      const told = await bench.talk(
        bench.start('kexec', '-e', `--sim-machine=${machine}`, '--sim-gdb=0', '--sim-gdb-at=first'),
        ...['c', 'watch *(char*)0x41a00800', 'reverse-continue', 'x/i $pc', 'reverse-stepi', 'stepi', 'x/i $pc'],
        ...['reverse-continue', 'delete', 'tbreak *($pc+4)', 'c', 'reverse-continue', 'info registers pc', 'kill'],
      );
      expectText(told.gdb, 'stuck at ', 'Hardware watchpoint', 'New value', /=> 0x\w+:\tstrb\tw/);
      expectText(told.gdb, 'No more reverse-execution history', /pc +0xffff/);
      expectText(told.gdb, "Old value = 13 '\\r'\nNew value = 10 '\\n'");
      if (told.exitCode !== 0) throw new Mismatch(`exit ${told.exitCode}`);
    },
  },
  {
    name: 'a command that gdb starts itself',
    run: async (bench) => {
      bench.load('-l');
      const command = `${process.execPath} bin/kexec -e --sim-gdb=stdio --sim-gdb-at=purgatory`;
      expectText(await bench.piped(command, 'x/i $pc', 'si', 'kill'), 'ldr\tx9,', 'killed');
    },
  },
  {
    name: 'two processors, interrupted, left, found again, and let go',
    run: async (bench) => {
      const machine = bench.start('kexec-sim', 'boot', bench.kernel, '--cpus=2', '--gdb=0', '--append=console=ttyAMA0');
      const port = await machine.port();
      const first = await bench.gdb(port, 'info threads', 'si', 'p $x0', 'detach');
      expectText(first, 'Thread 2 "cpu1" (switched off)', '"cpu0" (EL1 at');
      // It runs; who comes has it stop.
      const second = await bench.gdb(port, 'info threads', 'p $pc != 0', 'kill');
      expectText(second, '* 1', '$1 = 1', 'killed');
      const exitCode = await Promise.race([machine.ended, later(PATIENCE_MS)]);
      if (exitCode !== 0) throw new Mismatch(`exit ${exitCode}:\n${machine.err()}`);
    },
  },
  {
    name: 'a second gdb, broken packets, and one that goes without a word',
    run: async (bench) => {
      bench.load('-l');
      const machine = bench.start('kexec', '-e', '--sim-gdb=0');
      const port = Number((await machine.port()).split(':')[1]);
      const first = connect(port, '127.0.0.1');
      let answers = '';
      first.setEncoding('latin1').on('data', (text) => (answers += text.toString()));
      first.write('$?#00$?#3f');
      await waitFor(() => /\$T05/.exec(answers), machine.child, machine.err);
      expectText(answers, '-+$T05thread:1');
      const refused = await new Promise<string>((resolve) => {
        let text = '';
        const second = connect(port, '127.0.0.1');
        second.setEncoding('latin1').on('data', (piece) => (text += piece.toString()));
        second.on('close', () => resolve(text));
      });
      expectText(refused, 'is refused', 'is attached');
      first.destroy();
      await waitFor(() => /has gone without a word/.exec(machine.err()), machine.child, machine.err);
      expectText(await bench.gdb(`127.0.0.1:${port}`, 'x/i $pc', 'kill'), 'br\tx', 'killed');
      await machine.ended;
    },
  },
  {
    name: 'a kernel that panics, on its way to its crash kernel',
    run: async (bench) => {
      bench.load('-p', '--sim-crashkernel=256M');
      const args = ['panic', '--sim-crashkernel=256M', '--gdb=0', '--gdb-at=purgatory'];
      const told = await bench.talk(bench.start('kexec-sim', ...args), 'x/i $pc', 'kill');
      expectText(told.gdb, 'ldr\tx9,', 'killed');
      expectText(told.err, 'ended by gdb');
    },
  },
  {
    name: 'registers, equal to those of the stub of QEMU behind the same instructions',
    run: async (bench) => {
      // x0, where the device tree is, is the boot loader's to choose; QEMU's leaves something in x4.
      const registers = Array.from({ length: 30 }, (_, n) => `p/x $x${n + 1}`);
      const commands = [
        'set $x4 = 0x1234',
        'si 5',
        ...registers,
        'si 200',
        'p/x $pc',
        'p/x $cpsr',
        'p/x $sp',
        'p $v0',
        'kill',
      ];
      const ours = await bench.talk(bench.start('kexec-sim', 'boot', bench.kernel, '--gdb=0'), ...commands);
      const socket = path.join(bench.work, 'qemu');
      const qemu = spawn(
        'qemu-system-aarch64',
        [
          ...['-M', 'virt', '-cpu', 'cortex-a57', '-m', '2048', '-nic', 'none', '-display', 'none', '-serial', 'none'],
          ...['-monitor', 'none', '-kernel', bench.kernel, '-S', '-gdb', `unix:${socket},server=on,wait=off`],
        ],
        { stdio: 'ignore' },
      );
      try {
        await waitFor(
          () => (fs.existsSync(socket) ? true : null),
          qemu,
          () => '',
        );
        // QEMU begins in its boot loader.
        const theirs = await bench.gdb(socket, 'break *0x40200000', 'c', ...commands);
        const values = (text: string): string => [...text.matchAll(/^\$\d+ = .*$/gm)].join('\n');
        if (values(ours.gdb) === '' || values(ours.gdb) !== values(theirs))
          throw new Mismatch(`ours:\n${values(ours.gdb)}\nQEMU's:\n${values(theirs)}\n${theirs}`);
      } finally {
        qemu.kill();
      }
    },
  },
];

const main = async (): Promise<void> => {
  const { values } = parseArgs({ options: { case: { type: 'string', default: '' } } });
  const chosen = CASES.filter(({ name }) => name.includes(values.case));
  if (chosen.length === 0) throw new Error(`--case is a part of one of:\n${CASES.map(({ name }) => name).join('\n')}`);
  const work = scratchDirectory('gdb');
  let failed = 0;
  try {
    const bench = new Bench(work, debianKernel(SUITE));
    for (const { name, run } of chosen) {
      const started = Date.now();
      try {
        await run(bench);
        say(`${name}: as expected (${((Date.now() - started) / 1000).toFixed(1)} s)`);
      } catch (error) {
        failed++;
        say(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  } finally {
    fs.rmSync(work, { recursive: true });
  }
  say(`${chosen.length} cases: ${chosen.length - failed} as expected, ${failed} not`);
  if (failed > 0) process.exitCode = 1;
};

await runMain('gdb', main);
