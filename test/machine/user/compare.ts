/** Compares what qemu and the model made of the same sequence. */

import type { StopReason } from '../../../sim/cpu/state/model.js';
import { type Outcome, PC, registerName, type Sequence, Signal, WINDOW } from './sequence.js';

/** What is not the same, as sentences; nothing where all is. */
export type Differences = readonly string[];

const hex = (value: bigint): string => `0x${value.toString(16)}`;

const signalName = (signal: number): string =>
  Object.entries(Signal).find(([, number]) => number === signal)?.[0] ?? String(signal);

/**
 * What can be compared of an address: the top byte is a tag, and qemu's host has no more than 47 bits for the others.
 */
const comparable = (address: bigint): bigint | undefined => {
  const untagged = BigInt.asUintN(56, address);
  return untagged < 1n << 46n ? untagged : undefined;
};

const endOf = ({ state }: Sequence, { signal, state: { [PC]: pc } }: Outcome): string =>
  `SIG${signalName(signal)} at instruction ${((pc! - state[PC]!) / 4n).toString()}`;

const compareEnds = (sequence: Sequence, theirs: Outcome, ours: Outcome): Differences => {
  const pc = theirs.state[PC]!;
  // A branch to no multiple of 4: qemu gives a signal or another, by whether the page is there.
  const same = theirs.signal === ours.signal || (pc % 4n !== 0n && ours.signal === Signal.BUS);
  if (!same || pc !== ours.state[PC])
    return [`qemu ends by ${endOf(sequence, theirs)}, the model by ${endOf(sequence, ours)}`];
  if (theirs.signal !== Signal.BUS && theirs.signal !== Signal.SEGV) return [];
  const [address, other] = [comparable(theirs.faultAddress), comparable(ours.faultAddress)];
  if (address === other || other === undefined || pc === address) return [];
  return [`the fault's address is ${hex(theirs.faultAddress)} for qemu, ${hex(ours.faultAddress)} for the model`];
};

const compareMemory = (theirs: BigUint64Array, ours: BigUint64Array): Differences => {
  const mapOf = (changes: BigUint64Array): ReadonlyMap<bigint, bigint> =>
    new Map(Array.from({ length: changes.length / 2 }, (_, i) => [changes[2 * i]!, changes[2 * i + 1]!]));
  const [a, b] = [mapOf(theirs), mapOf(ours)];
  const show = (value: bigint | undefined): string => (value === undefined ? 'unchanged' : hex(value));
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((offset) => a.get(offset) !== b.get(offset))
    .map(
      (offset) =>
        `memory at ${hex(BigInt(WINDOW) + offset)}: ${show(a.get(offset))} for qemu, ${show(b.get(offset))} for the model`,
    );
};

const sameWords = (a: BigUint64Array, b: BigUint64Array): boolean =>
  Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(Buffer.from(b.buffer, b.byteOffset, b.byteLength));

/** Whether two outcomes are the same, to the last bit: what nearly all are is found out quickly. */
const isSame = (a: Outcome, b: Outcome): boolean =>
  a.signal === b.signal &&
  a.faultAddress === b.faultAddress &&
  sameWords(a.state, b.state) &&
  sameWords(a.changes, b.changes);

/** Compares everything that a sequence left. */
export const compare = (sequence: Sequence, theirs: Outcome, ours: Outcome | StopReason): Differences => {
  if (!('kind' in ours) && isSame(theirs, ours)) return [];
  if ('kind' in ours) {
    const where = 'pc' in ours ? ` at instruction ${((ours.pc - sequence.state[PC]!) / 4n).toString()}` : '';
    const what = ours.kind === 'unmodelled' ? ` (${ours.what})` : '';
    return [`qemu ends by ${endOf(sequence, theirs)}, the model stops: ${ours.kind}${what}${where}`];
  }
  const registers: string[] = [];
  theirs.state.forEach((value, slot) => {
    if (slot === PC || value === ours.state[slot]) return;
    registers.push(`${registerName(slot)}: ${hex(value)} for qemu, ${hex(ours.state[slot]!)} for the model`);
  });
  return [...compareEnds(sequence, theirs, ours), ...registers, ...compareMemory(theirs.changes, ours.changes)];
};
