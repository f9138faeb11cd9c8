import { emitFlagsAsNzcv, emitLoadFlags, emitCarry, emitCondition, type FlagLocals } from '../emit/flags.js';
import { structure, type Flow } from './structure.js';
import { InstructionEmitter, type PageLocals } from '../emit/instruction.js';
import type { TranslationContext } from '../language/context.js';
import {
  FLAG_A,
  FLAG_B,
  FLAG_KIND,
  FLAG_KINDS,
  LEFT,
  PC,
  SP_INDEX,
  STATUS,
  V,
  X,
  type FlagKind,
} from '../state/layout.js';
import {
  addReads,
  baseOf,
  CARRY_LEAF,
  CONDITION_LEAF,
  V_LEAF,
  type End,
  type FlagWrite,
  type Reads,
  type Recorded,
  type Write,
} from '../language/record.js';
import { factsOf, type Block, type BlockFacts, type Region } from './region.js';
import { constantOf, type I64, type Leaf, type Value } from '../language/value.js';
import { CodeWriter } from '../wasm/writer.js';

/** Parameter of a region's function: the number of the entry. */
const ENTRY = 0;

/**
 * The body of the function that a region becomes: from an entry's number to a status. Registers are locals between its
 * entry and its exits; each exit stores those that may have changed on the way to it.
 * @param stackHoldsCode the page of the stack holds code too: stores there are translated accordingly
 */
export const translateRegion = (region: Region, context: TranslationContext, stackHoldsCode: boolean): Uint8Array =>
  new RegionTranslator(region, context, stackHoldsCode).translate();

class RegionTranslator extends InstructionEmitter {
  readonly #flow: Flow;
  /** Blocks that a block before them leads to. */
  readonly #forwardTargets: ReadonlySet<number>;
  readonly #facts: readonly BlockFacts[];
  /** The kind of flags at a block's start, where it is known. */
  readonly #flagKinds: readonly (FlagKind | undefined)[];
  /** X registers, SP and flags that may differ from what is stored, at a block's start. */
  readonly #dirtyAt: readonly Dirty[];
  readonly #x: (number | undefined)[] = [];
  readonly #flags: FlagLocals;
  readonly #left: number;
  readonly #next: number;
  readonly #pc: number;
  readonly #giveBack: number;
  readonly #status: number;
  readonly #pages = new Map<string, PageLocals>();
  readonly #everDirty: Dirty;
  #flagKind: FlagKind | undefined;
  #dirty: Dirty = CLEAN;
  /** What a fault now must know: the instruction, and how many of its block were counted but not carried out. */
  #at = { address: 0n, behind: 0 };
  #mayFault = false;

  constructor(
    private readonly region: Region,
    context: TranslationContext,
    private readonly stackHoldsCode: boolean,
  ) {
    super(new CodeWriter(1), context);
    const { blocks } = region;
    this.#flow = structure(region);
    this.#facts = blocks.map(factsOf);
    this.#forwardTargets = new Set(blocks.flatMap(({ successors }, from) => successors.filter((to) => to > from)));
    const facts = this.#facts;
    this.#everDirty = {
      x: facts.reduce((bits, { writes }) => bits | writes, 0),
      flags: facts.some(({ writesFlags }) => writesFlags),
    };
    this.#dirtyAt = flowDirty(region, facts);
    this.#flagKinds = flowFlagKinds(region, facts);

    const { code } = this;
    const used = facts.reduce((bits, { reads, writes }) => bits | reads.x | writes, 0);
    for (let i = 0; i < 32; i++) if ((used & (1 << i)) !== 0) this.#x[i] = code.local('i64');
    this.#flags = { kind: code.local('i32'), a: code.local('i64'), b: code.local('i64') };
    this.#left = code.local('i32');
    this.#next = code.local('i32');
    this.#giveBack = code.local('i32');
    this.#status = code.local('i32');
    this.#pc = code.local('i64');
  }

  translate(): Uint8Array {
    const { code } = this;
    const { dispatched, table } = this.#flow;
    this.#enter();
    const head = code.length;
    code.block('leave');
    code.getLocal(ENTRY);
    code.setLocal(this.#next);
    if (table) code.loop('table');
    this.#level(0, this.region.blocks.length - 1, table ? dispatched : []);
    code.op('unreachable');
    if (table) code.end();
    code.end();
    if (this.#mayFault) this.#leaveEarly();
    else code.op('unreachable');
    return this.#withPages(head);
  }

  /** Page caches turn up while code is made; the code that empties them goes in front. */
  #withPages(head: number): Uint8Array {
    const reset = new CodeWriter(0);
    for (const { tag } of this.#pages.values()) {
      reset.constI64(-1n);
      reset.setLocal(tag);
    }
    this.code.insert(head, reset.bytes);
    return this.code.body();
  }

  #enter(): void {
    const { code } = this;
    this.#x.forEach((local, i) => {
      if (local === undefined) return;
      code.loadAt('i64.load', X + 8 * i);
      code.setLocal(local);
    });
    const flagsUsed = this.#everDirty.flags || this.#facts.some(({ reads }) => reads.flags);
    if (flagsUsed) emitLoadFlags(code, this.#flags);
    code.loadAt('i32.load', LEFT);
    code.setLocal(this.#left);
  }

  /** The common end of exits in the middle of a block. */
  #leaveEarly(): void {
    const { code } = this;
    this.#store(this.#everDirty);
    code.storeAt('i64.store', PC, () => code.getLocal(this.#pc));
    code.storeAt('i32.store', LEFT, () => {
      code.getLocal(this.#left);
      code.getLocal(this.#giveBack);
      code.op('i32.add');
    });
    code.getLocal(this.#status);
  }

  #store({ x, flags }: Dirty): void {
    const { code } = this;
    this.#x.forEach((local, i) => {
      if (local !== undefined && (x & (1 << i)) !== 0) code.storeAt('i64.store', X + 8 * i, () => code.getLocal(local));
    });
    if (!flags) return;
    code.storeAt('i32.store', FLAG_KIND, () => code.getLocal(this.#flags.kind));
    code.storeAt('i64.store', FLAG_A, () => code.getLocal(this.#flags.a));
    code.storeAt('i64.store', FLAG_B, () => code.getLocal(this.#flags.b));
  }

  /** Blocks `first` to `last`, which are the whole function or the inside of a loop. */
  #level(first: number, last: number, dispatched: readonly number[]): void {
    const { code } = this;
    const { loops } = this.#flow;
    const isLoop = dispatched.length === 0 && loops.has(first) && code.hasLabel(`loop${first}`);
    const own: number[] = [];
    for (let i = first; i <= last; i++) {
      own.push(i);
      const end = loops.get(i);
      if (end !== undefined && !(isLoop && i === first)) i = end;
    }
    const targets = own.filter(
      (block) => dispatched.includes(block) || (block > first && this.#forwardTargets.has(block)),
    );
    for (const block of [...targets].reverse()) code.block(`block${block}`);
    if (dispatched.length > 0) {
      code.getLocal(this.#next);
      code.brTable(dispatched.map((block) => `block${block}`));
    }
    for (const block of own) {
      if (targets.includes(block)) code.end();
      const end = loops.get(block);
      if (end !== undefined && !(isLoop && block === first)) {
        code.loop(`loop${block}`);
        this.#level(block, end, []);
        code.end();
      } else {
        this.#block(block);
      }
    }
  }

  #block(number: number): void {
    const { code } = this;
    const block = this.region.blocks[number]!;
    const count = block.instructions.length;
    this.#flagKind = this.#flagKinds[number];
    this.#dirty = this.#dirtyAt[number]!;
    code.getLocal(this.#left);
    code.constI32(count);
    code.op('i32.sub');
    code.setLocal(this.#left);
    let end: End | undefined;
    block.instructions.forEach(({ address, recorded, fp }, i) => {
      this.#at = { address, behind: count - 1 - i };
      if (fp && !this.context.fpEnabled) this.leave(STATUS.fpTrap);
      end = this.#instruction(recorded);
    });
    this.#end(number, block, end);
  }

  /** @returns where it goes on, with all operands evaluated as far as the writes would change them */
  #instruction({ effects, writes, flags, end }: Recorded): End | undefined {
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
    const { code } = this;
    const values: Value[] = writes.map(({ value }) => value);
    const before: Reads = { x: 0, v: 0, flags: flags !== undefined };
    writes.forEach(({ target, value }, i) => {
      const reads: Reads = { x: 0, v: 0, flags: false };
      addReads(value, reads);
      const conflict = (reads.x & before.x) !== 0 || (reads.v & before.v) !== 0 || (reads.flags && before.flags);
      if (conflict) values[i] = this.keep(value);
      if (target < V_LEAF) before.x |= 1 << target;
      else before.v |= 1 << (target - V_LEAF);
    });
    if (flags !== undefined) this.#setFlags(flags);
    writes.forEach(({ target }, i) => {
      const value = values[i]!;
      if (target < V_LEAF) {
        this.emit(value);
        code.setLocal(this.#x[target]!);
        this.#dirty = { ...this.#dirty, x: this.#dirty.x | (1 << target) };
      } else {
        code.storeAt('v128.store', V + 16 * (target - V_LEAF), () => this.emit(value));
      }
    });
  }

  #setFlags({ kind, a, b }: FlagWrite): void {
    const { code } = this;
    const wide = (value: Value): void => {
      this.emit(value);
      if (value.type === 'i32') code.op('i64.extend_i32_u');
    };
    wide(a);
    if (b !== undefined) {
      wide(b);
      code.setLocal(this.#flags.b);
    }
    code.setLocal(this.#flags.a);
    code.constI32(FLAG_KINDS.indexOf(kind));
    code.setLocal(this.#flags.kind);
    this.#flagKind = kind;
    this.#dirty = { ...this.#dirty, flags: true };
  }

  protected page(address: I64, write: boolean): PageLocals {
    const key = `${write ? 'w' : 'r'}${baseOf(address) ?? ''}`;
    let page = this.#pages.get(key);
    if (page === undefined) {
      page = { tag: this.code.local('i64'), addend: this.code.local('i32') };
      this.#pages.set(key, page);
    }
    return page;
  }

  protected isBesideCode(address: I64): boolean {
    return this.stackHoldsCode && baseOf(address) === SP_INDEX;
  }

  protected checkSp(address: I64): void {
    if (baseOf(address) === SP_INDEX) this.leaveIfSpIsMisaligned();
  }

  /** Leaves in front of the instruction at hand. */
  protected leave(status: number): void {
    const { code } = this;
    this.#mayFault = true;
    code.constI32(status);
    code.setLocal(this.#status);
    code.constI64(this.#at.address);
    code.setLocal(this.#pc);
    code.constI32(this.#at.behind);
    code.setLocal(this.#giveBack);
    code.br('leave');
  }

  #end(number: number, block: Block, end: End | undefined): void {
    const { code } = this;
    const last = block.instructions.at(-1)!;
    const following = last.address + 4n;
    switch (end?.kind) {
      case undefined:
        return this.#goTo(number, following);
      case 'status':
        return this.#exit(end.status, end.status === STATUS.isb ? following : last.address);
      case 'branch':
        return end.branch === 'return' ? this.#return(number, end.target) : this.#branch(number, end.target);
      case 'branch-if':
        this.emit(end.condition);
        code.if();
        this.#branch(number, end.target);
        code.end();
        return this.#goTo(number, following);
    }
  }

  #branch(number: number, target: I64): void {
    const known = constantOf(target);
    if (known !== undefined) return this.#goTo(number, known);
    this.#exit(STATUS.next, target);
  }

  /** A return to behind a call in the region stays inside. */
  #return(number: number, target: I64): void {
    const { code } = this;
    const to = this.keep(target);
    for (const block of this.region.blocks[number]!.successors) {
      const { start } = this.region.blocks[block]!;
      this.emit(to);
      code.constI64(start);
      code.op('i64.eq');
      code.if();
      this.#goTo(number, start);
      code.end();
    }
    this.#exit(STATUS.next, to);
  }

  /** Goes on at a known address, inside the region if it is there. */
  #goTo(from: number, address: bigint): void {
    const { code } = this;
    const to = this.region.blocks[from]!.successors.find((block) => this.region.blocks[block]!.start === address);
    if (to === undefined) return this.#exit(STATUS.next, address);
    if (to > from) return code.br(`block${to}`);
    code.getLocal(this.#left);
    code.constI32(0);
    code.op('i32.lt_s');
    code.if();
    this.#exit(STATUS.slice, address);
    code.end();
    if (code.hasLabel(`loop${to}`)) return code.br(`loop${to}`);
    const place = this.#flow.dispatched.indexOf(to);
    code.constI32(place);
    code.setLocal(this.#next);
    code.br('table');
  }

  #exit(status: number, pc: I64 | bigint): void {
    const { code } = this;
    this.#store(this.#dirty);
    code.storeAt('i64.store', PC, () => {
      if (typeof pc === 'bigint') code.constI64(pc);
      else this.emit(pc);
    });
    code.storeAt('i32.store', LEFT, () => code.getLocal(this.#left));
    code.constI32(status);
    code.return();
  }

  protected register({ leaf }: Leaf): void {
    const { code } = this;
    if (leaf < V_LEAF) return code.getLocal(this.#x[leaf]!);
    if (leaf < CONDITION_LEAF) return code.loadAt('v128.load', V + 16 * (leaf - V_LEAF));
    if (leaf < CARRY_LEAF) return emitCondition(code, this.#flags, this.#flagKind, leaf - CONDITION_LEAF);
    if (leaf === CARRY_LEAF) return emitCarry(code, this.#flags, this.#flagKind);
    emitFlagsAsNzcv(code, this.#flags, this.#flagKind);
  }
}

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
