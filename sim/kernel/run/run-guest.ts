/** A kernel runs on a whole machine until its user, the kernel itself or a limit ends that. */
import type { OnProgress } from '../../../kexec/base/progress.js';
import { isSet, SCTLR } from '../../cpu/state/control-bits.js';
import type { CpuModel, ExceptionInfo } from '../../cpu/state/model.js';
import type { Board } from '../../machine/board.js';
import { counterAt } from '../../machine/counter.js';
import type { GuestLimits, OutsideInput, Processors, RunBounds, RunEnd, RunMachine } from '../machine/processors.js';
import type { Console } from '../machine/console.js';
import type { ConsoleWatch } from './console-watch.js';
import type { GuestView } from './guest-view.js';
import { PanicRest } from './panic-rest.js';

export interface GuestRun {
  readonly board: Board;
  readonly processors: Processors;
  /** Through which all goes that the console shows. */
  readonly watch: ConsoleWatch;
  readonly console: Console;
  readonly view: GuestView;
  readonly bounds: RunBounds;
  /** Stops before the instruction at one of these addresses. */
  readonly stopAt?: ReadonlySet<bigint> | undefined;
  readonly input?: OutsideInput | undefined;
  readonly progress?: OnProgress | undefined;
  /** How the machine is run; by its processors by default. */
  readonly run?: RunMachine | undefined;
}

export type GuestEnd =
  | RunEnd
  /** The console shows the text that was waited for. The machine may have gone on a little, and come to an end. */
  | { readonly kind: 'console'; readonly run: RunEnd }
  /** The kernel goes on no more. */
  | { readonly kind: 'panic'; readonly run: RunEnd };

/** A kernel that has printed nothing for so long is asked for its log. */
const SILENT_MS = 5000;

export const runGuest = async (run: GuestRun): Promise<GuestEnd> => {
  const { board, processors, watch, bounds, input, stopAt } = run;
  const rest = new PanicRest();
  const silence = new Silence();
  const seen = { idle: 0n, panicked: false };
  const limitsOf = (): GuestLimits => ({
    ...(stopAt === undefined ? {} : { stopAt }),
    stopOnException: (exception) => !hasVector(board, processors.current, exception),
  });
  const betweenSlices = (): void => {
    run.console.flush();
    tell(run);
    const waited = board.counter() - counterAt(processors.instructions);
    if (watch.panic?.over === true) {
      seen.panicked ||= rest.look({ bytes: watch.bytes, el: processors.current.el, waited: waited !== seen.idle });
    } else if (watch.bytes === 0) seen.panicked ||= silence.look(() => run.view.log(processors.current));
    // A debugger may have gone back to before the panic.
    else seen.panicked = false;
    seen.idle = waited;
  };
  const interrupted = (): boolean => watch.found || bounds.interrupted();
  const isOver = (): boolean => seen.panicked;
  const runMachine = run.run ?? processors.run.bind(processors);
  const end = await runMachine(limitsOf, { ...bounds, interrupted, isOver }, betweenSlices, input);
  if (watch.found) return { kind: 'console', run: end };
  return seen.panicked ? { kind: 'panic', run: end } : end;
};

/** A kernel may take exceptions, but not to where it has no code: it would never come out of that. */
const hasVector = (board: Board, cpu: CpuModel, { target, handler }: ExceptionInfo): boolean =>
  isSet(cpu.getSystemRegister(`SCTLR_EL${target}`), SCTLR.M) || board.memory.isRam(handler);

const tell = ({ processors, progress }: GuestRun): void =>
  progress?.({
    what: `at 0x${processors.current.pc.toString(16)}`,
    unit: 'instructions',
    done: Number(processors.instructions),
  });

/** Sees a panic that no console shows. */
class Silence {
  #next = performance.now() + SILENT_MS;

  look(log: () => string | undefined): boolean {
    if (performance.now() < this.#next) return false;
    const panicked = log()?.includes('---[ end Kernel panic') === true;
    this.#next = performance.now() + SILENT_MS;
    return panicked;
  }
}
