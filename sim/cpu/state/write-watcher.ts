/** Somebody who wants to know of pages of RAM before they change. */

export interface WriteWatcher {
  /** Whether it has been told of a page already: then stores to it need not be seen. */
  isKnown(physPage: number): boolean;
  /** Bytes of the page are about to change, or at least may be. */
  beforeWrite(physPage: number): void;
}
