/**
 * Kills, crowds and starves the commands: `npm run torture -- [--kills N] [--crowds N] [--seed N]`. After each blow
 * what is loaded is the old or the new, and the next command works. Needs root, for disks of its own that are full or
 * fixed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createRandom, type Random } from '../fuzz/mutate.js';
import { scratchDirectory } from '../support/cache.js';
import { runMain, say } from '../support/run-main.js';
import { runSimToEnd } from '../support/run-support.js';
import { BEGINS, ENDS, TELL_FD } from './told.js';

const KEXEC = fileURLToPath(new URL('../../commands/kexec.js', import.meta.url));
const SLOW = new URL('slow-files.js', import.meta.url).href;
const TOLD = new URL('told-files.js', import.meta.url).href;
const PAYLOAD = 'machines/payload/Image';
const SMALL_BYTES = 100_000;
const LARGE_BYTES = 8_000_000;
/** Holds what a load of the small initrd leaves, twice. */
const DISK = '1m';
/** A command that runs longer hangs. */
const PATIENCE_MS = 60_000;
/** Of so many commands one is not killed. */
const UNHARMED = 8;

/** What is loaded, as `kexec-sim segments` shows it; nothing is ''. */
interface Loaded {
  readonly normal: string;
  readonly crash: string;
}

const NOTHING: Loaded = { normal: '', crash: '' };

const isSame = (one: Loaded, other: Loaded): boolean => one.normal === other.normal && one.crash === other.crash;

const ACTIONS = ['small', 'large', 'panic', 'unload', 'execute'] as const;
type Action = (typeof ACTIONS)[number];

interface Ended {
  readonly code: number | null;
  readonly err: string;
  /** Milliseconds until it began to change files, and until it had done so; undefined where it did not get there. */
  readonly beginMs: number | undefined;
  readonly endMs: number | undefined;
}

/** When a command is killed: milliseconds from its start, or from where it begins to change files. */
interface Blow {
  readonly from: 'start' | 'begin';
  readonly ms: number;
}

/** When a command changes files, in milliseconds from its start. */
interface Window {
  readonly beginMs: number;
  readonly endMs: number;
}

/** What the user may be told of a command that could not do its work. */
const REFUSALS =
  /^(?:.*Device or resource busy|.*No space left on device|.*Read-only file system|Nothing has been loaded!)/m;
/** Another command unloaded what `kexec -e` had found loaded: then reboot(2) answers EINVAL. */
const GONE = /^kexec failed: Invalid argument/m;

class Victim {
  readonly #state: string;
  /** What a load leaves. */
  readonly #images = new Map<Action, string>();

  /** @param directory where its files are; the state may be elsewhere */
  constructor(
    private readonly directory: string,
    state = join(directory, 'state'),
  ) {
    this.#state = state;
    writeFileSync(join(directory, 'small'), Buffer.alloc(SMALL_BYTES, 1));
    writeFileSync(join(directory, 'large'), Buffer.alloc(LARGE_BYTES, 2));
  }

  get #env(): Readonly<Record<string, string>> {
    return { KEXEC_MACHINE: 'virt-2g', KEXEC_STATE: this.#state, KEXEC_SIM_RANDOM: '00' };
  }

  #argumentsOf(action: Action): readonly string[] {
    switch (action) {
      case 'small':
      case 'large':
        return ['-l', PAYLOAD, `--initrd=${join(this.directory, action)}`];
      case 'panic':
        return ['-p', PAYLOAD, '--append=x'];
      case 'unload':
        return ['-u'];
      case 'execute':
        return ['-e'];
    }
  }

  /** @param blow when it is killed; undefined: not at all */
  run(action: Action, { blow, slow = false }: { readonly blow?: Blow; readonly slow?: boolean } = {}): Promise<Ended> {
    const start = performance.now();
    const preloaded = [...(slow ? [SLOW] : []), TOLD].map((module) => `--import=${module}`);
    const child = spawn(process.execPath, [...preloaded, KEXEC, ...this.#argumentsOf(action)], {
      env: { PATH: process.env['PATH'], ...this.#env },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    const killIn = (ms: number) => setTimeout(() => child.kill('SIGKILL'), ms);
    let timer = killIn(blow?.from === 'start' ? blow.ms : PATIENCE_MS);
    let err = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (err += text));
    let [beginMs, endMs]: (number | undefined)[] = [];
    (child.stdio[TELL_FD] as Readable).setEncoding('utf8').on('data', (told: string) => {
      if (told.includes(BEGINS)) {
        beginMs = performance.now() - start;
        if (blow?.from === 'begin') {
          clearTimeout(timer);
          timer = killIn(blow.ms);
        }
      }
      if (told.includes(ENDS)) endMs = performance.now() - start;
    });
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => {
        clearTimeout(timer);
        if (code === null && blow === undefined) reject(new Error(`${action} does not end in ${PATIENCE_MS / 1000} s`));
        else resolve({ code, err, beginMs, endMs });
      });
    });
  }

  /** What is loaded. @throws Error when that cannot be told any more */
  async look(): Promise<Loaded> {
    const { code, out, err } = await runSimToEnd(['segments', '--json'], this.#env);
    if (code !== 0) throw new Error(`kexec-sim segments fails: ${err}`);
    const rows = JSON.parse(out) as readonly { readonly image: string }[];
    const slot = (name: string): string => {
      const own = rows.filter(({ image }) => image === name);
      return own.length === 0 ? '' : JSON.stringify(own);
    };
    return { normal: slot('normal'), crash: slot('crash') };
  }

  /** Learns what the loads leave. @returns when each action changes files */
  async learn(slow: boolean): Promise<Map<Action, Window>> {
    const windows = new Map<Action, Window>();
    for (const action of ['large', 'panic', 'small', 'execute', 'small', 'unload'] as const) {
      const { code, err, beginMs, endMs } = await this.run(action, { slow });
      if (code !== 0 || beginMs === undefined || endMs === undefined) throw new Error(`${action} fails: ${err}`);
      windows.set(action, { beginMs, endMs });
      const { normal, crash } = await this.look();
      if (action === 'panic') this.#images.set(action, crash);
      else if (action === 'small' || action === 'large') this.#images.set(action, normal);
    }
    return windows;
  }

  /** What is loaded after an action that ends well. */
  after(action: Action, before: Loaded): Loaded {
    switch (action) {
      case 'small':
      case 'large':
        return { ...before, normal: this.#images.get(action)! };
      case 'panic':
        return { ...before, crash: this.#images.get(action)! };
      case 'unload':
        return { ...before, normal: '' };
      case 'execute':
        return before.normal === '' ? before : NOTHING;
    }
  }

  /** Whether both slots hold something that was loaded, or nothing. */
  isWhole({ normal, crash }: Loaded): boolean {
    const images = [...this.#images.values(), ''];
    return images.includes(normal) && images.includes(crash);
  }

  /** Does an action that must be carried out, and leave nothing that is of no use. @throws Error */
  async mustDo(action: Action): Promise<void> {
    const before = await this.look();
    const { code, err } = await this.run(action);
    const expected = this.after(action, before);
    const isRefused = action === 'execute' && before.normal === '';
    if ((code === 0) === isRefused) throw new Error(`${action} ends with ${code}: ${err}`);
    if (!isSame(await this.look(), expected)) throw new Error(`${action} leaves something else`);
    const left = readdirSync(this.#state).filter((name) => !/^(?:state\.json|dmesg|segment-.*)$/.test(name));
    // Who changes nothing writes nothing, and does not look for what others left.
    if (code === 0 && !isSame(before, expected) && left.length > 0)
      throw new Error(`${action} leaves ${left.join(', ')}`);
  }
}

const pick = <T>(list: readonly T[], random: Random): T => list[random.below(list.length)]!;

/** Where the kills hit: before a command began to change files, while it did, and behind that. */
interface Hits {
  before: number;
  during: number;
  after: number;
  /** Those after which the old is loaded, of the ones that hit while files were changed. */
  old: number;
}

/** So many kills tell whether half of them hit where they should. */
const ENOUGH = 50;
/** One of so many kills comes at any time from the start on; the others, once the command changes files. */
const ANY_TIME = 5;

/** SIGKILL at random times. */
const kill = async (victim: Victim, random: Random, count: number): Promise<Hits> => {
  const learned = { fast: await victim.learn(false), slow: await victim.learn(true) };
  const hits: Hits = { before: 0, during: 0, after: 0, old: 0 };
  for (let round = 0; round < count; round++) {
    if (round % UNHARMED === UNHARMED - 1) await victim.mustDo(pick(ACTIONS, random));
    const before = await victim.look();
    // Without an image, these change nothing.
    const isIdle = (action: Action): boolean => before.normal === '' && (action === 'unload' || action === 'execute');
    const action = pick(
      ACTIONS.filter((each) => !isIdle(each)),
      random,
    );
    const slow = random.below(4) === 0;
    const windows = slow ? learned.slow : learned.fast;
    const { beginMs, endMs } = windows.get(action)!;
    const blow: Blow =
      random.below(ANY_TIME) === 0
        ? { from: 'start', ms: random.below(Math.ceil(endMs * 1.1)) }
        : { from: 'begin', ms: random.below(Math.ceil(endMs - beginMs)) };
    const ended = await victim.run(action, { blow, slow });
    // The machine is not always as fast as it was: of a command that got to its end, the times are learned anew.
    if (ended.beginMs === undefined) hits.before++;
    else if (ended.endMs === undefined) hits.during++;
    else {
      hits.after++;
      windows.set(action, { beginMs: ended.beginMs, endMs: ended.endMs });
    }
    const now = await victim.look();
    if (ended.beginMs !== undefined && ended.endMs === undefined && isSame(now, before)) hits.old++;
    if (!isSame(now, before) && !isSame(now, victim.after(action, before)))
      throw new Error(`round ${round}: ${action}, killed, leaves neither the old nor the new`);
  }
  await victim.mustDo('small');
  return hits;
};

/** Commands beside each other, some on slow disks. @returns how many were refused */
const crowd = async (victim: Victim, random: Random, count: number): Promise<number> => {
  let refused = 0;
  for (let round = 0; round < count; round++) {
    const actions = Array.from({ length: 2 + random.below(3) }, () => pick(ACTIONS, random));
    const ended = await Promise.all(actions.map((action) => victim.run(action, { slow: random.below(3) === 0 })));
    for (const [i, { code, err }] of ended.entries()) {
      if (code === 0) continue;
      refused++;
      if (!REFUSALS.test(err) && !(actions[i] === 'execute' && GONE.test(err)))
        throw new Error(`round ${round}: ${actions[i]!} beside others ends with ${code}: ${err}`);
    }
    if (!victim.isWhole(await victim.look())) throw new Error(`round ${round}: ${actions.join(', ')} leave a mixture`);
  }
  await victim.mustDo('small');
  return refused;
};

const mustFail = async (victim: Victim, action: Action): Promise<void> => {
  const before = await victim.look();
  const { code, err } = await victim.run(action);
  if (code === 0 || !REFUSALS.test(err) || err.trim().includes('\n')) {
    throw new Error(`${action} without room ends with ${code}: ${err}`);
  }
  if (!isSame(await victim.look(), before)) throw new Error(`${action} without room leaves something else`);
};

const mount = (...args: readonly string[]): void => {
  const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`mount ${args.join(' ')}: ${stderr}`);
};

/** In a mount namespace of its own: a disk that is too small, and one that nobody may write to. */
const starve = async (directory: string): Promise<void> => {
  const disk = join(directory, 'disk');
  mkdirSync(disk);
  mount('-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', disk);
  const victim = new Victim(directory, join(disk, 'state'));
  for (const hindrance of ['full', 'fixed'] as const) {
    const isFull = hindrance === 'full';
    const { code, err } = await victim.run('small');
    if (code !== 0) throw new Error(`small ends with ${code}: ${err}`);
    if (!isFull) mount('-o', 'remount,ro', disk);
    for (const action of isFull ? (['large'] as const) : (['small', 'large', 'unload'] as const))
      await mustFail(victim, action);
    if (!isFull) mount('-o', `remount,rw,size=${DISK}`, disk);
    const unloaded = await victim.run('unload');
    if (unloaded.code !== 0) throw new Error(`unload ends with ${unloaded.code}: ${unloaded.err}`);
    if ((await victim.look()).normal !== '') throw new Error('unload leaves something');
  }
};

/** Starts this program once more, where mounts are its own. */
const starveApart = (directory: string): void => {
  const program = [process.execPath, fileURLToPath(import.meta.url), '--starve', directory];
  const { status, stderr } = spawnSync('unshare', ['--mount', ...program], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`a disk without room: ${stderr.trim()}`);
};

const wholeNumber = (name: string, text: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name}: "${text}" is not a whole number`);
  return Number(text);
};

await runMain('torture', async () => {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '1000' },
      crowds: { type: 'string', default: '200' },
      seed: { type: 'string' },
      starve: { type: 'string' },
    },
  });
  if (values.starve !== undefined) return starve(values.starve);
  const [kills, crowds] = [wholeNumber('kills', values.kills), wholeNumber('crowds', values.crowds)];
  const seed = values.seed === undefined ? Date.now() % 1_000_000_000 : wholeNumber('seed', values.seed);
  say(`seed ${seed}`);
  const random = createRandom(seed);
  const directory = scratchDirectory('torture');
  try {
    const victim = new Victim(directory);
    const { before, during, after, old } = await kill(victim, random, kills);
    say(
      `${kills} kills: ${before} before anything was written, ${during} while it was (the old is left ${old} times), ${after} behind that; the old or the new each time`,
    );
    // A few may fall as they like.
    if (kills >= ENOUGH && during * 2 < kills)
      throw new Error('fewer than half of the kills hit where files are changed');
    say(`${crowds} crowds: ${await crowd(victim, random, crowds)} commands refused, as busy or without an image`);
    starveApart(directory);
    say('a full disk and one that is read-only: what was loaded stays, and one message says why');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
