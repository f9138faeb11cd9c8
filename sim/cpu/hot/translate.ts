/** From a region to the body of its function. */

import {
  carryOf,
  conditionOf,
  flagKindConstant,
  flagLocals,
  loadFlags,
  nzcvOf,
  storeFlags,
  zeroExtended,
  type FlagLocals,
} from '../emit/flags.js';
import { call, load, local, type Local, type ResolvedSource } from '../emit/function-builder.js';
import { InstructionEmitter, type GroupedPlace, type PageLocals } from '../emit/instruction.js';
import { IMPORTED, nextOrSlice, statusConstant } from '../emit/linkage.js';
import type { TranslationContext } from '../language/context.js';
import { SP_NUMBER, type Register } from '../language/leaf.js';
import {
  addReads,
  baseOf,
  noReads,
  type AccessEffect,
  type Effect,
  type End,
  type FlagWrite,
  type Trace,
  type Write,
} from '../language/trace.js';
import { constantOf, i32, i64, type I32, type I64, type Value } from '../language/value.js';
import {
  ATTENTION,
  JUMP_BANK_BYTES,
  JUMP_CACHE,
  LEFT,
  PC,
  systemOffset,
  V,
  X,
  type FlagKind,
  type Status,
} from '../state/layout.js';
import { CodeWriter, type Label } from '../wasm/writer.js';
import { groupAccesses, type GroupedAccess, type GroupedAccesses } from './access-groups.js';
import { factsOf, generalBit, type Block, type BlockFacts, type Region } from './region.js';
import { structure, type Structure } from './structure.js';

/** Parameter of a region's function: the number of the entry. */
const ENTRY = local('i32', 0);

/**
 * The body of the function that a region becomes: from an entry's number to a status. Registers are locals between its
 * entry and its exits; each exit stores those that may have changed on the way to it.
 */
export const translateRegion = (region: Region, context: TranslationContext, wishes: RegionWishes): Uint8Array =>
  new RegionTranslator(region, context, wishes).translate();

/** How a region is to be translated. */
export interface RegionWishes {
  /** The page of the stack holds code too: stores there are translated accordingly. */
  readonly stackHoldsCode: boolean;
  /** Exits to other code are to be short rather than quick. */
  readonly isCompact: boolean;
  /** The base of the processor that runs it: quicker and shorter where it is known. */
  readonly base: I32;
}

class RegionTranslator extends InstructionEmitter {
  readonly #structure: Structure;
  /** Blocks that a block before them leads to. */
  readonly #forwardTargets: ReadonlySet<number>;
  readonly #facts: readonly BlockFacts[];
  /** The kind of flags at a block's start, where it is known. */
  readonly #flagKinds: readonly (FlagKind | undefined)[];
  /** X registers, SP and flags that may differ from what is stored, at a block's start. */
  readonly #dirtyAt: readonly Dirty[];
  /** Locals of X0 to X30 and SP, where the region has them. */
  readonly #general: (Local<'i64'> | undefined)[] = [];
  readonly #flags: FlagLocals;
  readonly #left: Local<'i32'>;
  /** Where the table at the top leads. */
  readonly #next: Local<'i32'>;
  /** What an exit in the middle of a block hands to its end: status, program counter, instructions not carried out. */
  readonly #status: Local<'i32'>;
  readonly #pc: Local<'i64'>;
  readonly #giveBack: Local<'i32'>;
  readonly #pages = new Map<string, PageLocals>();
  /** Where the group of accesses that has a name now starts in memory. */
  readonly #places = new Map<string, Local<'i32'>>();
  /** Accesses of the instruction at hand that are in groups. */
  #groupedHere: ReadonlyMap<Effect, GroupedAccess> | undefined;
  readonly #everDirty: Dirty;
  /** Where branches to the start of a block go: those that open before it, and loops that begin with it. */
  readonly #blockLabels = new Map<number, Label>();
  readonly #loopLabels = new Map<number, Label>();
  #tableLabel: Label | undefined;
  #exitLabel: Label | undefined;
  #flagKind: FlagKind | undefined;
  #dirty: Dirty = CLEAN;
  /** What a fault now must know: the instruction, and how many of its block were counted but not carried out. */
  #at = { address: 0n, behind: 0 };
  #hasCommonEnd = false;

  constructor(
    private readonly region: Region,
    context: TranslationContext,
    private readonly wishes: RegionWishes,
  ) {
    super(2, wishes.base, context);
    const { blocks } = region;
    this.#structure = structure(region);
    this.#facts = blocks.map(factsOf);
    this.#forwardTargets = new Set(blocks.flatMap(({ successors }, from) => successors.filter((to) => to > from)));
    const facts = this.#facts;
    this.#everDirty = {
      x: facts.reduce((bits, { writes }) => bits | writes, 0),
      flags: facts.some(({ writesFlags }) => writesFlags),
    };
    this.#dirtyAt = flowDirty(region, facts);
    this.#flagKinds = flowFlagKinds(region, facts);

    const used = facts.reduce((bits, { reads, writes }) => bits | reads.x | writes, 0);
    for (let i = 0; i < 32; i++) if ((used & (1 << i)) !== 0) this.#general[i] = this.variable('i64');
    this.#flags = flagLocals(this);
    this.#left = this.variable('i32');
    this.#next = this.variable('i32');
    this.#giveBack = this.variable('i32');
    this.#status = this.variable('i32');
    this.#pc = this.variable('i64');
  }

  translate(): Uint8Array {
    const { dispatched, table } = this.#structure;
    this.#enter();
    const head = this.code.length;
    this.block((exit) => {
      this.#exitLabel = exit;
      this.set(this.#next, ENTRY);
      const inside = (): void => {
        this.#level(0, this.region.blocks.length - 1, table ? dispatched : []);
        this.unreachable();
      };
      if (!table) return inside();
      this.loop((top) => {
        this.#tableLabel = top;
        inside();
      });
    });
    if (this.#hasCommonEnd) this.#exitEarly();
    else this.unreachable();
    return this.#withPages(head);
  }

  /** Page caches turn up while code is made; the code that empties them goes in front. */
  #withPages(head: number): Uint8Array {
    const reset = new CodeWriter(0);
    for (const { tag } of this.#pages.values()) {
      reset.constI64(-1n);
      reset.setLocal(tag.source.index);
    }
    this.code.insert(head, reset.bytes);
    return this.code.body();
  }

  #enter(): void {
    this.#general.forEach((general, i) => {
      if (general !== undefined) this.set(general, load.i64('i64.load', this.base, X + 8 * i));
    });
    const flagsUsed = this.#everDirty.flags || this.#facts.some(({ reads }) => reads.flags);
    if (flagsUsed) loadFlags(this, this.base, this.#flags);
    this.set(this.#left, load.i32('i32.load', this.base, LEFT));
  }

  /** The common end of exits in the middle of a block. */
  #exitEarly(): void {
    this.#store(this.#everDirty);
    this.store('i64.store', this.base, this.#pc, PC);
    this.store('i32.store', this.base, i32.add(this.#left, this.#giveBack), LEFT);
    this.push(this.#status);
  }

  #store({ x, flags }: Dirty): void {
    this.#general.forEach((general, i) => {
      if (general !== undefined && (x & (1 << i)) !== 0) this.store('i64.store', this.base, general, X + 8 * i);
    });
    if (flags) storeFlags(this, this.base, this.#flags);
  }

  /** Blocks `first` to `last`, which are the whole function or the inside of a loop. */
  #level(first: number, last: number, dispatched: readonly number[]): void {
    const { code } = this;
    const { loops } = this.#structure;
    const isLoop = dispatched.length === 0 && this.#loopLabels.has(first);
    const own: number[] = [];
    for (let i = first; i <= last; i++) {
      own.push(i);
      const end = loops.get(i);
      if (end !== undefined && !(isLoop && i === first)) i = end;
    }
    const targets = own.filter(
      (block) => dispatched.includes(block) || (block > first && this.#forwardTargets.has(block)),
    );
    for (const block of [...targets].reverse()) this.#blockLabels.set(block, code.open('block'));
    if (dispatched.length > 0) {
      this.push(this.#next);
      code.branchTable(dispatched.map((block) => this.#labelOf(block)));
    }
    for (const block of own) {
      if (targets.includes(block)) code.end();
      const end = loops.get(block);
      if (end !== undefined && !(isLoop && block === first)) {
        this.loop((again) => {
          this.#loopLabels.set(block, again);
          this.#level(block, end, []);
          this.#loopLabels.delete(block);
        });
      } else {
        this.#block(block);
      }
    }
  }

  #labelOf(block: number): Label {
    const label = this.#blockLabels.get(block);
    if (label === undefined) throw new Error(`no branch leads to block ${block}`);
    return label;
  }

  #block(number: number): void {
    const block = this.region.blocks[number]!;
    const count = block.instructions.length;
    this.#flagKind = this.#flagKinds[number];
    this.#dirty = this.#dirtyAt[number]!;
    this.set(this.#left, i32.sub(this.#left, i32.const(count)));
    let end: End | undefined;
    const grouped = this.#grouped(block);
    block.instructions.forEach(({ address, trace, fp }, i) => {
      this.#groupedHere = grouped[i];
      this.#at = { address, behind: count - 1 - i };
      if (fp && !this.context.fpEnabled) this.exit('fp-trap');
      end = this.#instruction(trace);
    });
    this.#end(number, block, end);
  }

  #grouped({ instructions }: Block): GroupedAccesses {
    return groupAccesses(
      instructions.map(({ trace }) => trace),
      ({ kind, address, access }) =>
        this.hasPage(access) && !(kind === 'store' && this.isBesideCode(address))
          ? this.alignmentOf(access)
          : undefined,
    );
  }

  /** @returns where it goes on, with all operands evaluated as far as the writes would change them */
  #instruction({ effects, writes, flags, end }: Trace): End | undefined {
    this.beginInstruction();
    for (const effect of effects) this.effect(effect);
    if (end?.kind === 'branch-if' || end?.kind === 'branch') return this.#commitAndEnd(writes, flags, end);
    this.#commit(writes, flags);
    return end;
  }

  #commitAndEnd(
    writes: readonly Write[],
    flags: FlagWrite | undefined,
    end: Extract<End, { kind: 'branch' | 'branch-if' }>,
  ): End {
    if (writes.length === 0 && flags === undefined) return end;
    // BLR X30 reads what it is about to write.
    const target = constantOf(end.target) === undefined ? this.keep(end.target) : end.target;
    this.#commit(writes, flags);
    return { ...end, target };
  }

  /** All writes see the values from before any of them. */
  #commit(writes: readonly Write[], flags: FlagWrite | undefined): void {
    if (flags === undefined && writes.length === 1) return this.#write(writes[0]!.target, writes[0]!.value);
    const before = { x: 0, v: 0, flags: flags !== undefined };
    const committed = writes.map(({ target, value }) => {
      const reads = noReads();
      addReads(value, reads);
      const conflict = (reads.x & before.x) !== 0 || (reads.v & before.v) !== 0 || (reads.flags && before.flags);
      before.x |= generalBit(target);
      if (target.kind === 'v') before.v |= 1 << target.number;
      return { target, value: conflict ? this.keep(value) : value };
    });
    if (flags !== undefined) this.#setFlags(flags);
    for (const { target, value } of committed) this.#write(target, value);
  }

  #write(target: Register, value: Value): void {
    switch (target.kind) {
      case 'x':
        return this.#writeGeneral(target.number, value);
      case 'sp':
        return this.#writeGeneral(SP_NUMBER, value);
      case 'v':
        return this.store('v128.store', this.base, value, V + 16 * target.number);
      case 'system':
        return this.store('i64.store', this.base, value, systemOffset(target.register));
      case 'operand':
        throw new Error(ONLY_IN_HANDLERS);
    }
  }

  #writeGeneral(number: number, value: Value): void {
    this.set(this.#generalLocal(number), value);
    this.#dirty = { ...this.#dirty, x: this.#dirty.x | (1 << number) };
  }

  #generalLocal(number: number): Local<'i64'> {
    const general = this.#general[number];
    if (general === undefined) throw new Error(`a region without register ${number} uses it`);
    return general;
  }

  #setFlags({ kind, a, b }: FlagWrite): void {
    // Both are computed before either is set: they may read the flags.
    this.push(zeroExtended(a));
    if (b !== undefined) this.set(this.#flags.b, zeroExtended(b));
    this.code.setLocal(this.#flags.a.source.index);
    this.set(this.#flags.kind, flagKindConstant(kind));
    this.#flagKind = kind;
    this.#dirty = { ...this.#dirty, flags: true };
  }

  protected page(address: I64, write: boolean): PageLocals {
    const base = baseOf(address);
    const name = base?.kind === 'sp' ? 'sp' : base?.kind === 'x' ? base.number : 'other';
    const key = `${write ? 'write' : 'read'} ${name}`;
    let page = this.#pages.get(key);
    if (page === undefined) {
      page = { tag: this.variable('i64'), addend: this.variable('i32') };
      this.#pages.set(key, page);
    }
    return page;
  }

  protected grouped(effect: AccessEffect): GroupedPlace | undefined {
    const grouped = this.#groupedHere?.get(effect);
    if (grouped === undefined) return undefined;
    const { name } = grouped.group;
    let place = this.#places.get(name);
    if (place === undefined) {
      place = this.variable('i32');
      this.#places.set(name, place);
    }
    return { ...grouped, ...grouped.group, place };
  }

  protected isBesideCode(address: I64): boolean {
    return this.wishes.stackHoldsCode && baseOf(address)?.kind === 'sp';
  }

  protected checkSp(address: I64): void {
    if (baseOf(address)?.kind === 'sp') this.exitIfSpIsMisaligned();
  }

  protected slowAccess(name: 'load' | 'store', address: I64, kind: I32): I32 {
    return call('i32', IMPORTED[name], address, kind, this.base);
  }

  protected unitCall(number: I32): I32 {
    return call('i32', IMPORTED.float, number, this.base);
  }

  protected fusedCall<T extends 'f32' | 'f64'>(type: T, operands: readonly Value[]): Value<T> {
    return call(type, type === 'f32' ? IMPORTED.fused32 : IMPORTED.fused64, ...operands);
  }

  protected exit(status: Status): void {
    this.#hasCommonEnd = true;
    this.set(this.#status, statusConstant(status));
    this.set(this.#pc, i64.const(this.#at.address));
    this.set(this.#giveBack, i32.const(this.#at.behind));
    this.#branchTo(this.#exitLabel);
  }

  #branchTo(label: Label | undefined): void {
    if (label === undefined) throw new Error('a branch out of what is not open');
    this.branch(label);
  }

  #end(number: number, block: Block, end: End | undefined): void {
    const last = block.instructions.at(-1)!;
    const following = last.address + 4n;
    switch (end?.kind) {
      case undefined:
        return this.#goTo(number, following);
      case 'status':
        return this.#exitBehind(end.status, i64.const(last.address));
      case 'attention':
        this.if(load.i32('i32.load', this.base, ATTENTION), () => this.#leave('attention', following));
        return this.#goTo(number, following);
      case 'branch':
        if (end.branch === 'return') return this.#return(number, end.target);
        return end.branch === 'call' ? this.#call(number, end.target, following) : this.#branch(number, end.target);
      case 'branch-if':
        this.if(end.condition, () => this.#branch(number, end.target));
        return this.#goTo(number, following);
    }
  }

  #branch(number: number, target: I64): void {
    const known = constantOf(target);
    if (known !== undefined) return this.#goTo(number, known);
    this.#exitBehind('next', target);
  }

  /** A call of a function that is not inside goes on behind it, if that is inside and nothing else came between. */
  #call(number: number, target: I64, following: bigint): void {
    if (this.#successorAt(number, following) === undefined) return this.#branch(number, target);
    this.#store(this.#dirty);
    this.store('i64.store', this.base, target, PC);
    this.store('i32.store', this.base, this.#left, LEFT);
    this.if(i32.ltS(this.#left, i32.const(0)), () => this.return(statusConstant('slice')));
    const jumps = i32.add(this.base, i32.const(JUMP_CACHE + this.context.bank * JUMP_BANK_BYTES));
    this.set(this.#status, call('i32', IMPORTED.call, jumps, i64.const(following)));
    this.if(i32.or(this.#status, i64.ne(load.i64('i64.load', this.base, PC), i64.const(following))), () =>
      this.return(this.#status),
    );
    this.#enter();
    this.#goTo(number, following);
  }

  /** A return to behind a call in the region stays inside. */
  #return(number: number, target: I64): void {
    const to = this.keep(target);
    for (const block of this.region.blocks[number]!.successors) {
      const { start } = this.region.blocks[block]!;
      this.if(i64.eq(to, i64.const(start)), () => this.#goTo(number, start));
    }
    this.#exitBehind('next', to);
  }

  #successorAt(from: number, address: bigint): number | undefined {
    const { blocks } = this.region;
    return blocks[from]!.successors.find((block) => blocks[block]!.start === address);
  }

  /** Goes on at a known address, inside the region if it is there. */
  #goTo(from: number, address: bigint): void {
    const to = this.#successorAt(from, address);
    if (to === undefined) return this.#leave('next', address);
    if (to > from) return this.branch(this.#labelOf(to));
    this.if(i32.ltS(this.#left, i32.const(0)), () => this.#leave('slice', address));
    const loop = this.#loopLabels.get(to);
    if (loop !== undefined) return this.branch(loop);
    this.set(this.#next, i32.const(this.#structure.dispatched.indexOf(to)));
    this.#branchTo(this.#tableLabel);
  }

  /** Exits behind the last instruction of a block by the common end: what is seldom done is to be short. */
  #leave(status: Status, address: bigint): void {
    if (!this.wishes.isCompact) return this.#exitBehind(status, i64.const(address));
    this.#hasCommonEnd = true;
    this.set(this.#status, this.#statusBehind(status));
    this.set(this.#pc, i64.const(address));
    this.set(this.#giveBack, i32.const(0));
    this.#branchTo(this.#exitLabel);
  }

  /** Exits behind the last instruction of a block. */
  #exitBehind(status: Status, pc: I64): void {
    this.#store(this.#dirty);
    this.store('i64.store', this.base, pc, PC);
    this.store('i32.store', this.base, this.#left, LEFT);
    this.return(this.#statusBehind(status));
  }

  /** Others go on only while there is something left of the slice. */
  #statusBehind(status: Status): I32 {
    return status === 'next' ? nextOrSlice(this.#left) : statusConstant(status);
  }

  protected read(source: Exclude<ResolvedSource, { kind: 'temporary' }>): Value {
    switch (source.kind) {
      case 'x':
        return this.#generalLocal(source.number);
      case 'sp':
        return this.#generalLocal(SP_NUMBER);
      case 'v':
        return load.v128('v128.load', this.base, V + 16 * source.number);
      case 'system':
        return load.i64('i64.load', this.base, systemOffset(source.register));
      case 'condition':
        return conditionOf(this.#flags, this.#flagKind, source.condition);
      case 'carry':
        return carryOf(this.#flags, this.#flagKind);
      case 'nzcv':
        return nzcvOf(this.#flags, this.#flagKind);
      case 'operand':
      case 'immediate':
      case 'own-pc':
        throw new Error(ONLY_IN_HANDLERS);
    }
  }
}

/** A tracer whose operands are known knows none of these. */
const ONLY_IN_HANDLERS = 'only handlers have operands that are not known';

/** What may differ between locals and the stored state: bits of X registers and SP, and the flags. */
interface Dirty {
  readonly x: number;
  readonly flags: boolean;
}

const CLEAN: Dirty = { x: 0, flags: false };

/** Which registers may have been written on some way to each block. */
const flowDirty = ({ blocks }: Region, facts: readonly BlockFacts[]): readonly Dirty[] => {
  const dirty: Dirty[] = blocks.map(() => CLEAN);
  for (let changed = true; changed;) {
    changed = false;
    blocks.forEach(({ successors }, from) => {
      const x = dirty[from]!.x | facts[from]!.writes;
      const flags = dirty[from]!.flags || facts[from]!.writesFlags;
      for (const to of successors) {
        const old = dirty[to]!;
        if ((old.x | x) === old.x && (old.flags || !flags)) continue;
        dirty[to] = { x: old.x | x, flags: old.flags || flags };
        changed = true;
      }
    });
  }
  return dirty;
};

/** The kind of the flags at each block's start, where all ways to it agree. */
const flowFlagKinds = (
  { blocks, entries }: Region,
  facts: readonly BlockFacts[],
): readonly (FlagKind | undefined)[] => {
  const kinds: (FlagKind | 'unknown' | undefined)[] = blocks.map((_block, i) =>
    entries.includes(i) ? 'unknown' : undefined,
  );
  for (let changed = true; changed;) {
    changed = false;
    blocks.forEach(({ successors }, from) => {
      const kind = facts[from]!.flagKind ?? kinds[from];
      if (kind === undefined) return;
      for (const to of successors) {
        const joined = kinds[to] === undefined || kinds[to] === kind ? kind : 'unknown';
        if (joined === kinds[to]) continue;
        kinds[to] = joined;
        changed = true;
      }
    });
  }
  return kinds.map((kind) => (kind === 'unknown' ? undefined : kind));
};
