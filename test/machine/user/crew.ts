/** Threads that carry out the batches of a run, which is the same for any number of them. */

import { Worker } from 'node:worker_threads';
import type { Answer, Order, Run } from '../fuzz-cpu-worker.js';

/**
 * After so many batches in all, each thread is replaced: handlers of ever more shapes are modules of WebAssembly, each
 * of which takes some of the mappings that Linux gives a process (vm.max_map_count).
 */
const LIFE = 40;

/** One of the threads, the next in whose place comes from time to time. */
class Member {
  #worker: Worker | undefined;
  #batches = 0;
  isBusy = false;

  constructor(
    private readonly run: Run,
    private readonly life: number,
    private readonly onAnswer: (answer: Answer | Error) => void,
  ) {}

  give(order: Order): void {
    if (this.#batches++ % this.life === 0) void this.dismiss();
    this.#worker ??= this.#start();
    this.isBusy = true;
    this.#worker.postMessage(order);
  }

  #start(): Worker {
    const worker = new Worker(new URL('../fuzz-cpu-worker.js', import.meta.url), { workerData: this.run });
    worker.on('message', (answer: Answer) => {
      this.isBusy = false;
      this.onAnswer(answer);
    });
    return worker.on('error', this.onAnswer);
  }

  async dismiss(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }
}

export class Crew {
  readonly #members: readonly Member[];
  /** Is called for every answer, and for an error that ends a thread. */
  #onAnswer: (member: Member, answer: Answer | Error) => void = () => {};

  constructor(jobs: number, run: Run) {
    this.#members = Array.from({ length: jobs }, () => {
      const member: Member = new Member(run, Math.ceil(LIFE / jobs), (answer) => this.#onAnswer(member, answer));
      return member;
    });
  }

  /** Verdicts on the batches of one kind, in the order of their numbers, as long as the caller wants more. */
  async *verdicts<const Kind extends Order['kind']>(
    kind: Kind,
    first = 0,
  ): AsyncGenerator<Extract<Answer, { kind: Kind }>> {
    const answers = new Map<number, Answer>();
    let next = first;
    let isWanted = true;
    let failure: Error | undefined;
    let wake = (): void => {};
    const until = async (isTrue: () => boolean): Promise<void> => {
      while (!isTrue()) {
        if (failure !== undefined) throw failure;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    };
    this.#onAnswer = (member, answer) => {
      if (answer instanceof Error) failure = answer;
      else {
        answers.set(answer.number, answer);
        if (isWanted) member.give({ kind, number: next++ });
      }
      wake();
    };
    try {
      for (const member of this.#members) member.give({ kind, number: next++ });
      for (let number = first; ; number++) {
        await until(() => answers.has(number));
        const answer = answers.get(number);
        answers.delete(number);
        if (isOf(kind, answer)) yield answer;
      }
    } finally {
      isWanted = false;
      if (failure === undefined) await until(() => this.#members.every(({ isBusy }) => !isBusy));
    }
  }

  async dismiss(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.dismiss()));
  }
}

const isOf = <Kind extends Order['kind']>(
  kind: Kind,
  answer: Answer | undefined,
): answer is Extract<Answer, { kind: Kind }> => answer?.kind === kind;
