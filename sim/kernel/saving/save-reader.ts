/** Reads the records of a saved machine, one at a time, with the suspicion that a file deserves. */
import { constants, inflateRawSync } from 'node:zlib';
import { attempt } from '../../../kexec/base/attempt.js';
import type { KexecError } from '../../../kexec/base/error.js';
import type { Json } from '../../machine/savable.js';
import { NodeError } from '../recording/host-files.js';
import {
  HEAD_BYTES,
  KINDS,
  PREAMBLE_BYTES,
  type RecordHead,
  type RecordKind,
  VERSION,
  parseHead,
  versionOf,
} from './records.js';

/** The bytes of a file, one after the other. */
export interface ByteSource {
  /** The next ones; fewer at the end, of which the digest is not a part. */
  take(sizeBytes: number): Uint8Array;
}

/** Says what is wrong: "is damaged". */
export type Refuse = (why: string) => KexecError;

/** A piece of RAM, or of what was written to a disk. */
export interface SavedPiece {
  readonly kind: 'ram' | 'disk';
  readonly index: number;
  readonly address: bigint;
  readonly bytes: Uint8Array;
}

export interface SavedRecords {
  /** Nobody has looked at it. */
  readonly description: Json;
  readonly tree: Uint8Array;
  /** The rest, in order; to be gone through once. @throws what `refuse` gives */
  readonly pieces: Iterable<SavedPiece>;
}

/** Looks at the first bytes. @throws what `refuse` gives for a file of something else, or of a newer version */
export const checkPreamble = (bytes: Uint8Array, refuse: Refuse): void => {
  const version = versionOf(bytes);
  if (version === undefined) throw refuse('is no machine that kexec-sim has saved');
  if (version === VERSION) return;
  throw refuse(`was saved by another kexec-sim: its format is ${version}, and this one reads ${VERSION}`);
};

/** @throws what `refuse` gives */
export const readRecords = (source: ByteSource, refuse: Refuse): SavedRecords => {
  checkPreamble(source.take(PREAMBLE_BYTES), refuse);
  const next = (): readonly [RecordHead, Uint8Array] => {
    const bytes = source.take(HEAD_BYTES);
    const head = bytes.length === HEAD_BYTES ? parseHead(bytes) : undefined;
    if (head === undefined) throw refuse('is damaged: a record has no head');
    const stored = source.take(head.storedBytes);
    if (stored.length !== head.storedBytes) throw refuse('is damaged: it ends within a record');
    return [head, stored.length === head.sizeBytes ? stored : unpack(stored, head, refuse)];
  };
  const only = (wanted: RecordKind): Uint8Array => {
    const [{ kind }, bytes] = next();
    if (kind !== wanted) throw refuse(`is damaged: there is no ${wanted} where it should be`);
    return bytes;
  };
  const description = parseJson(only('description'), refuse);
  return { description, tree: only('tree'), pieces: piecesOf(next, refuse) };
};

function* piecesOf(next: () => readonly [RecordHead, Uint8Array], refuse: Refuse): Generator<SavedPiece> {
  let before = KINDS.indexOf('ram');
  for (;;) {
    const [{ kind, index, address }, bytes] = next();
    if (kind === 'end') return;
    if ((kind !== 'ram' && kind !== 'disk') || KINDS.indexOf(kind) < before) {
      throw refuse('is damaged: its records are not in order');
    }
    before = KINDS.indexOf(kind);
    yield { kind, index, address, bytes };
  }
}

/** Zlib takes no smaller pieces. */
const LEAST_CHUNK = 64;

const unpack = (stored: Uint8Array, { sizeBytes }: RecordHead, refuse: Refuse): Uint8Array => {
  const options = {
    // Zlib takes no limit of 0.
    maxOutputLength: Math.max(sizeBytes, 1),
    // All at once: a piece that is filled to its end has another one follow, which would be put together with it.
    chunkSize: sizeBytes + LEAST_CHUNK,
    finishFlush: constants.Z_FINISH,
  };
  const bytes = attempt(NodeError, () => inflateRawSync(stored, options));
  if (bytes instanceof NodeError || bytes.length !== sizeBytes) throw refuse('is damaged: a record cannot be unpacked');
  return bytes;
};

const parseJson = (bytes: Uint8Array, refuse: Refuse): Json => {
  const value = attempt(SyntaxError, () => JSON.parse(new TextDecoder().decode(bytes)) as Json);
  if (value instanceof SyntaxError) throw refuse('is damaged: its description is no JSON');
  return value;
};
