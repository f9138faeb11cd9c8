/** Output that is kept in memory, for JSON: its beginning, and how much there was. */
export class KeptOutput {
  readonly #lines: string[] = [];
  bytes = 0;

  /** @param mostBytes that are kept */
  constructor(private readonly mostBytes: number) {}

  readonly put = (text: string): void => {
    if (this.bytes < this.mostBytes) this.#lines.push(text.slice(0, this.mostBytes - this.bytes));
    this.bytes += text.length;
  };

  get text(): string {
    return this.#lines.join('');
  }
}
