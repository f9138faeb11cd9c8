/** A processor for tests that does what a list of steps says. */
import type { CpuObserver } from '../../../sim/cpu/state/observer.js';
import type {
  CpuHost,
  CpuModel,
  InterruptInput,
  RunLimits,
  StopReason,
  TlbiScope,
} from '../../../sim/cpu/state/model.js';
import type { SavedCpu } from '../../../sim/cpu/state/saved-cpu.js';

/** One step of a {@link FakeCpu}'s life: takes so many instructions, and does what it says with the processor. */
export interface FakeStep {
  readonly instructions: bigint;
  readonly act: (cpu: FakeCpu, host: CpuHost) => StopReason | undefined;
}

/** A processor that follows a script in place of instructions; a step is done when all of its instructions are. */
export class FakeCpu implements CpuModel {
  readonly x = new Map<number, bigint>();
  readonly v = new Map<number, bigint>();
  readonly registers = new Map<string, bigint>();
  pc = 0n;
  sp = 0n;
  nzcv = 0;
  daif = 15;
  el: 0 | 1 | 2 = 1;
  affinity = 0n;
  timerDeadline: bigint | undefined;
  instructions = 0n;
  readonly statistics = { regions: 2, takenIn: 0, translatedInstructions: 30, translationMs: 1.25 };
  observer: CpuObserver | undefined;
  #step = 0;
  #done = 0n;

  constructor(
    private readonly host: CpuHost,
    private readonly script: readonly FakeStep[],
  ) {
    host.connect(this);
  }

  getX(register: number): bigint {
    return this.x.get(register) ?? 0n;
  }
  setX(register: number, value: bigint): void {
    this.x.set(register, value);
  }
  getV(register: number): bigint {
    return this.v.get(register) ?? 0n;
  }
  setV(register: number, value: bigint): void {
    this.v.set(register, value);
  }
  setEl(el: 0 | 1 | 2): void {
    this.el = el;
  }
  reset(): void {
    this.received.push('reset');
  }
  setInterrupt(input: InterruptInput, level: boolean): void {
    this.received.push(`${input} ${level ? 'high' : 'low'}`);
  }
  getSystemRegister(name: string): bigint {
    return this.registers.get(name) ?? 0n;
  }
  setSystemRegister(name: string, value: bigint): void {
    this.registers.set(name, value);
  }
  invalidations = 0;
  /** What the other processors of the machine told it. */
  readonly received: string[] = [];

  receiveEvent(): void {
    this.received.push('event');
  }
  receiveTlbi(scope: TlbiScope): void {
    this.received.push(`tlbi ${scope.toString(16)}`);
  }

  watchWrites(): void {
    this.received.push('watched');
  }

  receiveWrite(physAddr: number, sizeBytes: number): void {
    this.received.push(`write ${physAddr.toString(16)} ${sizeBytes}`);
  }

  invalidate(): void {
    this.invalidations++;
  }
  save(): SavedCpu {
    return {
      general: { x: Array.from({ length: 31 }, (_, n) => this.getX(n)), pc: this.pc, v: [], mark: undefined },
      system: {
        el: this.el,
        spSel: 1,
        stackPointers: [0n, this.sp, 0n],
        registers: this.registers,
        inputs: [],
        event: false,
        waitsAt: undefined,
        ss: 0,
        stepped: 'nothing',
        timers: { high: [], deadline: this.timerDeadline },
      },
      instructions: this.instructions,
      fpcr: 0,
      fpsr: 0,
      nzcv: this.nzcv,
      markedPage: undefined,
    };
  }

  restore({ general, instructions }: SavedCpu): void {
    general.x.forEach((value, register) => this.setX(register, value));
    this.pc = general.pc;
    this.instructions = instructions;
  }

  wordAt(): undefined {
    return undefined;
  }

  observe(observer: CpuObserver | undefined): void {
    this.observer = observer;
  }

  run({ maxInstructions, turn, stopOnException = false }: RunLimits = {}): StopReason {
    const most = maxInstructions ?? 1_000_000_000n;
    const isTurn = turn !== undefined && BigInt(turn) < most;
    let left = isTurn ? BigInt(turn) : most;
    for (;;) {
      const step = this.script[this.#step];
      if (step === undefined) throw new Error('the script is at its end');
      const wanted = step.instructions - this.#done;
      if (wanted > left) {
        this.#done += left;
        this.instructions += left;
        return { kind: isTurn ? 'turn-over' : 'max-instructions' };
      }
      left -= wanted;
      this.instructions += wanted;
      this.#done = 0n;
      this.#step++;
      const stop = step.act(this, this.host);
      const isTaken =
        stop?.kind === 'exception' &&
        !(typeof stopOnException === 'boolean' ? stopOnException : stopOnException(stop.exception));
      if (stop !== undefined && !isTaken) return stop;
    }
  }
}
