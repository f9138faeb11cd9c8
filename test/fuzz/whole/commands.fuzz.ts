/** Fuzz targets: whole commands, on recordings, states, logs and command lines that others made. */
import { linkSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { scratchDirectory } from '../../support/cache.js';
import { paxRecord, sumHeader, tarOf } from '../../support/files/tar-builder.js';
import { type Ended, runSimToEnd, runToEnd } from '../../support/run-support.js';
import type { AsyncFuzzTarget } from '../fuzz-target.js';

const PAYLOAD = 'machines/payload/Image';
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A machine that a kernel can be loaded on, for a panic, too. */
const SMALL_MACHINE: Readonly<Record<string, string>> = {
  'proc/iomem':
    '40000000-bfffffff : System RAM\n  40210000-4157ffff : Kernel code\n  a9a00000-b99fffff : Crash kernel\n',
  'proc/version': 'Linux version 6.1.0-test (someone) #1 SMP\n',
  'proc/meminfo': 'MemTotal:        1771196 kB\n',
  'sys/kernel/kexec_loaded': '0\n',
  'sys/kernel/kexec_crash_loaded': '0\n',
  'sys/firmware/devicetree/base/model': 'test\0',
};

let scratch: string | undefined;

/** All that the inputs make lies here; a thread that is ended from outside leaves it. */
const place = (name: string): string => {
  if (scratch === undefined) {
    const made = (scratch = scratchDirectory('fuzz-files'));
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
  }
  return join(scratch, name);
};

const emptied = (name: string): string => {
  const directory = place(name);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  return directory;
};

const INSIDE = /internal error|is not a function|is not iterable|Cannot read propert|Invalid string length|\n\s+at /;
const STEERS = /[^\P{Cc}\n\t]/u;

/** What every command promises. @param names what a failure may be about @throws Error when the promise is broken */
const judge = (what: string, { code, out, err }: Ended, names?: readonly string[]): void => {
  const fail = (why: string): never => {
    throw new Error(`${what} ${why}: ${JSON.stringify(err.slice(0, 300))}`);
  };
  if (INSIDE.test(err)) fail('shows its inside');
  if (code !== 0 && err === '' && out === '') fail('fails without a word');
  if (names === undefined) return;
  if (code !== 0 && !names.some((name) => err.includes(name))) fail('does not name what is wrong');
  if (STEERS.test(out + err)) fail('would steer a terminal');
};

/** Looks at a machine, and loads on it, by each command. */
const useMachine = async (machine: string): Promise<void> => {
  const state = emptied('machine-state');
  const env = { KEXEC_MACHINE: machine, KEXEC_STATE: state, KEXEC_UNTIL: 'entry', KEXEC_MAX_INSTRUCTIONS: '1000' };
  for (const args of [['status'], ['status', '--json'], ['segments', '--pages']]) {
    judge(`kexec-sim ${args.join(' ')}`, await runSimToEnd(args, env), [machine]);
  }
  for (const args of [
    ['-d', '-l', PAYLOAD, '--reuse-cmdline'],
    ['-d', '-p', PAYLOAD, '--reuse-cmdline'],
    ['-d', '-s', '-l', PAYLOAD, '--append=x'],
    ['-e'],
  ]) {
    judge(`kexec ${args.join(' ')}`, await runToEnd(args, env));
  }
};

/** An archive with files that the commands read. */
const ARCHIVE = tarOf(
  ...Object.entries(SMALL_MACHINE).map(([name, content]) => ({ name, content })),
  { name: 'proc/cmdline', content: 'BOOT_IMAGE=/vmlinuz root=/dev/vda crashkernel=256M\n' },
  { name: 'proc/kallsyms', content: 'ffff800008000000 T _text\nffff800008010000 T _stext\n' },
  { name: 'sys/class/net/eth0/flags', content: '0x1003\n' },
  { name: 'sys/class/net/eth0/ifindex', content: '2\n' },
  { name: 'sys/devices/system/cpu/possible', content: '0-1\n' },
  { name: 'sys/devices/system/cpu/cpu0/crash_notes', content: '7ffc0000\n' },
  { name: 'sys/kernel/vmcoreinfo', content: '0x7ffb0000 1024\n' },
  { name: 'sys/link', type: '2', target: '../proc/iomem' },
  { name: 'uname', content: 'Linux x 6.1.0 #1 SMP aarch64 GNU/Linux\n' },
  { name: 'pagesize', content: '4096\n' },
  { name: 'quirks', content: 'cpu-on-once\n' },
  { name: 'pax', type: 'x', content: paxRecord('path', 'config') },
  { name: 'x', content: 'CONFIG_KEXEC_FILE=y\n' },
);

/** What may stand in a recording, and in a state. */
const RECORDED = [
  ...Object.keys(SMALL_MACHINE),
  ...['proc/cmdline', 'proc/kallsyms', 'proc/kcore', 'proc/config.gz', 'sys/firmware/fdt', 'sys/kernel/vmcoreinfo'],
  ...['sys/class/net/eth0/flags', 'sys/class/net/\x1b[31m\nx/flags', 'uname', 'pagesize', 'quirks', 'config'],
  'devicetree.tar',
] as const;
const SEGMENT = 'segment-1-abcdef012345-n0';
const KEPT = ['state.json', 'lock', 'dmesg', `${SEGMENT}.bin`, `${SEGMENT}.sums`] as const;

const STATE = `{"version":1,"crash":null,"loadDisabled":false,"limitReboot":-1,"limitPanic":3,"normal":{"entry":"0x60000000",
"flags":"0xb70000","segments":[{"mem":"0x60000000","memsz":"0x2000","bufsz":"0x1000","file":"${SEGMENT}.bin"},
{"mem":"0x70000000","memsz":"0x2000","bufsz":"0x0","file":null}]}}\n`;

const SPARSE_BYTES = 3 * 2 ** 30;

/** A file of a kind that a byte chooses. */
const makeFile = (path: string, kind: number, content: Uint8Array): void => {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(dirname(path), { recursive: true });
  switch (kind % 12) {
    case 0: {
      const pipe = place('pipe');
      spawnSync('mkfifo', [pipe]);
      return linkSync(pipe, path);
    }
    case 1:
      return mkdirSync(path);
    case 2:
      return symlinkSync('/dev/zero', path);
    case 3:
      return symlinkSync(path, path);
    case 4:
      writeFileSync(path, content);
      return truncateSync(path, SPARSE_BYTES);
    default:
      writeFileSync(path, content);
  }
};

/** Files as the input says: two bytes for which and what, and the content up to the next line of dashes. */
const makeFiles = (directory: string, names: readonly string[], input: Uint8Array): void => {
  const separator = Buffer.from('\n--\n');
  const bytes = Buffer.from(input);
  for (let at = 0; at + 2 <= bytes.length;) {
    const found = bytes.indexOf(separator, at + 2);
    const end = found < 0 ? bytes.length : found;
    makeFile(join(directory, names[bytes[at]! % names.length]!), bytes[at + 1]!, bytes.subarray(at + 2, end));
    at = end + separator.length;
  }
};

/** An input for {@link makeFiles}. */
const filesInput = (names: readonly string[], files: Readonly<Record<string, string>>, kind = 5): Uint8Array =>
  Buffer.concat(
    Object.entries(files).map(([name, content]) =>
      Buffer.concat([Uint8Array.of(names.indexOf(name), kind), Buffer.from(`${content}\n--\n`, 'latin1')]),
    ),
  );

const LOG = `kexec -d -l Image
arch_process_options:178: command_line: console=ttyAMA0
[   12.5] kexec_load: entry = 0x40000000 flags = 0xb70000
`;

/** Words of command lines; PLACE stands for a directory of the input's own. */
const WORDS = [
  ...['status', 'segments', 'machines', 'dmesg', 'diff', 'cpu', 'replay', 'extract-purgatory', 'handoff', 'snapshot'],
  ...['boot', 'resume', 'completion', 'bash', 'normal', 'crash', '--', '-', '', '--json', '--pages', '--json.x=1'],
  ...['--machine', 'virt-2g', 'virt-8g', '--machine=', '--machine.x=1', '--no-machine', '--state', 'PLACE/state'],
  ...['--load', 'PLACE/code@0x40000000', '--pc', '0x40000000', '--sp', '-1', '--el', '2', '--registers', 'PLACE/file'],
  ...['--dump', '0x40000000,16=PLACE/out', '0x0,16=PLACE/out', '0x40000000,16=/dev/full', '--stop-at', '0x40000004'],
  ...['--take-exceptions', '--run', '1', 'NaN', '--compat', '2.0.25:zlib', '2.0.99', '--purgatory', '--until', 'entry'],
  ...['--cpus', '2', '99', '--memory', '64M', '1T', '--disk', 'PLACE/file,rw', '--quirk', 'cpu-on-once', '--output'],
  ...['PLACE/out', 'PLACE/file', 'PLACE/pipe', 'PLACE', '/dev/null', '/dev/full', '/dev/zero', 'PLACE/none', PAYLOAD],
  ...['-l', '-p', '-e', '-u', '-s', '-c', '-a', '-d', '-S', '-i', '-x', '-t', 'Image', '--initrd', '--dtb', '--append'],
  ...['--reuse-cmdline', '--command-line=x', '--mem-min=0x1000', '--entry', '--sim-page-size=3', '--sim-compat=x'],
  ...['--sim-record=PLACE/record', '--sim-timeout=-1', '--sim-quirk=x', '--sim-decompress-limit=1', '--sim-until=x'],
  ...['a\x1b[31mb', 'a\nb', 'ä', '\xff', 'x'.repeat(5000), '__proto__', '--__proto__.x=1', '--constructor', '\0'],
] as const;

/** The words that the input's bytes stand for, behind a command that is named by its first byte. */
const runWords = async (input: Uint8Array): Promise<void> => {
  const directory = emptied('words');
  writeFileSync(join(directory, 'code'), Uint8Array.of(0, 0, 0, 0x14));
  writeFileSync(join(directory, 'file'), '{}');
  spawnSync('mkfifo', [join(directory, 'pipe')]);
  const words = [...input.subarray(1, 12)].map((byte) => WORDS[byte % WORDS.length]!.replaceAll('PLACE', directory));
  const env = { HOME: directory, KEXEC_UNTIL: 'entry', KEXEC_MAX_INSTRUCTIONS: '1000' };
  if (((input[0] ?? 0) & 1) === 0) judge(`kexec ${words.join(' ')}`, await runToEnd(words, env));
  else judge(`kexec-sim ${words.join(' ')}`, await runSimToEnd(words, env));
};

export const targets: readonly AsyncFuzzTarget[] = [
  {
    name: 'recording-archive',
    seeds: () => [new Uint8Array(ARCHIVE)],
    run: async (input) => {
      const archive = new Uint8Array(input);
      for (let at = 0; at + 512 <= archive.length; at += 512) {
        const block = archive.subarray(at, at + 512);
        // Behind the checksums, which no mutation gets past.
        if (Buffer.from(block.subarray(257, 262)).toString() === 'ustar') sumHeader(block);
      }
      const file = place('machine.tar');
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, archive);
      await useMachine(file);
    },
  },
  {
    name: 'recording-directory',
    seeds: () => [
      filesInput(RECORDED, {
        'proc/iomem': '40000000-7fffffff : System RAM\n',
        uname: 'Linux aarch64',
        pagesize: '65536',
      }),
      ...[0, 1, 2, 3, 4].map((kind) =>
        filesInput(RECORDED, { 'proc/iomem': 'x', 'proc/cmdline': 'y', quirks: '' }, kind),
      ),
    ],
    run: async (input) => {
      const directory = emptied('machine');
      for (const [name, content] of Object.entries(SMALL_MACHINE)) makeFile(join(directory, name), 5, encode(content));
      makeFiles(directory, RECORDED, input);
      await useMachine(directory);
    },
  },
  {
    name: 'state-directory',
    seeds: () => [
      filesInput(KEPT, { 'state.json': STATE, [`${SEGMENT}.bin`]: 'x'.repeat(4096), dmesg: '<6>hello\n' }),
      ...[0, 1, 2, 3, 4].map((kind) => filesInput(KEPT, { lock: '1 2 x', [`${SEGMENT}.bin`]: 'y', dmesg: 'z' }, kind)),
      filesInput(KEPT, { lock: '0 1 x', 'state.json': STATE }),
    ],
    run: async (input) => {
      const state = emptied('state');
      makeFiles(state, KEPT, input);
      const env = { KEXEC_STATE: state, KEXEC_UNTIL: 'entry', KEXEC_MAX_INSTRUCTIONS: '1000' };
      for (const args of [['status'], ['segments'], ['dmesg']]) {
        judge(`kexec-sim ${args.join(' ')}`, await runSimToEnd(args, env), [state]);
      }
      for (const args of [['-e'], ['-l', PAYLOAD], ['-u']]) judge(`kexec ${args.join(' ')}`, await runToEnd(args, env));
    },
  },
  {
    name: 'diff-log',
    seeds: () => [
      encode(LOG),
      Buffer.from(LOG, 'utf16le'),
      encode(LOG.replaceAll('\n', '\r\n')),
      encode('\n'.repeat(5000)),
    ],
    run: async (input) => {
      const file = place('real.log');
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, input);
      judge('kexec-sim diff', await runSimToEnd(['diff', file]), [file]);
      judge('kexec-sim diff', await runSimToEnd(['diff', file, file]), [file]);
    },
  },
  {
    name: 'command-lines',
    seeds: () => [
      Uint8Array.of(0, 85, 84, 94, 86),
      ...WORDS.map((_, i) => Uint8Array.of(1, i % 256, (i * 7) % 256, (i * 31) % 256)),
    ],
    run: runWords,
  },
];
