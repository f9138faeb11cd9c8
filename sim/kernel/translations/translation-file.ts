/**
 * What processors translated, kept on the host's disk: a kernel that runs once more starts with it. A file is for one
 * kernel and one build of ours, and nothing is lost with it.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  type Stats,
} from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError, SystemError } from '../../../kexec/base/error.js';
import { Translations } from '../../cpu/translations.js';
import { NodeError, makeDirectories, readOpen } from '../recording/host-files.js';
import { openRegular } from '../recording/input-files.js';

/** A digest of the sources that translate, which the bundler puts here: there is none where nothing was bundled. */
declare const TRANSLATOR_ID: string;
const TRANSLATOR = typeof TRANSLATOR_ID === 'undefined' || TRANSLATOR_ID === '' ? undefined : TRANSLATOR_ID;

/** Of a file, and of all of them together. */
export const MAX_FILE_BYTES = 32 * 1024 * 1024;
export const MAX_ALL_BYTES = 256 * 1024 * 1024;

const SUFFIX = '.translations';
const DIGEST_BYTES = 32;
/** A file is written anew for as many more regions as these, or a part of those that it has. */
const MIN_ADDED = 16;
const PART = 20;

/** Translations to begin a run with, and what keeps them for the next one. */
export interface KeptTranslations {
  readonly translations: Translations;
  /** To be called at the end of a run. A disk that cannot take the file is no failure. */
  readonly keep: () => void;
}

/**
 * What is kept of runs of a kernel, as far as there is one. @param directory undefined for nowhere; see
 * translation-directory.ts
 */
export const translationsOf = (
  kernel: Uint8Array | undefined,
  directory: string | undefined,
  translator = TRANSLATOR,
): KeptTranslations => {
  if (kernel === undefined || directory === undefined || translator === undefined)
    return { translations: Translations.none(), keep: () => {} };
  const name = createHash('sha256').update(`${translator}\n`).update(kernel).digest('hex');
  const path = join(directory, `${name}${SUFFIX}`);
  const translations = readFile(path) ?? Translations.fresh();
  return {
    translations,
    keep: () => {
      const { added, earlier } = translations;
      if (added < Math.max(MIN_ADDED, earlier.regions.length / PART)) return;
      const bytes = translations.toBytes();
      if (bytes.length > MAX_FILE_BYTES - DIGEST_BYTES) return;
      if (writeFile(directory, path, bytes)) makeRoom(directory);
    },
  };
};

/** A file that is damaged, or that others may have written, is as good as none. */
const readFile = (path: string): Translations | undefined => {
  const opened = attempt(SystemError, () => attempt(KexecError, () => openRegular(path, READ)));
  if (!('sizeBytes' in opened)) return undefined;
  const { file, sizeBytes } = opened;
  try {
    if (!isOurs(fstatSync(file)) || sizeBytes < DIGEST_BYTES || sizeBytes > MAX_FILE_BYTES) return undefined;
    const bytes = attempt(SystemError, () => readOpen(file, path, 0, sizeBytes));
    if (bytes instanceof SystemError) return undefined;
    const kept = bytes.subarray(DIGEST_BYTES);
    if (!digestOf(kept).equals(bytes.subarray(0, DIGEST_BYTES))) return undefined;
    const translations = attempt(RangeError, () => Translations.fromBytes(kept));
    return translations instanceof RangeError ? undefined : translations;
  } finally {
    closeSync(file);
  }
};

/** Whatever the user's umask lets others do. */
const OWN = 0o700;
/** Whoever puts a link there has something else in mind. */
const READ = constants.O_RDONLY | constants.O_NOFOLLOW;

const isOurs = ({ uid, mode }: Pick<Stats, 'uid' | 'mode'>): boolean =>
  uid === process.getuid?.() && (mode & 0o022) === 0;

const digestOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/**
 * Puts a new file in the place of whatever has the name, unless others may write in the directory.
 * @returns whether it is there
 */
const writeFile = (directory: string, path: string, bytes: Uint8Array): boolean => {
  const fresh = `${path}.${randomBytes(6).toString('hex')}`;
  const done = attempt(NodeError, () => {
    makeDirectories(dirname(directory));
    if (!existsSync(directory)) mkdirSync(directory, OWN);
    if (!isOurs(statSync(directory))) return false;
    writeFileSync(fresh, Buffer.concat([digestOf(bytes), bytes]), { flag: 'wx', mode: 0o600 });
    renameSync(fresh, path);
    return true;
  });
  if (done instanceof NodeError) attempt(NodeError, () => rmSync(fresh, { force: true }));
  return done === true;
};

/** Removes what was not written for the longest time, until the rest is small enough: also what a killed run left. */
const makeRoom = (directory: string): void => {
  const names = attempt(NodeError, () => readdirSync(directory));
  if (!Array.isArray(names)) return;
  const files = names
    .filter((name) => name.includes(SUFFIX))
    .flatMap((name) => {
      const path = join(directory, name);
      const stats = attempt(NodeError, () => statSync(path));
      return 'mtimeMs' in stats ? [{ path, size: stats.size, mtimeMs: stats.mtimeMs }] : [];
    })
    .sort((a, b) => b.mtimeMs - a.mtimeMs);
  let total = 0;
  for (const { path, size } of files) {
    total += size;
    if (total > MAX_ALL_BYTES) attempt(NodeError, () => rmSync(path, { force: true }));
  }
};
