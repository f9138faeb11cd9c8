/** Threads that carry out the batches of a run, which is the same for any number of them. */

import { Worker } from 'node:worker_threads';
import type { Answer, Order, Run } from '../fuzz-cpu-worker.js';

interface Member {
  readonly worker: Worker;
  isBusy: boolean;
}

export class Crew {
  readonly #members: readonly Member[];
  /** Is called for every answer, and for an error that ends a thread. */
  #onAnswer: (member: Member, answer: Answer | Error) => void = () => {};

  constructor(jobs: number, run: Run) {
    this.#members = Array.from({ length: jobs }, () => {
      const worker = new Worker(new URL('../fuzz-cpu-worker.js', import.meta.url), { workerData: run });
      const member: Member = { worker, isBusy: false };
      worker.on('message', (answer: Answer) => {
        member.isBusy = false;
        this.#onAnswer(member, answer);
      });
      worker.on('error', (error) => this.#onAnswer(member, error));
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
    const give = (member: Member): void => {
      if (!isWanted) return;
      member.isBusy = true;
      member.worker.postMessage({ kind, number: next++ } satisfies Order);
    };
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
        give(member);
      }
      wake();
    };
    try {
      this.#members.forEach(give);
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
    await Promise.all(this.#members.map(({ worker }) => worker.terminate()));
  }
}

const isOf = <Kind extends Order['kind']>(
  kind: Kind,
  answer: Answer | undefined,
): answer is Extract<Answer, { kind: Kind }> => answer?.kind === kind;
