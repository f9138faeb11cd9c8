/** A device's interrupt line, which tells of changes only. */
import type { SetLine } from '../device.js';

export class InterruptLine {
  #setLine: SetLine = () => {};
  #level = false;

  connect(setLine: SetLine): void {
    this.#setLine = setLine;
    if (this.#level) setLine(true);
  }

  set(level: boolean): void {
    if (level === this.#level) return;
    this.#level = level;
    this.#setLine(level);
  }
}
