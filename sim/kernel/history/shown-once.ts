/** Output that is shown once, however often the machine goes through the same time. */

export class ShownOnce {
  #shown = 0;
  /** How many bytes the machine has sent up to its moment. */
  sent = 0;

  /** @param out receives each byte that was not shown before */
  constructor(private readonly out: (byte: number) => void) {}

  readonly put = (byte: number): void => {
    if (++this.sent <= this.#shown) return;
    this.#shown = this.sent;
    this.out(byte);
  };

  /** What comes behind the machine's moment is another than before. */
  forgetLater(): void {
    this.#shown = this.sent;
  }
}
