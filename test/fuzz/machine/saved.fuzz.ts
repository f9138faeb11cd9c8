/** Fuzz targets: saved machines, as files and behind their digest. */
import { deflateRawSync } from 'node:zlib';
import { attempt } from '../../../kexec/base/attempt.js';
import { KexecError } from '../../../kexec/base/error.js';
import { Range } from '../../../kexec/base/range.js';
import { wordRuns } from '../../../sim/cpu/hot/kept-region.js';
import { Translations } from '../../../sim/cpu/translations.js';
import { restoreMachine, saveMachine } from '../../../sim/kernel/machine/saved-machine.js';
import { ConsoleWatch } from '../../../sim/kernel/run/console-watch.js';
import { formatHead, preamble } from '../../../sim/kernel/saving/records.js';
import { type SavedPiece, readRecords } from '../../../sim/kernel/saving/save-reader.js';
import { writeSave } from '../../../sim/kernel/saving/save-writer.js';
import { describeSession, readSession } from '../../../sim/kernel/saving/saved-session.js';
import { MachineError } from '../../../sim/machine/error.js';
import type { Json } from '../../../sim/machine/savable.js';
import { type SavedGuest, openMachine } from '../../support/machine/saved-guest.js';
import type { FuzzTarget } from '../fuzz-target.js';

const refuse = (why: string): KexecError => KexecError.die(`file ${why}`);

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** One for all inputs, which restore it as often as they like: each takes 4 GiB of addresses. */
let machine: SavedGuest | undefined;
const theMachine = (): SavedGuest => (machine ??= openMachine());

/** What is saved of a machine that is off. */
export const description = (): Json =>
  describeSession({
    setup: {
      ...{
        tree: new Uint8Array(),
        ram: [Range.sized(0x4000_0000n, 0x400_0000n)],
        el: 1,
        sinks: [0x900_0000n],
        quirks: ['cpu-on-once'] as const,
      },
      entropy: true,
    },
    places: {
      ...{ kernel: Range.sized(0x4020_0000n, 0x1000n), initrd: undefined },
      tree: Range.sized(0x4400_0000n, 0x1000n),
    },
    disks: [{ file: '/disk', writes: false, sizeBytes: 16384, modifiedNs: 5n, digest: 'ab' }],
    ...{ typed: 'typed', end: 'off' },
    machine: saveMachine(theMachine().whole),
    console: { bytes: 3, line: 'abc', behind: '', panic: [{ reason: 'why', over: true }], oops: ['Oops'] },
  });

const file = (): Uint8Array => {
  const pieces: Uint8Array[] = [];
  const blocks = [{ index: 2, bytes: new Uint8Array(4096).fill(7) }];
  const ram = [{ physAddr: 0x4020_0000n, bytes: new Uint8Array(8192).fill(9) }];
  writeSave({ description: { small: true }, tree: encode('a tree'), ram, disks: [blocks] }, (bytes) =>
    pieces.push(bytes.slice()),
  );
  return Buffer.concat(pieces.slice(0, -1));
};

/** A record that claims to be more than it is. */
const bomb = (): Uint8Array => {
  const stored = deflateRawSync(new Uint8Array(1 << 24));
  const head = { kind: 'description', index: 0, address: 0n, storedBytes: stored.length, sizeBytes: 1000 } as const;
  return Buffer.concat([preamble(), formatHead({ ...head, sizeBytes: 1 << 15 }), stored]);
};

const sourceOf = (input: Uint8Array) => {
  let at = 0;
  return { take: (sizeBytes: number) => input.subarray(at, (at += Math.min(sizeBytes, input.length - at))) };
};

/** Restores as `kexec-sim resume` does. @throws KexecError in place of MachineError */
const restore = (action: () => void): void => {
  const result = attempt(MachineError, action);
  if (result instanceof MachineError) throw refuse(result.message);
};

/**
 * Restores a description as `kexec-sim resume` does, saves the machine once more, and runs it a little. @throws
 * KexecError
 */
export const restoreDescription = (json: unknown): void => {
  restore(() => {
    const session = readSession(json, new Uint8Array());
    const { whole } = theMachine();
    restoreMachine(whole, session.machine);
    new ConsoleWatch(() => {}, undefined).restore(session.console);
    saveMachine(whole);
    for (const cpu of whole.cpus) cpu.run({ maxInstructions: 20n });
  });
};

const putBack = ({ kind, address, bytes }: SavedPiece): void => {
  const { whole, disk } = theMachine();
  if (kind === 'ram') whole.board.memory.write(address, bytes);
  else disk.putBack({ index: Number(address), bytes });
};

/** Regions of two contexts, one in two pages, and a handler. */
const translations = (): Uint8Array => {
  const kept = Translations.fresh();
  const start = 0xffff_8000_0800_0ff8n;
  const words = wordRuns(new Map([0n, 4n, 8n, 12n].map((at) => [start + at, 0x9100_0421] as const)));
  const region = { context: '1 2 0000', start, entries: [start, start + 8n], instructions: 4, words };
  kept.add({ ...region, body: encode('a function') });
  kept.add({ ...region, context: '0 0 1111', body: new Uint8Array(300) });
  kept.addHandler({ context: '1 2 0000', shape: 'ADD', ends: true, body: encode('another') });
  return kept.toBytes();
};

export const targets: readonly FuzzTarget[] = [
  {
    name: 'translations',
    seeds: () => [translations(), Translations.fresh().toBytes()],
    run: (input) => {
      const result = attempt(RangeError, () => Translations.fromBytes(input));
      if (result instanceof RangeError) throw refuse(result.message);
      Translations.fromBytes(result.toBytes());
    },
  },
  {
    name: 'saved-records',
    seeds: () => {
      // Before memory is measured.
      theMachine();
      return [file(), bomb(), preamble()];
    },
    run: (input) => {
      restore(() => {
        for (const piece of readRecords(sourceOf(input), refuse).pieces) putBack(piece);
      });
    },
  },
  {
    name: 'saved-description',
    seeds: () => [encode(JSON.stringify(description()))],
    run: (input) => {
      const json = attempt(SyntaxError, (): unknown => JSON.parse(new TextDecoder().decode(input)));
      if (!(json instanceof SyntaxError)) restoreDescription(json);
    },
  },
];
