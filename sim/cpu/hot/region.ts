/** Regions: which instructions become one function, and in what blocks. */

import type { TranslationContext } from '../language/context.js';
import type { FlagKind } from '../state/layout.js';
import { SP_NUMBER, type Register } from '../language/leaf.js';
import { noReads, type Reads } from '../language/trace.js';
import {
  traceInstruction,
  type DecodedInstruction,
  type KnownTraces,
  type TracedInstruction,
} from '../language/trace-instruction.js';
import { constantOf } from '../language/value.js';

/** A region: code that is translated as one function, with the flow of control inside it. */
export interface Region {
  /** In reverse postorder: every loop's head comes before its other blocks. */
  readonly blocks: readonly Block[];
  /** Blocks where the region may be entered, by number. The first one is where it was looked for. */
  readonly entries: readonly number[];
  readonly instructions: number;
}

export interface Block {
  /** Address of the first instruction. */
  readonly start: bigint;
  readonly instructions: readonly TracedInstruction[];
  /** Blocks that may follow, by number. */
  readonly successors: readonly number[];
}

export interface RegionSource {
  readonly context: TranslationContext;
  readonly traces?: KnownTraces;
  /** The instruction at an address; undefined where none can be fetched, and where regions must end. */
  fetch(address: bigint): DecodedInstruction | undefined;
  /** Whether code at an address, where a block begins, runs often enough to be worth having in the region. */
  isWarm(address: bigint): boolean;
  /** Whether code at an address should be left to another region, or if it is called, must be. */
  isElsewhere(address: bigint, called: boolean): boolean;
}

export interface RegionLimits {
  readonly maxInstructions: number;
  /** Functions that are called become part of the region while it has fewer instructions than this. */
  readonly maxCaller: number;
}

const STEP = 4n;

interface Flow {
  /** Constant addresses where the code goes on inside the region. */
  readonly next: readonly bigint[];
  /** Where control comes back to, from a call or from the system model. */
  readonly returns: readonly bigint[];
  /** A function that is called. */
  readonly callee?: bigint;
  /** A call, to wherever: goes on behind it when the callee is not inside. */
  readonly isCall?: true;
  /** The end of a function: goes on behind one of its calls. */
  readonly isReturn?: true;
}

const flowOf = ({ address, trace: { end } }: TracedInstruction): Flow | undefined => {
  const following = address + STEP;
  switch (end?.kind) {
    case undefined:
      return undefined;
    case 'branch-if': {
      const target = constantOf(end.target);
      return { next: target === undefined ? [following] : [following, target], returns: [] };
    }
    case 'branch': {
      const target = constantOf(end.target);
      if (end.branch === 'call')
        return { next: [], returns: [following], isCall: true, ...(target !== undefined && { callee: target }) };
      if (end.branch === 'return') return { next: [], returns: [], isReturn: true };
      return { next: target === undefined ? [] : [target], returns: [] };
    }
    case 'attention':
      return { next: [following], returns: [] };
    case 'status':
      return { next: [], returns: end.status === 'system' ? [following] : [] };
  }
};

/** A return is compared with so many places behind calls at most. */
const MAX_RETURN_POINTS = 8;

/**
 * Finds a region from an address on, by following the branches whose targets are known, and the calls too while it is
 * small. A return from a function inside goes straight on behind its call, if that is inside as well.
 */
export const findRegion = (
  start: bigint,
  source: RegionSource,
  { maxInstructions, maxCaller }: RegionLimits,
): Region | undefined => {
  const found = new Map<bigint, TracedInstruction>();
  const leaders = new Set<bigint>([start]);
  const returns = new Set<bigint>();
  const calls: { readonly callee: bigint; readonly returnsTo: bigint }[] = [];
  const pending: { readonly from: bigint; readonly called: boolean }[] = [{ from: start, called: false }];
  for (let one = pending.shift(); one !== undefined; one = pending.shift()) {
    const { from, called } = one;
    for (let address = from; found.size < maxInstructions && !found.has(address); address += STEP) {
      if (address !== start && source.isElsewhere(address, called && address === from)) break;
      const decoded = source.fetch(address);
      if (decoded === undefined) break;
      const instruction = traceInstruction(address, decoded, source.context, source.traces);
      found.set(address, instruction);
      const flow = flowOf(instruction);
      if (flow === undefined) continue;
      const { callee } = flow;
      if (callee !== undefined && found.size < maxCaller && calls.length < MAX_RETURN_POINTS && source.isWarm(callee)) {
        calls.push({ callee, returnsTo: flow.returns[0]! });
        leaders.add(callee);
        pending.push({ from: callee, called: true });
      }
      for (const target of [...flow.next, ...flow.returns]) {
        if (!source.isWarm(target)) continue;
        leaders.add(target);
        pending.push({ from: target, called: false });
      }
      for (const target of flow.returns) returns.add(target);
      break;
    }
  }
  if (!found.has(start)) return undefined;
  const returnPoints = calls.filter(({ callee }) => found.has(callee)).map(({ returnsTo }) => returnsTo);
  return arrange(start, found, leaders, returns, returnPoints);
};

/** Where code goes on inside a region, as far as that is there: a call of what is not inside comes back behind it. */
const insideOf = (
  { next, returns, callee, isCall, isReturn }: Flow,
  found: ReadonlyMap<bigint, TracedInstruction>,
  returnPoints: readonly bigint[],
): readonly bigint[] => {
  if (isReturn === true) return returnPoints;
  if (isCall !== true) return next;
  return callee !== undefined && found.has(callee) ? [callee] : returns;
};

/** Cuts the instructions into blocks, and orders these. */
const arrange = (
  start: bigint,
  found: ReadonlyMap<bigint, TracedInstruction>,
  leaders: ReadonlySet<bigint>,
  returns: ReadonlySet<bigint>,
  returnPoints: readonly bigint[],
): Region => {
  const drafts = new Map<bigint, { instructions: TracedInstruction[]; next: readonly bigint[] }>();
  for (const leader of leaders) {
    const instructions: TracedInstruction[] = [];
    let next: readonly bigint[];
    for (let address = leader; ; address += STEP) {
      const instruction = found.get(address);
      if (instruction === undefined || (address !== leader && leaders.has(address))) {
        next = [address];
        break;
      }
      instructions.push(instruction);
      const flow = flowOf(instruction);
      if (flow !== undefined) {
        next = insideOf(flow, found, returnPoints);
        break;
      }
    }
    if (instructions.length > 0) drafts.set(leader, { instructions, next });
  }

  const entries = [start, ...[...returns].filter((address) => address !== start && drafts.has(address))];
  const order = reversePostorder(entries, (address) => drafts.get(address)!.next.filter((next) => drafts.has(next)));
  const numbers = new Map(order.map((address, number) => [address, number]));
  const blocks = order.map((address) => {
    const { instructions, next } = drafts.get(address)!;
    const successors = [...new Set(next.flatMap((target) => numbers.get(target) ?? []))];
    return { start: address, instructions, successors };
  });
  return { blocks, entries: entries.map((address) => numbers.get(address)!), instructions: found.size };
};

/** With what follows first, so that code which falls through stays together. */
const reversePostorder = (
  entries: readonly bigint[],
  successors: (node: bigint) => readonly bigint[],
): readonly bigint[] => {
  const seen = new Set<bigint>();
  const order: bigint[] = [];
  // The last one finished comes first: so the main entry is visited last.
  for (const entry of [...entries].reverse()) {
    if (seen.has(entry)) continue;
    seen.add(entry);
    const stack: { node: bigint; rest: bigint[] }[] = [{ node: entry, rest: [...successors(entry)] }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const next = top.rest.pop();
      if (next === undefined) {
        order.push(top.node);
        stack.pop();
      } else if (!seen.has(next)) {
        seen.add(next);
        stack.push({ node: next, rest: [...successors(next)] });
      }
    }
  }
  return order.reverse();
};

/** What a block reads and writes, as far as the function around it must know. */
export interface BlockFacts {
  readonly reads: Reads;
  /** Bits of X registers and SP. */
  readonly writes: number;
  readonly writesFlags: boolean;
  /** The kind of flags in the end, if the block sets them. */
  readonly flagKind: FlagKind | undefined;
}

/** Bit of a register among X registers and SP; 0 for others. */
export const generalBit = (register: Register): number => {
  switch (register.kind) {
    case 'x':
      return 1 << register.number;
    case 'sp':
      return 1 << SP_NUMBER;
    case 'v':
    case 'system':
    case 'operand':
      return 0;
  }
};

export const factsOf = ({ instructions }: Block): BlockFacts => {
  const reads = noReads();
  let writes = 0;
  let flagKind: FlagKind | undefined;
  for (const { trace, reads: own } of instructions) {
    reads.x |= own.x;
    reads.v |= own.v;
    reads.flags ||= own.flags;
    for (const { target } of trace.writes) writes |= generalBit(target);
    if (trace.flags !== undefined) flagKind = trace.flags.kind;
  }
  return { reads, writes, writesFlags: flagKind !== undefined, flagKind };
};
