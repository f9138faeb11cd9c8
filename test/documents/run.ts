/**
 * Runs what the README, the documents and the manual pages show, in their order, each in a shell of its own and all in
 * one directory, and compares what is stable of the output: `npm run documents -- [DOCUMENT...]`. Needs Debian's
 * packages, as the conformance run does.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';
import { debianBusybox, debianKernel } from '../conformance/apt.js';
import { prepareReal } from '../conformance/debian.js';
import { busyboxInitramfs } from '../machine/initramfs.js';
import { scratchDirectory } from '../support/cache.js';
import { recordedFiles } from '../support/recorded.js';
import { runMain, say } from '../support/run-main.js';
import { type Step, isAsShown, stepsOf } from './steps.js';

const DOCUMENTS = [
  'README.md',
  'docs/execution.md',
  'docs/file-load.md',
  'docs/inspect.md',
  'docs/kdump.md',
  'docs/logs.md',
  'docs/recordings.md',
  'docs/settings.md',
  'kexec.8',
  'kexec-sim.8',
  'vmcore-dmesg.8',
];

/** They take long, and CI does what they do by itself; the kernel is there already. */
const LEFT_OUT = ['make demo', 'make check', 'make kernel'];

/** What ends with another status than 0 because the document shows a failure. */
const FAILS: readonly string[] = [
  // The machine's crash region is too small.
  'bin/kexec-sim doctor --sim-crashkernel=24M -- -p kernel/Image --reuse-cmdline',
  // The kernel finds no root file system.
  'bin/kexec -d -e',
  'bin/kexec -e --sim-state=changed',
  // Nothing is loaded.
  'bin/kexec-sim panic --state nothing',
  // The log is of another kernel, and so something differs.
  'kexec-sim diff real.log --machine virt-2g -- -l Image --reuse-cmdline',
];

const withoutComment = (command: string): string => command.replace(/\s+# .*$/, '');

/** What a user has who follows the documents: the project, a kernel, an initramfs, a board. */
const makePlace = (place: string): void => {
  for (const name of ['bin', 'dist', 'machines', 'node_modules', 'package.json', 'test', 'util']) {
    fs.symlinkSync(path.resolve(name), path.join(place, name));
  }
  const put = (name: string, bytes: string | Uint8Array, mode = 0o644): void => {
    const file = path.join(place, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, bytes, { mode });
  };
  const kernel = fs.readFileSync(debianKernel('bookworm'));
  put('kernel/Image', kernel);
  put('Image', kernel);
  put('Image.gz', gzipSync(kernel, { level: 1 }));
  put('initrd.img', busyboxInitramfs(fs.readFileSync(debianBusybox()), INIT));
  put('root.img', new Uint8Array(1 << 20));
  put('real.log', fs.readFileSync('test/data/logs/virt-2g-2.0.25.txt'));
  const vmcore = gunzipSync(fs.readFileSync('test/data/vmcore/6.12-texts.core.gz'));
  put('vmcore', vmcore);
  put('crashed/proc/vmcore', vmcore);
  put('arm64/sbin/kexec', fs.readFileSync(prepareReal('2.0.25').program));
  for (const [name, bytes] of recordedFiles('virt-2g')) put(`board/${name}`, bytes);
  // The board is reached by ssh, and is an arm64 one: here, a directory in which its files lie.
  const [tools, board] = [path.join(place, 'tools'), path.join(place, 'board')];
  put('tools/ssh', `#!/bin/sh\nshift\nSNAPSHOT_ROOT=${board} PATH=${tools}/board:$PATH exec "$@"\n`, 0o755);
  put('tools/board/uname', '#!/bin/sh\n[ "$1" = -m ] && echo aarch64 || echo Linux\n', 0o755);
};

const INIT = `#!/bin/sh
/bin/busybox --install -s /bin
echo login:
read -t 3 line
eval "$line"
poweroff -f
`;

const MARK = '=== step';

interface Ran {
  readonly status: number;
  readonly output: string;
}

/** All commands, those of a document in one shell. @returns what each printed, and its exit status */
const runAll = (steps: readonly Step[], place: string): readonly Ran[] => {
  const lines = steps.map(({ where, command }, i) => {
    const isFirst = steps[i - 1]?.where !== where;
    return `${isFirst && i > 0 ? ')\n' : ''}${isFirst ? '(\n' : ''}${command}\nprintf '\\n${MARK} %s %s\\n' ${i} $?\n`;
  });
  const script = `${lines.join('')})\n`;
  fs.writeFileSync(path.join(place, 'script'), `exec 2>&1 </dev/null\n${script}`);
  const { stdout } = spawnSync('bash', ['script'], {
    cwd: place,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: {
      PATH: `${place}/tools:${place}/bin:${process.env['PATH'] ?? ''}`,
      HOME: path.join(place, 'home'),
      LC_ALL: 'C.UTF-8',
    },
  });
  const ends = [...stdout.matchAll(new RegExp(`^${MARK} (\\d+) (\\d+)\n`, 'gm'))];
  return ends.map((end, i) => {
    const before = ends[i - 1];
    const start = before === undefined ? 0 : before.index + before[0].length;
    return { status: Number(end[2]), output: stdout.slice(start, Math.max(start, end.index - 1)) };
  });
};

await runMain('documents', () => {
  const { positionals } = parseArgs({ allowPositionals: true });
  const unknown = positionals.find((name) => !DOCUMENTS.includes(name));
  if (unknown !== undefined) throw new Error(`${unknown} is none of ${DOCUMENTS.join(', ')}`);
  const chosen = positionals.length === 0 ? DOCUMENTS : positionals;
  const place = scratchDirectory('documents');
  try {
    execFileSync('mkdir', [path.join(place, 'home')]);
    makePlace(place);
    const steps = chosen
      .flatMap((name) => stepsOf(name, fs.readFileSync(name, 'utf8')))
      .filter(({ command }) => !LEFT_OUT.includes(withoutComment(command)));
    const ran = runAll(steps, place);
    let failed = 0;
    for (const [i, { where, command, expected }] of steps.entries()) {
      const result = ran[i];
      const wanted = FAILS.includes(withoutComment(command)) ? 1 : 0;
      const good = result !== undefined && result.status === wanted && isAsShown(expected, result.output);
      say(`${good ? 'ok  ' : 'FAIL'} ${where}: ${command}`);
      if (good) continue;
      failed++;
      say(
        `     status ${result?.status ?? 'unknown'}, and the output:\n${(result?.output ?? '').replaceAll(/^/gm, '     ')}`,
      );
    }
    say(`${steps.length - failed} as shown, ${failed} not`);
    if (failed > 0 || steps.length === 0) process.exitCode = 1;
  } finally {
    fs.rmSync(place, { recursive: true, force: true });
  }
});
