/**
 * Collects what a UART sends into lines, which is what others can put up with; {@link Console.flush} gives out what has
 * no end yet. Where a machine goes back and through the same time once more, what it sends is shown once.
 */
export class Console {
  /** A line may have no end. */
  static readonly MOST_HELD = 4096;

  #line = '';
  /** How many bytes have been shown. */
  #shown = 0;
  /** How many bytes the machine has sent up to its moment. */
  sent = 0;

  /** @param out receives text, one character a byte */
  constructor(private readonly out: (text: string) => void) {}

  readonly put = (byte: number): void => {
    if (++this.sent <= this.#shown) return;
    this.#shown = this.sent;
    this.#line += String.fromCharCode(byte);
    if (byte === 0x0a || this.#line.length === Console.MOST_HELD) this.flush();
  };

  /** What comes behind the machine's moment is another than before. */
  forgetLater(): void {
    this.#shown = this.sent;
  }

  flush(): void {
    if (this.#line === '') return;
    this.out(this.#line);
    this.#line = '';
  }
}
