/**
 * Records Debian's kernels in QEMU and on our machine by the script of `kexec-sim snapshot`, as root and as nobody, and
 * runs the real kexec there: `npm run snapshot -- [--kernel SUITE] [--machine qemu|ours]`. On the recording ours must
 * print what the real one printed on the machine, and load and execute what it did.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { type Outcome, differences } from '../conformance/compare.js';
import { debianBusybox, debianKernel, findFile } from '../conformance/apt.js';
import { type RealKexec, prepareReal, releaseOf } from '../conformance/debian.js';
import { cacheDirectory, scratchDirectory } from '../support/cache.js';
import { DIRECTORY, type Entry, FILE, PROGRAM, busyboxInitramfs, entriesOf } from './initramfs.js';
import { REAL_KEXEC, kexecEntries } from './real-kexec.js';
import { runMain, say } from '../support/run-main.js';

/** How a kernel is booted: with two processors. */
const MACHINES = {
  qemu: (kernel: string, initrd: string): readonly string[] => [
    ...['qemu-system-aarch64', '-M', 'virt', '-cpu', 'cortex-a57', '-m', '2G', '-smp', '2'],
    ...['-nic', 'none', '-nographic', '-no-reboot', '-kernel', kernel, '-initrd', initrd, '-append', COMMAND_LINE],
  ],
  ours: (kernel: string, initrd: string): readonly string[] => [
    ...[process.execPath, path.join('bin', 'kexec-sim'), 'boot', kernel, '--initrd', initrd, '--append', COMMAND_LINE],
    ...['--memory', '2G', '--cpus', '2', '--timeout', `${PATIENCE_MS / 1000}`],
  ],
};

interface Guest {
  readonly suite: string;
  readonly machine: keyof typeof MACHINES;
  /** Whether the script is run with all of its options, too, and by nobody. */
  readonly thorough: boolean;
}

/** The script starts thousands of processes, which takes our machine a minute for each recording. */
const GUESTS: readonly Guest[] = [
  { suite: 'bookworm', machine: 'qemu', thorough: true },
  { suite: 'trixie', machine: 'qemu', thorough: true },
  { suite: 'bookworm', machine: 'ours', thorough: false },
];

const PAYLOAD = path.join('machines', 'payload', 'Image');
const COMMAND_LINE = 'secret=hunter2 console=ttyAMA0 quiet loglevel=1 panic=-1 crashkernel=256M root=/dev/vda';
const PATIENCE_MS = 600_000;

const LOADS: Readonly<Record<string, readonly string[]>> = {
  normal: ['-d', '-l', PAYLOAD, '--reuse-cmdline'],
  crash: ['-d', '-p', PAYLOAD, '--reuse-cmdline'],
};

const THOROUGH = `try closed sh /snapshot.sh -o - --no-cmdline
try nobody su nobody -c 'sh /snapshot.sh'
try partial su nobody -c 'sh /snapshot.sh --partial -o -'`;

/**
 * Runs everything, and shows each result between two lines, as base64. The last thing is to execute the demo kernel.
 */
const initOf = ({ thorough }: Guest): string => `#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir /tmp
mount -t tmpfs -o mode=1777 tmpfs /tmp
echo root:x:0:0::/:/bin/sh >/etc/passwd
echo nobody:x:65534:65534::/tmp:/bin/sh >>/etc/passwd
cd /
show() {
	echo "=== $1 $2"
	base64 "$3"
	echo ===
}
try() {
	name=$1
	shift
	"$@" >/tmp/stdout 2>/tmp/stderr
	status=$?
	show "$name.stdout" $status /tmp/stdout
	show "$name.stderr" $status /tmp/stderr
}
real() { ${REAL_KEXEC} "$@"; }
try full sh /snapshot.sh -o - --kallsyms --kcore
${thorough ? THOROUGH : ''}
${Object.entries(LOADS)
  .map(([name, args]) => `try ${name} real ${args.join(' ')}`)
  .join('\n')}
ls /tmp >/tmp/left
show left 0 /tmp/left
echo "=== executes"
real -e
poweroff -f
`;

/** The directories that a file is in. */
const directories = (name: string): readonly Entry[] =>
  path
    .dirname(name)
    .split('/')
    .map((_, i, parts) => ({ name: parts.slice(0, i + 1).join('/'), mode: DIRECTORY }));

interface Shown {
  readonly status: number;
  readonly bytes: Buffer;
}

interface Recorded {
  readonly thorough: boolean;
  readonly shown: ReadonlyMap<string, Shown>;
  /** What the console had from the real `kexec -e` on. */
  readonly executed: string;
}

/** Boots the kernel and waits until it has switched itself off. */
const boot = async (work: string, guest: Guest, tools: string): Promise<Recorded> => {
  const { suite, machine } = guest;
  const kernel = debianKernel(suite);
  const config = findFile(path.dirname(kernel), /\/config-/);
  const initrd = path.join(work, `${suite}-${machine}.initrd`);
  const others: readonly Entry[] = [
    { name: 'etc', mode: DIRECTORY },
    { name: 'boot', mode: DIRECTORY },
    { name: `boot/${path.basename(config)}`, mode: FILE, data: fs.readFileSync(config) },
    { name: 'snapshot.sh', mode: PROGRAM, data: fs.readFileSync('util/snapshot.sh') },
    ...kexecEntries(tools),
    ...directories(PAYLOAD),
    ...entriesOf(PAYLOAD, PAYLOAD),
  ];
  fs.writeFileSync(initrd, busyboxInitramfs(fs.readFileSync(debianBusybox()), initOf(guest), others));
  const file = path.join(cacheDirectory('snapshot'), `console-${suite}-${machine}.txt`);
  const console = fs.openSync(file, 'w');
  const [command, ...args] = MACHINES[machine](kernel, initrd);
  const child = spawn(command!, args, { stdio: ['ignore', console, console], timeout: PATIENCE_MS });
  fs.closeSync(console);
  const [code] = (await once(child, 'close')) as readonly unknown[];
  if (code !== 0) throw new Error(`${command!} does not end well: see .cache/snapshot/${path.basename(file)}`);
  const text = fs.readFileSync(file, 'latin1').replaceAll('\r', '');
  const shown = [...text.matchAll(/^=== (\S+) (\d+)\n([\w+/=\n]*?)^===$/gm)].map(
    ([, name, status, base64]) => [name!, { status: Number(status), bytes: Buffer.from(base64!, 'base64') }] as const,
  );
  return { thorough: guest.thorough, shown: new Map(shown), executed: text.split('=== executes\n')[1] ?? '' };
};

type Check = (what: string, faults: readonly string[]) => void;

/** What a text lacks, or has and must not have. */
const faultsOf = (text: string, wanted: readonly string[], unwanted: readonly string[] = []): readonly string[] => [
  ...wanted.filter((part) => !text.includes(part)).map((part) => `"${part}" is missing in:\n${text.slice(0, 4000)}`),
  ...unwanted.filter((part) => text.includes(part)).map((part) => `"${part}" is in:\n${text.slice(0, 4000)}`),
];

/** What a debug log says of where the segments lie. */
const segments = ({ stdout, stderr }: Outcome): Outcome => ({
  exitCode: 0,
  signal: undefined,
  stdout: '',
  stderr: `${stdout}${stderr}`
    .split('\n')
    .filter((line) => /^(?:segment\[\d+\]\.mem|nr_segments)/.test(line))
    .join('\n'),
  calls: [],
});

const contents = (archive: string, ...names: readonly string[]): string =>
  spawnSync('tar', ['-xzOf', archive, ...names], { encoding: 'latin1', maxBuffer: 2 ** 28 }).stdout;

/** Compares what a machine gave with what ours give on the recordings made there. */
const checkGuest = (
  work: string,
  { release, program }: RealKexec,
  { thorough, shown, executed }: Recorded,
  check: Check,
): void => {
  fs.mkdirSync(work);
  const purgatory = path.join(work, 'purgatory.ro');
  const output = (name: string): Shown => {
    const result = shown.get(name);
    if (result === undefined) throw new Error(`the console does not show ${name}; see .cache/snapshot/`);
    return result;
  };
  const text = (name: string): string => output(name).bytes.toString('latin1');
  const ours = (command: string, args: readonly string[], recording: string): Outcome => {
    const env = {
      ...process.env,
      KEXEC_TRANSLATIONS: 'off',
      KEXEC_MACHINE: path.join(work, `${recording}.tar.gz`),
      KEXEC_STATE: path.join(work, `state-${recording}`),
      KEXEC_COMPAT: `${release}:zlib`,
      KEXEC_PURGATORY: purgatory,
    };
    const { status, stdout, stderr } = spawnSync(process.execPath, [path.join('bin', command), ...args], {
      encoding: 'latin1',
      env,
    });
    return { exitCode: status ?? -1, signal: undefined, stdout, stderr, calls: [] };
  };
  const real = (name: string): Outcome => ({
    exitCode: output(`${name}.stdout`).status,
    signal: undefined,
    stdout: text(`${name}.stdout`),
    stderr: text(`${name}.stderr`),
    calls: [],
  });
  for (const name of thorough ? ['full', 'closed', 'partial'] : ['full']) {
    const { status, bytes } = output(`${name}.stdout`);
    check(`snapshot ${name}, ${bytes.length} bytes`, status === 0 ? [] : [text(`${name}.stderr`)]);
    fs.writeFileSync(path.join(work, `${name}.tar.gz`), bytes);
  }
  ours('kexec-sim', ['extract-purgatory', program, purgatory], 'full');

  for (const [name, args] of Object.entries(LOADS)) {
    const own = ours('kexec', args, 'full');
    check(`kexec ${args.join(' ')} prints what it prints on the machine`, differences(real(name), own));
    if (!thorough) continue;
    check(
      'the same places without command line, kallsyms and kcore',
      differences(segments(own), segments(ours('kexec', args, 'closed'))),
    );
  }
  const { exitCode, stdout, stderr } = ours('kexec', ['-e', '--sim-until=halt'], 'full');
  const [expected, actual] = [executed, stdout].map(
    (console) => /^kexec-ts demo kernel\n[^]*^powering off$/m.exec(console.replaceAll('\r', ''))?.[0],
  );
  check('kexec -e executes what it executes on the machine', [
    ...(exitCode === 0 ? [] : [stderr]),
    ...(expected !== undefined && expected === actual ? [] : [`real:\n${executed}\nours:\n${stdout}`]),
  ]);

  check('nothing is left in /tmp', text('left') === 'left\nstderr\nstdout\n' ? [] : [text('left')]);
  if (!thorough) return;

  check('root is told what is missing, and of secrets', [
    ...faultsOf(
      text('closed.stderr'),
      ['left out: proc/kallsyms', 'blanked  proc/cmdline', 'config: what counts for kexec'],
      ['WARNING', 'failed'],
    ),
    ...faultsOf(text('full.stderr'), ['look for passwords'], ['WARNING', 'failed', 'left out']),
  ]);
  check('nobody is refused, or gets a part', [
    ...(output('nobody.stderr').status === 1 ? [] : ['exit status 0']),
    ...faultsOf(text('nobody.stderr'), ['no kernel can be loaded']),
    ...faultsOf(text('partial.stderr'), ['WARNING', 'sys/firmware/fdt: Permission denied']),
    ...faultsOf(ours('kexec-sim', ['status'], 'partial').stdout, ['partial (Linux 6.', 'not loaded']),
  ]);
  check('the command line is only where it is said to be', [
    ...faultsOf(contents(path.join(work, 'full.tar.gz'), './proc/cmdline'), ['hunter2']),
    ...faultsOf(contents(path.join(work, 'full.tar.gz'), './proc/kcore'), ['VMCOREINFO'], ['hunter2']),
    ...faultsOf(contents(path.join(work, 'closed.tar.gz')), ['bootargs'], ['hunter2']),
  ]);
};

const main = async (): Promise<void> => {
  const { values } = parseArgs({ options: { kernel: { type: 'string' }, machine: { type: 'string' } } });
  const guests = GUESTS.filter(
    ({ suite, machine }) => (values.kernel ?? suite) === suite && (values.machine ?? machine) === machine,
  );
  if (guests.length === 0) {
    throw new Error(
      `there are: ${GUESTS.map(({ suite, machine }) => `--kernel ${suite} --machine ${machine}`).join(', ')}`,
    );
  }
  const work = scratchDirectory('snapshot');
  let passed = 0;
  let failed = 0;
  const judge = async (guest: Guest): Promise<void> => {
    const name = `${guest.suite}-${guest.machine}`;
    const real = prepareReal(releaseOf(guest.suite));
    checkGuest(path.join(work, name), real, await boot(work, guest, real.tools), (what, faults) => {
      if (faults.length === 0) passed++;
      else failed++;
      say(`${faults.length === 0 ? 'ok  ' : 'FAIL'} ${name}: ${what}${faults.map((fault) => `\n${fault}`).join('')}`);
    });
  };
  try {
    await Promise.all(guests.map(judge));
  } finally {
    fs.rmSync(work, { recursive: true });
  }
  if (failed > 0) process.exitCode = 1;
  say(`${passed} passed, ${failed} failed`);
};

await runMain('snapshot', main);
