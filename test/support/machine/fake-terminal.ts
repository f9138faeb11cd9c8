/** A terminal for tests: what is typed is written down before, and what is shown is kept. */
import type { Terminal } from '../../../sim/machine/terminal.js';

export class FakeTerminal implements Terminal {
  readonly isClosed = false;
  shown = '';
  aside = '';
  /** Whether keys came each by itself; undefined before anybody listened. */
  raw: boolean | undefined;
  isListening = false;
  pauses = 0;

  /**
   * @param typed what comes, one piece after the other
   * @param isInteractive whether somebody sits there, who never goes away
   */
  constructor(
    private readonly typed: readonly string[] = [],
    readonly isInteractive = false,
  ) {}

  write(bytes: Uint8Array): void {
    this.shown += Buffer.from(bytes).toString('latin1');
  }

  writeAside(bytes: Uint8Array): void {
    this.aside += Buffer.from(bytes).toString('latin1');
  }

  listen(raw: boolean, onBytes: (bytes: Uint8Array) => void, onEnd: () => void) {
    this.raw = raw;
    this.isListening = true;
    for (const text of this.typed) setImmediate(() => onBytes(Buffer.from(text, 'latin1')));
    if (!this.isInteractive) setImmediate(onEnd);
    return {
      pause: () => {
        this.pauses++;
      },
      resume: () => {},
      close: () => {
        this.isListening = false;
      },
    };
  }
}
