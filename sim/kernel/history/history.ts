/**
 * A machine's past, to go back to. The machine is deterministic: what it was at some moments is kept, and it runs again
 * from the last of them before the moment that is wanted.
 */
import type { Disk, DiskPast, DiskState } from '../../machine/devices/virtio/disk.js';
import type { Json, Savable } from '../../machine/savable.js';
import type { Console } from '../machine/console.js';
import type { GuestLimits, OutsideInput, RunBounds, RunEnd } from '../machine/processors.js';
import { restoreMachine, saveMachine } from '../machine/saved-machine.js';
import type { WholeMachine } from '../machine/whole-machine.js';
import { OutsideLog } from './outside-log.js';
import { UndoPages } from './undo-pages.js';

/** Instructions between two moments that are kept: less than a second's. */
export const INTERVAL = 8_000_000n;

/** Of moments that are longer ago than so many intervals, fewer are kept the longer ago they are. */
const DENSE = 8n;

/** Bytes of pages that changed, beside the machine's own: what is longest ago is given up for what is new. */
export const MOST_UNDO_BYTES = 512 << 20;

/** Events of the console's input, and pauses of a machine that waits for it. */
export const MOST_EVENTS = 1 << 20;

/** So many finds in a stretch of time, and it is searched in parts: each one costs as much as thousands of instructions. */
const MANY_FINDS = 1000;

/** What the machine was at a moment. */
interface Checkpoint {
  /** Instructions of all processors. */
  readonly at: bigint;
  readonly machine: Json;
  readonly console: Json;
  readonly sent: number;
  readonly disks: readonly DiskState[];
  /** Events from outside up to then. */
  readonly events: number;
  /** Pages that changed from then to the next one, or to the latest moment that the machine has come to. */
  readonly undo: UndoPages;
}

/** Part of a run from where the machine is. */
export interface Found<T> {
  /** The last find, and the instructions of all processors there. */
  readonly last: { readonly at: bigint; readonly what: T } | undefined;
  /** Whether the run came to its end; else there were {@link MANY_FINDS}, or the user has interrupted it. */
  readonly isComplete: boolean;
}

/** Runs on to so many instructions of all processors, and tells what it finds before that: so many at most. */
export type Scan<T> = (until: bigint, most: number) => Promise<Found<T> | 'interrupted'>;

/** What of a machine is gone back to. */
export type MachineWithPast = Pick<WholeMachine, 'board' | 'processors' | 'console'>;

export interface HistoryOptions {
  readonly machine: MachineWithPast;
  readonly disks: readonly Disk[];
  /** Who looks at what the machine sends. */
  readonly watch: Savable;
  /** Who shows it. */
  readonly screen: Console;
  /** @see INTERVAL */
  readonly interval?: bigint;
  /** @see MOST_UNDO_BYTES */
  readonly mostUndoBytes?: number;
}

/** Precondition: nobody else runs the machine, or writes to its memory without {@link History.changed}. */
export class History {
  readonly #machine: MachineWithPast;
  readonly #options: HistoryOptions;
  readonly #disks: readonly DiskPast[];
  readonly #log: OutsideLog;
  readonly #interval: bigint;
  readonly #mostUndoBytes: number;
  /** In order; never empty. */
  #checkpoints: Checkpoint[] = [];
  /** Index of the last one that is not after the machine's moment. */
  #current = 0;
  /** What changed was more than can be kept: nothing is known up to now. */
  #isLost = false;

  /** @throws Error when a disk has no past; see {@link Disk.past} */
  constructor(options: HistoryOptions) {
    const { machine, disks, interval = INTERVAL, mostUndoBytes = MOST_UNDO_BYTES } = options;
    this.#machine = machine;
    this.#interval = interval;
    this.#mostUndoBytes = mostUndoBytes;
    this.#options = options;
    this.#disks = disks.map(({ past }) => {
      if (past === undefined) throw new Error('a disk has no past');
      return past;
    });
    const { board, processors, console } = machine;
    this.#log = new OutsideLog(() => ({ instructions: processors.instructions, count: board.counter() }), console);
    this.#begin();
  }

  /** Instructions of all processors at the earliest moment that can be gone back to. */
  get start(): bigint {
    return this.#checkpoints[0]!.at;
  }

  /** Instructions of all processors. */
  get now(): bigint {
    return this.#machine.processors.instructions;
  }

  /** What is to be typed into in place of the machine's console. */
  get console(): OutsideLog['console'] {
    return this.#log.console;
  }

  /** Somebody has changed the machine: it cannot be gone back to what was before, nor come again to what was after. */
  changed(): void {
    this.#log.forgetLater();
    this.#options.screen.forgetLater();
    this.#begin();
  }

  /** As {@link Processors.run}, and what happens can be gone back to. */
  async run(
    limitsOf: Parameters<WholeMachine['processors']['run']>[0],
    bounds: RunBounds,
    betweenSlices: () => void = () => {},
    input?: OutsideInput,
  ): Promise<RunEnd> {
    const { processors } = this.#machine;
    this.#log.live = input;
    for (;;) {
      const stop = this.#nextStop;
      const { maxInstructions: most } = bounds;
      const isOurs = stop !== undefined && (most === undefined || stop < most);
      const end = await processors.run(
        limitsOf,
        isOurs ? { ...bounds, maxInstructions: stop } : bounds,
        () => {
          this.#note();
          betweenSlices();
        },
        input === undefined && this.#log.size === 0 ? undefined : this.#log,
      );
      if (!(isOurs && end.kind === 'max-instructions')) return end;
    }
  }

  /** Goes to a moment from {@link start} on that the machine has been at. @returns false when interrupted on the way */
  async goTo(instructions: bigint, bounds: Pick<RunBounds, 'interrupted'>): Promise<boolean> {
    const { at } = this.#checkpoints[this.#current]!;
    if (instructions < at || instructions < this.now) this.#restore(this.#indexBefore(instructions));
    const end = await this.#runTo(instructions, bounds);
    return end.kind === 'max-instructions';
  }

  /**
   * Goes back to the last moment before now at which a scan finds something.
   * @returns what it was; undefined where there is no such, and the machine is at its {@link start}
   */
  async back<T>(scan: Scan<T>, bounds: Pick<RunBounds, 'interrupted'>): Promise<T | 'interrupted' | undefined> {
    const { now } = this;
    let end = now;
    for (let index = this.#indexBefore(now - 1n); index >= 0; index--) {
      const { at } = this.#checkpoints[index]!;
      const last = await this.#lastIn(at, end, scan, bounds);
      if (last === 'interrupted') {
        await this.goTo(now, { interrupted: () => false });
        return 'interrupted';
      }
      if (last !== undefined) {
        await this.goTo(last.at, { interrupted: () => false });
        return last.what;
      }
      end = at;
    }
    this.#restore(0);
    return undefined;
  }

  /** The last find from a moment on that is before another one. */
  async #lastIn<T>(
    from: bigint,
    end: bigint,
    scan: Scan<T>,
    bounds: Pick<RunBounds, 'interrupted'>,
  ): Promise<Found<T>['last'] | 'interrupted'> {
    if (from >= end) return undefined;
    if (!(await this.goTo(from, bounds))) return 'interrupted';
    const found = await scan(end, MANY_FINDS);
    if (found === 'interrupted' || found.isComplete) return found === 'interrupted' ? found : found.last;
    // There is one; the last is likely to be near the end.
    const reached = this.now;
    const middle = reached + (end - reached) / 2n;
    const later = middle > reached ? await this.#lastIn(middle, end, scan, bounds) : undefined;
    if (later !== undefined) return later;
    return (await this.#lastIn(reached, middle > reached ? middle : end, scan, bounds)) ?? found.last;
  }

  #runTo(instructions: bigint, { interrupted }: Pick<RunBounds, 'interrupted'>): Promise<RunEnd> {
    const limits: GuestLimits = {};
    return this.run(() => limits, { maxInstructions: instructions, deadline: Infinity, interrupted });
  }

  /** Instructions after which something is to be done that the run does not know of. */
  get #nextStop(): bigint | undefined {
    const next = this.#checkpoints[this.#current + 1]?.at;
    const event = this.#log.nextStop;
    if (next === undefined || event === undefined) return next ?? event;
    return next < event ? next : event;
  }

  /** The machine stands between two instructions. */
  #note(): void {
    if (this.#isLost || this.#log.size > MOST_EVENTS) return this.#begin();
    const { now } = this;
    const next = this.#checkpoints[this.#current + 1];
    if (next !== undefined) {
      if (next.at === now) this.#enter(this.#current + 1);
      return;
    }
    if (now - this.#checkpoints[this.#current]!.at < this.#interval) return;
    this.#checkpoints.push(this.#take());
    this.#thin();
    this.#enter(this.#checkpoints.length - 1);
  }

  #begin(): void {
    this.#isLost = false;
    this.#checkpoints = [this.#take()];
    this.#log.forgetBefore(this.#log.position);
    this.#enter(0);
  }

  #take(): Checkpoint {
    const { watch, screen } = this.#options;
    return {
      at: this.now,
      machine: saveMachine(this.#machine),
      console: watch.save(),
      sent: screen.sent,
      disks: this.#disks.map((disk) => disk.state()),
      events: this.#log.position,
      undo: new UndoPages(),
    };
  }

  /** From now on, pages that change are those of a checkpoint. */
  #enter(index: number): void {
    this.#current = index;
    const { undo } = this.#checkpoints[index]!;
    const { memory } = this.#machine.board;
    const isKnown = (page: number): boolean => this.#isLost || undo.has(page);
    const beforeWrite = (page: number): void => {
      if (isKnown(page)) return;
      undo.keep(memory, page);
      this.#isLost = undo.bytes > this.#mostUndoBytes / 2;
    };
    this.#machine.processors.first.watchWrites({ isKnown, beforeWrite });
  }

  /** Has fewer moments of the past, and no more memory than there may be. */
  #thin(): void {
    const { now } = this;
    const checkpoints = this.#checkpoints;
    for (let i = 1; i < checkpoints.length - 2; i++) {
      const [before, checkpoint, next] = [checkpoints[i - 1]!, checkpoints[i]!, checkpoints[i + 1]!];
      const width = (now - next.at) / DENSE;
      if (next.at - before.at > (width > this.#interval ? width : this.#interval)) continue;
      before.undo.append(checkpoint.undo);
      checkpoints.splice(i--, 1);
    }
    let bytes = checkpoints.reduce((sum, { undo }) => sum + undo.bytes, 0);
    for (; bytes > this.#mostUndoBytes / 2; checkpoints.shift()) bytes -= checkpoints[0]!.undo.bytes;
    this.#log.forgetBefore(checkpoints[0]!.events);
  }

  #indexBefore(instructions: bigint): number {
    for (let index = this.#checkpoints.length - 1; index >= 0; index--)
      if (this.#checkpoints[index]!.at <= instructions) return index;
    return -1;
  }

  #restore(index: number): void {
    const { board, processors } = this.#machine;
    processors.first.watchWrites(undefined);
    for (let i = this.#current; i >= index; i--) this.#checkpoints[i]!.undo.undo(board.memory, processors.first);
    const { machine, console, sent, disks, events } = this.#checkpoints[index]!;
    restoreMachine(this.#machine, machine);
    this.#options.watch.restore(console);
    this.#options.screen.sent = sent;
    this.#disks.forEach((disk, i) => disk.restore(disks[i]!));
    this.#log.goTo(events);
    this.#enter(index);
  }
}
