/**
 * The file that a trace is: a magic, a version, a head in JSON, and pieces, each compressed (RFC 1951). Numbers are
 * little-endian.
 */
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { attempt } from '../../../kexec/base/attempt.js';
import type { KexecError } from '../../../kexec/base/error.js';
import { MachineError } from '../../machine/error.js';
import { SavedState } from '../../machine/saved-state.js';
import { NodeError } from '../recording/host-files.js';
import { CHUNK_BYTES, readChunk } from './chunk.js';
import type { TraceEvent } from './events.js';

/** What a trace says beside its events. */
export interface TraceHead {
  /** What was asked for, as `--sim-trace` has it. */
  readonly what: string;
  /** Events that it has. */
  readonly events: number;
  /** Events before them that were dropped for want of room. */
  readonly dropped: number;
  readonly devices: readonly TracedDevice[];
  /** What addresses are called that it has. */
  readonly names: ReadonlyMap<bigint, string>;
}

export interface TracedDevice {
  readonly name: string;
  readonly start: bigint;
  /** Exclusive. */
  readonly end: bigint;
}

export interface Trace extends TraceHead {
  /** The oldest first; to be gone through once. @throws MachineError when the file is broken */
  readonly all: () => Iterable<TraceEvent>;
}

const MAGIC = 'KEXECTRC';
const VERSION = 1;
const PREAMBLE_BYTES = MAGIC.length + 8;
const PIECE_HEAD_BYTES = 8;

/** A head has no more bytes, which keeps a hostile file from being taken at its word. */
export const MAX_TRACE_HEAD = 256 << 20;

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** @param chunks of {@link ChunkWriter}, in order */
export const writeTrace = (
  head: TraceHead,
  chunks: readonly Uint8Array[],
  write: (bytes: Uint8Array) => void,
): void => {
  const { what, events, dropped, devices, names } = head;
  const json = Buffer.from(
    JSON.stringify({
      ...{ what, events, dropped },
      devices: devices.map(({ name, start, end }) => ({ name, start: hex(start), end: hex(end) })),
      addresses: [...names.keys()].map(hex),
      names: [...names.values()],
    }),
  );
  const stored = deflateRawSync(json);
  const preamble = Buffer.from(`${MAGIC}\0\0\0\0\0\0\0\0`, 'latin1');
  preamble.writeUInt32LE(VERSION, MAGIC.length);
  preamble.writeUInt32LE(chunks.length, MAGIC.length + 4);
  write(preamble);
  for (const bytes of [json, ...chunks]) {
    const piece = bytes === json ? stored : deflateRawSync(bytes);
    const pieceHead = Buffer.alloc(PIECE_HEAD_BYTES);
    pieceHead.writeUInt32LE(piece.length, 0);
    pieceHead.writeUInt32LE(bytes.length, 4);
    write(pieceHead);
    write(piece);
  }
};

/** @param refuse says what is wrong with the file: "is damaged" @throws what `refuse` gives */
export const readTrace = (bytes: Uint8Array, refuse: (why: string) => KexecError): Trace => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (Buffer.from(bytes.subarray(0, MAGIC.length)).toString('latin1') !== MAGIC || bytes.length < PREAMBLE_BYTES) {
    throw refuse('is no trace of a machine');
  }
  const version = view.getUint32(MAGIC.length, true);
  if (version !== VERSION) throw refuse(`is a trace of format ${version}, and this kexec-sim reads ${VERSION}`);
  let at = PREAMBLE_BYTES;
  const next = (most: number): Uint8Array => {
    if (at + PIECE_HEAD_BYTES > bytes.length) throw refuse('is damaged: it ends too early');
    const [stored, size] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    at += PIECE_HEAD_BYTES;
    if (size > most || at + stored > bytes.length) throw refuse('is damaged: a piece is too large');
    const piece = attempt(NodeError, () => inflate(bytes.subarray(at, at + stored), size));
    if (!(piece instanceof Uint8Array) || piece.length !== size) throw refuse('is damaged: a piece cannot be unpacked');
    at += stored;
    return piece;
  };
  const head = attempt(MachineError, () => readHead(next(MAX_TRACE_HEAD)));
  if (head instanceof MachineError) throw refuse(`is damaged: ${head.message}`);
  const chunks = view.getUint32(MAGIC.length + 4, true);
  return {
    ...head,
    *all() {
      for (let i = 0; i < chunks; i++) yield* readChunk(next(CHUNK_BYTES));
    },
  };
};

const inflate = (stored: Uint8Array, size: number): Uint8Array =>
  inflateRawSync(stored, { maxOutputLength: Math.max(size, 1), finishFlush: constants.Z_SYNC_FLUSH });

const readHead = (bytes: Uint8Array): TraceHead => {
  const state = new SavedState('the head', parse(bytes));
  const addresses = state.hexes('addresses', { count: state.list('addresses').length });
  const names = state.texts('names', addresses.length);
  if (names.length !== addresses.length) throw state.broken('names');
  return {
    what: state.text('what'),
    events: state.number('events', Number.MAX_SAFE_INTEGER),
    dropped: state.number('dropped', Number.MAX_SAFE_INTEGER),
    devices: state.list('devices').map((part) => {
      const device = new SavedState('a device', part);
      return { name: device.text('name'), start: device.hex('start'), end: device.hex('end') };
    }),
    names: new Map(addresses.map((address, i) => [address, names[i]!])),
  };
};

const parse = (bytes: Uint8Array): unknown => {
  const json = attempt(SyntaxError, () => JSON.parse(Buffer.from(bytes).toString()) as unknown);
  if (json instanceof SyntaxError) throw new MachineError('its head is no JSON');
  return json;
};
