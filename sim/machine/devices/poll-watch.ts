/** Sees that a guest asks a UART again and again whether something has come: it waits for input without interrupts. */

/**
 * Who writes to a UART asks it for room before each byte, and at the end whether all has left: far fewer times in a
 * row.
 */
const MANY = 16;

export class PollWatch {
  #asked = 0;

  /** How often it has asked in a row, up to where that is enough; for a state that is saved. */
  get asked(): number {
    return this.#asked;
  }

  set asked(times: number) {
    this.#asked = Math.min(times, MANY);
  }

  get polls(): boolean {
    return this.#asked === MANY;
  }

  /** It has asked, and nothing was there. */
  ask(): void {
    if (this.#asked < MANY) this.#asked++;
  }

  /** It has written, and so did not ask for input. Who is known to poll may write between. */
  write(): void {
    if (!this.polls) this.#asked = 0;
  }

  /** It has said which interrupts it wants. */
  forget(): void {
    this.#asked = 0;
  }
}
