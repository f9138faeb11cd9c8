/**
 * Tells a kernel that has panicked from one whose console shows another one's panic, such as a crash kernel that prints
 * the log of the kernel before. A panic ends in a loop without end (kernel/panic.c): nothing is printed any more, no
 * program runs, and no processor waits.
 */

/** How often in a row it must look like that. */
const LOOKS = 8;

/** What is seen of a machine between slices. */
export interface Look {
  /** Bytes that the console has shown. */
  readonly bytes: number;
  readonly el: number;
  /** Whether the processors had nothing to do. */
  readonly waited: boolean;
}

export class PanicRest {
  #looks = 0;
  #bytes = -1;

  /** @returns whether the kernel goes on no more */
  look({ bytes, el, waited }: Look): boolean {
    this.#looks = bytes === this.#bytes && el !== 0 && !waited ? this.#looks + 1 : 0;
    this.#bytes = bytes;
    return this.#looks >= LOOKS;
  }
}
