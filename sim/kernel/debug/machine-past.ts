/** The past of a machine that is debugged: it goes back to where its debugger wants to look. */
import { type Found, History, type HistoryOptions, type Scan } from '../history/history.js';
import type { Processors, RunMachine } from '../machine/processors.js';
import type { Past, Told } from './debugged-machine.js';
import { type Frame, type Stop, type Wishes, forward } from './forward.js';

/** What can be gone back to. */
type Seen = Exclude<Stop, { readonly kind: 'end' | 'until' }>;

export class MachinePast implements Past {
  readonly #history: History;
  readonly #processors: Processors;

  /** @throws Error when a disk has no past */
  constructor(options: Omit<HistoryOptions, 'interval' | 'mostUndoBytes'>) {
    this.#history = new History(options);
    this.#processors = options.machine.processors;
  }

  /** How the machine is to be run, so that it can be gone back. */
  readonly run: RunMachine = (...run) => this.#history.run(...run);

  /** What is to be typed into in place of the machine's console. */
  get console(): History['console'] {
    return this.#history.console;
  }

  changed(): void {
    this.#history.changed();
  }

  async back({ bounds }: Frame, wishes: Wishes): Promise<Told> {
    const { interrupted } = bounds;
    const history = this.#history;
    if (wishes.step !== undefined) {
      const before = history.now - 1n;
      if (before < history.start) return { kind: 'history-end' };
      const isThere = await history.goTo(before, { interrupted });
      return isThere ? { kind: 'step', cpu: this.#processors.current } : { kind: 'interrupted' };
    }
    const frame: Frame = {
      limitsOf: () => ({}),
      bounds: { maxInstructions: undefined, deadline: Infinity, interrupted },
      betweenSlices: () => {},
      input: undefined,
    };
    const seen = await history.back(this.#scan(frame, wishes), { interrupted });
    if (seen === 'interrupted') return { kind: 'interrupted' };
    // Backwards, an access is met from behind: gdb takes the instruction back by itself, and compares what it changed.
    if (seen?.kind === 'watchpoint') await history.goTo(history.now + 1n, { interrupted: () => false });
    return seen ?? { kind: 'history-end' };
  }

  #scan(frame: Frame, { stopAt, watches }: Wishes): Scan<Seen> {
    return async (until, most) => {
      let last: Found<Seen>['last'];
      let passing: Wishes['passing'];
      for (let count = 0; count < most; count++) {
        const stop = await forward(this.#processors, this.run, frame, { stopAt, watches, until, passing });
        if (stop.kind === 'end' && stop.end.kind === 'interrupted') return 'interrupted';
        if (stop.kind === 'end' || stop.kind === 'until' || this.#history.now >= until)
          return { last, isComplete: true };
        last = { at: this.#history.now, what: stop };
        passing = stop.cpu;
      }
      return { last, isComplete: false };
    };
  }
}
