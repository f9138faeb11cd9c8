/** What a simulated machine cannot do, for whoever has it run. */

/** The message is a sentence without its end. */
export class MachineError extends Error {
  override readonly name = 'MachineError';

  constructor(readonly reason: string) {
    super(`simulated machine: ${reason}`);
  }
}
