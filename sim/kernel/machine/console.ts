/**
 * Collects what a UART sends into lines, which is what others can put up with; {@link Console.flush} gives out what has
 * no end yet.
 */
export class Console {
  /** A line may have no end. */
  static readonly MOST_HELD = 4096;

  #line = '';

  /** @param out receives text, one character a byte */
  constructor(private readonly out: (text: string) => void) {}

  readonly put = (byte: number): void => {
    this.#line += String.fromCharCode(byte);
    if (byte === 0x0a || this.#line.length === Console.MOST_HELD) this.flush();
  };

  flush(): void {
    if (this.#line === '') return;
    this.out(this.#line);
    this.#line = '';
  }
}
