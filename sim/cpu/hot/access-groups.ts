/** Groups of accesses in a block that are close together, so that one look at their page serves them all. */

import { isSameRegister, type Register } from '../language/leaf.js';
import type { AccessEffect, Effect, Trace } from '../language/trace.js';
import { constantOf, type Value } from '../language/value.js';

/** Accesses of one kind whose addresses are one register's value, and something constant added to it. */
export interface AccessGroup {
  /** Names the kind and the register: of groups with one name, the next begins behind the last access of the other. */
  readonly name: string;
  /** From the group's start, which is the lowest address, up to the last byte of the highest. */
  readonly lastByte: number;
  /** What the start must be a multiple of, so that each access is as aligned as it must be. */
  readonly alignment: number;
}

/** An access as a member of its group. */
export interface GroupedAccess {
  readonly group: AccessGroup;
  /** Where it is, from the group's start. */
  readonly offset: number;
  readonly isFirst: boolean;
  /** The register was found to be a multiple of 16 for the first access, and then is for this one. */
  readonly isSpChecked: boolean;
}

/** What an access' address must be a multiple of, at least 1; undefined for one that must be on its own. */
export type AlignmentOf = (effect: AccessEffect) => number | undefined;

/** Farther apart, accesses are on two pages too often; those of a group then take the slow way. */
const MOST_APART = 256;
const SP_ALIGNMENT = 16;

/** A register and a constant that is added to it. */
interface BasedAddress {
  readonly register: Register;
  readonly constant: number;
}

const basedOn = (value: Value): BasedAddress | undefined => {
  if (value.kind === 'leaf') {
    const { source } = value;
    return source.kind === 'x' || source.kind === 'sp' ? { register: source, constant: 0 } : undefined;
  }
  if (value.kind !== 'op' || (value.op !== 'i64.add' && value.op !== 'i64.sub')) return undefined;
  const [left, right] = value.args as readonly [Value, Value];
  const [base, added] = [basedOn(left), constantOf(right)];
  if (base === undefined || added === undefined) return undefined;
  const constant = Number(BigInt.asIntN(64, added));
  return { ...base, constant: base.constant + (value.op === 'i64.add' ? constant : -constant) };
};

/** An access, as seen from the value that its register had when it was last set to something unknown. */
interface Member {
  readonly instruction: number;
  readonly effect: AccessEffect;
  /** What was added to the register since. */
  readonly added: number;
  readonly offset: number;
  readonly alignment: number;
}

const endOf = ({ offset, effect }: Member): number => offset + (1 << effect.access.sizeLog2);

/** A group that may still grow. */
class Draft {
  readonly members: Member[];
  #start: number;
  #end: number;
  /** Of the members one with the largest alignment. */
  #mostAligned: Member;

  constructor(
    private readonly name: string,
    first: Member,
  ) {
    this.members = [first];
    this.#start = first.offset;
    this.#end = endOf(first);
    this.#mostAligned = first;
  }

  /** Takes a member in if it is near enough, and aligned if the others are. */
  join(member: Member): boolean {
    const start = Math.min(this.#start, member.offset);
    const end = Math.max(this.#end, endOf(member));
    if (end - start > MOST_APART) return false;
    const known = this.#mostAligned;
    if ((member.offset - known.offset) % Math.min(known.alignment, member.alignment) !== 0) return false;
    this.members.push(member);
    this.#start = start;
    this.#end = end;
    if (member.alignment > known.alignment) this.#mostAligned = member;
    return true;
  }

  /** The start is as aligned as the most aligned member is, so that it tells of all. */
  finish(): { readonly start: number; readonly group: AccessGroup } {
    const { offset, alignment } = this.#mostAligned;
    const start = offset - Math.ceil((offset - this.#start) / alignment) * alignment;
    return { start, group: { name: this.name, lastByte: this.#end - 1 - start, alignment } };
  }
}

const nameOf = (register: Register): string => (register.kind === 'x' ? String(register.number) : register.kind);

/** Collects the groups of a block, instruction by instruction. */
class Grouping {
  /** What was added to registers since they were last set to something unknown. */
  readonly #added = new Map<string, number>();
  readonly #open = new Map<string, Draft>();
  readonly drafts: Draft[] = [];

  constructor(private readonly alignmentOf: AlignmentOf) {}

  add({ effects, writes }: Trace, instruction: number): void {
    for (const effect of effects)
      if (effect.kind === 'load' || effect.kind === 'store') this.#access(effect, instruction);
    for (const { target, value } of writes) this.#write(target, value);
  }

  #access(effect: AccessEffect, instruction: number): void {
    const based = basedOn(effect.address);
    const alignment = based && this.alignmentOf(effect);
    if (based === undefined || alignment === undefined) return;
    const register = nameOf(based.register);
    const added = this.#added.get(register) ?? 0;
    const member: Member = { instruction, effect, added, offset: added + based.constant, alignment };
    const name = `${effect.kind} ${register}`;
    if (this.#open.get(name)?.join(member) === true) return;
    const draft = new Draft(name, member);
    this.#open.set(name, draft);
    this.drafts.push(draft);
  }

  #write(target: Register, value: Value): void {
    const register = nameOf(target);
    const based = basedOn(value);
    if (based !== undefined && isSameRegister(based.register, target)) {
      this.#added.set(register, (this.#added.get(register) ?? 0) + based.constant);
      return;
    }
    this.#added.delete(register);
    for (const kind of ['load', 'store']) this.#open.delete(`${kind} ${register}`);
  }
}

/** For each instruction of a block, in order, those of its accesses that are in groups. */
export type GroupedAccesses = readonly (ReadonlyMap<Effect, GroupedAccess> | undefined)[];

export const groupAccesses = (traces: readonly Trace[], alignmentOf: AlignmentOf): GroupedAccesses => {
  const grouping = new Grouping(alignmentOf);
  traces.forEach((trace, instruction) => grouping.add(trace, instruction));
  const grouped = traces.map((): Map<Effect, GroupedAccess> | undefined => undefined);
  for (const draft of grouping.drafts) {
    const [first] = draft.members as [Member];
    if (draft.members.length === 1) continue;
    const { start, group } = draft.finish();
    for (const member of draft.members) {
      const isFirst = member === first;
      const isSpChecked = !isFirst && first.effect.access.spBase && (member.added - first.added) % SP_ALIGNMENT === 0;
      const access = { group, offset: member.offset - start, isFirst, isSpChecked };
      (grouped[member.instruction] ??= new Map()).set(member.effect, access);
    }
  }
  return grouped;
};
