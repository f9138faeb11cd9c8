/** What is saved of a machine with its kernel: what it is made of, its state, and what its reports need. */
import { Range } from '../../../kexec/base/range.js';
import type { Json } from '../../machine/savable.js';
import { type Quirk, QUIRKS } from '../../machine/quirks.js';
import { SavedState } from '../../machine/saved-state.js';

/** What a machine is made of, so that one like it can be made. */
export interface MachineSetup {
  /** The device tree that describes the board. */
  readonly tree: Uint8Array;
  /** Where there is RAM. */
  readonly ram: readonly Range[];
  readonly el: 1 | 2;
  /** Where registers send bytes to the console, unless a device is there. */
  readonly sinks: readonly bigint[];
  readonly quirks: readonly Quirk[];
  /** Whether there is a source of random numbers behind the disks. */
  readonly entropy: boolean;
}

/** What tells a disk's file from others: a machine cannot go on with another one. */
export interface DiskIdentity {
  readonly sizeBytes: number;
  /** When the file was changed last, in nanoseconds since 1970. */
  readonly modifiedNs: bigint;
  /** SHA-256 in hexadecimal digits; undefined for a file that is too large for one. */
  readonly digest: string | undefined;
}

export interface SavedDisk extends DiskIdentity {
  readonly file: string;
  /** Whether the file gets what the guest writes. */
  readonly writes: boolean;
}

/** What leaves nothing to go on with: the machine's power, or that of its last processor. */
export const ENDS = ['off', 'reset', 'processors-off'] as const;
export type FinalEnd = (typeof ENDS)[number];

export interface SavedSession {
  readonly setup: MachineSetup;
  /** Where the boot loader put things. */
  readonly places: { readonly kernel: Range; readonly initrd: Range | undefined; readonly tree: Range };
  readonly disks: readonly SavedDisk[];
  /** What was typed, and the console has not taken: one byte a character. */
  readonly typed: string;
  /** How it came to its end; undefined for a machine that goes on. */
  readonly end: FinalEnd | undefined;
  /** Of `saveMachine`; what is read, nobody has looked at. */
  readonly machine: unknown;
  /** Of the console's watch. */
  readonly console: unknown;
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;
const rangeToJson = ({ start, last }: Range): Json => [hex(start), hex(last)];
const rangesToJson = (range: Range | undefined): Json => (range === undefined ? [] : [rangeToJson(range)]);

/** The device tree is a record of its own. */
export const describeSession = (
  session: Omit<SavedSession, 'machine' | 'console'> & { readonly machine: Json; readonly console: Json },
): Json => {
  const { setup, places, disks, typed, end, machine, console } = session;
  return {
    ram: setup.ram.map(rangeToJson),
    el: setup.el,
    sinks: setup.sinks.map(hex),
    quirks: [...setup.quirks],
    entropy: setup.entropy,
    places: {
      kernel: rangesToJson(places.kernel),
      initrd: rangesToJson(places.initrd),
      tree: rangesToJson(places.tree),
    },
    disks: disks.map(({ file, writes, sizeBytes, modifiedNs, digest }) => ({
      ...{ file, writes, sizeBytes },
      ...{ modifiedNs: hex(modifiedNs), digest: digest === undefined ? [] : [digest] },
    })),
    typed,
    end: end === undefined ? [] : [end],
    machine,
    console,
  };
};

/** More memory has no machine, nor more pieces of it. */
const MOST_RANGES = 1024;
const MOST_DISKS = 256;
const MOST_SINKS = 256;
const ADDRESS_BITS = 48;

/** @throws MachineError when the description is broken */
export const readSession = (description: unknown, tree: Uint8Array): SavedSession => {
  const state = new SavedState('a machine', description);
  const places = new SavedState('a machine', state.part('places'));
  const [kernel] = readRanges(places, 'kernel');
  const [treeRange] = readRanges(places, 'tree');
  if (kernel === undefined || treeRange === undefined) throw state.broken('places');
  const sinks = state.list('sinks').length;
  if (sinks > MOST_SINKS) throw state.broken('sinks');
  return {
    setup: {
      tree,
      ram: readRanges(state, 'ram'),
      el: state.oneOfNumbers('el', [1, 2]),
      sinks: state.hexes('sinks', { count: sinks, bits: ADDRESS_BITS }),
      quirks: state.someOf('quirks', Object.keys(QUIRKS) as Quirk[]),
      entropy: state.flag('entropy'),
    },
    places: { kernel, initrd: readRanges(places, 'initrd')[0], tree: treeRange },
    disks: readDisks(state),
    typed: state.text('typed'),
    end: state.someOf('end', ENDS)[0],
    machine: state.part('machine'),
    console: state.part('console'),
  };
};

const readRanges = (state: SavedState, name: string): readonly Range[] => {
  const list = state.list(name);
  if (list.length > MOST_RANGES) throw state.broken(name);
  return list.map((part) => {
    const [start, last] = new SavedState('a machine', { range: part }).hexes('range', { count: 2 });
    if (start === undefined || last === undefined || last < start) throw state.broken(name);
    return Range.inclusive(start, last);
  });
};

/** Messages have the name, and what is written to a terminal may be a command to it. */
const CONTROLS = /\p{Cc}/u;

const readDisks = (state: SavedState): readonly SavedDisk[] => {
  const list = state.list('disks');
  if (list.length > MOST_DISKS) throw state.broken('disks');
  return list.map((part) => {
    const disk = new SavedState('a machine', part);
    const file = disk.text('file');
    if (CONTROLS.test(file)) throw disk.broken('file');
    return {
      file,
      writes: disk.flag('writes'),
      sizeBytes: disk.number('sizeBytes', Number.MAX_SAFE_INTEGER),
      modifiedNs: disk.hex('modifiedNs'),
      digest: disk.texts('digest', 1)[0],
    };
  });
};
